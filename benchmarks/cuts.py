"""Fit the rule of cuts on drawn films: ``anicolor/shots/evidence.json``.

    python benchmarks/cuts.py -o anicolor/shots/evidence.json

Films are those of ``benchmarks/shots.py`` by seed, in colour and as line art, encoded as H.264. Each is read in
several ways (``SHARES``); frames inside mixtures are left out. With ``--folds`` the films are shared out, each part is
judged by a rule that was fitted on the others, and false and missed cuts are counted; JSON on stdout. Drawn films are
kept in ``--folder`` for the next run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from shots import Take, Truth, film_paths, joined, plan, truth

from anicolor.media.open import open_film
from anicolor.media.picture import Picture
from anicolor.shots.detect import Detector, candidates
from anicolor.shots.evidence import FEATURES, Regression, features, terms

Vector = NDArray[np.float64]

SEEDS = (*range(100, 124), *range(800, 824), *range(1000, 1024), *range(1200, 1224))
SHARES = {"as drawn": 4.0, "held": 1.0, "textured": 2.0, "stills": 1.0, "poses": 1.0, "framed": 1.0}
"""How films are read, and what an example of each weighs.

``held``: every frame twice. ``textured``: with a texture in every shot, some with nothing else. ``stills``: each shot
one frame, held for 4 to 12, with texture and without: animatics. ``poses``: some frames of each shot, each held for 3
to 15. ``framed``: with black bars that stay.
"""

_SHRINKAGE = 1.0  # of the weights, in examples


@dataclass(frozen=True)
class Example:
    """A frame that stands out: of which film, read how, what changes around it, and whether it is a cut."""

    seed: int
    kind: str
    reading: str
    features: Vector
    cut: bool


def examples(folder: Path, seeds: tuple[int, ...]) -> Iterator[Example]:
    """Read the films of ``seeds``, drawing those that are not in ``folder`` yet."""
    for number, seed in enumerate(seeds, 1):
        paths = film_paths(folder, seed)
        if not all(path.exists() for path in paths.values()):
            joined(folder, [seed])
        true = truth(plan(seed))
        for kind, path in paths.items():
            for reading in _readings(list(open_film(path).small(64)), true, plan(seed), seed):
                for index, around in candidates(iter(reading.frames)):
                    if index not in reading.unclear:
                        yield Example(seed, kind, reading.name, features(around), index in reading.cuts)
        if number % 8 == 0:
            print(f"{number} of {len(seeds)} films", file=sys.stderr)


@dataclass(frozen=True)
class Reading:
    """Frames that are shown, the cuts among them, and those that are neither cut nor none: in mixtures."""

    name: str
    frames: list[Picture]
    cuts: set[int]
    unclear: set[int]


def _readings(pictures: list[Picture], true: Truth, takes: tuple[Take, ...], seed: int) -> Iterator[Reading]:
    rng = np.random.default_rng(seed)
    cuts = set(true.cuts)
    mixed = {frame for _, start, stop in true.blends for frame in range(start - 1, stop + 2)}
    yield Reading("as drawn", pictures, cuts, mixed)
    held = {2 * frame for frame in cuts}, {2 * frame + step for frame in mixed for step in (0, 1)}
    yield Reading("held", [picture for picture in pictures for _ in range(2)], *held)
    starts = sorted([0, *cuts, *((start + stop) // 2 for _, start, stop in true.blends)])
    textured = list(_textured(pictures, starts, takes, rng))
    yield Reading("textured", textured, cuts, mixed)
    yield Reading("framed", _framed(pictures, rng), cuts, mixed)
    clear = [[t for t in range(*edge) if t not in mixed] for edge in pairwise([*starts, true.frames])]
    shots = [shot for shot in clear if len(shot) >= 3]
    for shown in (pictures, textured):
        stills = [[(shown[int(rng.choice(shot))], int(rng.integers(4, 13)))] for shot in shots]
        yield _held_long("stills", stills)
    poses = [[(pictures[t], int(rng.integers(3, 16))) for t in shot[:: int(rng.integers(2, 9))]] for shot in shots]
    yield _held_long("poses", poses)


def _held_long(name: str, shots: list[list[tuple[Picture, int]]]) -> Reading:
    """Return shots of pictures, each held for a number of frames; a shot has four frames or more."""
    frames: list[Picture] = []
    cuts = set()
    for shot in shots:
        cuts.add(len(frames))
        frames += [picture for picture, length in shot for _ in range(max(length, 4 if len(shot) == 1 else 1))]
    return Reading(name, frames, cuts - {0}, set())


def _framed(pictures: list[Picture], rng: np.random.Generator) -> list[Picture]:
    """Lay black bars over all pictures: letterbox, pillars, or a frame all around."""
    bars = np.zeros((64, 64), bool)
    sides, width = int(rng.integers(3)), int(rng.integers(1, 11))
    if sides != 1:
        bars[:width] = bars[-width:] = True
    if sides != 0:
        bars[:, :width] = bars[:, -width:] = True
    return [Picture(np.where(bars[..., None], 0, picture.pixels).astype(np.uint8)) for picture in pictures]


def _textured(
    pictures: list[Picture], starts: list[int], takes: tuple[Take, ...], rng: np.random.Generator
) -> Iterator[Picture]:
    """Lay a texture over every shot, the same over the same backdrop: painted backgrounds are full of detail.

    Some shots show nothing else, still or panned.
    """
    made: dict[int, NDArray[np.float32]] = {}
    bare: dict[int, bool] = {}
    speed: dict[int, int] = {}
    for frame, picture in enumerate(pictures):
        shot = bisect_right(starts, frame) - 1
        backdrop = takes[shot].backdrop
        key = -1 - shot if backdrop is None else backdrop
        if key not in made:
            made[key] = _texture(rng)
            bare[key] = backdrop is None and rng.random() < 0.3
            speed[key] = int(rng.integers(0, 3))
        page = np.full_like(picture.pixels, 255) if bare[key] else picture.pixels
        texture = np.roll(made[key], bare[key] * speed[key] * (frame - starts[shot]), axis=1)
        yield Picture(np.clip(page + texture, 0, 255).astype(np.uint8))


def _texture(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return noise ``[64, 64, 3]`` of a grain and a strength of its own, in levels, darker than paper."""
    noise = rng.standard_normal((64, 64, 3 if rng.random() < 0.5 else 1)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.3, 3)).reshape(noise.shape)
    return np.asarray((smooth / smooth.std() - 2) * np.exp(rng.uniform(1.4, 4.6)), np.float32)


