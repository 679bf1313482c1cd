"""From drawings or finished frames to lines: the contract and the table of extractors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d

from anicolor.errors import InputError
from anicolor.frames import check_frames
from anicolor.lines.distance import normalized_distance
from anicolor.lines.xdog import xdog

__all__ = ["EXTRACTORS", "Extractor", "drawn_lines", "extract", "looks_like_line_art"]

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


EXTRACTORS: Mapping[str, Extractor] = MappingProxyType(
    {
        "none": drawn_lines,  # the input is line art
        "xdog": xdog,  # the input is finished film
        "distance": _distance,  # the input is line art, wanted as a distance field
    }
)


def extract(frames: Tensor, method: str = "none") -> Tensor:
    """Return the lines ``[T, 1, H, W]`` (0 = ink, 1 = paper) of frames ``[T, 3, H, W]`` in [0, 1].

    Raises:
        InputError: no extractor has this name.
        ValueError: ``frames`` have another shape or type.
    """
    if method not in EXTRACTORS:
        raise InputError(f"no line extractor {method!r}: choose one of {', '.join(EXTRACTORS)}")
    return EXTRACTORS[method](frames)


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
