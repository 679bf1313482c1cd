"""What each part of Deep Line Art Video Colorization is worth (its table 1), and how many references are (table 5).

    python benchmarks/deep.py --steps 300

Every row of table 1 trains deepcolorization-small, at six tenths of its widths and without its tracks, from scratch,
from the same seed and on the same 400 drawn examples, without one of its parts: *Sim* brings no colours, *Emb* no
style, the encoder of the lines nothing, the distance fields are the lines alone, or there is no latent loss. The
perceptual and the style loss need torchvision's VGG19 weights (--vgg); the temporal network is scored elsewhere. Scores
are the mean PSNR in dB of 24 frames of unseen seeds. Table 5 paints with the whole network, trained with two
references: 24 frames of scenes of unseen seeds, with 1 to 5 references that lie evenly in the scene.
Writes JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from ablations import told
from torch import Tensor, nn

from anicolor.data.clips import DrawnClips
from anicolor.data.synthetic import DrawnScene, DrawnSettings
from anicolor.diffusion.noise import FrameNoise
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.models.colorizer import Reference, Request
from anicolor.models.deepcolorization import colorizer as painting
from anicolor.models.deepcolorization import objective as learning
from anicolor.models.deepcolorization.colorizer import PRESETS, DeepColorizer
from anicolor.models.deepcolorization.network import Memory
from anicolor.models.deepcolorization.objective import ColourObjective, ColourWeights
from anicolor.models.weights import load_weights
from anicolor.training.loop import Order, train_stage
from anicolor.training.pool import Pool
from anicolor.training.recipe import Recipe
from anicolor.training.run import Run
from anicolor.training.team import Team
from anicolor.training.trainee import ColorizerTrainee

SETTINGS = replace(PRESETS["deepcolorization-small"], widths=(24, 48, 96), style=80, tracked=False)
NONE = ColourWeights(perceptual=0, style=0)
SOURCE, EXAMPLES = DrawnClips(sizes=(192, 256)), 400
FRAMES, SIDE, SCENES = 25, 256, 6  # of table 5
REFERENCES = {1: (0,), 2: (0, 24), 3: (0, 12, 24), 4: (0, 8, 16, 24), 5: (0, 6, 12, 18, 24)}
PAINTED = (3, 10, 14, 21)  # no reference of any row


class NoSimilarity(nn.Module):
    """In place of the similarity-based colour transform: no colours."""

    def forward(self, target: Tensor, memory: Memory, near: Memory) -> Tensor:  # noqa: ARG002
        return torch.zeros_like(target)


class NoLines(nn.Module):
    """In place of the encoder of the lines: nothing of them."""

    def forward(self, lines: Tensor) -> Tensor:
        height, width = lines.shape[-2:]
        return lines.new_zeros(len(lines), SETTINGS.widths[-1], height // 4, width // 4)


class NoStyle(nn.Module):
    """In place of the embedder: no style."""

    def forward(self, shown: Tensor) -> Tensor:
        return shown.new_zeros(len(shown), SETTINGS.style, 1, 1)


@contextmanager
def lines_for_fields() -> Iterator[None]:
    """Let lines, 1 = ink, stand for the distance fields."""
    with patch.object(learning, "proximity", ink_alone), patch.object(painting, "proximity", ink_alone):
        yield


def ink_alone(lines: Tensor) -> Tensor:
    return 1 - lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=96)
    parser.add_argument("--vgg", type=Path, help="torchvision's VGG19 weights: two more rows")
    asked = parser.parse_args()
    scores: dict[str, dict[str, float]] = {}
    whole = ColourWeights() if asked.vgg else NONE
    rows = {
        "all": whole,
        "without Sim": whole,
        "without Emb": whole,
        "without line art": whole,
        "without distance fields": whole,
        "without the latent loss": replace(whole, latent=0),
    }
    if asked.vgg:
        rows |= {"without the perceptual loss": replace(whole, perceptual=0)}
        rows |= {"without the style loss": replace(whole, style=0)}
    found: DeepColorizer | None = None
    with tempfile.TemporaryDirectory() as folder:
        pool = Pool(Path(folder), EXAMPLES, tracked=False)
        for name, weights in rows.items():
            with lines_for_fields() if name == "without distance fields" else nullcontext():
                colorizer, score = trained(name, weights, asked, pool)
            found = colorizer if name == "all" else found
            told(scores, "table 1", name, score)
    assert found is not None
    for count, places in REFERENCES.items():
        told(scores, "table 5", f"K = {count}", painted(found, places))
    print(json.dumps({"schema_version": 1, **vars(asked), "psnr": scores}, indent=2, default=str))


def built(name: str) -> DeepColorizer:
    """Return a colorizer with random weights, without the part that the row is named after."""
    torch.manual_seed(0)
    colorizer = DeepColorizer(SETTINGS)
    if name == "without Sim":
        colorizer.network.similarity = NoSimilarity()
    if name == "without line art":
        colorizer.network.lines = NoLines()
    if name == "without Emb":
        colorizer.network.embedder = NoStyle()
    return colorizer


def trained(name: str, weights: ColourWeights, asked: argparse.Namespace, pool: Pool) -> tuple[DeepColorizer, float]:
    """Train the network of a row; return it, with its moving average's weights, and its score."""
    colorizer = built(name)
    perceptual = PerceptualLoss(asked.vgg) if asked.vgg else None
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        recipe = Recipe(
            "deepcolorization-small", "colours", asked.steps, 4e-4, asked.batch, asked.crop, 1, "this benchmark"
        )
        objective = ColourObjective(colorizer.network, asked.crop, weights, perceptual)
        trainee, team = ColorizerTrainee("deepcolorization-small", colorizer, pool), Team(colorizer.device)
        order = Order("deepcolorization-small")
        steps = list(train_stage(run, recipe, trainee, objective, SOURCE, order, team, workers=0))
        best = load_weights(run.best, "deepcolorization-small", lambda *_: built(name))
    return best, max(step.score for step in steps if step.score is not None)


def painted(colorizer: DeepColorizer, places: tuple[int, ...]) -> float:
    """Return the mean PSNR in dB of frames painted with references at ``places``."""
    scores = []
    for seed in range(SCENES):
        scene = DrawnScene(seed, DrawnSettings(frames=FRAMES, size=SIDE))
        references = tuple(Reference(place, *tensors(scene, place)) for place in places)
        for at in PAINTED:
            truth, lines = tensors(scene, at)
            request = Request(lines[None], references, at, (0,), truth.new_zeros(0, 3, *lines.shape[-2:]), None)
            made = colorizer.colorize(request, FrameNoise(0)).frames.clamp(0, 1)
            scores.append(-10 * float((made - truth).square().mean().log10()))
    return float(np.mean(scores))


def tensors(scene: DrawnScene, at: int) -> tuple[Tensor, Tensor]:
    """Return a frame's colours ``[3, H, W]`` and lines ``[1, H, W]`` in [0, 1]."""
    colour, lines = (torch.from_numpy(part).float() / 255 for part in scene.draw(at))
    return colour.permute(2, 0, 1), lines[None]


if __name__ == "__main__":
    main()
