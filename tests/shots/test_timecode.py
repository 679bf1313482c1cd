"""Timecodes, against worked examples and against OpenTimelineIO."""

from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reels import RATES, Reel, uneven

from anicolor.shots.timecode import clock, from_timecode, is_variable, to_timecode

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("frame", "rate", "code"),
    [
        (0, Fraction(24), "00:00:00:00"),
        (23, Fraction(24), "00:00:00:23"),
        (24, Fraction(24000, 1001), "00:00:01:00"),
        (1800, NTSC, "00:01:00:00"),
        (90_000, Fraction(25), "01:00:00:00"),
        (2_160_000, Fraction(25), "24:00:00:00"),
        (3, Fraction(1, 2), "00:00:03:00"),
        (119, Fraction(120), "00:00:00:119"),
    ],
)
def test_a_frame_as_a_timecode_and_back(frame: int, rate: Fraction, code: str) -> None:
    assert to_timecode(frame, rate) == code
    assert from_timecode(code, rate) == frame


@given(st.integers(0, 24 * 3600 * 24 - 1), st.sampled_from(RATES[:4]))
def test_as_opentimelineio_has_them(frame: int, rate: Fraction) -> None:
    theirs = otio.opentime.to_timecode(otio.opentime.RationalTime(frame, float(rate)), float(rate), drop_frame=False)
    assert to_timecode(frame, rate) == theirs
    assert from_timecode(theirs, rate) == frame


@given(st.integers(0, 24 * 3600 * 29))
def test_drop_frame_is_read(frame: int) -> None:
    time = otio.opentime.RationalTime(frame, float(NTSC))
    theirs = otio.opentime.to_timecode(time, float(NTSC), drop_frame=True)
    assert from_timecode(theirs, NTSC) == frame
    assert from_timecode(theirs.replace(";", ":"), NTSC, drop=True) == frame


@pytest.mark.parametrize(
    ("text", "rate", "said"),
    [
        ("1:2:3", Fraction(24), "no timecode"),
        ("00:00:00:24", Fraction(24), "24 frames a second"),
        ("00:61:00:00", Fraction(24), "59"),
        ("00:01:00;02", Fraction(24), "drop-frame, which 24"),
        ("00:01:00;02", Fraction(30), "drop-frame, which 30"),
        ("00:01:00;01", NTSC, "leaves out"),
    ],
)
def test_what_is_no_timecode(text: str, rate: Fraction, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_timecode(text, rate)


def test_the_clock_is_exact_or_the_containers_own() -> None:
    assert clock(Reel(100, NTSC))(30) == Fraction(1001, 1000)
    reel = Reel(7, Fraction(12), times=tuple(40 + time for time in uneven(7)))
    assert [clock(reel)(frame) * 1000 for frame in range(7)] == [0, 42, 84, 252, 294, 336, 504]
    assert is_variable(reel)
    assert not is_variable(Reel(100, Fraction(24), times=tuple(round(1000 * i / 24) for i in range(100))))
    assert not is_variable(Reel(1))
