"""Painted frames to disk: numbered PNGs or a video, decided by the name of the output."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from anicolor.errors import InputError, OverwriteError
from anicolor.media.atomic import write_bytes, write_errors
from anicolor.media.encode import VideoPreset, VideoSink
from anicolor.media.film import Film
from anicolor.media.images import encode_png
from anicolor.media.picture import Picture
from anicolor.media.sink import Sink
from anicolor.media.sound import Excerpt, check_audio

__all__ = ["ImageSink", "Preset", "Sink", "check_output", "create"]

Preset = Literal["comp", "preview", "lossless", "master"]


@dataclass(frozen=True)
class _Container:
    """A video container: ffmpeg's name for it, and what goes into it, the usual preset first."""

    name: str
    presets: tuple[VideoPreset, ...]


_CONTAINERS = {
    ".mp4": _Container("mp4", ("preview",)),
    ".m4v": _Container("mp4", ("preview",)),
    ".mkv": _Container("matroska", ("lossless", "preview", "master")),
    ".mov": _Container("mov", ("master", "preview")),
}


def create(
    out: Path, like: Film, *, preset: Preset | None = None, overwrite: bool = False, sound: Excerpt | None = None
) -> Sink:
    """Return a sink for the frames of ``like``: PNGs in a folder, or a video by ``out``'s suffix.

    A folder (no suffix) takes ``comp``; ``.mp4`` and ``.m4v`` ``preview`` (H.264); ``.mkv`` ``lossless``
    (FFV1), ``preview`` or ``master``; ``.mov`` ``master`` (ProRes 4444) or ``preview``. With ``overwrite``
    files are replaced one by one; nothing else in the folder is touched. A video has the sound of ``like``, or
    ``sound`` in its place.

    Raises:
        InputError: as :func:`check_output`; a preset that ``out`` cannot hold; audio that it cannot hold.
        OverwriteError: ``out`` exists and ``overwrite`` is not set.
    """
    check_output(out, like, overwrite)
    suffix = out.suffix.lower()
    if _is_folder(out):
        if preset not in (None, "comp"):
            raise InputError(f"{out}: a folder takes the preset comp, got {preset}: {_choices(preset)}")
        return ImageSink(out, like)
    container = _CONTAINERS[suffix]
    if preset == "comp" or (preset is not None and preset not in container.presets):
        fitting = ", ".join(container.presets)
        raise InputError(f"{out}: {suffix} takes {fitting}, got {preset}: {_choices(preset)}")
    check_audio(like, suffix, {one: found.name for one, found in _CONTAINERS.items()})
    return VideoSink(out, like, preset or container.presets[0], container.name, sound)


def check_output(out: Path, film: Film, overwrite: bool = False) -> None:
    """Check, before any work, that ``out`` can take the frames of ``film``.

    Raises:
        InputError: a suffix that is not known; ``out`` is the input, lies in it or holds it; a video's folder
            is missing; the place cannot be written.
        OverwriteError: ``out`` is a file or a folder that is not empty, and ``overwrite`` is not set.
    """
    if not _is_folder(out) and out.suffix.lower() not in _CONTAINERS:
        raise InputError(f"{out}: unknown suffix {out.suffix}: expected a folder or {', '.join(_CONTAINERS)}")
    _check_apart(out, film)
    _check_place(out)
    if not overwrite and (out.is_file() or (out.is_dir() and any(out.iterdir()))):
        raise OverwriteError(f"{out}: exists: name another output, or --overwrite")


class ImageSink(Sink):
    """Numbered PNGs named as the input's drawings, in any order; each one appears whole or not at all."""

    def __init__(self, folder: Path, like: Film) -> None:
        self._folder, self._like = folder, like

    def write(self, index: int, picture: Picture) -> None:
        """Write frame ``index``; see :class:`Sink`."""
        if not 0 <= index < self._like.info.frames:
            raise ValueError(f"expected a frame of 0:{self._like.info.frames}, got {index}")
        write_bytes(self.path(index), encode_png(picture))

    def path(self, index: int) -> Path:
        """Return where frame ``index`` goes."""
        name = self._like.name(index)
        return self._folder / f"{Path(name).stem if self._like.info.kind == 'sequence' else name}.png"

    def __enter__(self) -> Self:
        with write_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep what is written: every file is whole."""


def _is_folder(out: Path) -> bool:
    return out.is_dir() or not out.suffix


def _choices(preset: Preset | None) -> str:
    suffixes = [suffix for suffix, container in _CONTAINERS.items() if preset in container.presets]
    return f"{preset} goes into {' or '.join(suffixes) or 'a folder'}"


def _check_apart(out: Path, film: Film) -> None:
    source, target = film.info.path.resolve(), out.resolve()
    pattern = film.info.kind == "sequence" and not source.is_dir()
    # A pattern names some files of a folder, not the folder: other files may lie beside them.
    held = source.parent if pattern else source
    if target == held:
        raise InputError(f"{out}: is the input itself: name another output")
    if held in target.parents and not pattern:
        raise InputError(f"{out}: lies inside the input {film.info.path}: name an output outside it")
    if target in held.parents:
        raise InputError(f"{out}: holds the input {film.info.path}: name a folder of its own")


def _check_place(out: Path) -> None:
    folder = _is_folder(out)
    if folder and out.is_file():
        raise InputError(f"{out}: is a file, expected a folder: name another output")
    place = out if folder else out.parent
    if not folder and not place.is_dir():
        raise InputError(f"{out}: there is no folder {place}: make it first")
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise InputError(f"{out}: {place} is a file, expected a folder: name another output")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{out}: {place} cannot be written: name another place")
