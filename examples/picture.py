"""Put a drawing, its nearest keyframe and the painted frame side by side: the picture of the README.

python examples/picture.py examples/saha painted --frame 8 --output docs/pictures/saha.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cut", type=Path, help="folder with line/ and keyframes/")
    parser.add_argument("painted", type=Path)
    parser.add_argument("--frame", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    name = f"{asked.frame:04d}.png"
    keyframe = min((asked.cut / "keyframes").iterdir(), key=lambda p: (abs(int(p.stem) - asked.frame), p.stem))
    side_by_side([asked.cut / "line" / name, keyframe, asked.painted / name]).save(asked.output, optimize=True)


def side_by_side(paths: list[Path]) -> Image.Image:
    pictures = [Image.open(path).convert("RGB") for path in paths]
    box = _drawn(pictures)
    cut = [picture.crop(box) for picture in pictures]
    sheet = Image.new("RGB", (sum(p.width for p in cut), cut[0].height), "white")
    for number, picture in enumerate(cut):
        sheet.paste(picture, (number * picture.width, 0))
    return sheet


def _drawn(pictures: list[Image.Image]) -> tuple[int, int, int, int]:
    """Return the box that holds what is not white in any of the pictures, and a margin."""
    boxes = [picture.convert("L").point(lambda level: 255 * (level < 250)).getbbox() for picture in pictures]
    found = [box for box in boxes if box]
    left, top = (max(0, min(box[n] for box in found) - 24) for n in (0, 1))
    right, low = (max(box[n] for box in found) + 24 for n in (2, 3))
    return left, top, min(right, pictures[0].width), min(low, pictures[0].height)


if __name__ == "__main__":
    main()
