"""What each part of OPDM is worth: the same short training without it, scored on unseen drawn scenes.

    python benchmarks/ablations.py --steps 80

Four groups. ``paper``: the paper's network (its tables 3 and 4) at small widths, folding 2x2 pixels; ``small``:
opdm-small at half its widths without each of its additions. Every row trains from scratch, from the same seed, on the
same examples: the estimators alone, then the joint stage. ``references``: the same network, built for one reference,
for two and for three; of three keyframes it is given those nearest to the frame, in training and in what is scored, so
that all paint the same frames. ``steps``: sampling steps (table 5), of the paper's whole network if it was trained in
the same run, and of the shipped weights. Scores are the mean PSNR in dB of 24 frames. Writes JSON to stdout;
``--only`` names the groups to run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from anicolor.data.augment import Passage
from anicolor.data.clips import ClipSource, DrawnClips, Example
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.models.colorizer import Colorizer
from anicolor.models.opdm.colorizer import PRESETS, OpdmColorizer
from anicolor.models.opdm.network import OpdmSettings
from anicolor.models.opdm.objective import JointObjective, JointWeights, OffsetObjective
from anicolor.models.weights import load_colorizer
from anicolor.training.loop import VALIDATION, Order, train_stage, validate
from anicolor.training.recipe import Recipe
from anicolor.training.run import Run
from anicolor.training.team import Team
from anicolor.training.trainee import ColorizerTrainee

NARROW = {"widths": (24, 40, 56, 72), "adapter_width": 16}
SMALL = replace(PRESETS["opdm-small"], matching=32, steps=2, mirrored=False, choice=(), **NARROW)
PAPER = replace(PRESETS["opdm"], blocks=1, reference_blocks=1, adapter_blocks=1, patch=2, steps=2, **NARROW)
SAMPLING = (1, 2, 5, 10)


ALONE, BOTH = JointWeights(content=0, perceptual=0), JointWeights(perceptual=0)


@dataclass(frozen=True)
class Row:
    """A training: the network, with or without its Offset-Adapter's features, and the weights of the joint loss."""

    settings: OpdmSettings
    adapter: bool = True
    weights: JointWeights = BOTH


ROWS: dict[str, dict[str, Row]] = {
    "paper": {
        "all": Row(PAPER),
        "without joint training": Row(PAPER, weights=ALONE),
        "without the adapter": Row(PAPER, adapter=False),
        "without both": Row(PAPER, adapter=False, weights=ALONE),
        "N = 3": Row(replace(PAPER, kernel=3)),
        "N = 1": Row(replace(PAPER, kernel=1)),
    },
    "small": {
        "all": Row(SMALL),
        "without carried colours": Row(replace(SMALL, carried=False)),
        "without matching": Row(replace(SMALL, matching=0)),
        "without tracks": Row(replace(SMALL, tracked=False)),
        "painting the ink too": Row(replace(SMALL, inkless=False)),
        "without aligned references": Row(replace(SMALL, aligned=False, matching=0, carried=False, tracked=False)),
        "without joint training": Row(SMALL, weights=ALONE),
        "without the adapter": Row(SMALL, adapter=False),
    },
    "references": {
        "one": Row(replace(SMALL, references=1)),
        "two": Row(SMALL),
        "three": Row(replace(SMALL, references=3)),
    },
}
GROUPS = (*ROWS, "steps")


