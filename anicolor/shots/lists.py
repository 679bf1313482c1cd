"""Lists of shots for other programs, and back from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from anicolor.errors import AnicolorError, InputError, OverwriteError
from anicolor.frames import FrameRange, Hold, Shot
from anicolor.media.film import Film, FilmInfo
from anicolor.shots.edl import EVENT, read_edl
from anicolor.shots.holds import held_in
from anicolor.shots.remarks import other_rate, shot_of
from anicolor.shots.table import read_csv
from anicolor.shots.timeline import read_otio

__all__ = ["check_list", "read_shots", "shots_json"]

_KINDS = {".json": "json", ".otio": "otio", ".edl": "edl", ".csv": "csv", ".tsv": "csv"}


def shots_json(info: FilmInfo, shots: Sequence[Shot], holds: Sequence[Hold] | None = None) -> dict[str, Any]:
    """Return the shots as JSON-ready data; ``start`` and ``stop`` are half-open frame ordinals.

    ``kind`` is what opened a shot; ``blend`` the frames of its dissolve or fade, null for a cut. With ``holds``
    each shot has its own: [start, stop] of every drawing.
    """
    return {
        "schema_version": 1,
        "input": str(info.path),
        "rate": f"{info.rate.numerator}/{info.rate.denominator}",
        "frames": info.frames,
        "shots": [_json(index, shot) | _drawings(shot, holds) for index, shot in enumerate(shots)],
    }


def _drawings(shot: Shot, holds: Sequence[Hold] | None) -> dict[str, Any]:
    if holds is None:
        return {}
    return {"holds": [[hold.frames.start, hold.frames.stop] for hold in held_in(shot.frames, holds)]}


def check_list(path: Path, film: Film, *, overwrite: bool = False) -> None:
    """Check, before any work, that a list of the film's shots can be written to ``path``.

    Raises:
        InputError: its folder is missing; a folder is there; it is the film or one of its drawings.
        OverwriteError: the file exists, and ``overwrite`` is not set.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a file: name one in it")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}: make it first")
    source = film.info.path
    folder = source if source.is_dir() else source.parent
    drawings = {film.name(frame) for frame in range(film.info.frames)} if film.info.kind == "sequence" else set()
    inside = path.parent.resolve() == folder.resolve() and path.name in drawings
    if inside or path.resolve() == source.resolve():
        raise InputError(f"{path}: is the input itself: name another file")
    if path.exists() and not overwrite:
        raise OverwriteError(f"{path}: exists: --overwrite replaces it")


def read_shots(path: Path, info: FilmInfo) -> list[Shot]:
    """Read a list of shots (JSON, CSV, CMX 3600 EDL or OTIO), which covers the film of ``info`` frame by frame.

    The kind is told by the suffix, by the content where that says nothing. Frames are ordinals from 0 in all of them.

    Raises:
        InputError: no such file; no list of shots; another rate; frames that no shot or two shots have, or that the
            film has not.
        AnicolorError: the file cannot be read.
    """
    text = _text(path)
    try:
        shots = sorted(_read(path, text, info), key=lambda shot: shot.frames)
        _check_cover(shots, info)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {error}") from error
    return shots


def _json(index: int, shot: Shot) -> dict[str, Any]:
    blend = None if shot.blend is None else {"start": shot.blend.start, "stop": shot.blend.stop}
    frames = {"start": shot.frames.start, "stop": shot.frames.stop}
    return {"index": index, **frames, "score": shot.score, "kind": shot.kind, "blend": blend}


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: check the name") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, expected a list of shots") from None
    except OSError as error:
        raise AnicolorError(f"{path}: cannot be read ({error.strerror or error})") from error
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")  # what spreadsheets call Unicode text
    # Only names may be in another encoding, and no name is read.
    return data.decode("utf-16" if wide else "utf-8-sig", "replace")


def _read(path: Path, text: str, info: FilmInfo) -> list[Shot]:
    kind = _KINDS.get(path.suffix.lower()) or _kind(text)
    if kind == "edl":
        return read_edl(text, info.rate)
    if kind == "csv":
        return read_csv(text)
    if kind == "otio":
        return read_otio(text, info.rate)
    return _read_json(text, info)


def _kind(text: str) -> str:
    if text.lstrip().startswith("{"):
        return "otio" if '"OTIO_SCHEMA"' in text else "json"
    lines = [line for line in text.splitlines() if line.strip()]
    if any(line.lstrip().upper().startswith("TITLE:") or EVENT.match(line) for line in lines):
        return "edl"
    if lines and {"start", "stop"} <= {name.strip(' "').lower() for name in lines[0].replace(";", ",").split(",")}:
        return "csv"
    raise ValueError("no list of shots: expected JSON, CSV, a CMX 3600 EDL or OpenTimelineIO")


def _read_json(text: str, info: FilmInfo) -> list[Shot]:
    facts = json.loads(text)
    if not isinstance(facts, dict) or not isinstance(facts.get("shots"), list):
        raise ValueError("no list of shots: expected an object with shots, as anicolor shots --json prints")
    rate = f"{info.rate.numerator}/{info.rate.denominator}"
    if facts.get("rate", rate) != rate:
        raise other_rate(facts["rate"], info.rate)
    return [_from_json(number, shot) for number, shot in enumerate(facts["shots"])]


def _from_json(number: int, facts: Any) -> Shot:
    if not isinstance(facts, dict) or not all(type(facts.get(end)) is int for end in ("start", "stop")):
        raise ValueError(f"shot {number} has no start and stop: expected frame ordinals")
    blend = facts.get("blend")
    if blend is not None:
        if not isinstance(blend, dict) or not all(type(blend.get(end)) is int for end in ("start", "stop")):
            raise ValueError(f"shot {number} has the blend {blend!r}: expected a start and a stop")
        blend = FrameRange(blend["start"], blend["stop"])
    return shot_of(facts["start"], facts["stop"], facts.get("score"), facts.get("kind"), blend)


def _check_cover(shots: Sequence[Shot], info: FilmInfo) -> None:
    if not shots:
        raise ValueError("no shot in it")
    last = shots[-1].frames.stop
    if last > info.frames:
        whole = f"the film {info.path} has {info.frames} frames"
        raise ValueError(f"the last shot ends after frame {last - 1}, but {whole}, 0 to {info.frames - 1}")
    ends = [FrameRange(0, 0), *(shot.frames for shot in shots), FrameRange(info.frames, info.frames)]
    for before, after in pairwise(ends):
        if before.stop < after.start:
            raise ValueError(f"no shot has {_named(before.stop, after.start, info)}: a list covers the whole film")
        if before.stop > after.start:
            stop = min(before.stop, after.stop)
            raise ValueError(f"two shots have {_named(after.start, stop, info)}: one ends where the next begins")


def _named(start: int, stop: int, info: FilmInfo) -> str:
    """Name frames as a list counts them, and the drawings where these are numbered otherwise."""
    said = f"frame {start}" if stop == start + 1 else f"frames {start} to {stop - 1}"
    first, last = info.numbers[start], info.numbers[stop - 1]
    return said if info.kind == "video" else f"{said} (drawings {first} to {last})"
