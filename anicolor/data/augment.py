"""What happens to a drawn triple before a network sees it: other colours, other lines, other framing."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from anicolor.data.synthetic import Degradation

__all__ = ["Passage", "augment", "crop", "degrade"]

_DEGRADED = 0.5  # share of examples whose lines are degraded
_SWAPPED = 0.5  # share with their colour channels permuted
_SHIFTED = 0.5  # share with all colours turned through the hues
_MIRRORED = 0.5
_ALONE = 0.12  # share with a single keyframe, given twice


class Passage(NamedTuple):
    """A run of drawings with a keyframe at both ends, and a frame between them to paint."""

    colours: np.ndarray
    """``[3, H, W, 3]``, uint8: both keyframes, then the frame."""
    lines: np.ndarray
    """``[N, H, W]``, uint8: every drawing of the run."""
    places: tuple[int, int, int]
    """Which of the drawings those three are."""


def augment(passage: Passage, rng: np.random.Generator) -> Passage:
    """Return ``passage`` with all its frames changed alike."""
    colours, lines, (first, second, at) = passage
    if rng.random() < _MIRRORED:
        colours, lines = colours[:, :, ::-1], lines[:, :, ::-1]
    if rng.random() < 0.5:  # time runs either way
        last = len(lines) - 1
        colours, lines, first, second, at = colours[[1, 0, 2]], lines[::-1], last - second, last - first, last - at
    if rng.random() < _ALONE:
        colours, second = colours[[0, 0, 2]], first
    if rng.random() < _SWAPPED:
        colours = colours[..., rng.permutation(3)]
    if rng.random() < _SHIFTED:
        colours = _turn_hues(colours, rng)
    return Passage(np.ascontiguousarray(colours), np.ascontiguousarray(lines), (first, second, at))


def degrade(lines: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return lines ``[N, H, W]``, uint8, as scanning, resizing and compression leave them, half of the time."""
    if rng.random() >= _DEGRADED:
        return lines
    degradation = Degradation.draw(rng)
    return np.stack([degradation.apply(line) for line in lines])


def crop(ink: np.ndarray, side: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Return a window of at most ``side`` x ``side`` pixels around one of the pixels of ``ink``, bool ``[H, W]``.

    Most of a drawing is paper: windows drawn without looking would often hold none of it.
    """
    places = np.argwhere(ink)
    middle = places[rng.integers(len(places))] if len(places) else np.asarray(ink.shape) // 2
    jitter = rng.integers(-side // 3, side // 3 + 1, 2)
    top, left = np.clip(middle + jitter - side // 2, 0, np.maximum(np.asarray(ink.shape) - side, 0))
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def _turn_hues(colours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    wide = colours.reshape(-1, colours.shape[2], 3)
    hsv = cv2.cvtColor(np.ascontiguousarray(wide), cv2.COLOR_RGB2HSV).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + rng.integers(180)) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.6, 1.4), 0, 255)
    turned = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.asarray(turned).reshape(colours.shape)
