"""Paint under colour-trace lines: they bound fills in the line art, and take the darker of the two in the frame."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from anicolor.lines.trace import trace_mask, untraced
from anicolor.painting.borders import PAPER

__all__ = ["Trace", "painted_over"]

Trace: TypeAlias = Literal["keyframe", "keep", "paint"]

_REACH = 4  # pixels to either side: the widest trace line


def painted_over(paint: Tensor, drawing: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``paint`` and ``drawing``, ``[3, H, W]`` each, with the trace lines of the drawing painted over.

    They are gone from the drawing, and each of their pixels has the darkest paint (by luminance, BT.709) that lies
    open within four pixels.
    """
    trace = trace_mask(drawing[None])[0].any(dim=0)
    if not trace.any():
        return paint, drawing
    height, width = trace.shape
    y, x = trace.nonzero().T
    open_ = (drawing.amin(dim=0) > PAPER) & ~trace
    light = (paint * paint.new_tensor([0.2126, 0.7152, 0.0722])[:, None, None]).sum(dim=0)
    light = torch.where(open_, light, torch.inf)
    darkest, place = light.new_full(y.shape, torch.inf), y * width + x
    for down in range(-_REACH, _REACH + 1):
        for right in range(-_REACH, _REACH + 1):
            rows, columns = (y + down).clamp(0, height - 1), (x + right).clamp(0, width - 1)
            darker = light[rows, columns] < darkest
            darkest = torch.where(darker, light[rows, columns], darkest)
            place = torch.where(darker, rows * width + columns, place)
    over = paint.clone()
    over[:, y, x] = paint.flatten(1)[:, place]
    return over, untraced(drawing[None])[0]
