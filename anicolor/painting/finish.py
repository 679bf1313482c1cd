"""The finish: colours under the original line art, and what of the frame stays transparent."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["covers_drawing", "finish", "opacity", "paint_layer"]

_CLEAN = 0.5  # lines lighter than this let the colour below be recovered
_WHITE = 6 / 255  # closer to paper white than this is paper
_EDGE = 7  # pixels: twice the width of an antialiased outline, and one


def paint_layer(colours: Tensor, lines: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the paint alone ``[3, H, W]`` at ``size``, from ``colours`` ``[3, h, w]`` and ``lines`` ``[1, h, w]``.

    The ink that the network painted is taken out again, so that no blurred line shows beside the artist's.
    """
    full = F.interpolate(_fills(colours, lines)[None], size, mode="bilinear", align_corners=False)[0]
    return torch.where((full > 1 - _WHITE).all(dim=0), 1.0, full)


def finish(paint: Tensor, drawing: Tensor) -> Tensor:
    """Return the painted frame ``[3, H, W]``: ``drawing`` ``[3, H, W]``, as the artist drew it, over ``paint``.

    Opaque ink comes out as it went in.
    """
    return paint * drawing


def covers_drawing(alpha: np.ndarray, drawing: Tensor) -> bool:
    """Say whether ``alpha`` ``[H, W]`` covers the drawing's paper too, or only its ink.

    ``drawing`` is ``[3, H, W]`` on white. A cel has opaque paper inside its outlines; line art alone has not.
    """
    opaque = torch.from_numpy(alpha > np.iinfo(alpha.dtype).max // 2)
    bright = drawing.amin(dim=0) > 0.75
    return bool((opaque & bright).sum() > (opaque & ~bright).sum())


def opacity(paint: Tensor, drawing: Tensor, alpha: np.ndarray) -> np.ndarray:
    """Return the opacity ``[H, W]`` of a painted frame whose drawing is ink on nothing, in the type of ``alpha``.

    Ink stays as opaque as it was. Paper is transparent where it is white and joined to the border of the frame;
    all else is paint. Laid on white, the frame looks as it does without.
    """
    white = (paint == 1).all(dim=0).cpu().numpy()
    paper = white & (drawing == 1).all(dim=0).cpu().numpy()
    framed = cv2.copyMakeBorder(paper.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, areas = cv2.connectedComponents(framed, connectivity=4)
    outside = (areas == areas[0, 0])[1:-1, 1:-1].astype(np.uint8)
    # The soft outer edge of an outline belongs to the outside as well, or it would carry a white fringe.
    edge = cv2.dilate(outside, np.ones((_EDGE, _EDGE), np.uint8)).astype(bool) & white
    return np.where(edge, alpha, np.iinfo(alpha.dtype).max).astype(alpha.dtype)


def _fills(colours: Tensor, lines: Tensor) -> Tensor:
    """Return ``colours`` without the ink: divided out where it is thin, filled in from the nearest colour elsewhere."""
    clean = (lines > _CLEAN)[0]
    fills = (colours / lines.clamp(min=_CLEAN)).clamp(0, 1)
    if not clean.any() or clean.all():
        return fills
    blocked = (~clean).byte().cpu().numpy()
    _, labels = cv2.distanceTransformWithLabels(blocked, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    where = np.zeros(labels.max() + 1, np.int64)
    sources = np.flatnonzero(blocked == 0)
    where[labels.reshape(-1)[sources]] = sources
    nearest = torch.from_numpy(where[labels]).to(colours.device)
    return fills.flatten(1)[:, nearest.flatten()].view_as(fills)
