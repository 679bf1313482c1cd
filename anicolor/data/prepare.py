"""Finished films to training shots: colour and lines side by side, chosen by the paper's rule.

Source of the rule: Shi et al., Deep Line Art Video Colorization with a Few References, section 4.1.

    DIR/index.json                        the settings, and a summary of each film
    DIR/film-1f0c39ab/index.json          every shot of the film: kept, or dropped and why
    DIR/film-1f0c39ab/shot_0003/          index.json, color/000074.png ..., line/000074.png ...
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from anicolor.errors import AnicolorError, InputError, OverwriteError, PartialError
from anicolor.frames import FrameRange, Shot
from anicolor.lines.extract import is_drawn
from anicolor.lines.xdog import DEFAULT, XDoG, xdog, xdog_preset
from anicolor.media.atomic import write_bytes, write_errors
from anicolor.media.film import Film
from anicolor.media.images import encode_png
from anicolor.media.open import open_film
from anicolor.media.picture import Picture, from_frame, to_frame
from anicolor.media.sequence import list_numbered, list_pattern
from anicolor.shots.detect import detect
from anicolor.shots.histogram import Histogram, histogram
from anicolor.shots.structure import SIDE

__all__ = ["REASONS", "Progress", "Rule", "Settings", "prepare", "read_index"]

_Pixels: TypeAlias = npt.NDArray[Any]

REASONS = ("short", "uniform", "dark", "faded", "blend")
"""Why shots are dropped or frames left out; ``blend``: frames of a dissolve or fade, which show two shots."""

_SCHEMA = 1
_INDEX = "index.json"
_PIECES, _PIECE = 16, 1 << 16  # of a file, spread evenly, in bytes: two reels can begin with the same leader


@dataclass(frozen=True)
class Rule:
    """What is training data: shots of ``least`` frames and more, that are neither uniform nor dark nor faded.

    The paper (Shi et al., section 4.1) gives ``least`` and ``uniform``: a shot is too uniform if no two of its frames
    have colour histograms further apart than this (mean squared difference, in pixels at 256x256). It gives no number
    for "too dark or too faded" frames; these were measured on cel film, whose frames have a 99th percentile of
    luminance of 0.64 and more (0.17 to 0.4 where a wing covers the picture) and 0.48 and more between it and the
    first. A frame is too dark below ``dark``, too faded with less than ``faded`` between the percentiles.
    """

    least: int = 8
    uniform: float = 10.0
    dark: float = 0.3
    faded: float = 0.3


@dataclass(frozen=True)
class Settings:
    """How a film becomes shots: longer side of the frames in pixels (never enlarged), XDoG's parameters, the rule."""

    size: int = 512
    preset: str = DEFAULT
    rule: Rule = field(default_factory=Rule)


@dataclass(frozen=True)
class Progress:
    """Frames done of a film, which is gone through twice: for its shots, then for their frames."""

    film: Path
    done: int
    of: int
    shots: int
    kept: int


@dataclass(frozen=True)
class _Source:
    """A film as it was named, what tells it from others, and the name of its folder."""

    path: Path
    digest: str
    bytes: int

    @property
    def folder(self) -> str:
        stem = self.path.name.split("%")[0] if "%" in self.path.name else self.path.stem
        name = re.sub(r"[^\w.-]+", "_", stem).strip("._-") or self.path.parent.name
        return f"{name or 'film'}-{self.digest[:8]}"


@dataclass(frozen=True)
class _Row:
    """What became of a shot: ``folder`` if it was kept, ``dropped`` says why not; neither: still to do."""

    index: int
    start: int
    stop: int
    kind: str
    score: float
    blend: tuple[int, int] | None = None
    folder: str | None = None
    frames: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    dropped: str | None = None

    @property
    def done(self) -> bool:
        return self.folder is not None or self.dropped is not None


class _UnreadableError(AnicolorError):
    """A film cannot be read: the others can."""

    def __init__(self, error: AnicolorError) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code


