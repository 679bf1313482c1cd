"""Colour-trace lines: the red, blue and green lines that bound shadows and highlights and vanish in the paint."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from anicolor.frames import check_frames

__all__ = ["COLOURS", "trace_mask", "traced", "untraced"]

COLOURS = ("red", "green", "blue")

# Degrees on the colour circle that each colour takes: skin begins at 15, cyan trace lines count as blue.
_HUES = ((345.0, 14.0), (90.0, 170.0), (185.0, 270.0))
# Least difference of the brightest and the darkest channel: in the heart of a line, and in its soft border.
_HEART, _BORDER = (0.45, 0.35, 0.4), 0.03
# Pure ink takes little of its own channel: red (1, 0, 0) none, brown (0.4, 0.2, 0.1) two thirds of the most it takes.
# Green pencils are darker than red and blue ones.
_IMPURE = (0.45, 0.55, 0.45)
_BRIDGE = 5  # pixels: one more than the widest gap that is closed
_SOFT = 2  # pixels that the border of a line is wide: anti-aliasing, and the colour blur of 4:2:0


def trace_mask(frames: Tensor) -> Tensor:
    """Return which pixels of line art ``[T, 3, H, W]`` in [0, 1] are colour-trace lines: bool ``[T, 3, H, W]``.

    The three masks are red, green and blue (``COLOURS``) and exclude each other. A line is pure ink on white: the
    ratio of what it takes of each channel stays the same under anti-aliasing. Its heart must be strongly coloured;
    the soft border within two pixels of it need only have the hue. Brown, skin-coloured and grey lines are no trace
    lines, nor is the mixture where a trace line meets a black one. Of painted frames it says nothing.

    Raises:
        ValueError: ``frames`` have another shape or type.
    """
    brightest, darkest = check_frames(frames).amax(dim=1, keepdim=True), frames.amin(dim=1, keepdim=True)
    chroma = brightest - darkest
    pure = (1 - brightest) <= frames.new_tensor(_IMPURE)[:, None, None] * (1 - darkest)
    hues = _has_hue(frames, brightest, chroma)
    heart = hues & pure & (chroma >= frames.new_tensor(_HEART)[:, None, None])
    near = max_pool2d(heart.float(), 2 * _SOFT + 1, stride=1, padding=_SOFT) > 0
    return heart | (near & hues & pure & (chroma >= _BORDER))


def traced(frames: Tensor) -> Tensor:
    """Return the trace lines of line art ``[T, 3, H, W]`` alone, in their own colours on white.

    Raises:
        ValueError: ``frames`` have another shape or type.
    """
    return torch.where(trace_mask(frames).any(dim=1, keepdim=True), frames, 1.0)


def untraced(frames: Tensor) -> Tensor:
    """Return line art ``[T, 3, H, W]`` without its trace lines: white where they were.

    A main line that a trace line was drawn across is closed again, over gaps of up to four pixels.

    Raises:
        ValueError: ``frames`` have another shape or type.
    """
    trace = trace_mask(frames).any(dim=1, keepdim=True)
    bare = torch.where(trace, 1.0, frames)
    grown = -max_pool2d(-bare, _BRIDGE, stride=1, padding=_BRIDGE // 2)
    closed = max_pool2d(grown, _BRIDGE, stride=1, padding=_BRIDGE // 2)
    return torch.where(trace, closed, frames)


def _has_hue(frames: Tensor, brightest: Tensor, chroma: Tensor) -> Tensor:
    """Return bool ``[T, 3, H, W]``: whose hue lies among red's, green's and blue's; grey has none."""
    # 0 in the brightest channel and -1 in the darkest: the usual hexagon, in degrees.
    red, green, blue = ((frames - brightest) / chroma.clamp(min=1e-6)).unbind(dim=1)
    degrees = 60 * torch.where(red == 0, green - blue, torch.where(green == 0, 2 + blue - red, 4 + red - green))
    degrees = degrees.remainder(360)
    found = [
        (degrees >= first) & (degrees <= last) if first < last else (degrees >= first) | (degrees <= last)
        for first, last in _HUES
    ]
    return torch.stack(found, dim=1) & (chroma > 0)
