"""The paint-bucket measures: how much is painted with the exact colour.

After Dai et al., "Learning Inclusion Matching for Animation Paint Bucket Colorization", CVPR 2024: segment accuracy
(of all segments, and of those over 10 pixels), pixel accuracy, foreground accuracy, background IoU. A pixel has
the exact colour when no channel is further than ``tolerance`` levels of 255 from the truth's: 0 for files as
painted, 2 where a codec or a finish may round.

All take result and truth ``[T, 3, H, W]`` in [0, 1] and return ``[T]`` in [0, 1], NaN where nothing is counted. With
``mask`` (bool ``[T, 1, H, W]``) only the pixels inside it count.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor

from anicolor.evaluation.check import check_mask, check_pair
from anicolor.evaluation.mask import border_colour
from anicolor.frames import check_lines
from anicolor.lines.distance import ink

__all__ = ["background_iou", "foreground_accuracy", "pixel_accuracy", "segment_accuracy"]

_ROUNDING = 0.01  # of a level: float32 is that exact at least


def pixel_accuracy(result: Tensor, truth: Tensor, mask: Tensor | None = None, tolerance: int = 0) -> Tensor:
    """Return the share of pixels with the exact colour."""
    check_pair(result, truth)
    return _share(_exact(result, truth, tolerance), check_mask(truth, mask))


def foreground_accuracy(result: Tensor, truth: Tensor, mask: Tensor | None = None, tolerance: int = 0) -> Tensor:
    """Return the share of pixels with the exact colour, of those where the truth is not background.

    The background is what has the most frequent colour of the truth's border.
    """
    check_pair(result, truth)
    return _share(_exact(result, truth, tolerance), check_mask(truth, mask) & ~_background(truth, truth, tolerance))


def background_iou(result: Tensor, truth: Tensor, mask: Tensor | None = None, tolerance: int = 0) -> Tensor:
    """Return the intersection over union of the background in result and truth."""
    check_pair(result, truth)
    mine, true = (_background(picture, truth, tolerance) for picture in (result, truth))
    return _share(mine & true, (mine | true) & check_mask(truth, mask))


def segment_accuracy(
    result: Tensor,
    truth: Tensor,
    lines: Tensor,
    mask: Tensor | None = None,
    tolerance: int = 0,
    over: int = 0,
) -> Tensor:
    """Return the share of segments painted right: those of which more than half have the exact colour.

    Segments are the 4-connected areas of paper that ``lines`` ``[T, 1, H, W]`` (0 = ink) bound; only those of more than
    ``over`` pixels count.
    """
    check_pair(result, truth)
    exact = _exact(result, truth, tolerance)
    paper = ~ink(check_lines(lines)) & check_mask(truth, mask)
    shares = [_segments_right(*frame, over) for frame in zip(_arrays(paper), _arrays(exact), strict=True)]
    return torch.tensor(shares, dtype=torch.float64)


def _segments_right(paper: np.ndarray, exact: np.ndarray, over: int) -> float:
    count, labels = cv2.connectedComponents(paper.astype(np.uint8), connectivity=4)
    sizes = np.bincount(labels.reshape(-1), minlength=count)[1:]
    right = np.bincount(labels.reshape(-1), weights=exact.reshape(-1), minlength=count)[1:]
    counted = sizes > over
    return float(np.mean(right[counted] > sizes[counted] / 2)) if counted.any() else float("nan")


def _exact(result: Tensor, truth: Tensor, tolerance: int) -> Tensor:
    return (result - truth).abs().amax(dim=1, keepdim=True) * 255 <= tolerance + _ROUNDING


def _background(pictures: Tensor, truth: Tensor, tolerance: int) -> Tensor:
    grounds = torch.stack([border_colour(picture) for picture in truth])[:, :, None, None]
    return (pictures * 255 - grounds).abs().amax(dim=1, keepdim=True) <= tolerance + _ROUNDING


def _share(hits: Tensor, among: Tensor) -> Tensor:
    """Return the share of the pixels ``among`` that are ``hits``, a frame."""
    return (hits & among).sum(dim=(1, 2, 3), dtype=torch.float64) / among.sum(dim=(1, 2, 3), dtype=torch.float64)


def _arrays(pictures: Tensor) -> Iterator[np.ndarray]:
    return iter(pictures[:, 0].cpu().numpy())
