"""What flickers, and what drifts.

    python benchmarks/steadiness.py --only noise   # a still drawing with moving parts: two minutes on one core
    python benchmarks/steadiness.py --only long    # 2,001 frames, keyframes every 100: fifteen minutes on one core

Noise: the left half of a film holds one drawing, a figure moves in the right half; opdm-small paints it from noise of
each frame's own, from noise that a shot's frames share, and from shared noise carried along the optical flow to the
keyframe before. For each, PSNR and warp error inside the drawing, and the share of the still half's pixels that differ
from the frame before. Long: a scene of 100 steps plays forth and back ten times, so that the last tenth of the film
shows the drawings of the first at equal distances from a keyframe; the mean PSNR of both. Writes JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anicolor.data.clips import ClipFolder
from anicolor.data.synthetic import DrawnScene, DrawnSettings
from anicolor.diffusion.noise import FrameNoise
from anicolor.evaluation.image import psnr
from anicolor.media.atomic import write_bytes
from anicolor.media.images import encode_png
from anicolor.media.picture import Picture
from anicolor.media.sequence import list_numbered, read_picture
from anicolor.models.colorizer import Colorizer, Colours, Request
from anicolor.models.weights import load_colorizer
from anicolor.pipeline import Settings
from anicolor.trials import paint_clip

STILL, MOVING, SIDE, RULE = 3, 2, 256, 4  # two scenes of unseen seeds, pixels of a half, and of the line between
NEAR = 32  # pixels of the still half beside the moving one that are not judged
FRAMES, EVERY = 33, 16
SCENE, STEPS, LENGTH, SMALL = 6, 100, 2_000, 128
TENTH = LENGTH // 10

Drawing = tuple[np.ndarray, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("noise", "long"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {"schema_version": 1}
    with tempfile.TemporaryDirectory(prefix="anicolor-steadiness-") as scratch:
        if asked.only != "long":
            found["noise"] = noise(Path(scratch) / "noise")
        if asked.only != "noise":
            found["long"] = long(Path(scratch) / "long")
    print(json.dumps(found, indent=2))


def noise(folder: Path) -> list[dict[str, Any]]:
    """Return a row for each kind of noise and finish."""
    clip = written(folder / "clip", halves())
    keyframes = range(0, FRAMES, EVERY)
    rows = []
    for kind in ("frame", "shot", "motion"):
        for finish in ("raw", "flat"):
            out = folder / f"{kind}-{finish}"
            run(clip, keyframes, noisy(kind), out, Settings(finish=finish, holds=False))
            rows.append({"noise": kind, "finish": finish, **judged(clip, keyframes, out)})
    return rows


def halves() -> Iterator[Drawing]:
    settings = DrawnSettings(frames=FRAMES, size=SIDE, camera=0, painted_background=0)
    still, moving = DrawnScene(STILL, settings).draw(0), DrawnScene(MOVING, settings)
    for t in range(FRAMES):
        color, line = (np.concatenate(pair, axis=1) for pair in zip(still, moving.draw(t), strict=True))
        color[:, SIDE - RULE : SIDE], line[:, SIDE - RULE : SIDE] = 0, 0
        yield color, line


def noisy(kind: str) -> Colorizer:
    """Return opdm-small with noise of each ``frame``, of the ``shot``, or the shot's carried along the ``motion``."""
    colorizer = load_colorizer("opdm-small")
    once = colorizer.colorize

    def colorize(request: Request, noise: FrameNoise, steps: int | None = None) -> Colours:
        if kind == "frame":
            request = replace(request, seeds=tuple(range(request.first, request.first + len(request.lines))))
        if kind == "motion":
            assert request.tracks is not None
            noise = Carried(noise.seed, request.tracks[:, 0, :2])
        return once(request, noise, steps)

    colorizer.colorize = colorize  # type: ignore[method-assign]
    return colorizer


