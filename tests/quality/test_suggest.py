"""The frames to paint next: against the model worked out frame by frame."""

from __future__ import annotations

import random
import time

import pytest
from cut_reports import cut

from anicolor.quality.notes import CutReport
from anicolor.quality.suggest import suggest


def expected_errors(report: CutReport, painted: tuple[int, ...] = ()) -> dict[int, float]:
    """What the docstring of ``suggest`` says, one frame at a time."""
    errors = {}
    for frame in report.frames:
        span = report.shots[frame.shot]
        given = [one.index for one in report.frames if one.keyframe and one.shot == frame.shot]
        far = min((abs(frame.index - key) for key in given), default=len(span))
        error = far / (far + 8) if frame.confidence is None else 1 - frame.confidence
        near = min([far, *(abs(frame.index - key) for key in painted if key in span)])
        errors[frame.index] = 0.0 if frame.keyframe else error * near / far
    return errors


def best(report: CutReport, painted: tuple[int, ...]) -> tuple[int, float]:
    before = sum(expected_errors(report, painted).values())
    gains = {f.index: before - sum(expected_errors(report, (*painted, f.index)).values()) for f in report.frames}
    most = max(gains.values())
    return min(index for index, gain in gains.items() if gain > most - 1e-9), most


@pytest.mark.parametrize("seed", range(8))
def test_each_is_the_best_after_those_before_it(seed: int) -> None:
    rng = random.Random(seed)
    lengths = [rng.randint(1, 17) for _ in range(3)]
    keyframes = {i for i in range(sum(lengths)) if rng.random() < 0.12}
    report = cut(*lengths, keyframes=keyframes, confidence=lambda _: rng.choice([None, rng.random()]))
    painted: tuple[int, ...] = ()
    found = suggest(report, 5)
    assert len(found) == 5
    for one in found:
        index, gain = best(report, painted)
        assert one.index == index
        assert one.gain == pytest.approx(gain)
        assert one.number == index + 1
        assert index in report.shots[one.shot]
        painted = (*painted, index)


def test_the_middle_of_the_longest_way_where_the_model_cannot_tell() -> None:
    (one,) = suggest(cut(40, keyframes=(0, 10, 30)))
    assert one.index == 19
    assert one.reason == (
        "The 19 frames between keyframes 11 and 31 are up to 10 frames from a keyframe: "
        "painting this one takes away 44 % of the error expected there."
    )


def test_where_the_model_is_unsure() -> None:
    (one,) = suggest(cut(40, keyframes=(0, 10, 30), confidence=lambda i: 0.2 if i < 10 else 0.9))
    assert one.index == 5
    assert "between keyframes 1 and 11 are 20 % sure on average" in one.reason


def test_before_the_first_and_after_the_last_keyframe() -> None:
    found = suggest(cut(21, keyframes=(10,)), 2)
    assert "before keyframe 11" in found[0].reason
    assert "after keyframe 11" in found[1].reason
    assert [one.index for one in found] == [3, 17]


def test_a_shot_without_a_keyframe_comes_first() -> None:
    first, second = suggest(cut(9, 9, keyframes=(4,)), 2)
    assert (first.index, first.shot) == (13, 1)
    assert first.reason.startswith("The shot of 9 frames has no keyframe of its own: ")
    assert second.shot == 0


def test_a_gap_of_one_frame() -> None:
    (one,) = suggest(cut(3, keyframes=(0, 2)))
    assert one.reason.startswith("The one frame between keyframes 1 and 3 is up to 1 frame from a keyframe: ")
    assert "100 % of" in one.reason


@pytest.mark.parametrize(
    "report",
    [cut(), cut(2, 1, keyframes=(0, 1, 2)), cut(4, keyframes=(0,), confidence=lambda _: 1.0), cut(3, missing=(0,))],
    ids=["no frame", "all painted", "all sure", "all failed"],
)
def test_nothing_is_left(report: CutReport) -> None:
    assert suggest(report, 3) == ()


def test_no_more_than_there_are() -> None:
    assert [one.index for one in suggest(cut(4, keyframes=(0, 2)), 9)] == [1, 3]


def test_a_shot_that_failed_is_left_out() -> None:
    assert {one.shot for one in suggest(cut(3, 30, 3, keyframes=(0, 33), missing=(1,)), 9)} == {0, 2}


def test_a_long_film_is_quick() -> None:
    report = cut(*[100] * 1000, keyframes=range(0, 100_000, 100))
    started = time.monotonic()
    assert len(suggest(report, 10)) == 10
    assert time.monotonic() - started < 20


def test_a_count_of_nothing() -> None:
    with pytest.raises(ValueError, match="one frame to suggest at least"):
        suggest(cut(3), 0)
