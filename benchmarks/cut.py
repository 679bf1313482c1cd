"""Paint a cut with the command line and score it inside the drawing, beside copying the nearest keyframe.

    python benchmarks/cut.py examples/saha --keyframes 0 16 32 47

The cut is a folder with ``line/`` and ``color/``, numbered alike. Frames given as keyframes are left out. Inside the
drawing is where truth or result differs by more than 12 levels from the truth's top left pixel, widened by 5 pixels.
PSNR is the mean over frames, RGB in [0, 1]. Writes JSON to stdout. With ``--painted`` it scores a folder
that is there; what stands behind ``--`` is handed on to anicolor colorize.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

LEVELS, WIDER = 12, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cut", type=Path)
    parser.add_argument("--keyframes", type=int, nargs="+", required=True)
    parser.add_argument("--painted", type=Path, help="score these frames instead of painting")
    parser.add_argument("--at-least", type=float, help="fail if the gain over copying is smaller, in dB")
    given = sys.argv[1:]
    split = given.index("--") if "--" in given else len(given)
    asked, options = parser.parse_args(given[:split]), given[split + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        painted = asked.painted or paint(asked.cut, asked.keyframes, Path(folder), options)
        scores = score(asked.cut / "color", painted, asked.keyframes)
        scores["seconds"] = None if asked.painted else round(time.monotonic() - started, 1)
    print(json.dumps({"schema_version": 1, "cut": str(asked.cut), "keyframes": asked.keyframes, **scores}, indent=2))
    if asked.at_least is not None and scores["gain"] < asked.at_least:
        sys.exit(f"expected {asked.at_least} dB above copying, got {scores['gain']}")


def paint(cut: Path, keyframes: list[int], folder: Path, options: list[str]) -> Path:
    given, out = folder / "keyframes", folder / "painted"
    given.mkdir()
    for path in (cut / "color").iterdir():
        if int(path.stem) in keyframes:
            (given / path.name).write_bytes(path.read_bytes())
    command = ["anicolor", "colorize", cut / "line", "--keyframes", given, "-o", out, *options]
    subprocess.run([sys.executable, "-m", *map(str, command)], check=True)
    return out


def score(truth: Path, painted: Path, keyframes: list[int]) -> dict[str, float]:
    frames = {int(path.stem): path for path in sorted(truth.iterdir())}
    rows = []
    for number, path in frames.items():
        if number in keyframes:
            continue
        nearest = min(keyframes, key=lambda k: (abs(k - number), k))
        true = cv2.imread(str(path))
        result, copy = (cv2.imread(str(p)) for p in (painted / path.name, frames[nearest]))
        rows.append((psnr(true, result), psnr(true, copy), exact(true, result)))
    model, copied, same = np.mean(rows, axis=0)
    return {
        "psnr": round(float(model), 2),
        "psnr_copy": round(float(copied), 2),
        "gain": round(float(model - copied), 2),
        "within_2_levels": round(float(same), 3),
        "frames": len(rows),
    }


def psnr(true: np.ndarray, result: np.ndarray) -> float:
    inside = drawing(true, result)
    error = np.square((true[inside].astype(float) - result[inside]) / 255).mean()
    return float(-10 * np.log10(max(error, 1e-10)))


def exact(true: np.ndarray, result: np.ndarray) -> float:
    inside = drawing(true, result)
    return float((np.abs(true[inside].astype(int) - result[inside]).max(axis=-1) <= 2).mean())


def drawing(true: np.ndarray, result: np.ndarray) -> np.ndarray:
    ground = true[0, 0].astype(int)
    marks = sum((np.abs(picture - ground).max(axis=-1) > LEVELS) for picture in (true, result)) > 0
    return cv2.dilate(marks.astype(np.uint8), np.ones((2 * WIDER + 1, 2 * WIDER + 1), np.uint8)) > 0


if __name__ == "__main__":
    main()