@dataclass(frozen=True)
class Carried(FrameNoise):
    """Noise that is moved with the drawing: ``flows`` ``[T, 2, H, W]`` lead to the keyframe where it lies."""

    flows: Tensor | None = None

    def draw(self, frames: Iterable[int], shape: tuple[int, ...]) -> Tensor:
        still = super().draw(frames, shape)
        assert self.flows is not None
        height, width = shape[-2:]
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        x = (columns + self.flows[:, 0].round()).long().clamp(0, width - 1)
        y = (rows + self.flows[:, 1].round()).long().clamp(0, height - 1)
        return torch.stack([one[:, y[n], x[n]] for n, one in enumerate(still)])


def judged(clip: ClipFolder, keyframes: Iterable[int], out: Path) -> dict[str, float]:
    named = ",".join(map(str, keyframes))
    order = [str(out), str(clip.color), "--keyframes", named, "--mask", "drawing", "--psnr", "--warp-error", "--json"]
    command = [sys.executable, "-m", "anicolor", "eval", *order]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    scores = {row["metric"]: row for row in said["metrics"]}
    frames = [read_picture(image.path).rgb8()[:, : SIDE - NEAR] for image in list_numbered(out)]
    painted = [pair for n, pair in enumerate(pairwise(frames)) if not {n, n + 1} & set(keyframes)]
    return {
        "psnr": round(scores["psnr"]["mean"], 3),
        "warp_error": round(scores["warp_error[dis]"]["mean"], 6),
        "still_pixels_that_change": round(float(np.mean([(a != b).any(-1).mean() for a, b in painted])), 6),
        "largest_change": max(int(np.abs(a.astype(int) - b).max()) for a, b in painted),
    }


def long(folder: Path) -> dict[str, float]:
    """Return the mean PSNR in dB of the first and of the last tenth of a long film, keyframes apart."""
    scene = DrawnScene(SCENE, DrawnSettings(frames=STEPS + 1, size=SMALL, camera=0))
    drawings = [scene.draw(t) for t in range(STEPS + 1)]
    period = [*drawings, *drawings[-2:0:-1]]
    clip = written(folder / "clip", (period[t % len(period)] for t in range(LENGTH + 1)))
    keyframes = range(0, LENGTH + 1, STEPS)
    run(clip, keyframes, load_colorizer("opdm-small"), folder / "out", Settings(holds=False))
    first, last = (mean_psnr(clip, folder / "out", range(at, at + TENTH), keyframes) for at in (0, LENGTH - TENTH))
    return {"frames": LENGTH + 1, "first_tenth": round(first, 4), "last_tenth": round(last, 4)}


def mean_psnr(clip: ClipFolder, out: Path, frames: Iterable[int], keyframes: Iterable[int]) -> float:
    """Return the mean over ``frames`` but the ``keyframes``."""
    made, truth = (read(folder) for folder in (out, clip.color))
    return float(np.mean([psnr(made(n), truth(n)).item() for n in frames if n not in keyframes]))


def read(folder: Path) -> Callable[[int], Tensor]:
    files = [image.path for image in list_numbered(folder)]
    return lambda n: torch.from_numpy(read_picture(files[n]).rgb8()).permute(2, 0, 1)[None].float() / 255


def written(folder: Path, drawings: Iterable[Drawing]) -> ClipFolder:
    clip = ClipFolder(folder)
    for part in (clip.color, clip.line):
        part.mkdir(parents=True)
    for t, (color, line) in enumerate(drawings):
        write_bytes(clip.color / f"{t:04d}.png", encode_png(Picture(color)))
        write_bytes(clip.line / f"{t:04d}.png", encode_png(Picture(np.repeat(line[..., None], 3, axis=2))))
    return clip


def run(clip: ClipFolder, keyframes: Iterable[int], colorizer: Colorizer, out: Path, settings: Settings) -> None:
    for _ in paint_clip(clip, tuple(keyframes), colorizer, out, settings):
        pass


if __name__ == "__main__":
    main()
