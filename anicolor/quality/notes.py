"""What a run notes of every frame that it paints, and the file that keeps it: ``OUT-report.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from anicolor.errors import InputError
from anicolor.frames import FrameRange
from anicolor.media.atomic import write_bytes

__all__ = [
    "MOST_REGIONS",
    "Colour",
    "CutReport",
    "FrameNote",
    "RegionNote",
    "Stranger",
    "frame_facts",
    "frame_note",
    "hex_colour",
    "read_report",
    "save_report",
]

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue in levels, 0 to 255."""

MOST_REGIONS = 8
"""Regions that are noted of a frame, at most: a film has many frames."""

_VERSION = 1
_HEX = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class RegionNote:
    """A region of the drawing that needs an artist's eye.

    ``box`` is left, top, right, bottom (the last two beyond it) and ``area`` its size, in pixels of the frame;
    ``confidence`` [0, 1] its mean; ``colour`` what it was painted.
    """

    box: tuple[int, int, int, int]
    area: int
    confidence: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class FrameNote:
    """What there is to know of a painted frame.

    Raises:
        ValueError: more than ``MOST_REGIONS`` regions.
    """

    index: int
    """The ordinal in the film."""
    number: int
    """The drawing's own number."""
    shot: int
    keyframe: bool
    """Given, not painted."""
    confidence: float | None = None
    """Mean inside the drawing, [0, 1]; None where the model cannot tell."""
    unsure: float | None = None
    """Share of the drawing's pixels whose confidence is below a half, [0, 1]; not of thin rims along lines."""
    corrected: int = 0
    """Regions whose colour flickered for a frame and was corrected."""
    moved: int = 0
    """Pixels that had to move far to reach a colour of the colour model."""
    regions: tuple[RegionNote, ...] = ()
    """The worst first."""

    def __post_init__(self) -> None:
        if len(self.regions) > MOST_REGIONS:
            raise ValueError(f"frame {self.number}: expected {MOST_REGIONS} regions at most, got {len(self.regions)}")


@dataclass(frozen=True)
class Stranger:
    """A colour of a keyframe that is not in the colour model: the keyframe's number, and how many pixels have it."""

    colour: Colour
    keyframe: int
    pixels: int


