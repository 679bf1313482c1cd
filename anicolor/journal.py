"""What of a film is painted already: kept on disk beside the frames, so that a run can be resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from anicolor.errors import AnicolorError, InputError
from anicolor.frames import FrameRange
from anicolor.media.atomic import write_bytes, write_errors
from anicolor.media.film import Film
from anicolor.media.picture import Picture, from_frame, to_frame
from anicolor.media.sequence import read_picture
from anicolor.media.write import ImageSink, Preset, Sink, create

__all__ = ["Journal"]

_NAME = ".anicolor.json"
_FACTS = ".anicolor.frames.jsonl"  # a line for each finished shot


class Journal:
    """What is finished, on disk beside the frames, so that the same command can go on after a failure.

    Frames of a video are kept as PNGs in a hidden folder beside it until all are painted.
    """

    def __init__(self, folder: Path, target: Sink | None, film: Film, identity: str, finished: set[int]) -> None:
        self.finished = finished
        self._sink = ImageSink(folder, film)
        self._folder, self._target, self._film, self._identity = folder, target, film, identity
        self._path, self._facts_path = folder / _NAME, folder / _FACTS
        self._facts = _read_facts(self._facts_path) if finished else {}
        self._made = not folder.exists()

    @classmethod
    def open(
        cls,
        film: Film,
        out: Path,
        preset: Preset | None,
        identity: str,
        shots: Sequence[FrameRange],
        layers: Sequence[Path] = (),
        *,
        resume: bool,
    ) -> Journal:
        """Find what an earlier run of the same ``identity`` has finished, if it is to be resumed.

        A shot is finished if all its frames are there, in the folders of the ``layers`` too.

        Raises:
            InputError: the earlier run had another identity.
        """
        folder = _folder(out)
        target = None if folder == out else create(out, film, preset=preset, overwrite=True)
        found = folder / _NAME
        finished: set[int] = set()
        if found.exists() and resume:
            try:
                journal = json.loads(found.read_text())
            except ValueError as error:
                raise AnicolorError(f"{found}: is damaged: begin again with --overwrite") from error
            if journal["identity"] != identity:
                raise InputError(
                    f"{out}: was begun with other keyframes, settings or weights: repeat that command, or --overwrite"
                )
            sinks = [ImageSink(one, film) for one in (folder, *layers)]
            finished = {n for n in journal["finished"] if all(s.path(i).exists() for s in sinks for i in shots[n])}
        return cls(folder, target, film, identity, finished)

    @staticmethod
    def begun(out: Path) -> bool:
        """Say whether a run into ``out`` was begun and is not finished."""
        return (_folder(out) / _NAME).exists()

    def __enter__(self) -> Sink:
        """Begin: from here on the run can be resumed."""
        try:
            sink = self._sink.__enter__()
            if not self.finished:
                self._facts_path.unlink(missing_ok=True)
            self._note(self.finished)
        except BaseException:
            self._tidy()
            raise
        return sink

    def __exit__(self, *_: object) -> None:
        self._tidy()

    def finish(self, shot: int, facts: Sequence[Mapping[str, Any]] = ()) -> None:
        """Note that a shot is finished, and ``facts`` about its frames that JSON can hold."""
        with write_errors(self._facts_path), self._facts_path.open("a", encoding="utf-8") as file:
            # A line of its own, whatever a kill left before it.
            file.write("\n" + json.dumps({"shot": shot, "frames": list(facts)}) + "\n")
        self._note({*self.finished, shot})
        self.finished.add(shot)

    def facts(self, shot: int) -> Sequence[Any]:
        """Return what an earlier run noted of the frames of a shot that it finished."""
        return self._facts.get(shot, ())

    def close(self) -> tuple[str, ...]:
        """Put the video together, leave nothing but the result, and return what to tell of it."""
        if self._target is not None:
            info = self._film.info
            with self._target as video:
                for index in range(info.frames):
                    picture = read_picture(self._sink.path(index))
                    video.write(index, _alike(picture, info.bits, alpha=info.alpha))
            shutil.rmtree(self._folder)
        self._forget()
        if self._target is not None:
            return self._target.notes
        return ("a folder holds no sound: the input's was left out",) if self._film.info.audio else ()

    def _note(self, finished: set[int]) -> None:
        facts = {"identity": self._identity, "finished": sorted(finished)}
        write_bytes(self._path, json.dumps(facts).encode())

    def _tidy(self) -> None:
        """Leave no trace of a run that painted nothing."""
        if self._folder.is_dir() and {path.name for path in self._folder.iterdir()} <= {_NAME, _FACTS}:
            self._forget()
            if self._made:
                self._folder.rmdir()

    def _forget(self) -> None:
        self._path.unlink(missing_ok=True)
        self._facts_path.unlink(missing_ok=True)


def _read_facts(path: Path) -> dict[int, Sequence[Any]]:
    """Return the facts by shot; a last line that a kill cut short is of a shot that is not finished."""
    facts: dict[int, Sequence[Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(ValueError):
            shot = json.loads(line)
            facts[shot["shot"]] = shot["frames"]
    return facts


def _folder(out: Path) -> Path:
    """Return where the painted frames are kept: ``out`` itself, or for a video a hidden folder beside it."""
    video = bool(out.suffix) and not out.is_dir()
    return out.with_name(f".{out.name}.anicolor") if video else out


def _alike(picture: Picture, bits: int, *, alpha: bool) -> Picture:
    """Return ``picture`` with ``bits`` bits, and without opacity unless ``alpha``: a video's frames are all alike."""
    if picture.bits == bits and (alpha or picture.alpha is None):
        return picture
    cover = None
    if alpha and picture.alpha is not None:
        cover = picture.alpha / np.iinfo(picture.alpha.dtype).max
    return from_frame(to_frame(picture), bits, cover)