def prepare(films: Sequence[Path], out: Path, settings: Settings | None = None) -> Iterator[Progress]:
    """Write the training shots of finished ``films`` into ``out`` and yield progress; what is there is not done again.

    Every shot appears whole or not at all. ``out`` may hold films prepared before, with the same settings.

    Raises:
        InputError: a film is not there, or named twice; ``out`` was prepared with other settings, or lies in a film;
            no such preset; the only film is no finished colour film.
        OverwriteError: ``out`` holds something else.
        PartialError: some films could not be read; the others are done.
        AnicolorError: the only film, or every one, could not be read; the disk is full.
    """
    settings = settings or Settings()
    xdog_preset(settings.preset)
    sources = [_identify(path) for path in films]
    _check_apart(sources, out)
    index = _open_index(out, settings)
    failed: list[_UnreadableError] = []
    for source in sources:
        try:
            yield from _prepare_film(source, out, settings)
        except _UnreadableError as error:
            failed.append(error)
        index["films"] = _merged(index["films"], _summary(source, out, failed))
        _write_json(out / _INDEX, index)
    _raise(failed, len(sources))


def read_index(out: Path) -> dict[str, Any]:
    """Return the index of a prepared folder: ``schema_version``, ``settings`` and a summary of each of its ``films``.

    Raises:
        AnicolorError: it is damaged, or not there.
    """
    try:
        index = json.loads((out / _INDEX).read_text())
        if index["schema_version"] != _SCHEMA or not isinstance(index["films"], list):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnicolorError(f"{out / _INDEX}: no index of prepared films: take it away to begin again") from error
    found: dict[str, Any] = index
    return found


