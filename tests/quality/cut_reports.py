"""Reports of cuts that nobody painted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import accumulate

from anicolor.frames import FrameRange
from anicolor.quality.notes import CutReport, FrameNote, RegionNote, Stranger

NASTY = "<script>alert(\"x\")</script> & 'a'\nb $title \udce4.mov"


def spans(*lengths: int) -> tuple[FrameRange, ...]:
    """Shots of ``lengths`` frames, one after the other."""
    stops = [*accumulate(lengths)]
    return tuple(FrameRange(stop - length, stop) for length, stop in zip(lengths, stops, strict=True))


def cut(
    *lengths: int,
    keyframes: Collection[int] = (),
    confidence: Callable[[int], float | None] = lambda _: None,
    missing: Collection[int] = (),
) -> CutReport:
    """A cut of shots of ``lengths`` frames; its drawings are numbered from 1, ``missing`` shots failed."""
    shots = spans(*lengths)
    frames = [
        FrameNote(i, i + 1, shot, True) if i in keyframes else FrameNote(i, i + 1, shot, False, confidence(i))
        for shot, span in enumerate(shots)
        for i in span
        if shot not in missing
    ]
    return CutReport("cut.mov", "opdm-small", shots, tuple(frames))


def region(area: int = 120) -> RegionNote:
    """A region of 12 x 10 pixels."""
    return RegionNote((10, 20, 22, 30), area, 0.25, (255, 128, 0))


def full() -> CutReport:
    """A report with all that there can be in one."""
    frames = (
        FrameNote(0, 10, 0, True),
        FrameNote(1, 12, 0, False, 0.5, 0.25, 2, 777, (region(), region(60))),
        FrameNote(2, 14, 1, False, None, None, 0, 5),
    )
    strangers = (Stranger((238, 196, 160), 10, 1240),)
    return CutReport(NASTY, NASTY, spans(2, 1), frames, strangers, (NASTY,))
