"""The pictures of a quality report, kept while a film is painted: some of each shot, and the frames that are worst."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from anicolor.frames import FrameRange
from anicolor.media.picture import Picture
from anicolor.pages.image import Bytes, Floats, Thumbnail, fit, levels, thumbnail
from anicolor.quality.notes import FrameNote

__all__ = ["DOUBT", "STRETCH", "Gallery", "Look", "Worst", "needs_an_eye", "strips"]

DOUBT = ((255, 178, 36), (208, 20, 60))
"""The colours, in levels, that a picture of doubt takes on where it is slight, and where it is entire."""

STRETCH = 4
"""Frames of which only the worst needs an eye: what is wrong in it is wrong in all of them."""

_WORST = 24
_PAINTED = 560  # pixels: the longer side of a frame that needs an eye
_STRIP, _IN_ALL = 16, 400  # pictures of a shot, and of a film
_SMALL, _SMALLEST, _MANY = 160, 112, 160  # pixels: of the pictures of a shot; smaller where there are many
_QUALITY, _LOSSLESS = 86, 0.2
_PALE = 0.35  # of its contrast is left to what lies under the doubt
_VISIBLE = 0.0005  # of the drawing: less doubt than this is no reason to look
_SQUARE = Fraction(1)


@dataclass(frozen=True)
class Look:
    """A frame that needs an eye: its picture, where its paint is doubtful if that is known, its size in pixels."""

    painted: Thumbnail
    doubt: Thumbnail | None
    width: int
    height: int


class Worst:
    """The frames that need an eye most, of all that were shown one after the other; at most ``most``.

    Of ``STRETCH`` frames in a row only the worst is one of them.
    """

    def __init__(self, most: int = _WORST) -> None:
        self._most = most
        self._kept: dict[tuple[int, int], FrameNote] = {}
        self._before: FrameNote | None = None

    @property
    def frames(self) -> tuple[FrameNote, ...]:
        """The worst first, equals in the order of the film."""
        return tuple(sorted(self._kept.values(), key=_badness, reverse=True))

    def see(self, note: FrameNote) -> bool:
        """Say whether ``note`` is one of them so far; a drawing that is held is so only once."""
        before, self._before = self._before, note
        if not needs_an_eye(note) or (before is not None and _facts(before) == _facts(note)):
            return False
        stretch = note.shot, note.index // STRETCH
        rival = self._kept.get(stretch)
        if rival is None and len(self._kept) >= self._most:
            rival = self.frames[-1]
        if rival is not None:
            if _badness(rival) >= _badness(note):
                return False
            del self._kept[rival.shot, rival.index // STRETCH]
        self._kept[stretch] = note
        return True


class Gallery:
    """Keeps pictures while a film is painted, and no more of them for a longer film.

    Args:
        shots: all shots of the film.
        pixel_aspect: width of a pixel over its height.
    """

    def __init__(self, shots: Sequence[FrameRange], pixel_aspect: Fraction = _SQUARE) -> None:
        self._wanted = frozenset(frame for strip in strips(shots).values() for frame in strip)
        self._aspect = pixel_aspect
        self._side = _SMALL if len(self._wanted) <= _MANY else _SMALLEST
        self._small: dict[int, Thumbnail] = {}
        self._worst = Worst()
        self._looks: dict[int, Look] = {}

    @property
    def small(self) -> Mapping[int, Thumbnail]:
        """Small pictures of frames of each shot, by the ordinal in the film."""
        return self._small

    @property
    def looks(self) -> Mapping[int, Look]:
        """The frames that need an eye most, by the ordinal in the film."""
        return self._looks

    def see(self, note: FrameNote, picture: Picture, confidence: Floats | None) -> None:
        """Look at a painted frame; keep its picture if the page will show it.

        Args:
            note: what is known of it.
            picture: the frame.
            confidence: ``[h, w]`` in [0, 1], of any size; not a number outside the drawing. None where it is not known.

        Raises:
            ValueError: a confidence of another shape.
        """
        if confidence is not None and confidence.ndim != 2:
            raise ValueError(f"confidence: expected [h, w], got {list(confidence.shape)}")
        if note.index in self._wanted:
            small = fit(picture.on_paper(), self._side, self._aspect)
            self._small[note.index] = _kept(levels(small))
        if self._worst.see(note):
            self._looks[note.index] = _look(picture, confidence, self._aspect)
            self._looks = {one.index: self._looks[one.index] for one in self._worst.frames}


def needs_an_eye(note: FrameNote) -> bool:
    """Say whether something in a painted frame was doubtful or was corrected."""
    doubtful = bool(note.regions) or (note.unsure or 0) >= _VISIBLE or (note.confidence is None and note.moved > 0)
    return not note.keyframe and (doubtful or note.corrected > 0)


def strips(shots: Sequence[FrameRange]) -> dict[int, tuple[int, ...]]:
    """Return which frames of which shots have a small picture: evenly spaced, and of very many shots only of some."""
    each = max(1, min(_STRIP, _IN_ALL // max(1, len(shots))))
    apart = max(1, -(-len(shots) // _IN_ALL))
    return {index: tuple(_evenly(shots[index], each)) for index in range(0, len(shots), apart)}


def _evenly(span: FrameRange, most: int) -> Iterable[int]:
    """Return the frames in the middle of equal parts of ``span``."""
    count = min(most, len(span))
    return (span.start + (2 * part + 1) * len(span) // (2 * count) for part in range(count))


def _badness(note: FrameNote) -> tuple[float, ...]:
    doubt = 0.0 if note.confidence is None else 1 - note.confidence
    return note.unsure or 0.0, doubt, note.corrected, note.moved


def _facts(note: FrameNote) -> tuple[object, ...]:
    return note.shot, note.keyframe, note.confidence, note.unsure, note.corrected, note.moved, note.regions


def _look(picture: Picture, confidence: Floats | None, pixel_aspect: Fraction) -> Look:
    painted = levels(fit(picture.on_paper(), _PAINTED, pixel_aspect))
    doubt = None if confidence is None else _kept(_doubt(painted, confidence))
    return Look(_kept(painted), doubt, picture.width, picture.height)


def _doubt(painted: Bytes, confidence: Floats) -> Bytes:
    """Return the picture ``[H, W, 3]`` pale and grey, and in the colours of doubt where ``confidence`` is low."""
    size = painted.shape[1::-1]
    way = cv2.INTER_AREA if confidence.shape[1] > size[0] else cv2.INTER_LINEAR
    known = np.clip(np.nan_to_num(confidence.astype(np.float32), nan=1), 0, 1)
    share = 1 - cv2.resize(known, size, interpolation=way)[..., None]
    pale = 255 - _PALE * (255 - cv2.cvtColor(painted, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32))
    slight, entire = (np.array(colour, np.float32) for colour in DOUBT)
    tint = slight + (entire - slight) * share
    mixed: Floats = pale + (tint - pale) * np.sqrt(share) * 0.9
    return np.rint(mixed).astype(np.uint8)


def _kept(picture: Bytes) -> Thumbnail:
    return thumbnail(picture, _QUALITY, _LOSSLESS)
