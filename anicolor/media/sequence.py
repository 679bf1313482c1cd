"""Numbered images: names, gaps, one size; the drawings' own numbers are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from anicolor.errors import InputError
from anicolor.frames import FrameRange
from anicolor.media.film import Film, FilmInfo
from anicolor.media.images import Header, picture_size, read_header, read_picture
from anicolor.media.picture import Picture

__all__ = [
    "IMAGE_SUFFIXES",
    "Numbered",
    "SequenceFilm",
    "list_numbered",
    "list_pattern",
    "parse_name",
    "picture_size",
    "read_picture",
    "unnumbered",
]

IMAGE_SUFFIXES = frozenset({".png", ".tga", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".bmp"})

_NAME = re.compile(r"(?P<stem>.*?)(?P<separator>[._\- ]?)(?P<digits>[0-9]+)(?P<letter>[A-Za-z]?)")
_PLACEHOLDER = re.compile(r"%(?:0(?P<padding>\d+))?d")


@dataclass(frozen=True)
class Numbered:
    """An image whose name ends in a number: ``A_0007a.png`` is ``A``, ``_``, ``0007``, ``a``."""

    path: Path
    stem: str
    separator: str
    digits: str
    letter: str = ""

    @property
    def number(self) -> int:
        """The drawing's own number."""
        return int(self.digits)

    @property
    def series(self) -> str:
        """What every drawing of the series has before its number."""
        return self.stem + self.separator


def parse_name(path: Path) -> Numbered | None:
    """Take an image's name apart; None when it is no image or has no number at its end."""
    match = _NAME.fullmatch(path.stem)
    if match is None or path.suffix.lower() not in IMAGE_SUFFIXES:
        return None
    return Numbered(path, match["stem"], match["separator"], match["digits"], match["letter"])


def list_numbered(folder: Path) -> tuple[Numbered, ...]:
    """Return the numbered images of a folder, by number; gaps are kept, hidden files left out.

    Raises:
        InputError: no folder, no numbered image in it, several series, or a number twice.
    """
    found = [image for path in _images(folder) if (image := parse_name(path))]
    if not found:
        raise InputError(f"{folder}: no numbered image in it: expected names like A.0001.png or A0001.tga")
    series = sorted({image.series for image in found})
    if len(series) > 1:
        names = ", ".join(_as_pattern(next(i for i in found if i.series == one)) for one in series)
        raise InputError(f"{folder}: {len(series)} series in one folder: name one as a pattern: {names}")
    return _ordered(found)


def list_pattern(pattern: Path) -> tuple[Numbered, ...]:
    """Return the images that fit a pattern such as ``A.%04d.png``, by number.

    Raises:
        InputError: no pattern, no such folder, nothing that fits, or a number twice.
    """
    place = _PLACEHOLDER.search(pattern.name)
    if place is None:
        raise InputError(f"{pattern}: expected a folder or a pattern like A.%04d.png")
    stem, rest = pattern.name[: place.start()], pattern.name[place.end() :]
    digits = r"0|[1-9]\d*" if place["padding"] is None else rf"\d{{{place['padding']}}}|[1-9]\d{{{place['padding']},}}"
    names = re.compile(f"{re.escape(stem)}(?P<digits>{digits}){re.escape(rest)}", re.ASCII)
    found = [
        Numbered(path, stem, "", match["digits"], Path(rest).stem if Path(rest).suffix else "")
        for path in _images(pattern.parent)
        if (match := names.fullmatch(path.name))
    ]
    if not found:
        raise InputError(f"{pattern}: no image fits this pattern: check the name and the number of digits")
    return _ordered(found)


def unnumbered(folder: Path) -> tuple[Path, ...]:
    """Return the images of a folder whose names have no number at the end, by name."""
    return tuple(path for path in _images(folder) if parse_name(path) is None)


class SequenceFilm(Film):
    """A folder of numbered images, or a pattern; one frame for each image, whatever its number.

    Raises:
        InputError: as :func:`list_numbered`; nothing fits the pattern; frames of different sizes.
        AnicolorError: an image whose header cannot be read.
    """

    def __init__(self, path: Path, rate: Fraction = Fraction(24)) -> None:
        whole_folder = path.is_dir()
        self.images = list_numbered(path) if whole_folder else list_pattern(path)
        headers = [read_header(image.path) for image in self.images]
        _check_sizes(self.images, headers)
        self.info = FilmInfo(
            path=path,
            kind="sequence",
            width=headers[0].width,
            height=headers[0].height,
            frames=len(self.images),
            numbers=tuple(image.number for image in self.images),
            rate=rate,
            alpha=any(header.alpha for header in headers),
            bits=max(header.bits for header in headers),
            audio=False,
            notes=_notes(unnumbered(path)) if whole_folder else (),
        )

    def read(self, span: FrameRange | None = None) -> Iterator[Picture]:
        """Yield the drawings of ``span`` (ordinals, not numbers) in order; see :class:`Film`."""
        span = self._span(span)
        return (read_picture(image.path) for image in self.images[span.start : span.stop])

    def name(self, index: int) -> str:
        """Return the file name of frame ``index``."""
        return self.images[index].path.name


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder: check the name")
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _as_pattern(image: Numbered) -> str:
    return f"{image.series}%0{len(image.digits)}d{image.letter}{image.path.suffix}"


def _ordered(images: Iterable[Numbered]) -> tuple[Numbered, ...]:
    """Sort by number; the same number twice would make two drawings one."""
    ordered = sorted(images, key=lambda image: (image.number, image.path.name))
    for one, other in pairwise(ordered):
        if one.number == other.number:
            names = f"{one.path.name} and {other.path.name}"
            raise InputError(f"{one.path.parent}: number {one.number} is there twice: {names}: keep one")
    return tuple(ordered)


def _check_sizes(images: tuple[Numbered, ...], headers: list[Header]) -> None:
    first = headers[0]
    for image, header in zip(images, headers, strict=True):
        if (header.width, header.height) != (first.width, first.height):
            raise InputError(
                f"{image.path}: {header.width}x{header.height}, but {images[0].path.name} is "
                f"{first.width}x{first.height}: frames of one film have one size"
            )


def _notes(left_out: tuple[Path, ...]) -> tuple[str, ...]:
    if not left_out:
        return ()
    return (f"images without a number left out: {', '.join(path.name for path in left_out)}",)
