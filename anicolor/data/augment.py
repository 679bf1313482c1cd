"""What happens to a drawn triple before a network sees it: other colours, other lines, other framing."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch

from anicolor.data.synthetic import Degradation

__all__ = ["Passage", "augment", "bend", "crop", "degrade"]

_DEGRADED = 0.5  # share of examples whose lines are degraded
_SWAPPED = 0.5  # share with their colour channels permuted
_SHIFTED = 0.5  # share with all colours turned through the hues
_MIRRORED = 0.5
_ALONE = 0.12  # share with a single keyframe, given twice
_WARPED = 0.1  # share whose keyframes are the frame itself, warped (Cao et al., AnimeDiffusion: self-reference)
# Of the frame: where the two points that are moved lie on a diagonal, and how far they go. AnimeDiffusion's, 0.3 to 0.7
# and 0.25, tear one frame in two when the points are close together.
_MIDDLES, _MOVED = ((0.25, 0.4), (0.6, 0.75)), 0.1


class Passage(NamedTuple):
    """A run of drawings with keyframes, as a rule one at both ends, and T frames in a row between two to paint."""

    colours: np.ndarray
    """``[K + T, H, W, 3]``, uint8: the keyframes in time order, then the frames."""
    lines: np.ndarray
    """``[N, H, W]``, uint8: every drawing of the run."""
    places: tuple[int, ...]
    """Which of the drawings those are."""


def augment(passage: Passage, rng: np.random.Generator, targets: int = 1) -> Passage:
    """Return ``passage`` with all its frames changed alike; now and then its keyframes are made of the frame itself.

    Not so of several frames to paint: they move.
    """
    if rng.random() < _WARPED and targets == 1:
        passage = _self_referred(passage, rng)
    colours, lines, places = passage
    keyframes, painted = list(places[:-targets]), list(places[-targets:])
    if rng.random() < _MIRRORED:
        colours, lines = colours[:, :, ::-1], lines[:, :, ::-1]
    if rng.random() < 0.5:  # time runs either way
        last = len(lines) - 1
        colours, lines = np.concatenate([colours[:-targets][::-1], colours[-targets:][::-1]]), lines[::-1]
        keyframes, painted = ([last - at for at in reversed(run)] for run in (keyframes, painted))
    if rng.random() < _ALONE:
        colours = np.concatenate([colours[:1]] * len(keyframes) + [colours[-targets:]])
        keyframes = keyframes[:1] * len(keyframes)
    if rng.random() < _SWAPPED:
        colours = colours[..., rng.permutation(3)]
    if rng.random() < _SHIFTED:
        colours = _turn_hues(colours, rng)
    return Passage(np.ascontiguousarray(colours), np.ascontiguousarray(lines), (*keyframes, *painted))


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


def _self_referred(passage: Passage, rng: np.random.Generator) -> Passage:
    """Return the frame among thin-plate-spline warps of itself, after the first of them."""
    *keyframes, at = passage.places
    frame = np.dstack([passage.colours[-1], passage.lines[at]])
    image = torch.from_numpy(frame).permute(2, 0, 1).float() / 255
    bent = ((bend(image, rng) * 255).round().byte().permute(1, 2, 0).numpy() for _ in keyframes)
    first, *others = bent
    run = np.stack([first, frame, *others])
    places = (0, *range(2, len(run)), 1)
    return Passage(run[list(places), ..., :3], run[..., 3], places)


def bend(
    picture: torch.Tensor,
    rng: np.random.Generator,
    middles: tuple[tuple[float, float], tuple[float, float]] = _MIDDLES,
    moved: float = _MOVED,
) -> torch.Tensor:
    """Return ``[C, H, W]``, 1 = paper, with the corners where they were and two points on a diagonal moved.

    These lie at random within ``middles``, and go as far as ``moved``: shares of the frame.
    """
    # Imported on use: kornia takes seconds, and only a training comes here.
    from kornia.geometry.transform import get_tps_transform, warp_image_tps

    corners = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)], np.float32)
    along = np.array([rng.uniform(*middle) for middle in middles]) * 2 - 1
    points = np.concatenate([corners, np.stack([along, along * rng.choice([-1, 1])], axis=1)])[None]
    aims = points.copy()
    aims[:, 4:] += rng.uniform(-2 * moved, 2 * moved, (2, 2))
    source, target = torch.from_numpy(points).float(), torch.from_numpy(aims).float()
    kernel, affine = get_tps_transform(target, source)
    # What comes from outside the frame is paper.
    bent: torch.Tensor = 1 - warp_image_tps(1 - picture[None], target, kernel, affine)[0]
    return bent.clamp(0, 1)


def _turn_hues(colours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    wide = colours.reshape(-1, colours.shape[2], 3)
    hsv = cv2.cvtColor(np.ascontiguousarray(wide), cv2.COLOR_RGB2HSV).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + rng.integers(180)) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.6, 1.4), 0, 255)
    turned = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.asarray(turned).reshape(colours.shape)
