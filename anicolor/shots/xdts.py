"""XDTS, the exchange digital time sheet: which drawing is shown when.

Source: Celsys and Toei Animation, "XDTS file format", version 1.0, 2022: one identifying line, then JSON that lists
the changes only. Field 0 holds the cells; ``SYMBOL_NULL_CELL`` is an empty one, and after the other symbols what was
there goes on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from anicolor.errors import InputError
from anicolor.frames import FrameRange, Hold
from anicolor.media.film import FilmInfo

__all__ = ["read_xdts", "xdts"]

_TITLE = "exchangeDigitalTimeSheet Save Data"
_CELL, _VERSION = 0, 5
_GOES_ON = {"SYMBOL_HYPHEN", "SYMBOL_TICK_1", "SYMBOL_TICK_2"}


def xdts(info: FilmInfo, holds: Sequence[Hold]) -> str:
    """Return the time sheet of a film: one column of cells, a line for each drawing.

    A cell has the number of its hold's first drawing in a sequence; in a video drawings are counted from 1.
    """
    numbers = [info.numbers[hold.frames.start] for hold in holds]
    names = map(str, numbers if info.kind == "sequence" else range(1, len(holds) + 1))
    changes = [
        {"data": [{"id": 0, "values": [name]}], "frame": hold.frames.start}
        for hold, name in zip(holds, names, strict=True)
    ]
    sheet = {
        "header": {"cut": "1", "scene": "1"},
        "timeTables": [
            {
                "duration": info.frames,
                "fields": [{"fieldId": _CELL, "tracks": [{"frames": changes, "trackNo": 0}]}],
                "name": info.path.stem.replace("%", "_"),
                "timeTableHeaders": [{"fieldId": _CELL, "names": ["A"]}],
            }
        ],
        "version": _VERSION,
    }
    return f"{_TITLE}\n{json.dumps(sheet, indent=2)}\n"


def read_xdts(path: Path, info: FilmInfo) -> tuple[Hold, ...]:
    """Return the holds that a time sheet says: a drawing is new wherever a cell of any column changes.

    Raises:
        InputError: no such file, no time sheet, no cells in it, or one of another length than the film.
    """
    table = _table(path)
    duration = table.get("duration")
    if duration != info.frames:
        raise InputError(
            f"{path}: the time sheet lasts {duration} frames, {info.path} {info.frames}: take the film's own"
        )
    tracks = [track for field in table["fields"] if field.get("fieldId") == _CELL for track in field["tracks"]]
    if not tracks:
        raise InputError(f"{path}: the time sheet has no cells: nothing says where a drawing changes")
    changes = {0, *(frame for track in tracks for frame in _changes(track) if 0 < frame < info.frames)}
    return tuple(Hold(FrameRange(*span)) for span in pairwise([*sorted(changes), info.frames]))


def _table(path: Path) -> dict[str, Any]:
    try:
        title, _, body = path.read_text("utf-8-sig").partition("\n")
        sheet = json.loads(body) if title.strip() == _TITLE else None
    except OSError as error:
        raise InputError(f"{path}: no such time sheet, or it cannot be read: check the name") from error
    except ValueError:  # no UTF-8, no JSON
        sheet = None
    try:
        table: dict[str, Any] = sheet["timeTables"][0]  # type: ignore[index]
        for track in (track for field in table["fields"] for track in field["tracks"]):
            _changes(track)
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: expected an XDTS time sheet, which begins with '{_TITLE}'") from error
    return table


def _changes(track: dict[str, Any]) -> list[int]:
    """Return the frames at which the cell of a column is another one than before."""
    found: list[int] = []
    shown = ""
    for row in sorted(track["frames"], key=lambda row: int(row["frame"])):
        cell = "".join(map(str, row["data"][0]["values"][:1]))
        if cell and cell not in _GOES_ON and cell != shown:
            shown = cell
            found.append(int(row["frame"]))
    return found
