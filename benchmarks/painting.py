"""What the finish costs, and what it is worth, at full size.

    python benchmarks/painting.py                  # time and memory: two minutes on one core
    python benchmarks/painting.py --scores 2       # and scores of two drawn scenes at 1920x1080: six more a scene
    python benchmarks/painting.py --clips examples/saha   # and of clips, enlarged to 1080 rows on pages of 1920x1080

Time: CPU seconds of one core for each step of a frame at 1920x1080, the least of several rounds side by side, on what
opdm-small makes of a drawn scene; decoding and writing are not in it. Memory: the most that a process of its own holds
while it paints a frame of 3840x2160 in all layers, in GiB, network and libraries included. Scores: ``anicolor eval`` of
the same scenes with each finish, inside the drawing, and with --no-box. Clips on disk, lines and colours alike, are
enlarged by Lanczos resampling: their edges are softer than those of drawings of that size. They lie in the middle of
an empty page. Writes JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import torch

from anicolor.data.clips import ClipFolder, draw_clips, find_clips
from anicolor.data.synthetic import DrawnSettings
from anicolor.media.atomic import write_bytes
from anicolor.media.images import encode_png
from anicolor.media.open import open_film
from anicolor.media.picture import Picture
from anicolor.media.sequence import list_numbered, read_picture
from anicolor.models.weights import load_colorizer
from anicolor.painting.flat import flatten
from anicolor.painting.painter import Painter
from anicolor.painting.review import review
from anicolor.painting.soft import soften
from anicolor.pipeline import Settings
from anicolor.trials import paint_clip

ROUNDS, SCENE = 5, 0
ROWS, COLUMNS = 1080, 1920
ALL = ("paint", "lines", "regions", "confidence")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", type=int, default=0, metavar="N", help="drawn scenes to score")
    parser.add_argument("--clips", nargs="+", type=Path, default=(), help="folders of clips to score")
    parser.add_argument("--hold", type=Path, help=argparse.SUPPRESS)  # what the process of its own is asked
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.hold:
        paint_all(asked.hold)
        return
    with tempfile.TemporaryDirectory(prefix="anicolor-painting-") as scratch:
        folder = Path(scratch)
        found: dict[str, Any] = {"schema_version": 2, "cpu_seconds_1080p": timed(folder / "hd"), "gib_4k": held(folder)}
        sets = {str(path): enlarged(path, folder / "clips" / str(n)) for n, path in enumerate(asked.clips)}
        if asked.scores:
            sets["drawn"] = folder / "scenes"
            list(draw_clips(sets["drawn"], asked.scores, DrawnSettings(frames=17, size=(ROWS, COLUMNS))))
        found["scores"] = {
            name: [
                scores(clips, "opdm-small", "raw"),
                scores(clips, "opdm-small", "flat", steady=False),
                scores(clips, "opdm-small", "flat"),
                scores(clips, "opdm-small", "flat", box=False),
                scores(clips, "flow", "flat"),
            ]
            for name, clips in sets.items()
        }
    print(json.dumps(found, indent=2))


def enlarged(root: Path, out: Path) -> Path:
    """Write the clips below ``root`` as they are at 1080 rows, in the middle of pages of 1920x1080; return where."""
    for number, clip in enumerate(find_clips(root)):
        for kind in (clip.color, clip.line):
            (out / str(number) / kind.name).mkdir(parents=True)
            for image in list_numbered(kind):
                pixels = read_picture(image.path).rgb8()
                size = round(pixels.shape[1] * ROWS / len(pixels)), ROWS
                large = cv2.resize(pixels, size, interpolation=cv2.INTER_LANCZOS4)
                left = max(0, COLUMNS - size[0]) // 2
                sides = left, max(0, COLUMNS - size[0] - left)
                page = cv2.copyMakeBorder(large, 0, 0, *sides, cv2.BORDER_CONSTANT, value=pixels[0, 0].tolist())
                write_bytes(out / str(number) / kind.name / f"{image.number:04d}.png", encode_png(Picture(page)))
    return out


def scene(folder: Path, height: int, width: int) -> ClipFolder:
    """Draw the last of three frames of a scene at a size, and the two before."""
    return list(draw_clips(folder, SCENE + 1, DrawnSettings(frames=3, size=(height, width))))[SCENE]


def timed(folder: Path) -> dict[str, float]:
    """Return the CPU seconds of each step of one frame's finish."""
    clip, made = scene(folder, 1080, 1920), []
    paint = Painter.paint

    def kept(self: Painter, *given: Any) -> Any:
        made.append((self, given))
        return paint(self, *given)

    Painter.paint = kept  # type: ignore[method-assign]
    try:
        run(clip, folder / "out", Settings(holds=False))
    finally:
        Painter.paint = paint  # type: ignore[method-assign]
    painter, given = made[-1]  # before it are keyframes, from which lines are learned
    painted = painter.paint(*given)
    assert painter.look.palette is not None
    palette, drawing, enlarged = painter.look.palette, given[3], 3.0
    steps: dict[str, Callable[[], Any]] = {
        "finish flat": lambda: painter.paint(*given),
        "of it, fills": lambda: flatten(palette, painted.paint, drawing, painted.confidence, enlarged=enlarged),
        "finish soft": lambda: soften(painted.paint, drawing, enlarged=enlarged),
        "review": lambda: review(painted),
    }
    least = dict.fromkeys(steps, float("inf"))
    for _ in range(ROUNDS):
        for name, step in steps.items():
            start = time.process_time()
            step()
            least[name] = min(least[name], time.process_time() - start)
    return {name: round(seconds, 3) for name, seconds in least.items()}


def held(folder: Path) -> float:
    """Return the GiB that painting a 4K frame holds at most."""
    clip = scene(folder / "4k", 2160, 3840)
    done = subprocess.run(
        [sys.executable, __file__, "--hold", str(clip.path)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def paint_all(path: Path) -> None:
    run(ClipFolder(path), path.parent / "out", Settings(holds=False, layers=ALL, report=True))
    print(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2))


def run(clip: ClipFolder, out: Path, settings: Settings) -> None:
    with open_film(clip.line) as film:
        first, last = film.info.numbers[0], film.info.numbers[-1]
    for _ in paint_clip(clip, (first, last), load_colorizer("opdm-small", None, "cpu"), out, settings):
        pass


def scores(clips: Path, model: str, finish: str, *, steady: bool = True, box: bool = True) -> dict[str, Any]:
    order = ["--model", model, "--finish", finish, "--data", str(clips), "--mask", "drawing", "--json"]
    order += ["--steady" if steady else "--no-steady", "--box" if box else "--no-box"]
    command = [sys.executable, "-m", "anicolor", "eval", *order, "--psnr", "--segment-accuracy"]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    wanted = {("psnr", ""), ("pixel_accuracy", "within 2 levels"), ("segment_accuracy", "within 2 levels, drawn lines")}
    means = {
        f"{row['metric']} {row['variant']}": round(row["mean"], 4)
        for row in said["metrics"]
        if any(row["metric"] == metric and row["variant"].startswith(variant) for metric, variant in wanted)
    }
    return {"model": model, "finish": finish, "steady": steady, "box": box, **means}


if __name__ == "__main__":
    main()
