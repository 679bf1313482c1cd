"""The finish: colours under the original line art, and what of the frame stays transparent."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.lines.distance import nearest
from anicolor.painting.ink import InkColours

__all__ = ["confidence_layer", "covers_drawing", "finish", "joined_to_border", "opacity", "paint_layer", "whitened"]

_CLEAN = 0.5  # lines lighter than this let the colour below be recovered
_WHITE = 6 / 255  # closer to paper white than this is paper
_PALE = 0.5  # a lighter colour beside paper may have run over the outline
_SPILL = 8  # pixels: so far it runs, two pixels of a network a quarter of the frame's size
_ROUNDING = 0.01  # of a level


def paint_layer(colours: Tensor, lines: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the paint alone ``[3, H, W]`` at ``size``, from ``colours`` ``[3, h, w]`` and ``lines`` ``[1, h, w]``.

    The ink that the network painted is taken out again, so that no blurred line shows beside the artist's.
    """
    return F.interpolate(_fills(colours, lines)[None], size, mode="bilinear", align_corners=False)[0]


def whitened(paint: Tensor) -> Tensor:
    """Return ``paint`` ``[3, H, W]`` with what is nearly the white of paper in exactly that."""
    return torch.where((paint > 1 - _WHITE).all(dim=0), 1.0, paint)


def confidence_layer(confidence: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``confidence`` ``[1, h, w]`` at ``size``, ``[1, H, W]``."""
    return F.interpolate(confidence[None], size, mode="bilinear", align_corners=False)[0]


def finish(paint: Tensor, drawing: Tensor, ink: InkColours | None = None) -> Tensor:
    """Return the painted frame ``[3, H, W]``: ``drawing`` ``[3, H, W]``, as the artist drew it, over ``paint``.

    Opaque ink comes out as it went in, but for lines that ``ink`` knows in another colour from the keyframes.
    """
    return paint * drawing if ink is None else ink.lay(drawing, paint)


def covers_drawing(alpha: np.ndarray, drawing: Tensor) -> bool:
    """Say whether ``alpha`` ``[H, W]`` covers the drawing's paper too, or only its ink.

    ``drawing`` is ``[3, H, W]`` on white. A cel has opaque paper inside its outlines; line art alone has not.
    """
    opaque = torch.from_numpy(alpha > np.iinfo(alpha.dtype).max // 2)
    bright = drawing.amin(dim=0) > 0.75
    return bool((opaque & bright).sum() > (opaque & ~bright).sum())


def opacity(paint: Tensor, drawing: Tensor, frame: Tensor, alpha: np.ndarray) -> np.ndarray:
    """Return the opacity ``[H, W]`` of ``frame``, whose drawing is ink on nothing, in the type of ``alpha``.

    Paper is transparent where it is white and joined to the border of the frame; beside it, ink stays as opaque as
    it was, and what ran over an outline is as opaque as its colour asks. All else is paint, and opaque. Laid on
    white, the frame looks as it does without.
    """
    top = np.iinfo(alpha.dtype).max
    paper = (drawing == 1).all(dim=0).cpu().numpy()
    least = paint.amin(dim=0).cpu().numpy()
    outside = joined_to_border(paper & (least == 1))
    near = cv2.dilate(outside.astype(np.uint8), np.ones((2 * _SPILL + 1, 2 * _SPILL + 1), np.uint8)) > 0
    outside |= near & joined_to_border(paper & (least > _PALE))
    if not outside.any():
        return np.full_like(alpha, top)
    # The outer half of an outline belongs to the outside as well, or it would carry a white fringe.
    outside = outside.reshape(-1)[nearest(paper)]
    needed = np.ceil((1 - frame.amin(dim=0).cpu().numpy()) * top - _ROUNDING).astype(alpha.dtype)
    return np.where(outside, np.maximum(alpha, needed), top).astype(alpha.dtype)


def joined_to_border(mask: np.ndarray) -> np.ndarray:
    """Return which pixels of ``mask`` ``[H, W]`` hang together, side by side, with the frame's border through it."""
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, areas = cv2.connectedComponents(framed, connectivity=4)
    joined: np.ndarray = (areas == areas[0, 0])[1:-1, 1:-1]
    return joined


def _fills(colours: Tensor, lines: Tensor) -> Tensor:
    """Return ``colours`` without the ink: divided out where it is thin, filled in from the nearest colour elsewhere."""
    clean = (lines > _CLEAN)[0]
    fills = (colours / lines.clamp(min=_CLEAN)).clamp(0, 1)
    if not clean.any() or clean.all():
        return fills
    source = torch.from_numpy(nearest(clean.cpu().numpy())).to(colours.device)
    return fills.flatten(1)[:, source.flatten()].view_as(fills)