def fit(found: list[Example]) -> Regression:
    """Return the regression with the least loss, by L-BFGS in double precision."""
    rows = np.stack([example.features for example in found])
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    x = torch.from_numpy(terms((rows - mean) / spread))
    middle, size = x.mean(dim=0), x.std(dim=0)
    x = (x - middle) / size
    y = torch.tensor([float(example.cut) for example in found], dtype=torch.float64)
    share = torch.tensor([SHARES[example.reading] for example in found], dtype=torch.float64)
    weights = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([weights], max_iter=2000, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        search.zero_grad()
        odds = x @ weights[1:] + weights[0]
        error = torch.nn.functional.binary_cross_entropy_with_logits(odds, y, share, reduction="sum")
        total = error + _SHRINKAGE / 2 * weights[1:].square().sum()
        total.backward()
        return total

    search.step(loss)
    slopes = (weights[1:] / size).detach()
    return Regression(mean, spread, slopes.numpy(), float(weights[0].detach() - slopes @ middle))


def judged(found: list[Example], folds: int) -> list[dict[str, object]]:
    """Judge every film by a rule fitted on the others: cuts, false and missed ones, for each kind and reading."""
    seeds = sorted({example.seed for example in found})
    sure = Detector().sure
    counts: dict[tuple[str, str], list[int]] = {}
    for fold in range(folds):
        left = set(seeds[fold::folds])
        rule = fit([example for example in found if example.seed not in left])
        held = [example for example in found if example.seed in left]
        for example, odds in zip(held, rule.probabilities(np.stack([one.features for one in held])), strict=True):
            count = counts.setdefault((example.kind, example.reading), [0, 0, 0])
            count[0] += example.cut
            count[1] += not example.cut and bool(odds >= sure)
            count[2] += example.cut and bool(odds < sure)
    return [
        {"kind": kind, "reading": reading, "cuts": cuts, "false": false, "missed": missed}
        for (kind, reading), (cuts, false, missed) in sorted(counts.items())
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="where the weights go, as JSON")
    parser.add_argument("--folds", type=int, default=8, help="parts that are judged; 0 for none")
    parser.add_argument("--folder", type=Path, help="where drawn films are kept; without it they are not")
    parser.add_argument("--seeds", type=int, nargs="+", help="those in place of those that the shipped rule is from")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    seeds = tuple(asked.seeds or SEEDS)
    with tempfile.TemporaryDirectory(prefix="anicolor-cuts-") as scratch:
        folder = asked.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        found = list(examples(folder, seeds))
    rule = fit(found)
    cuts = sum(example.cut for example in found)
    facts = {"schema_version": 1, "films": len(seeds), "seeds": _ranges(seeds), "examples": len(found), "cuts": cuts}
    if asked.output is not None:
        numbers = {"mean": _rounded(rule.mean), "spread": _rounded(rule.spread), "weights": _rounded(rule.weights)}
        written = {**facts, "features": FEATURES, **numbers, "bias": round(rule.bias, 5)}
        asked.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({**facts, "judged": judged(found, asked.folds) if asked.folds else []}, indent=2))


def _rounded(values: Vector) -> list[float]:
    return [round(float(value), 5) for value in values]


def _ranges(seeds: tuple[int, ...]) -> list[list[int]]:
    """Return ``seeds`` as pairs: the first and the one behind the last of each run."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and runs[-1][1] == seed:
            runs[-1][1] += 1
        else:
            runs.append([seed, seed + 1])
    return runs


if __name__ == "__main__":
    main()
