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
from anicolor.painting.borders import CLEAN, PAPER, settle
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
    snapped = palette.colours.T[:, torch.from_numpy(rows)]
    away = torch.from_numpy(np.flatnonzero(far))
    snapped.flatten(1)[:, away] = paint.flatten(1)[:, away]
    if not palette.borders_known:
        return snapped
    lightness = drawing.amin(dim=0)
    paper = (lightness > PAPER).numpy()
    shown = palette.families[rows]
    unsure = np.zeros_like(paper) if confidence is None else paper & (confidence[0].numpy() < _SURE)
    if enlarged > 1:
        unsure |= paper & _mixed(snapped, paint, far, enlarged)
    filled = _filled(shown, unsure, paper, confidence, gap)
    filled = _plausible(filled, shown, paint, palette)
    settled = settle(filled, paper, paint.numpy(), palette.colours.double().numpy(), palette.families, palette.touching)
    changed = unsure | (settled != shown)
    flat = snapped.flatten(1)
    there = torch.from_numpy(np.flatnonzero(changed))
    flat[:, there] = palette.of_family(settled[changed], paint.flatten(1)[:, there])
    if paper.any():
        under = np.flatnonzero(~paper)
        sources = _beside(under, paper, (lightness > CLEAN).numpy())
        flat[:, torch.from_numpy(under)] = flat[:, torch.from_numpy(sources)]
    return _smooth(flat.view_as(paint), paint, changed, paper, enlarged)


def _beside(under: _Whole, paper: _Flags, clean: _Flags) -> _Whole:
    """Return for each of the places ``under`` lines ``[n]`` the one whose paint they lie on.

    That is the nearest on ``paper``, ``clean`` paper first where it is side by side with the line: a line's soft edge
    may have a mixture of the colours on both sides.
    """
    sources = nearest(paper, under)
    if clean.any():
        cleanest = nearest(clean, under)
        width = paper.shape[1]
        away = np.maximum(abs(cleanest // width - under // width), abs(cleanest % width - under % width))
        sources = np.where(away <= 1, cleanest, sources)
    return sources


def _mixed(snapped: Tensor, paint: Tensor, far: _Flags, enlarged: float) -> _Flags:
    """Return which ``far`` pixels of ``paint`` ``[3, H, W]`` lie between colours of ``snapped`` that are close by."""
    reach = np.ones((2 * int(np.ceil(enlarged)) + 1,) * 2, np.uint8)
    places = np.flatnonzero(far)
    for colours, given in zip(snapped.numpy(), paint.flatten(1).numpy(), strict=True):
        known = colours.copy()
        known[far] = 1
        least = cv2.erode(known, reach).ravel()[places]
        known[far] = 0
        most = cv2.dilate(known, reach).ravel()[places]
        mixture = given[places]
        places = places[(mixture > least - _ASIDE) & (mixture < most + _ASIDE)]
    mixed = np.zeros_like(far)
    mixed.ravel()[places] = True
    return mixed


def _filled(shown: _Whole, unsure: _Flags, paper: _Flags, confidence: Tensor | None, gap: int | None) -> _Whole:
    """Return the families ``shown`` ``[H, W]`` with those of ``unsure`` pixels taken from what is sure around them.

    Where a region has nothing that is, it takes the family with most confidence in it.
    """
    if not unsure.any():
        return shown
    parts = regions(paper, default_gap(*paper.shape) if gap is None else gap)
    found = grow(np.where(paper & ~unsure, shown.astype(np.int32) + 1, 0), unsure, parts)
    asked = np.flatnonzero(unsure)
    given, filled = found.ravel()[asked], shown.copy()
    filled.ravel()[asked] = np.where(given > 0, given - 1, shown.ravel()[asked])
    left = asked[given == 0]
    if len(left):
        sure = np.ones(len(left)) if confidence is None else confidence[0].numpy().ravel()[left].astype(np.float64)
        which, part = np.unique(parts.ravel()[left], return_inverse=True)
        families = int(shown.max()) + 1
        votes = np.bincount(part * families + shown.ravel()[left], sure + 1e-6, len(which) * families)
        filled.ravel()[left] = votes.reshape(len(which), families).argmax(axis=1)[part]
    return filled


def _plausible(filled: _Whole, shown: _Whole, paint: Tensor, palette: Palette) -> _Whole:
    """Return ``filled`` ``[H, W]``, but families as ``shown`` where ``paint`` has next to nothing of the new colour.

    Only those that may touch it: others leaked through a gap, and would take all that they touch along.
    """
    places = np.flatnonzero(filled != shown)
    places = places[palette.touching[filled.ravel()[places], shown.ravel()[places]]]
    given = paint.flatten(1)[:, torch.from_numpy(places)]
    apart = (palette.of_family(filled.ravel()[places], given) - given).square().sum(dim=0).numpy()
    back = places[apart > _OPPOSITE**2]
    filled = filled.copy()
    filled.ravel()[back] = shown.ravel()[back]
    return filled


def _smooth(flat: Tensor, paint: Tensor, changed: _Flags, paper: _Flags, enlarged: float) -> Tensor:
    """Mix pixels of ``flat`` ``[3, H, W]`` at a border on ``paper`` as in ``paint``, but narrowed, and return it."""
    height, width = changed.shape
    colours, given = flat.flatten(1).numpy(), paint.flatten(1).numpy()
    places, open_ = np.flatnonzero(changed), paper.ravel()
    other = np.full(len(places), -1)
    y, x = np.divmod(places, width)
    for onward, inside in ((-width, y > 0), (width, y < height - 1), (-1, x > 0), (1, x < width - 1)):
        beside = np.where(inside, places + onward, places)
        border = open_[beside] & (colours[:, places] != colours[:, beside]).any(axis=0)
        other[border] = beside[border]  # the last one that differs counts
    places, other = places[other >= 0], other[other >= 0]
    next_, mixed = colours[:, other], given[:, places]
    step = colours[:, places] - next_
    share = ((mixed - next_) * step).sum(axis=0) / np.square(step).sum(axis=0)
    on_the_way = np.abs(next_ + share * step - mixed).max(axis=0) < _ASIDE
    narrowed = np.clip(0.5 + (share - 0.5) * enlarged, 0, 1)
    blend = (next_ + narrowed * step)[:, on_the_way]
    flat.flatten(1)[:, torch.from_numpy(places[on_the_way])] = torch.from_numpy(blend)
    return flat