def _identify(path: Path) -> _Source:
    """Tell a film by its names, sizes and pieces of its bytes, without decoding it."""
    digest, files = hashlib.sha256(), _files(path)
    sizes = [file.stat().st_size for file in files]
    for file, size in zip(files, sizes, strict=True):
        digest.update(f"{file.name if len(files) > 1 else ''} {size} ".encode())
    for file, size in list(zip(files, sizes, strict=True))[:: max(1, len(files) // _PIECES)]:
        with file.open("rb") as data:
            for piece in range(_PIECES):
                data.seek(piece * max(0, size - _PIECE) // (_PIECES - 1))
                digest.update(data.read(_PIECE))
    return _Source(path, digest.hexdigest(), sum(sizes))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [image.path for image in list_numbered(path)]
    if "%" in path.name and not path.exists():
        return [image.path for image in list_pattern(path)]
    if not path.exists():
        raise InputError(f"{path}: no such file or folder: check the name")
    return [path]


def _check_apart(sources: Sequence[_Source], out: Path) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        if source.digest in seen:
            raise InputError(f"{source.path}: is the same film as {seen[source.digest]}: name it once")
        seen[source.digest] = source.path
        place = source.path.resolve()
        if source.path.is_dir() and (place == out.resolve() or place in out.resolve().parents):
            raise InputError(f"{out}: lies in the film {source.path}: name a folder outside it")


def _open_index(out: Path, settings: Settings) -> dict[str, Any]:
    """Return the index of ``out``, made now if nothing is there."""
    if out.is_file():
        raise InputError(f"{out}: is a file, expected a folder: name another output")
    wanted = asdict(settings)
    if (out / _INDEX).exists():
        index = read_index(out)
        if index["settings"] != wanted:
            changed = ", ".join(_changed(index["settings"], wanted))
            raise InputError(f"{out}: was prepared with other settings ({changed}): name another folder, or keep them")
        return index
    if out.is_dir() and any(out.iterdir()):
        raise OverwriteError(f"{out}: exists, and holds no prepared films: name another output")
    with write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    index = {"schema_version": _SCHEMA, "settings": wanted, "films": []}
    _write_json(out / _INDEX, index)
    return index


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    flat = [{**settings, **settings.get("rule", {})} for settings in (before, now)]
    for name in (name for name in flat[1] if name != "rule" and flat[0].get(name) != flat[1][name]):
        yield f"{name} {flat[0].get(name)}"


def _prepare_film(source: _Source, out: Path, settings: Settings) -> Iterator[Progress]:
    folder = out / source.folder
    record = _read_record(folder)
    if record is not None and all(row.done for row in record):
        return
    with _reading():
        film = open_film(source.path)
    frames = film.info.frames
    if record is None:
        record = []
        for row in _shots(film):
            record.append(row)
            yield Progress(source.path, row.stop, 2 * frames, len(record), 0)
        with write_errors(folder):
            folder.mkdir(exist_ok=True)
        _write_record(folder, source, film, record)
    _remove_leftovers(folder)
    first = next(row for row in record if not row.done)
    pictures = _read(film, FrameRange(first.start, frames))
    for row in record[first.index :]:
        if row.done:
            _skip(pictures, row.stop - row.start)
        else:
            record[row.index] = _cut(row, record, pictures, film, folder, settings)
            _write_record(folder, source, film, record)
        kept = sum(done.folder is not None for done in record)
        yield Progress(source.path, frames + row.stop, 2 * frames, len(record), kept)


def _shots(film: Film) -> Iterator[_Row]:
    with _reading():
        if is_drawn(film):
            raise InputError(f"{film.info.path}: expected finished colour film, found line art: it has no colours")
        for index, shot in enumerate(_film_shots(film)):
            yield _row(index, shot)


def _film_shots(film: Film) -> Iterator[Shot]:
    return detect(film.small(SIDE))


def _row(index: int, shot: Shot) -> _Row:
    blend = None if shot.blend is None else (shot.blend.start, shot.blend.stop)
    return _Row(index, shot.frames.start, shot.frames.stop, shot.kind, round(shot.score, 4), blend)


def _cut(
    row: _Row, rows: Sequence[_Row], pictures: Iterator[Picture], film: Film, folder: Path, settings: Settings
) -> _Row:
    """Write the shot that ``pictures`` come to next, if it is training data, and say what became of it."""
    clean = _unblended(row, rows)
    blended = row.stop - row.start - len(clean)
    row = replace(row, left_out={"blend": blended} if blended else {})
    if len(clean) < settings.rule.least:
        _skip(pictures, row.stop - row.start)
        return replace(row, dropped="blend" if row.stop - row.start >= settings.rule.least else "short")
    _skip(pictures, clean.start - row.start)
    part, name = folder / f".shot_{row.index:04d}", f"shot_{row.index:04d}"
    try:
        row = _write_shot(row, clean, pictures, film, part, settings)
        if row.dropped is None:
            row = replace(row, folder=name)
            _write_json(part / _INDEX, {"schema_version": _SCHEMA, "source": str(film.info.path), **asdict(row)})
            with write_errors(folder):
                (part / "line.part").rename(part / "line")
                part.rename(folder / name)
    finally:
        with suppress(OSError):
            shutil.rmtree(part)
    _skip(pictures, row.stop - clean.stop)
    return row


def _unblended(row: _Row, rows: Sequence[_Row]) -> FrameRange:
    """Return the frames of a shot that show nothing of the shots beside it."""
    start = row.start if row.blend is None else max(row.start, row.blend[1])
    after = rows[row.index + 1].blend if row.index + 1 < len(rows) else None
    stop = row.stop if after is None else min(row.stop, after[0])
    return FrameRange(start, max(start, stop))


def _write_shot(
    row: _Row, clean: FrameRange, pictures: Iterator[Picture], film: Film, part: Path, settings: Settings
) -> _Row:
    """Write the frames that are training data into ``part``: ``color``, and ``line.part`` so that it is no clip yet."""
    with write_errors(part):
        shutil.rmtree(part, ignore_errors=True)
        for kind in ("color", "line.part"):
            (part / kind).mkdir(parents=True)
    seen: list[Histogram] = []
    left_out = Counter(row.left_out)
    lines = xdog_preset(settings.preset)
    for index, picture in zip(clean, pictures, strict=False):
        small = _small(picture, settings.size)
        flaw = _flaw(small, settings.rule)
        if flaw is not None:
            left_out[flaw] += 1
            continue
        seen.append(histogram(small))
        name = f"{film.info.numbers[index]:06d}.png"
        write_bytes(part / "color" / name, encode_png(Picture(small)))
        write_bytes(part / "line.part" / name, encode_png(_lines(small, lines)))
    row = replace(row, frames=len(seen), left_out=dict(left_out))
    if len(seen) < settings.rule.least:
        return replace(row, frames=0, dropped=max(("dark", "faded"), key=lambda reason: left_out[reason]))
    if _is_uniform(seen, settings.rule.uniform):
        return replace(row, frames=0, dropped="uniform")
    return row


def _small(picture: Picture, size: int) -> _Pixels:
    """Return uint8 RGB on paper, its longer side ``size`` pixels or less."""
    levels = picture.rgb8()
    scale = size / max(picture.height, picture.width)
    if scale >= 1:
        return np.ascontiguousarray(levels)
    sides = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return np.asarray(cv2.resize(levels, sides, interpolation=cv2.INTER_AREA))


def _lines(pixels: _Pixels, settings: XDoG) -> Picture:
    lines = xdog(to_frame(Picture(pixels))[None], settings)[0]
    return from_frame(lines.expand(3, -1, -1))


def _flaw(pixels: _Pixels, rule: Rule) -> str | None:
    """Return why a frame is no training data, None if it is."""
    low, high = np.percentile(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (1, 99)) / 255
    if high < rule.dark:
        return "dark"
    return "faded" if high - low < rule.faded else None


def _is_uniform(histograms: Sequence[Histogram], least: float) -> bool:
    """Say whether all pairs of frames have a mean squared difference of less than ``least``."""
    rows = np.stack(histograms)
    farthest = (float(np.mean(np.square(rows - row), axis=1).max()) for row in rows)
    # Most shots are told by their first frame: they move, or all lie within half the distance of it.
    first = next(farthest)
    return 4 * first < least or (first < least and all(far < least for far in farthest))


def _read(film: Film, span: FrameRange) -> Iterator[Picture]:
    with _reading():
        yield from film.read(span)


@contextmanager
def _reading() -> Iterator[None]:
    """Tell what goes wrong with one film from what would stop them all, such as a full disk."""
    try:
        yield
    except AnicolorError as error:
        raise _UnreadableError(error) from error


def _skip(pictures: Iterator[Picture], count: int) -> None:
    for _ in islice(pictures, count):
        pass


def _remove_leftovers(folder: Path) -> None:
    for part in folder.glob(".shot_*"):
        with write_errors(part):
            shutil.rmtree(part)


def _read_record(folder: Path) -> list[_Row] | None:
    path = folder / _INDEX
    if not path.exists():
        return None
    try:
        rows = [_Row(**row) for row in json.loads(path.read_text())["shots"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnicolorError(f"{path}: damaged: remove {folder} to prepare this film again") from error
    return rows


def _write_record(folder: Path, source: _Source, film: Film, rows: Iterable[_Row]) -> None:
    told = {
        "path": str(source.path),
        "bytes": source.bytes,
        "digest": source.digest,
        "frames": film.info.frames,
        "rate": f"{film.info.rate.numerator}/{film.info.rate.denominator}",
    }
    _write_json(folder / _INDEX, {"schema_version": _SCHEMA, "source": told, "shots": [asdict(row) for row in rows]})


def _summary(source: _Source, out: Path, failed: Sequence[_UnreadableError]) -> dict[str, Any]:
    rows = _read_record(out / source.folder) or []
    kept = [row for row in rows if row.folder is not None]
    finished = bool(rows) and all(row.done for row in rows)
    left_out: Counter[str] = Counter()
    for row in kept:
        left_out.update(row.left_out)
    return {
        "film": str(source.path),
        "folder": source.folder,
        "finished": finished,
        "shots": len(rows),
        "kept": len(kept),
        "frames": sum(row.frames for row in kept),
        "dropped": dict(Counter(row.dropped for row in rows if row.dropped is not None)),
        "left_out": dict(left_out),
        "error": None if finished else str(failed[-1]),
    }


def _merged(films: Sequence[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    return [*(film for film in films if film["folder"] != new["folder"]), new]


def _raise(failed: Sequence[_UnreadableError], films: int) -> None:
    if not failed:
        return
    if films == 1:
        raise failed[0]
    reasons = "; ".join(str(error) for error in failed)
    if len(failed) == films:
        raise AnicolorError(f"none of {films} films can be prepared: {reasons}")
    raise PartialError(f"{len(failed)} of {films} films cannot be prepared, the others are done: {reasons}")


def _write_json(path: Path, facts: Mapping[str, Any]) -> None:
    write_bytes(path, (json.dumps(facts, indent=2) + "\n").encode())