class Remembered(ClipSource):
    """Drawn scenes, drawn once for all rows."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, int, int], Example] = {}

    def draw(self, rng: np.random.Generator, references: int = 2, targets: int = 1) -> Passage:
        return DrawnClips(sizes=(192, 256)).draw(rng, references, targets)

    def example(self, seed: int, number: int, references: int = 2) -> Example:
        key = seed, number, references
        if key not in self.known:
            self.known[key] = super().example(*key)
        return self.known[key]


class Nearest(ClipSource):
    """Examples of another source, drawn with three references: those that are nearest to the frame."""

    def __init__(self, source: ClipSource) -> None:
        self.source = source

    def draw(self, rng: np.random.Generator, references: int = 2, targets: int = 1) -> Passage:
        return self.source.draw(rng, references, targets)

    def example(self, seed: int, number: int, references: int = 2) -> Example:
        whole = self.source.example(seed, number, 3)
        *ends, at = whole.places
        kept = sorted(sorted(range(len(ends)), key=lambda k: abs(ends[k] - at))[:references])
        return replace(
            whole,
            references=whole.references[kept],
            reference_paint=whole.reference_paint[kept],
            places=(*(ends[k] for k in kept), at),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=80, help="of the joint stage")
    parser.add_argument("--offsets", type=int, default=20, help="steps of the estimators alone")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=96)
    parser.add_argument("--vgg", type=Path, help="torchvision's VGG19 weights: one more row, with the perceptual loss")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS)
    asked = parser.parse_args()
    source = Remembered()
    groups = {name: dict(rows) for name, rows in ROWS.items() if name in asked.only}
    if asked.vgg is not None and "paper" in groups:
        groups["paper"]["with the perceptual loss"] = Row(PAPER, weights=JointWeights())
    scores: dict[str, dict[str, float]] = {}
    whole: OpdmColorizer | None = None
    for group, rows in groups.items():
        for name, row in rows.items():
            given = Nearest(source) if group == "references" else source
            colorizer, score = trained(row, asked, given)
            if group == "references":
                score = validate(ColorizerTrainee("opdm-small", colorizer), {}, Nearest(VALIDATION))
            whole = colorizer if (group, name) == ("paper", "all") else whole
            told(scores, group, name, score)
    if "steps" in asked.only:
        ours = load_colorizer("opdm-small")
        for name, colorizer in {**({"paper, all": whole} if whole else {}), "opdm-small, shipped": ours}.items():
            for steps in SAMPLING:
                told(
                    scores,
                    "steps",
                    f"{name}, {steps}",
                    validate(ColorizerTrainee("opdm-small", sampled(colorizer, steps)), {}),
                )
        told(
            scores,
            "steps",
            "opdm-small, shipped, 1, mirrored",
            validate(ColorizerTrainee("opdm-small", sampled(ours, 1, mirrored=True)), {}),
        )
    print(json.dumps({"schema_version": 1, **vars(asked), "validation_psnr": scores}, indent=2, default=str))


def told(scores: dict[str, dict[str, float]], group: str, name: str, score: float) -> None:
    scores.setdefault(group, {})[name] = round(score, 2)
    print(f"{group}, {name}: {score:.2f} dB", file=sys.stderr, flush=True)


def sampled(colorizer: Colorizer, steps: int, *, mirrored: bool = False) -> OpdmColorizer:
    """Return ``colorizer``, from now on sampled so: a weights file does not say how."""
    assert isinstance(colorizer, OpdmColorizer)
    colorizer.traits = replace(colorizer.traits, steps=steps)
    colorizer.settings = replace(colorizer.settings, mirrored=mirrored)
    return colorizer


def trained(row: Row, asked: argparse.Namespace, source: ClipSource) -> tuple[OpdmColorizer, float]:
    """Train a network for ``row`` and return it, with its moving average's weights, and its score."""
    torch.manual_seed(0)
    colorizer = OpdmColorizer(row.settings)
    network, team, trainee = colorizer.network, Team(colorizer.device), ColorizerTrainee("opdm-small", colorizer)
    if not row.adapter:
        network.adapter.align.requires_grad_(False)  # they start at zero: the features stay without the adapter's
    perceptual = PerceptualLoss(asked.vgg) if row.weights.perceptual else None
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        recipe = Recipe("opdm-small", "offsets", asked.offsets, 1e-3, asked.batch, asked.crop, 0, "this benchmark")
        stage = OffsetObjective(network, asked.crop)
        order = Order("opdm-small")
        list(train_stage(run, recipe, trainee, stage, source, order, team, workers=0))
        recipe = replace(recipe, stage="joint", steps=asked.steps, unroll=2)
        joint = JointObjective(network, asked.crop, recipe.unroll, row.weights, perceptual)
        steps = list(train_stage(run, recipe, trainee, joint, source, order, team, workers=0))
        best = sampled(load_colorizer("opdm-small", run.best), steps=recipe.unroll)
    return best, next(step.score for step in reversed(steps) if step.score is not None)


if __name__ == "__main__":
    main()
