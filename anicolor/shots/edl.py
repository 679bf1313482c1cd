"""Shots as a CMX 3600 edit decision list, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

from anicolor.frames import FrameRange, Shot
from anicolor.media.film import FilmInfo
from anicolor.shots.remarks import other_rate, shot_of, to_blend
from anicolor.shots.timecode import from_timecode, to_timecode

__all__ = ["EVENT", "MOST_EVENTS", "read_edl", "shots_edl"]

MOST_EVENTS = 999
"""What CMX 3600 numbers; some programs read no longer list."""

_REEL = 8  # characters, all that CMX 3600 keeps of a reel's name
_ON_THE_HOUR = re.compile(r"\d+:00:00[:;.,]0+")

EVENT = re.compile(r"\s*\d+\s+\S+\s+\S+\s+[A-Z]")
"""How a line with an event begins: number, reel, channels, transition."""

_TIME = r"(\d+:\d\d:\d\d[:;.,]\d+)"
_WHOLE_EVENT = re.compile(
    rf"\s*(?P<number>\d+)\s+(?P<reel>.+?)\s+(?P<channels>\S+)\s+(?P<how>[A-Z]\S*)(?:\s+(?P<length>\d+))?"
    rf"\s+{_TIME}\s+{_TIME}\s+(?P<start>{_TIME})\s+(?P<stop>{_TIME})\s*"
)
_OURS = re.compile(r"\s*\*\s*ANICOLOR (?P<facts>KIND: .*)", re.IGNORECASE)
_FACT = re.compile(r"([A-Z]+): (\S+)", re.IGNORECASE)


@dataclass
class _Event:
    """A picture event, its place in the edit, and what our own comments say of it; ``length`` is a transition's."""

    start: int
    stop: int
    length: int = 0
    on_the_hour: bool = False
    facts: dict[str, str] = field(default_factory=dict)


def shots_edl(info: FilmInfo, shots: Sequence[Shot]) -> str:
    """Return the shots as a CMX 3600 list; frame 0 is ``00:00:00:00``, the source runs with the edit.

    Every shot is a cut, whatever opened it: the one source holds a dissolve's mixed frames already, and a dissolve
    event would mix them again. Kind, score, blend and the exact rate are in comments. Timecodes are non-drop at every
    rate; a film of variable rate is counted in frames, as if each lasted equally long.
    """
    lines = [f"TITLE: {_plain(info.path.stem)}", "FCM: NON-DROP FRAME", ""]
    for number, shot in enumerate(shots, 1):
        lines += _event(number, shot, info)
    return "\n".join(lines) + "\n"


def read_edl(text: str, rate: Fraction) -> list[Shot]:
    """Return the shots of a CMX 3600 list, by the record times of its picture events.

    A list whose edit begins at a whole hour (01:00:00:00) is counted from there. A dissolve's or a wipe's shot begins
    in the middle of it. Sound, comments, blank lines and unknown lines are left out.

    Raises:
        ValueError: an event that cannot be read, or another rate.
    """
    events = list(_events(text, rate))
    _begin_at_zero(events)
    shots = []
    for event, after in zip_longest(events, events[1:]):
        stop = event.stop
        if after is not None and after.length and event.stop == after.start:
            stop += after.length // 2
        shots.append(_shot(event, stop))
    return shots


def _event(number: int, shot: Shot, info: FilmInfo) -> Iterator[str]:
    start, stop = (to_timecode(frame, info.rate) for frame in (shot.frames.start, shot.frames.stop))
    yield f"{number:03d}  {_reel(info.path):<{_REEL}} V     C        {start} {stop} {start} {stop}"
    yield f"* FROM CLIP NAME: {_plain(info.path.name)}"
    blend = f" BLEND: {shot.blend}" if shot.blend is not None else ""
    rate = f"{info.rate.numerator}/{info.rate.denominator}"
    yield f"* ANICOLOR KIND: {shot.kind} SCORE: {shot.score!r}{blend} RATE: {rate}"


def _reel(path: Path) -> str:
    """Return a reel name of at most eight letters and digits; AX, CMX's name for any source, where none is left."""
    name = re.sub(r"[^A-Z0-9_]", "", path.stem.upper())[:_REEL]
    return "AX" if name in ("", "BL") else name  # BL is black


def _plain(name: str) -> str:
    return " ".join(name.split())


def _events(text: str, rate: Fraction) -> Iterator[_Event]:
    """Yield the picture events in order; of a transition's two lines only the one that it leads to."""
    drop, waiting = False, None
    for place, line in enumerate(text.splitlines(), 1):
        if line.strip().upper().startswith("FCM:"):
            drop = "NON" not in line.upper()
        elif EVENT.match(line):
            event = _read_event(line, place, rate, drop=drop)
            if event is None:
                continue
            before_transition = waiting is not None and waiting.start == waiting.stop and event.length > 0
            if waiting is not None and not before_transition:
                yield waiting
            waiting = event
        elif waiting is not None and (ours := _OURS.match(line)):
            waiting.facts |= {name.upper(): value for name, value in _FACT.findall(ours["facts"])}
            _check_rate(waiting.facts.get("RATE"), rate)
    if waiting is not None:
        yield waiting


def _read_event(line: str, place: int, rate: Fraction, *, drop: bool) -> _Event | None:
    match = _WHOLE_EVENT.fullmatch(line)
    if match is None:
        raise ValueError(f"line {place} cannot be read as an event: {_plain(line)}")
    channels = match["channels"].upper()
    if "V" not in channels and channels != "B":
        return None  # sound alone
    try:
        start, stop = (from_timecode(match[end], rate, drop=drop) for end in ("start", "stop"))
    except ValueError as error:
        raise ValueError(f"line {place}: {error}") from None
    length = 0 if match["how"] == "C" else int(match["length"] or 0)
    return _Event(start, stop, length, _ON_THE_HOUR.fullmatch(match["start"]) is not None)


def _check_rate(said: str | None, rate: Fraction) -> None:
    if said is not None and said != f"{rate.numerator}/{rate.denominator}":
        raise other_rate(said, rate)


def _begin_at_zero(events: list[_Event]) -> None:
    first = min(events, key=lambda event: event.start, default=None)
    if first is None or not first.on_the_hour:
        return
    hour = first.start
    for event in events:
        event.start, event.stop = event.start - hour, event.stop - hour


def _shot(event: _Event, stop: int) -> Shot:
    if not event.length or not event.start:
        start, blend = event.start, to_blend(event.facts.get("BLEND"))
        return shot_of(start, stop, event.facts.get("SCORE"), event.facts.get("KIND"), blend)
    blend = FrameRange(event.start, event.start + event.length)
    return shot_of(event.start + event.length // 2, stop, None, "dissolve", blend)
