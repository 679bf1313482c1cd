"""How fast XDoG is beside scikit-image doing the same mathematics, and how far apart the two are.

    python benchmarks/lines.py --frames 20

Both take the same 1080p frame, in one run, in turns. Writes JSON to stdout; a time is the least of all turns, since
others may share the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from skimage.filters import gaussian

from anicolor.data.synthetic import DrawnScene, DrawnSettings
from anicolor.lines.xdog import PRESETS, XDoG, xdog

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
FLOOR = 30.0  # frames a second that XDoG must reach on two cores
BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--size", type=int, nargs=2, default=(1080, 1920), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    cv2.setNumThreads(asked.threads)
    levels = DrawnScene(3, DrawnSettings(frames=2, size=tuple(asked.size), painted_background=1.0)).draw(0)[0]
    frame = levels.astype(np.float32) / 255
    rows = {name: compare(frame, settings, asked.frames) for name, settings in PRESETS.items()}
    facts = {"schema_version": 1, **vars(asked), "floor": FLOOR, "load": os.getloadavg()[0], "presets": rows}
    print(json.dumps({**facts, "cuda": on_cuda(frame, asked.frames)}, indent=2))


def compare(frame: np.ndarray, settings: XDoG, count: int) -> dict[str, float | bool]:
    tensor = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))[None]
    ours, theirs = alternately((lambda: xdog(tensor, settings), lambda: by_skimage(frame, settings)), count)
    # At a step, the last bit decides between ink and paper: compare before it.
    soft = replace(settings, phi=min(settings.phi, 2.0))
    apart = np.abs(xdog(tensor, soft)[0, 0].numpy() - by_skimage(frame, soft)).max()
    return {
        "anicolor_frames_per_second": round(1 / ours[0], 1),
        "anicolor_cpu_ms": round(1000 * ours[1], 1),
        "skimage_frames_per_second": round(1 / theirs[0], 1),
        "skimage_cpu_ms": round(1000 * theirs[1], 1),
        "times_faster": round(theirs[0] / ours[0], 1),
        "largest_difference": float(f"{apart:.2g}"),
        "fast_enough": 1 / ours[0] >= FLOOR,
        "equal": bool(apart <= 1e-4),
    }


def by_skimage(frame: np.ndarray, settings: XDoG) -> np.ndarray:
    grey = frame @ LUMA
    narrow, wide = (
        gaussian(grey, sigma, mode="nearest", truncate=4.0) for sigma in (settings.sigma, settings.k * settings.sigma)
    )
    excess = (1 + settings.p) * narrow - settings.p * wide - settings.epsilon
    return np.where(excess >= 0, 1.0, 1 + np.tanh(settings.phi * excess))


def alternately(works: tuple[Callable[[], object], ...], count: int) -> list[tuple[float, float]]:
    """Least seconds and CPU seconds of each work, in turns, so that both meet the same load."""
    taken: list[list[tuple[float, float]]] = [[] for _ in works]
    for _ in range(count + 1):
        for seconds, work in zip(taken, works, strict=True):
            start, used = time.perf_counter(), time.process_time()
            work()
            seconds.append((time.perf_counter() - start, time.process_time() - used))
    return [tuple(min(column) for column in zip(*row[1:], strict=True)) for row in taken]  # type: ignore[misc]


def on_cuda(frame: np.ndarray, count: int) -> dict[str, float] | None:
    """Frames a second of a batch by kornia, with and without the way to the GPU and back; None without one."""
    if not torch.cuda.is_available():
        return None
    batch = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))[None].repeat(BATCH, 1, 1, 1)
    there = batch.cuda()

    def resident() -> None:
        xdog(there)
        torch.cuda.synchronize()

    (inside, _), (whole, _), (cpu, _) = alternately(
        (resident, lambda: xdog(batch.cuda()).cpu(), lambda: xdog(batch)), count
    )
    names = ("on_the_gpu", "with_transfers", "on_the_cpu")
    return {name: round(BATCH / seconds, 1) for name, seconds in zip(names, (inside, whole, cpu), strict=True)}


if __name__ == "__main__":
    main()
