"""Exact distance fields of line art: how far every pixel is from the nearest ink.

They spread thin lines over the page, which makes matching two drawings easier
(Shi et al., Deep Line Art Video Colorization with a Few References, section 3.1).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.frames import check_frames, check_lines

__all__ = [
    "FAINT",
    "apart",
    "around",
    "distance_field",
    "ink",
    "nearest",
    "normalized_distance",
    "proximity",
    "without_ink",
]

# Paper this dark is noise of a scan or of compression.
_NOISE = 0.05
# Beside black lines, pale ones must stay ink: half of this is always dark enough.
_DARK = 0.5
_REACH = 0.04  # of the longer side: where the proximity has fallen to 1 / e
_AROUND = 15  # pixels a side of the square in which lines are compared


FAINT = 0.1
"""A threshold of :func:`ink` that misses nothing: on saha pale joints of thin lines leak from 0.25 on."""


def distance_field(lines: Tensor, threshold: float = 0.5) -> Tensor:
    """Return the Euclidean distance ``[T, 1, H, W]`` in pixels to the nearest ink of ``lines`` (see ``ink``).

    Exact (Felzenszwalb and Huttenlocher's transform, from OpenCV). A frame without ink has the length of its
    diagonal everywhere: further than any ink could be, and finite.

    Raises:
        ValueError: ``lines`` have another shape or type.
    """
    fields = [_exact(page[0].numpy()) for page in ink(lines, threshold).cpu()]
    return torch.from_numpy(np.stack(fields))[:, None].to(lines)


def normalized_distance(lines: Tensor, scale: float, threshold: float = 0.5) -> Tensor:
    """Return ``1 - exp(-distance / scale)`` ``[T, 1, H, W]`` in [0, 1]: 0 on ink, near 1 far from it.

    ``scale`` is in pixels: there the field has climbed to 0.63. It saturates, so that empty paper far from
    everything says little.

    Raises:
        ValueError: ``lines`` have another shape or type.
    """
    return 1 - torch.exp(-distance_field(lines, threshold) / scale)


def proximity(lines: Tensor) -> Tensor:
    """Return ``exp(-d / reach)`` of the distance d to the nearest ink, ``[T, 1, H, W]``: 1 at the ink.

    Line art is sparse; flow and matching need a value everywhere (Shi et al., section 3.1, use the distance
    field for that).
    """
    return 1 - normalized_distance(lines, _REACH * max(lines.shape[-2:]))


def apart(fields: Tensor, others: Tensor) -> Tensor:
    """Return how far lines lie from others around each place, ``[T, K, H, W]``, at least 0.

    That is the mean difference of their proximity fields ``[T, K, H, W]`` (or ``[T, 1, H, W]`` for all K) around it.
    """
    return around((fields - others).abs())


def around(picture: Tensor) -> Tensor:
    """Return the mean of ``picture`` ``[T, C, H, W]`` in the square of 15 pixels around each place."""
    for side in ((1, _AROUND), (_AROUND, 1)):  # row by row, then column by column: the same mean, with less to add
        reach = side[0] // 2, side[1] // 2
        picture = F.avg_pool2d(picture, side, 1, reach, count_include_pad=False)
    return picture


def nearest(mask: npt.NDArray[np.bool_], places: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64]:
    """Return for each pixel ``[H, W]`` the place (row by row) of the nearest one in ``mask``, which has some.

    With ``places`` ``[n]`` only those of the pixels there, ``[n]``.
    """
    _, labels = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    sources = np.flatnonzero(mask)  # row by row, as they are labelled
    found: npt.NDArray[np.int64] = sources[(labels if places is None else labels.ravel()[places]) - 1]
    return found


def without_ink(images: Tensor, lines: Tensor) -> Tensor:
    """Return ``images`` ``[T, 3, H, W]`` with the colour of the nearest paper where ``lines`` ``[T, 1, H, W]`` are ink.

    Ink is what has a tenth of the darkness of typical ink: pale joints of thin lines, and soft edges too. Pictures
    without paper stay as they are.

    Raises:
        ValueError: ``images`` or ``lines`` have another shape or type.
    """
    papers = ~ink(lines, FAINT)[:, 0].cpu().numpy()
    return torch.stack([_spread(image, paper) for image, paper in zip(check_frames(images), papers, strict=True)])


def _spread(image: Tensor, paper: npt.NDArray[np.bool_]) -> Tensor:
    if not paper.any():
        return image
    places = torch.from_numpy(nearest(paper)).flatten().to(image.device)
    return image.flatten(1)[:, places].view_as(image)


def ink(lines: Tensor, threshold: float = 0.5) -> Tensor:
    """Return which pixels of ``lines`` ``[T, 1, H, W]`` are ink, as bool of the same shape.

    Ink is at least ``threshold`` times as dark as typical ink, the 90th percentile of what is on the paper
    but at most half black: lines that are pale, or became pale when a thin drawing was made small, count.

    Raises:
        ValueError: ``lines`` have another shape or type.
    """
    darkness = 1 - check_lines(lines)
    typical = darkness.new_tensor([_typical(page) for page in darkness])[:, None, None, None]
    return darkness >= threshold * typical


def _typical(darkness: Tensor) -> float:
    marks = darkness.detach().cpu().numpy()
    marks = marks[marks > _NOISE]
    return min(_DARK, float(np.percentile(marks, 90))) if marks.size else _DARK


def _exact(page: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    if not page.any():
        return np.full(page.shape, np.hypot(*page.shape), dtype=np.float32)
    paper = np.where(page, 0, 255).astype(np.uint8)
    field = cv2.distanceTransform(paper, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64)
    # Squared, it is whole numbers; OpenCV's last bit depends on where the page lies in memory (measured).
    exact: npt.NDArray[np.float32] = np.sqrt(np.rint(np.square(field))).astype(np.float32)
    return exact
