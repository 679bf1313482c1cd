"""A film: frames in order, whatever carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from anicolor.frames import FrameRange
from anicolor.media.picture import Picture, shrunk

__all__ = ["Film", "FilmInfo", "Matrix"]

Matrix = Literal["bt601", "bt709"]


@dataclass(frozen=True)
class FilmInfo:
    """What can be said about a film before its frames are read."""

    path: Path
    """The video, the folder or the pattern, as it was named."""
    kind: Literal["video", "sequence"]
    width: int
    height: int
    frames: int
    numbers: tuple[int, ...]
    """The drawings' own numbers, or ``0 ... frames - 1`` for a video."""
    rate: Fraction
    """Frames a second, exact."""
    alpha: bool
    bits: int
    """Bits of a channel as read: 8 or 16."""
    audio: bool
    notes: tuple[str, ...] = ()
    """What the user should be told, a line each."""


class Film(ABC):
    """Frames in order, read as a stream; no file stays open between two reads."""

    info: FilmInfo

    @abstractmethod
    def read(self, span: FrameRange | None = None) -> Iterator[Picture]:
        """Yield the pictures of ``span`` in order, of the whole film without one.

        Raises:
            ValueError: ``span`` does not lie in the film.
            AnicolorError: a frame cannot be read; the message names it.
        """

    def small(self, side: int) -> Iterator[Picture]:
        """Yield the whole film on white paper as uint8 RGB pictures of ``side`` x ``side`` pixels; raises as ``read``.

        Their levels may be a few off those of ``read``'s pictures made small, where that is much faster.
        """
        return (shrunk(picture, side) for picture in self.read())

    @abstractmethod
    def name(self, index: int) -> str:
        """Return the file name of frame ``index``; ``frame_000000`` (no suffix) for a video."""

    @property
    def times(self) -> tuple[int, ...]:
        """When each frame is shown, in units of ``time_base``."""
        return tuple(range(self.info.frames))

    @property
    def time_base(self) -> Fraction:
        """Seconds that one unit of ``times`` lasts."""
        return 1 / self.info.rate

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a pixel over its height."""
        return Fraction(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(  # noqa: B027  (nothing stays open, so there is nothing to override)
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the film; readers close their files themselves."""

    def _span(self, span: FrameRange | None) -> FrameRange:
        whole = FrameRange(0, self.info.frames)
        if span is not None and span.stop > whole.stop:
            raise ValueError(f"{self.info.path} has frames {whole}, got {span}")
        return whole if span is None else span
