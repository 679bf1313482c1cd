"""Curves over time: thinned without losing what matters, on axes that hold them."""

from __future__ import annotations

import random

import pytest

from anicolor.frames import FrameRange
from anicolor.pages.curve import Scale, axis, curve, dots, scale_of, svg, thin, where


def test_thinning_keeps_extremes_and_gaps() -> None:
    rng = random.Random(1)
    values: list[float | None] = [rng.random() for _ in range(5_000)]
    values[1234], values[4321], values[2000:2100] = 9.0, -9.0, [None] * 100
    columns = thin(values, 100)
    points = [point for column in columns for point in column.points]
    assert len(columns) == 100
    assert [i for i, _ in points] == sorted(i for i, _ in points)
    assert {(1234, 9.0), (4321, -9.0)} <= set(points)
    assert any(not column.points for column in columns)
    assert [list(c.frames) for c in thin([1.0, None, 3.0], 100)] == [[0], [1], [2]]


@pytest.mark.parametrize("values", [(0.0, 0.0), (5.0,), (0.9, 0.95), (-3.0, 4.0), (1e-7, 3e-7), (2e8, 5e8), ()])
def test_an_axis_holds_its_values_and_few_labels(values: tuple[float, ...]) -> None:
    scale = scale_of(values)
    assert all(0 <= scale.y(value) <= 100 for value in values)
    assert 1 <= len(scale.ticks) <= 7
    assert all(scale.low <= tick <= scale.high * 1.0001 for tick in scale.ticks)


def test_a_line_stops_at_gaps_and_cuts() -> None:
    values = (0.0, 1.0, None, 1.0, 0.0, 0.5)
    drawn = curve("result", thin(values), len(values), Scale(0, 1), cuts=[4])
    assert drawn == '<path class="result" d="M83.3 100h0L250 0M583.3 0h0M750 100h0L916.7 50"/>'


def test_nothing_is_drawn_of_nothing() -> None:
    assert curve("result", thin((None, None)), 2, Scale(0, 1)) == ""
    assert dots((None, None), Scale(0, 1)) == ""


def test_an_axis_names_round_frames_and_wide_shots() -> None:
    shots = [FrameRange(0, 90), FrameRange(90, 91), FrameRange(91, 100)]
    said = axis(range(5, 105), [0], shots)
    assert [int(one.split("<")[0]) for one in said.split('%">') if one[0].isdigit()] == [*range(20, 105, 20)]
    assert "shot 0" in said
    assert "shot 2" in said
    assert "shot 1" not in said
    assert where(FrameRange(89, 92), range(5, 105), shots) == "frames 94 to 96, shots 0 to 2"
    assert where(FrameRange(90, 91), range(5, 105), shots) == "frame 95, shot 1"


def test_what_a_drawing_is_called_is_text() -> None:
    assert 'aria-label="&lt;b&gt; &amp; &quot;"' in svg('<b> & "', [])
    assert "aria-hidden" in svg("", [])
