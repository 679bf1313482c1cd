"""What the colour of lines is worth: true paint under the lines as they are drawn, and as the keyframes show them.

    python benchmarks/ink.py                    # drawn scenes, examples/glitch and examples/saha: three minutes

The paint is the truth's own without its ink, so what is wrong in a frame is wrong in its lines. PSNR is of all frames
but the keyframes (every 16th and the last) together, inside the drawing. Writes JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from anicolor.data.clips import ClipFolder, draw_clips, find_clips
from anicolor.data.synthetic import DrawnSettings
from anicolor.evaluation.mask import drawing
from anicolor.lines.distance import without_ink
from anicolor.media.open import open_film
from anicolor.media.picture import Picture, to_frame
from anicolor.painting.finish import finish
from anicolor.painting.ink import InkSamples
from anicolor.trials import spaced

ROOT = Path(__file__).parents[1]
EXAMPLES = {"glitch": ROOT / "examples" / "glitch", "saha": ROOT / "examples" / "saha"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8, help="scenes drawn in code")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anicolor-ink-") as scratch:
        drawn = list(draw_clips(Path(scratch), asked.clips, DrawnSettings(frames=33, size=512)))
        rows = {"drawn": score(drawn)} | {name: score(list(find_clips(path))) for name, path in EXAMPLES.items()}
    print(json.dumps({"schema_version": 1, "sets": rows}, indent=2))


def score(clips: list[ClipFolder]) -> dict[str, float]:
    """Return the mean over the clips of PSNR in dB with both kinds of lines."""
    pairs = [lines_of(clip) for clip in clips]
    plain, inked = (sum(pair[kind] for pair in pairs) / len(pairs) for kind in (0, 1))
    return {"clips": len(clips), "as_drawn": round(plain, 2), "as_in_keyframes": round(inked, 2)}


def lines_of(clip: ClipFolder) -> tuple[float, float]:
    with open_film(clip.color) as true, open_film(clip.line) as art:
        given = set(spaced(range(true.info.frames), 16))
        samples, errors, count = InkSamples(), torch.zeros(2, dtype=torch.float64), 0
        for index, (colour, line) in enumerate(zip(true.read(), art.read(), strict=True)):
            if index in given:
                samples.add(to_frame(colour), *paint_and_lines(colour, line))
        ink = samples.colours()
        for index, (colour, line) in enumerate(zip(true.read(), art.read(), strict=True)):
            if index in given:
                continue
            truth, (paint, lines) = to_frame(colour), paint_and_lines(colour, line)
            inside = drawing(truth)[0]
            for kind, one in enumerate((None, ink)):
                errors[kind] += (finish(paint, lines, one) - truth)[:, inside].square().sum()
            count += 3 * int(inside.sum())
    plain, inked = (-10 * math.log10(float(error) / count) for error in errors)
    return plain, inked


def paint_and_lines(colour: Picture, line: Picture) -> tuple[Tensor, Tensor]:
    """Return a true frame without its ink, and its drawing, ``[3, H, W]`` each."""
    lines = to_frame(line)
    return without_ink(to_frame(colour)[None], lines.amin(dim=0)[None, None])[0], lines


if __name__ == "__main__":
    main()
