"""Clean-up of scanned drawings: paper tone, shadows and crayon go, pencil and ink stay as they are."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anicolor.frames import check_frames

__all__ = ["clean"]

_Plane: TypeAlias = npt.NDArray[Any]

_SIDE = 480  # shorter side of the page that the paper is measured on
_WINDOW = 25  # pixels of it: wider than a line and its neighbours, narrower than a shadow
_SPOT = 121  # the same: wider than a solid black, narrower than the shadow of the page's fold
_SOLID = 0.75  # share of the page's paper: what is not even this bright and coloured together is ink, not crayon
_WEIGHT = (1.0, 1.0, 0.5)  # of red, green and blue: what only blue shows is yellow, and crayon rather than ink
_FAINT = 0.03  # darkness that even clean paper has, of compression
_GRAIN, _MOST = 3.5, 0.2  # times its grain, paper is still paper; but never more than this dark


def clean(frames: Tensor) -> Tensor:
    """Return the pencil and ink of scanned drawings ``[T, 3, H, W]`` in [0, 1] as lines ``[T, 1, H, W]``.

    The paper, with its tone, shading, light crayon and colour wash, is what lies around the lines; a line is as
    dark as it is beside that paper, and keeps its grey levels and its soft border. What does not stand out of the
    grain of the paper around it becomes white. Solid blacks stay. Pencil is kept whole that is 0.06 darker than
    clean paper; on rough crayon it takes up to 0.4.

    Raises:
        ValueError: ``frames`` have another shape or type.
    """
    pages = [_clean(frame) for frame in check_frames(frames).detach().cpu().float().permute(0, 2, 3, 1).numpy()]
    return torch.from_numpy(np.stack(pages))[:, None].to(frames)


def _clean(picture: _Plane) -> _Plane:
    """Of one picture ``[H, W, 3]``: its lines ``[H, W]``."""
    height, width = picture.shape[:2]
    step = max(1, round(min(height, width) / _SIDE))
    # Every n-th pixel, not their means: those would have less grain.
    paper, faint = (cv2.resize(plane, (width, height)) for plane in _paper(picture[::step, ::step]))
    darkness = _darkness(picture, paper)
    # Untouched where it stands out, nothing where it does not, and no step between.
    share = np.clip(darkness / faint - 1, 0, 1)
    return np.asarray(1 - darkness * share * share * (3 - 2 * share))


def _paper(picture: _Plane) -> tuple[_Plane, _Plane]:
    """Return the local paper ``[H, W, 3]``, in (0, 1], and how dark it may be and still be paper ``[H, W]``."""
    local = np.maximum(_median(picture), 0.1)
    first = _darkness(picture, local)
    # What is darker than any grain is ink, and would make its own soft border paper.
    faint = np.clip(_GRAIN * _median(np.where(first > 2 * _MOST, 0, first)), _FAINT, _MOST)
    page = _page(local)
    # Where lines are dense the median is half ink: measure again beside them. Far from all paper the page's holds.
    # Crayon is bright or coloured, ink is neither.
    shade = picture / page
    light = 2 * _brightest(shade) + _brightest(-shade)
    bare = ((first < faint) & (light > _SOLID)).astype(np.float32)
    weight = _soft(bare) + 0.01
    paper = (_soft(picture * bare[..., None]) + 0.01 * page) / weight[..., None]
    return paper, faint


def _page(local: _Plane) -> _Plane:
    """Return the paper ``[H, W, 3]`` without what is drawn on it: spots darker than what surrounds them go."""
    square = np.ones((_SPOT, _SPOT), np.uint8)
    return np.asarray(cv2.morphologyEx(local, cv2.MORPH_CLOSE, square, borderType=cv2.BORDER_REPLICATE))


def _darkness(picture: _Plane, paper: _Plane) -> _Plane:
    """Return how much darker than its ``paper`` a picture ``[H, W, 3]`` is, ``[H, W]`` in [0, 1]."""
    # In the channel that shows the ink best, beside the brightest of the paper: on blue crayon, the grain of the
    # red channel counts little.
    lack = (paper - picture) * np.array(_WEIGHT, np.float32)
    darkness: _Plane = _brightest(lack) / _brightest(paper)
    return darkness.clip(0, 1)


def _brightest(picture: _Plane) -> _Plane:
    red, green, blue = cv2.split(picture)
    return np.asarray(cv2.max(cv2.max(red, green), blue))


def _median(plane: _Plane) -> _Plane:
    # Large medians are fast on bytes; the blur hides their 256 levels.
    return _soft(cv2.medianBlur(np.rint(plane * 255).astype(np.uint8), _WINDOW).astype(np.float32) / 255)


def _soft(plane: _Plane) -> _Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), _WINDOW / 6))
