"""The flat finish: every pixel of a painted frame in one of the keyframes' exact colours, without smears.

What the colorizer is not sure of takes the nearest colour of its region that it is sure of
(docs/decisions/0009-full-size.md); then, where two colours touch that no keyframe shows so, the smaller patch gives
way, sure or not (docs/decisions/0008-flat-finish.md).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anicolor.lines.distance import nearest
from anicolor.painting.borders import PAPER, settle
from anicolor.painting.palette import Palette
from anicolor.painting.regions import default_gap, grow, regions

__all__ = ["flatten"]

_NEAR = 0.03 * 3**0.5  # of the distance in RGB: paint this close is meant to be the colour
_SURE = 0.8  # confidence: of the votes, so many are for the colour that is painted
_OPPOSITE = 0.7  # of the distance in RGB, at most 1.7: paint this far from a colour was not meant to be it
_ASIDE = 0.02  # of each channel: paint this far from the line between two colours is no mixture of them

_Whole = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


def flatten(
    palette: Palette,
    paint: Tensor,
    drawing: Tensor,
    confidence: Tensor | None = None,
    *,
    gap: int | None = None,
    enlarged: float = 1.0,
) -> Tensor:
    """Return ``paint`` ``[3, H, W]`` under ``drawing`` ``[3, H, W]`` in the colours of ``palette``.

    Paint that is far from all of them, and that the colorizer is sure of by ``confidence`` ``[1, H, W]`` (None: of
    all), is left as it is: a texture, a detail in a rare colour. ``gap`` is the widest gap in the lines, in pixels,
    that bounds a region all the same (None: by the frame's size), ``enlarged`` how much larger the frame is than what
    the colorizer painted: mixtures of two colours at their border are narrowed by as much.
    """
    distance, rows = palette.nearest(paint)
    far = distance > _NEAR
    snapped = torch.where(torch.from_numpy(far), paint, palette.colours.T[:, torch.from_numpy(rows)])
    if not palette.borders_known:
        return snapped
    paper = (drawing.amin(dim=0) > PAPER).numpy()
    shown = palette.families[rows]
    unsure = np.zeros_like(paper) if confidence is None else paper & (confidence[0].numpy() < _SURE)
    if enlarged > 1:
        unsure |= paper & far & _mixed(snapped, paint, far, enlarged)
    filled = _filled(shown, unsure, paper, confidence, gap)
    filled = _plausible(filled, shown, paint, palette)
    settled = settle(filled, paper, paint.numpy(), palette.colours.double().numpy(), palette.families, palette.touching)
    changed = unsure | (settled != shown)
    flat = snapped.flatten(1).clone()
    there = torch.from_numpy(np.flatnonzero(changed))
    flat[:, there] = palette.of_family(settled[changed], paint.flatten(1)[:, there])
    if paper.any():
        flat = flat[:, torch.from_numpy(nearest(paper).ravel())]  # lines lie on the paint beside them
    return _smooth(flat.view_as(paint), paint, changed, enlarged)


def _mixed(snapped: Tensor, paint: Tensor, far: _Flags, enlarged: float) -> _Flags:
    """Return which pixels of ``paint`` ``[3, H, W]`` lie between colours of ``snapped`` that are close by."""
    reach = np.ones((2 * int(np.ceil(enlarged)) + 1,) * 2, np.uint8)
    mixed = np.ones_like(far)
    for colours, given in zip(snapped.numpy(), paint.numpy(), strict=True):
        least = cv2.erode(np.where(far, np.float32(1), colours), reach)
        most = cv2.dilate(np.where(far, np.float32(0), colours), reach)
        mixed &= (given > least - _ASIDE) & (given < most + _ASIDE)
    return mixed


def _filled(shown: _Whole, unsure: _Flags, paper: _Flags, confidence: Tensor | None, gap: int | None) -> _Whole:
    """Return the families ``shown`` ``[H, W]`` with those of ``unsure`` pixels taken from what is sure around them.

    Where a region has nothing that is, it takes the family with most confidence in it.
    """
    if not unsure.any():
        return shown
    parts = regions(paper, default_gap(*paper.shape) if gap is None else gap)
    found = grow(np.where(paper & ~unsure, shown + 1, 0).astype(np.int32), unsure, parts)
    filled = np.where(unsure & (found > 0), found - 1, shown).astype(np.int64)
    left = unsure & (found == 0)
    if left.any():
        sure = np.ones(int(left.sum())) if confidence is None else confidence[0].numpy()[left].astype(np.float64)
        which, part = np.unique(parts[left], return_inverse=True)
        families = int(shown.max()) + 1
        votes = np.bincount(part * families + shown[left], sure + 1e-6, len(which) * families)
        filled[left] = votes.reshape(len(which), families).argmax(axis=1)[part]
    return filled


def _plausible(filled: _Whole, shown: _Whole, paint: Tensor, palette: Palette) -> _Whole:
    """Return ``filled`` ``[H, W]``, but families as ``shown`` where ``paint`` has next to nothing of the new colour.

    Only those that may touch it: others leaked through a gap, and would take all that they touch along.
    """
    places = np.flatnonzero((filled != shown) & palette.touching[filled, shown])
    given = paint.flatten(1)[:, torch.from_numpy(places)]
    apart = (palette.of_family(filled.ravel()[places], given) - given).square().sum(dim=0).numpy()
    back = places[apart > _OPPOSITE**2]
    filled = filled.copy()
    filled.ravel()[back] = shown.ravel()[back]
    return filled


def _smooth(flat: Tensor, paint: Tensor, changed: _Flags, enlarged: float) -> Tensor:
    """Return ``flat`` ``[3, H, W]`` with pixels at a border mixed as in ``paint``, the mixture narrowed."""
    colours, given = flat.flatten(1).T.numpy(), paint.flatten(1).T.numpy()
    height, width = changed.shape
    places = np.flatnonzero(changed)
    other = np.full(len(places), -1)
    y, x = places // width, places % width
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        beside = np.clip(y + dy, 0, height - 1) * width + np.clip(x + dx, 0, width - 1)
        differs = (colours[beside] != colours[places]).any(axis=1)
        other = np.where((other < 0) & differs, beside, other)
    places, other = places[other >= 0], other[other >= 0]
    own, next_, mixed = colours[places], colours[other], given[places]
    step = own - next_
    share = ((mixed - next_) * step).sum(axis=1) / np.square(step).sum(axis=1)
    on_the_way = np.abs(next_ + share[:, None] * step - mixed).max(axis=1) < _ASIDE
    narrowed = np.clip(0.5 + (share - 0.5) * enlarged, 0, 1)[:, None]
    smooth = flat.clone()
    places_, narrowed = places[on_the_way], narrowed[on_the_way]
    blend = next_[on_the_way] + narrowed * step[on_the_way]
    smooth.flatten(1)[:, torch.from_numpy(places_)] = torch.from_numpy(blend).T
    return smooth
