"""The pictures of the worst frames, kept while a film streams by."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from anicolor.pages.image import Bytes, Floats, fit, levels, webp

__all__ = ["HEAT_TICKS", "Gallery", "Thumbnail", "WorstFrame", "heat", "heat_colours"]

_QUALITY, _LOSSLESS = 90, 0.25  # few pictures, looked at closely

HEAT_TICKS = (0, 16, 64, 144, 255)
"""Levels for the legend: a quarter of the heat map's colours each."""


@dataclass(frozen=True)
class WorstFrame:
    """One frame's pictures, WebP files of at most ``width`` x ``height``, and where in the evaluations it is.

    ``film`` and ``shot`` are indices, ``frame`` is the ordinal in its film.
    """

    film: int
    shot: int
    frame: int
    width: int
    height: int
    result: bytes
    truth: bytes | None
    error: bytes | None


@dataclass(frozen=True)
class Thumbnail:
    """A shot's worst frame so far: its ordinal in the film, and a small WebP file."""

    frame: int
    badness: float
    width: int
    height: int
    image: bytes


class Gallery:
    """Keeps the pictures of the worst frames while a film streams by: flat memory.

    It holds encoded files only: three for each of the ``worst`` frames of all films, and one thumbnail a shot.

    Args:
        worst: how many frames to keep with result, truth and error.
        side: their longer side in pixels; smaller frames stay as they are.
        thumbnail: a thumbnail's longer side.

    Raises:
        ValueError: a negative number of frames, or a side below one pixel.
    """

    def __init__(self, worst: int = 12, side: int = 480, thumbnail: int = 160) -> None:
        if worst < 0 or min(side, thumbnail) < 1:
            raise ValueError(f"a gallery needs worst >= 0 and sides >= 1, got {worst}, {side} and {thumbnail}")
        self._most, self._side, self._small = worst, side, thumbnail
        # The least bad on top; the count makes the earlier of two equals stay, and never compares pictures.
        self._heap: list[tuple[float, int, WorstFrame]] = []
        self._seen = 0
        self._shots: dict[tuple[int, int], Thumbnail] = {}

    @property
    def worst(self) -> tuple[WorstFrame, ...]:
        """The worst frames of all films, the worst first, equals in the order of the films."""
        return tuple(frame for *_, frame in sorted(self._heap, key=lambda entry: entry[:2], reverse=True))

    @property
    def shots(self) -> Mapping[tuple[int, int], Thumbnail]:
        """The worst frame of each shot, by film and shot."""
        return self._shots

    def see(self, film: int, shot: int, frame: int, badness: float, result: Tensor, truth: Tensor | None) -> None:
        """Look at a scored frame; keep its pictures if it is among the worst.

        Args:
            film: index of the film in the evaluations.
            shot: index of the shot in its film.
            frame: ordinal of the frame in its film.
            badness: higher is worse; what is not a number is as bad as can be.
            result: ``[3, H, W]`` in [0, 1].
            truth: the same, or None where there is none.

        Raises:
            ValueError: another shape, or a truth of another size.
        """
        _check(result, truth)
        badness = math.inf if math.isnan(badness) else badness
        self._seen += 1
        best = self._shots.get((film, shot))
        is_thumbnail = best is None or badness > best.badness
        is_worst = self._most > 0 and (len(self._heap) < self._most or badness > self._heap[0][0])
        if not is_thumbnail and not is_worst:
            return
        pixels = _pixels(result)
        if is_thumbnail:
            self._shots[film, shot] = _thumbnail(frame, badness, fit(pixels, self._small))
        if is_worst:
            self._push(badness, _worst_frame(film, shot, frame, pixels, truth, self._side))

    def _push(self, badness: float, frame: WorstFrame) -> None:
        entry = badness, -self._seen, frame
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heapreplace(self._heap, entry)


def heat(errors: Floats) -> Bytes:
    """Return ``errors`` (``[H, W]``, in levels, 0 to 255) as a heat map, uint8 RGB ``[H, W, 3]``.

    The colour goes with the square root of the level: a wrong fill of a few levels is seen too.
    """
    steps = np.rint(np.sqrt(np.clip(errors, 0, 255) * 255)).astype(np.uint8)
    colours: Bytes = cv2.cvtColor(cv2.applyColorMap(steps, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    return colours


def heat_colours(count: int = 17) -> tuple[str, ...]:
    """Return ``count`` evenly spaced colours of the heat map as ``#rrggbb``, from no error to 255 levels."""
    errors = np.square(np.linspace(0, 1, count, dtype=np.float32)) * 255
    return tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in heat(errors[None])[0].tolist())


def _check(result: Tensor, truth: Tensor | None) -> None:
    if result.ndim != 3 or result.shape[0] != 3:
        raise ValueError(f"result: expected [3, H, W], got {list(result.shape)}")
    if truth is not None and truth.shape != result.shape:
        raise ValueError(f"truth: expected {list(result.shape)} as the result has, got {list(truth.shape)}")


def _worst_frame(film: int, shot: int, frame: int, result: Floats, truth: Tensor | None, side: int) -> WorstFrame:
    shown = fit(result, side)
    height, width = shown.shape[:2]
    true_file, error_file = None, None
    if truth is not None:
        true = _pixels(truth)
        # The error is taken at full size: shrunk pictures would agree where the drawings do not.
        error = fit(np.abs(result - true).max(axis=2) * 255, side)
        true_file, error_file = _encode(levels(fit(true, side))), _encode(heat(error))
    return WorstFrame(film, shot, frame, width, height, _encode(levels(shown)), true_file, error_file)


def _thumbnail(frame: int, badness: float, shown: Floats) -> Thumbnail:
    height, width = shown.shape[:2]
    return Thumbnail(frame, badness, width, height, _encode(levels(shown)))


def _pixels(frame: Tensor) -> Floats:
    values = frame.detach().cpu().float().nan_to_num(0).clamp(0, 1)
    pixels: Floats = np.ascontiguousarray(values.permute(1, 2, 0).numpy())
    return pixels


def _encode(picture: Bytes) -> bytes:
    return webp(picture, _QUALITY, _LOSSLESS)
