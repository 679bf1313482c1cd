"""Where a picture is scored: inside the drawing, not on the paper around it."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

__all__ = ["border_colour", "drawing"]

_LEVELS = 12  # a pixel further than this from the background is part of the drawing
_WIDER = 5  # pixels that the drawing is dilated by


def drawing(*pictures: Tensor) -> Tensor:
    """Return where the drawing is, bool ``[1, H, W]``, of pictures ``[3, H, W]`` in [0, 1]: truth first, then result.

    Inside is where one of them differs from the background, the first's :func:`border_colour`, by more than 12
    of 255 levels in any channel, dilated by 5 pixels.
    """
    ground = border_colour(pictures[0])[:, None, None]
    marks = torch.stack([(_levels(picture) - ground).abs().amax(dim=0) > _LEVELS for picture in pictures]).any(dim=0)
    square = np.ones((2 * _WIDER + 1, 2 * _WIDER + 1), np.uint8)
    return torch.from_numpy(cv2.dilate(marks.cpu().numpy().astype(np.uint8), square) > 0)[None].to(marks.device)


def border_colour(picture: Tensor) -> Tensor:
    """Return the most frequent colour of the outermost pixels of ``[3, H, W]``, ``[3]`` in levels of 0 to 255."""
    levels = _levels(picture)
    border = torch.cat((levels[:, 0], levels[:, -1], levels[:, :, 0], levels[:, :, -1]), dim=1)
    colours, counts = np.unique(border.cpu().numpy(), axis=1, return_counts=True)
    return torch.from_numpy(colours[:, counts.argmax()]).to(picture)


def _levels(picture: Tensor) -> Tensor:
    return (picture * 255).round()