@dataclass(frozen=True)
class CutReport:
    """What there is to know of a painted cut: its frames in order, each in one of its shots.

    Frames may be missing: those of shots that failed.

    Raises:
        ValueError: frames out of order, or not in their shots.
    """

    film: str
    """The name of the line art."""
    model: str
    shots: tuple[FrameRange, ...]
    frames: tuple[FrameNote, ...]
    strangers: tuple[Stranger, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for before, after in pairwise(self.frames):
            if before.index >= after.index:
                raise ValueError(f"frame {after.index} comes after frame {before.index}: expected them in order")
        for frame in self.frames:
            if frame.shot >= len(self.shots) or frame.index not in self.shots[frame.shot]:
                raise ValueError(f"frame {frame.index} is not in shot {frame.shot}")


def hex_colour(colour: Colour) -> str:
    """Return ``colour`` as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def save_report(path: Path, report: CutReport) -> None:
    """Write ``report`` as JSON, whole or not at all, a line for each frame.

    Raises:
        AnicolorError: it cannot be written.
    """
    head: dict[str, object] = {
        "schema_version": _VERSION,
        "film": report.film,
        "model": report.model,
        "notes": report.notes,
        "shots": [{"start": shot.start, "stop": shot.stop} for shot in report.shots],
        "strangers": [
            {"colour": hex_colour(one.colour), "keyframe": one.keyframe, "pixels": one.pixels}
            for one in report.strangers
        ],
    }
    rows = [f'"{name}": {json.dumps(value)}' for name, value in head.items()]
    frames = ",\n  ".join(json.dumps(frame_facts(frame), allow_nan=False) for frame in report.frames)
    text = "{\n" + ",\n".join([*rows, f'"frames": [\n  {frames}\n]']) + "\n}\n"
    write_bytes(path, text.encode())


def read_report(path: Path) -> CutReport:
    """Read what :func:`save_report` wrote.

    Raises:
        InputError: it cannot be read, is damaged, or is something else.
    """
    try:
        facts = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}): check the name") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is damaged, or no report of a painted cut: {_CURE}") from error
    if not isinstance(facts, dict) or not {"schema_version", "film", "shots", "frames"} <= facts.keys():
        raise InputError(f"{path}: is no report of a painted cut: {_CURE}")
    if facts["schema_version"] != _VERSION:
        came = f"expected schema_version {_VERSION}, got {facts['schema_version']!r}"
        raise InputError(f"{path}: {came}: read it with the anicolor that wrote it")
    try:
        return _report(facts)
    except ValueError as error:
        raise InputError(f"{path}: is damaged ({error}): {_CURE}") from error


_CURE = "expected the OUT-report.json that anicolor colorize wrote"


def frame_facts(note: FrameNote) -> dict[str, Any]:
    """Return ``note`` as what JSON can hold."""
    return {
        "index": note.index,
        "number": note.number,
        "shot": note.shot,
        "keyframe": note.keyframe,
        "confidence": note.confidence,
        "unsure": note.unsure,
        "corrected": note.corrected,
        "moved": note.moved,
        "regions": [
            {"box": one.box, "area": one.area, "confidence": one.confidence, "colour": hex_colour(one.colour)}
            for one in note.regions
        ],
    }


def frame_note(facts: object) -> FrameNote:
    """Return the note of :func:`frame_facts`.

    Raises:
        ValueError: other facts.
    """
    return FrameNote(
        _whole(facts, "index"),
        _whole(facts, "number"),
        _whole(facts, "shot"),
        _take(facts, "keyframe", bool),
        _share(facts, "confidence"),
        _share(facts, "unsure"),
        _whole(facts, "corrected"),
        _whole(facts, "moved"),
        tuple(_region(one) for one in _take(facts, "regions", list)),
    )


def _report(facts: Mapping[str, Any]) -> CutReport:
    return CutReport(
        _take(facts, "film", str),
        _take(facts, "model", str),
        tuple(FrameRange(_whole(one, "start"), _whole(one, "stop")) for one in _take(facts, "shots", list)),
        tuple(frame_note(one) for one in _take(facts, "frames", list)),
        tuple(
            Stranger(_colour(one), _whole(one, "keyframe"), _whole(one, "pixels"))
            for one in _take(facts, "strangers", list)
        ),
        tuple(str(note) for note in _take(facts, "notes", list)),
    )


def _region(facts: object) -> RegionNote:
    sides: Sequence[object] = _take(facts, "box", list)
    if len(sides) != 4:
        raise ValueError(f"box: expected 4 numbers, got {len(sides)}")
    left, top, right, bottom = (_whole({"box": side}, "box") for side in sides)
    confidence = _share(facts, "confidence")
    if confidence is None:
        raise ValueError("confidence: expected a number")
    return RegionNote((left, top, right, bottom), _whole(facts, "area"), confidence, _colour(facts))


def _colour(facts: object) -> Colour:
    said = _take(facts, "colour", str)
    if not _HEX.fullmatch(said):
        raise ValueError(f"colour: expected one like #ff8000, got {said!r}")
    red, green, blue = bytes.fromhex(said[1:])
    return red, green, blue


def _whole(facts: object, name: str) -> int:
    value: int = _take(facts, name, int)
    if value < 0:
        raise ValueError(f"{name}: expected 0 or more, got {value}")
    return value


def _share(facts: object, name: str) -> float | None:
    value: float | None = _take(facts, name, int, float, type(None))
    if value is not None and not -1e-6 <= value <= 1 + 1e-6:  # a mean of float32 may be off by its last bit
        raise ValueError(f"{name}: expected 0 to 1, got {value}")
    return value


def _take(facts: object, name: str, *kinds: type) -> Any:
    """Return ``facts[name]``, of one of ``kinds`` and of no other: to Python, not to JSON, true is a number."""
    if not isinstance(facts, dict) or name not in facts:
        raise ValueError(f"{name} is missing")
    value = facts[name]
    if type(value) not in kinds:
        raise ValueError(f"{name}: expected {' or '.join(kind.__name__ for kind in kinds)}, got {value!r:.40}")
    return value
