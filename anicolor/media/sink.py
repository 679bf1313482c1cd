"""Where painted frames go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from anicolor.media.picture import Picture

__all__ = ["Sink"]


class Sink(ABC):
    """Takes painted frames inside a ``with`` block; indices are the film's ordinals."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told; complete once the first frame is written."""
        return ()

    @abstractmethod
    def write(self, index: int, picture: Picture) -> None:
        """Write frame ``index``.

        Raises:
            ValueError: no such frame; for a video, not the next one.
            AnicolorError: the disk is full, or the place cannot be written.
        """

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
