"""A film cut into its shots: a lossless video each, or a folder of the drawings as they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from anicolor.errors import InputError
from anicolor.frames import FrameRange, Shot, rebase
from anicolor.media.atomic import write_bytes, write_errors
from anicolor.media.film import Film
from anicolor.media.picture import Picture
from anicolor.media.sequence import SequenceFilm
from anicolor.media.sound import Excerpt, Soundtrack, check_audio
from anicolor.media.write import check_output, create

__all__ = ["check_split", "leftovers", "pictures_of", "split_drawings", "split_video"]


def check_split(folder: Path, film: Film, *, overwrite: bool = False) -> None:
    """Check, before any work, that the shots can be written into ``folder``.

    Raises:
        InputError: a file is there; it is the film, lies in it or holds it; it cannot be written; Matroska does
            not hold the film's audio.
        OverwriteError: the folder holds something, and ``overwrite`` is not set.
    """
    if folder.suffix and not folder.exists():
        raise InputError(f"{folder}: the shots go into a folder: name one without a suffix, or make it first")
    check_output(folder, film, overwrite)
    check_audio(film, ".mkv", {".mkv": "matroska"}, "convert the film's sound first, to PCM or AAC, or leave it out")


def leftovers(folder: Path, film: Film, shots: Sequence[Shot]) -> list[str]:
    """Return the names in ``folder`` that look like those of an earlier split and are none of this one."""
    mine = {_name(film, index, len(shots)) for index in range(len(shots))}
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [name for name in found if re.fullmatch(r"shot_\d{3,}(\.mkv)?", name) and name not in mine]


def pictures_of(
    film: Film, shots: Sequence[Shot], wanted: Collection[int], folder: Path | None = None
) -> Iterator[tuple[int, Picture | None]]:
    """Go through the film once: yield its frames in order, with the pictures of those ``wanted`` at least.

    With ``folder`` each shot is written there on the way: a video's as :func:`split_video` does, the images of a
    sequence as :func:`split_drawings`; both say what they raise.
    """
    if isinstance(film, SequenceFilm):
        copied = split_drawings(film, shots, folder) if folder is not None else iter(range(film.info.frames))
        for frame in copied:
            yield frame, next(film.read(FrameRange(frame, frame + 1))) if frame in wanted else None
        return
    pictures = film.read()
    yield from enumerate(pictures if folder is None else split_video(pictures, film, shots, folder))


def split_video(pictures: Iterable[Picture], film: Film, shots: Sequence[Shot], folder: Path) -> Iterator[Picture]:
    """Write each shot as ``shot_000.mkv`` (FFV1, as exact as the pictures) and pass the film's pictures on.

    Times are kept, counted from the shot's first frame. Sound is kept as it is, to a packet; see :class:`Excerpt`.
    Files are replaced; each appears whole or not at all.

    Raises:
        AnicolorError: a frame cannot be read, the disk is full, or the place cannot be written.
    """
    _make(folder)
    source = iter(pictures)
    with Soundtrack(film) as track:
        for index, shot in enumerate(shots):
            part, sound = _Part(film, shot.frames), Excerpt(track, *_seconds(film, shot.frames))
            with create(folder / _name(film, index, len(shots)), part, overwrite=True, sound=sound) as sink:
                for frame in shot.frames:
                    picture = next(source)
                    sink.write(rebase(frame, FrameRange(0, film.info.frames), shot.frames), picture)
                    yield picture


def split_drawings(film: SequenceFilm, shots: Sequence[Shot], folder: Path) -> Iterator[int]:
    """Copy each shot's drawings into ``shot_000`` and so on, byte for byte under their own names; yield their ordinals.

    Drawings of this film that an earlier split left in a shot's folder, and that are not in this shot, are removed.

    Raises:
        AnicolorError: a drawing cannot be read, the disk is full, or the place cannot be written.
    """
    names = {image.path.name for image in film.images}
    for index, shot in enumerate(shots):
        place = folder / _name(film, index, len(shots))
        _make(place)
        images = film.images[shot.frames.start : shot.frames.stop]
        for name in names - {image.path.name for image in images}:
            (place / name).unlink(missing_ok=True)
        for frame, image in zip(shot.frames, images, strict=True):
            write_bytes(place / image.path.name, _bytes(image.path))
            yield frame


class _Part(Film):
    """The pictures of some frames of a film as a film of their own."""

    def __init__(self, film: Film, span: FrameRange) -> None:
        self._film, self._in = film, span
        numbers = film.info.numbers[span.start : span.stop]
        self.info = replace(film.info, frames=len(span), numbers=numbers, audio=False, notes=())
        times = film.times[span.start : span.stop]
        self._times = tuple(time - times[0] for time in times)

    def read(self, span: FrameRange | None = None) -> Iterator[Picture]:
        """Yield the pictures of ``span``, counted from the part's own start; see :class:`Film`."""
        start, span = self._in.start, self._span(span)
        return self._film.read(FrameRange(start + span.start, start + span.stop))

    def name(self, index: int) -> str:
        """Return the name that the frame has in the film."""
        return self._film.name(self._in.start + index)

    @property
    def times(self) -> tuple[int, ...]:
        """When each frame is shown after the first, in units of ``time_base``."""
        return self._times

    @property
    def time_base(self) -> Fraction:
        """Seconds that one unit of ``times`` lasts."""
        return self._film.time_base

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a pixel over its height."""
        return self._film.pixel_aspect


def _seconds(film: Film, span: FrameRange) -> tuple[Fraction, Fraction]:
    """Return when the frames of ``span`` begin to be shown, and when the last is no longer shown."""
    times, base = film.times, film.time_base
    if span.stop < len(times):
        return times[span.start] * base, times[span.stop] * base
    return times[span.start] * base, times[-1] * base + 1 / film.info.rate


def _name(film: Film, index: int, count: int) -> str:
    digits = max(3, len(str(count - 1)))
    return f"shot_{index:0{digits}d}{'.mkv' if film.info.kind == 'video' else ''}"


def _make(folder: Path) -> None:
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}): check the place") from error
