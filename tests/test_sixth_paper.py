"""A new paper is four files, a line of the catalog and a row of the recipes: nothing else is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_cuts import cut, files_in, save

FILES = {
    "__init__": '"""A paper of nobody\'s."""',
    "network": """
from torch import nn


class Toy(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(4, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, shown):
        return self.layers(shown).sigmoid()
""",
    "colorizer": """
from dataclasses import dataclass

import torch

from anicolor.models.colorizer import Colorizer, Colours, Traits
from anicolor.models.toy.network import Toy


@dataclass(frozen=True)
class ToySettings:
    width: int = 4


PRESETS = {"toy": ToySettings()}
TINY = PRESETS


class ToyColorizer(Colorizer):
    traits = Traits(window=1, alone=True, keyframes=1, stochastic=False)

    def __init__(self, settings):
        self.settings, self.network = settings, Toy(settings.width).eval()

    @property
    def networks(self):
        return {"network": self.network}

    @torch.inference_mode()
    def colorize(self, request, noise, steps=None):
        image = request.references[0].image.to(self.device).expand(len(request.lines), -1, -1, -1)
        return Colours(self.network(torch.cat((request.lines.to(self.device), image), dim=1)))


def build(name, settings=None):
    return ToyColorizer(ToySettings(**settings) if settings else PRESETS[name])
""",
    "objective": """
import torch

from anicolor.models.objective import Objective, Turn
from anicolor.models.windows import square


class ToyObjective(Objective):
    def __init__(self, colorizer, side):
        self.networks, self.side = colorizer.networks, side

    def prepare(self, example, rng):
        shown = torch.cat((example.lines, example.references[0]))[None]
        return {
            "shown": square(shown, self.side, paper=True)[0],
            "target": square(example.target[None], self.side, paper=False)[0],
        }

    def turns(self, batch):
        loss = (self.networks["network"](batch["shown"]) - batch["target"]).abs().mean()
        yield Turn("network", loss, {"l1": loss.item()})


def build_objective(stage, colorizer, side, unroll, perceptual):
    return ToyObjective(colorizer, side)
""",
}

COMMAND = """
import sys
from pathlib import Path

import anicolor.models
import anicolor.models.catalog as catalog
import anicolor.training.recipe as recipe

anicolor.models.__path__.append(sys.argv[1])
catalog.CATALOG += (catalog.Entry("toy", "toy", "A Toy Paper", "Apache-2.0"),)
recipe.RECIPES += (recipe.Recipe("toy", "all", 2, 1e-3, 2, 32, 1, "ours"),)

from anicolor.cli.main import main
from anicolor.data.clips import FolderClips
from anicolor.training import loop

loop.VALIDATION = FolderClips(Path(sys.argv[2]))
for order in " ".join(sys.argv[3:]).split(" then "):
    try:
        main(order.split())
    except SystemExit as stop:
        assert not stop.code, order
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("papers")
    (root / "toy").mkdir()
    for name, text in FILES.items():
        (root / "toy" / f"{name}.py").write_text(text)
    return root


def test_a_new_paper_is_listed_trained_painted_with_and_scored(toy: Path, tmp_path: Path) -> None:
    clips, drawings = tmp_path / "clips", cut()
    (clips / "one").mkdir(parents=True)
    film = save(clips / "one" / "line", [drawing.lines for drawing in drawings], range(4))
    save(clips / "one" / "color", [drawing.colours for drawing in drawings], range(4))
    keyframes = save(tmp_path / "keyframes", [drawings[0].colours], (0,))
    by = f"--model toy --weights {tmp_path}/run/best.safetensors --device cpu"
    orders = (
        "models --json",
        f"train toy --data {clips} --out {tmp_path}/run --device cpu --quiet --workers 0",
        f"colorize {film} --keyframes {keyframes} -o {tmp_path}/out {by} --no-report --no-cache --quiet",
        f"eval {by} --data {clips} --psnr --json --quiet",
    )
    command = [sys.executable, "-c", COMMAND, str(toy), str(clips), " then ".join(orders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed, end = json.JSONDecoder().raw_decode(done.stdout)
    assert {row["name"]: row["paper"] for row in listed["models"]}["toy"] == "A Toy Paper"
    assert len(files_in(tmp_path / "out")) == 4
    scored = json.loads(done.stdout[end:])
    assert scored["metrics"][0]["mean"] > 0
