"""Shots as a table of comma-separated values, and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from anicolor.frames import FrameRange, Shot
from anicolor.media.film import Film
from anicolor.shots.remarks import shot_of
from anicolor.shots.timecode import clock, to_timecode

__all__ = ["read_csv", "shots_csv"]

_COLUMNS = (
    *("index", "start", "stop", "frames", "first_number", "last_number", "start_timecode", "start_seconds"),
    *("score", "kind", "blend_start", "blend_stop"),
)


def shots_csv(film: Film, shots: Sequence[Shot]) -> str:
    """Return the shots with a header, a row each; ``start`` and ``stop`` are half-open frame ordinals from 0.

    ``first_number`` and ``last_number`` are the drawings' own; timecodes are non-drop; seconds have six decimals.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    shown = clock(film)
    for index, shot in enumerate(shots):
        writer.writerow(_row(film, index, shot, shown))
    return file.getvalue()


def read_csv(text: str) -> list[Shot]:
    """Return the shots of a table that has the columns ``start`` and ``stop``, in any order, among others.

    ``score``, ``kind``, ``blend_start`` and ``blend_stop`` are read where they are there. Commas, semicolons and tabs
    separate; blank lines are left out.

    Raises:
        ValueError: no such columns, or a row that cannot be read.
    """
    lines = text.splitlines()
    head = next((line for line in lines if line.strip()), "")
    separator = max(",;\t", key=head.count)
    rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        filled = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num} is no row of a table: {error}") from None
    columns = [name.strip().lower() for name in filled[0][1]] if filled else []
    if not {"start", "stop"} <= set(columns):
        raise ValueError("a table of shots has the columns start and stop: its first line does not name them")
    return [_shot(dict(zip(columns, map(str.strip, row), strict=False)), place) for place, row in filled[1:]]


def _row(film: Film, index: int, shot: Shot, shown: Callable[[int], Fraction]) -> Iterator[object]:
    start, stop, numbers = shot.frames.start, shot.frames.stop, film.info.numbers
    yield from (index, start, stop, len(shot.frames), numbers[start], numbers[stop - 1])
    yield from (to_timecode(start, film.info.rate), f"{float(shown(start)):.6f}", repr(shot.score), shot.kind)
    yield from ("", "") if shot.blend is None else (shot.blend.start, shot.blend.stop)


def _shot(row: dict[str, str], place: int) -> Shot:
    try:
        start, stop = (_whole(row.get(name, ""), name) for name in ("start", "stop"))
        blend = None
        if row.get("blend_start") and row.get("blend_stop"):
            blend = FrameRange(*(_whole(row[name], name) for name in ("blend_start", "blend_stop")))
        return shot_of(start, stop, row.get("score"), row.get("kind"), blend)
    except ValueError as error:
        raise ValueError(f"line {place}: {error}") from None


def _whole(text: str, name: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{name} is {text!r}: expected a frame's ordinal")
    return int(text)
