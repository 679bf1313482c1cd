"""What each addition of opdm-small is worth: the same short training without it, scored on unseen drawn scenes.

    python benchmarks/additions.py --steps 80

Every row trains from the same seed on the same examples, at half the shipped widths, in one run. Writes JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from anicolor.data.augment import Passage
from anicolor.data.clips import ClipSource, DrawnClips, Example
from anicolor.models.opdm.colorizer import PRESETS, OpdmColorizer
from anicolor.models.opdm.network import OpdmSettings
from anicolor.models.opdm.objective import JointObjective
from anicolor.training.loop import Order, train_stage
from anicolor.training.recipe import Recipe
from anicolor.training.run import Run
from anicolor.training.team import Team

FULL = replace(PRESETS["opdm-small"], widths=(24, 40, 56, 72), adapter_width=16, matching=32, steps=2)
ROWS: dict[str, OpdmSettings] = {
    "all": FULL,
    "without carried colours": replace(FULL, carried=False),
    "without matching": replace(FULL, matching=0),
    "without aligned references": replace(FULL, aligned=False, matching=0, carried=False, tracked=False),
    "without tracks": replace(FULL, tracked=False),
}


class Remembered(ClipSource):
    """Drawn scenes, drawn once for all rows."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, int], Example] = {}

    def draw(self, rng: np.random.Generator) -> Passage:
        return DrawnClips(sizes=(192, 256)).draw(rng)

    def example(self, seed: int, number: int) -> Example:
        if (seed, number) not in self.known:
            self.known[seed, number] = super().example(seed, number)
        return self.known[seed, number]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=96)
    asked = parser.parse_args()
    recipe = Recipe("opdm-small", "joint", asked.steps, 1e-3, asked.batch, asked.crop, 1, "this benchmark")
    source = Remembered()
    scores = {}
    for name, settings in ROWS.items():
        scores[name] = score(settings, recipe, source)
        print(f"{name}: {scores[name]} dB", file=sys.stderr)
    print(json.dumps({"schema_version": 1, **vars(asked), "validation_psnr": scores}, indent=2))


def score(settings: OpdmSettings, recipe: Recipe, source: ClipSource) -> float:
    torch.manual_seed(0)
    colorizer = OpdmColorizer(settings)
    objective = JointObjective(colorizer.network, recipe.side, recipe.unroll)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        steps = train_stage(
            run, recipe, colorizer, objective, source, Order("opdm-small"), Team(colorizer.device), workers=0
        )
        found = [step.score for step in steps if step.score is not None]
    return round(found[-1], 2)


if __name__ == "__main__":
    main()
