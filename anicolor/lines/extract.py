"""From drawings or finished frames to lines: the contract and the table of extractors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d

from anicolor.errors import InputError
from anicolor.frames import FrameRange, check_frames
from anicolor.lines.anime2sketch import Anime2Sketch
from anicolor.lines.clean import clean
from anicolor.lines.distance import ink, normalized_distance
from anicolor.lines.xdog import xdog, xdog_preset
from anicolor.media.film import Film
from anicolor.media.picture import to_frame

__all__ = [
    "EXTRACTORS",
    "FROM_PAINT",
    "Extractor",
    "Wish",
    "binarize",
    "drawn_lines",
    "extract",
    "extractor",
    "is_drawn",
    "looks_like_line_art",
]

Extractor: TypeAlias = Callable[[Tensor], Tensor]
"""Frames ``[T, 3, H, W]`` in, lines ``[T, 1, H, W]`` out (0 = ink, 1 = paper), on the same device."""


def drawn_lines(frames: Tensor) -> Tensor:
    """Return clean line art ``[T, 3, H, W]`` as lines ``[T, 1, H, W]``: each pixel's darkest channel.

    Not its luminance: a yellow or green colour-trace line would be pale, and pure red a third grey, but any
    saturated line is dark in one channel at least.

    Raises:
        ValueError: ``frames`` have another shape or type.
    """
    return check_frames(frames).amin(dim=1, keepdim=True)


def _distance(frames: Tensor) -> Tensor:
    # A sixteenth of the short side: the reach of 16 pixels at 256.
    return normalized_distance(drawn_lines(frames), scale=min(frames.shape[-2:]) / 16)


@cache
def _anime2sketch() -> Extractor:
    return Anime2Sketch()


EXTRACTORS: Mapping[str, Extractor] = MappingProxyType(
    {
        "none": drawn_lines,  # the input is line art
        "xdog": xdog,  # the input is finished film
        "distance": _distance,  # the input is line art, wanted as a distance field
        "clean": clean,  # the input is scanned pencil or ink
        "anime2sketch": lambda frames: _anime2sketch()(frames),  # the input is finished film
    }
)
FROM_PAINT = frozenset({"xdog", "anime2sketch"})
"""Extractors for finished film: out of line art they would lose lines."""


@dataclass(frozen=True)
class Wish:
    """An extractor by name, and what only some take: XDoG's ``preset``, the learned one's ``weights`` and ``size``.

    ``size`` is the shorter side, in pixels, of the frames that a network sees; ``device`` is where it runs.
    """

    method: str = "none"
    preset: str | None = None
    weights: Path | None = None
    size: int | None = None
    device: str = "cpu"


def extractor(wish: Wish) -> Extractor:
    """Return the extractor that ``wish`` describes.

    Raises:
        InputError: no extractor or preset has this name; an option of another extractor; there are no weights.
        AnicolorError: the weights are damaged, or of another network.
    """
    if wish.preset is not None and wish.method != "xdog":
        raise InputError(f"--preset is of xdog, got the method {wish.method}: leave it out")
    if (wish.weights or wish.size) and wish.method != "anime2sketch":
        raise InputError(f"--weights and --size are of anime2sketch, got the method {wish.method}: leave them out")
    if wish.preset is not None:
        settings = xdog_preset(wish.preset)
        return lambda frames: xdog(frames, settings)
    if wish.method == "anime2sketch":
        return Anime2Sketch(wish.weights, wish.size or 512, wish.device)
    return _known(wish.method)


def extract(frames: Tensor, method: str = "none") -> Tensor:
    """Return the lines ``[T, 1, H, W]`` (0 = ink, 1 = paper) of frames ``[T, 3, H, W]`` in [0, 1].

    Raises:
        InputError: no extractor has this name; the weights of a learned one are not in torch hub's cache.
        ValueError: ``frames`` have another shape or type.
    """
    return _known(method)(frames)


def _known(method: str) -> Extractor:
    if method not in EXTRACTORS:
        raise InputError(f"no line extractor {method!r}: choose one of {', '.join(EXTRACTORS)}")
    return EXTRACTORS[method]


def binarize(lines: Tensor) -> Tensor:
    """Return ``lines`` ``[T, 1, H, W]`` as 0 (ink) and 1 (paper) only.

    Ink is at least half as dark as typical ink (``distance.ink``), so that pale pencil is not lost.

    Raises:
        ValueError: ``lines`` have another shape or type.
    """
    return (~ink(lines)).to(lines)


def looks_like_line_art(frames: Tensor) -> bool:
    """Say whether frames ``[T, 3, H, W]`` are lines on bright paper; one or two frames of a shot will do.

    What is on the paper must be thin: less than half of it may lie in spots thicker than 9 pixels at 256.
    Right on 90 of 90 clips of line art and 88 of 90 coloured ones (Glitch), and on saha. An empty page is
    line art.

    Raises:
        ValueError: ``frames`` have another shape or type.
    """
    small = interpolate(drawn_lines(frames), size=(256, 256), mode="area")
    paper = small.flatten(1).quantile(0.9, dim=1)[:, None, None, None]
    if bool((paper < 0.5).any()):
        return False
    marks = small < paper - 0.05
    # An opening: lines vanish under the bright neighbours, and what is left grows back.
    thick = max_pool2d(small, 9, stride=1, padding=4) < paper - 0.05
    spots = max_pool2d(thick.float(), 9, stride=1, padding=4) > 0
    return int(torch.sum(spots & marks)) < 0.5 * int(marks.sum()) or not bool(marks.any())


def is_drawn(film: Film) -> bool:
    """Say whether a film is line art, by a frame of each third: the first frame alone may be an empty page.

    Raises:
        AnicolorError: a frame cannot be read.
    """
    frames = film.info.frames
    looked_at = sorted({frames // 6, frames // 2, frames * 5 // 6})
    pictures = (next(film.read(FrameRange(index, index + 1))) for index in looked_at)
    return all(looks_like_line_art(to_frame(picture)[None]) for picture in pictures)
