"""Colours through time: what flickers is given the colours around it, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor

from anicolor.temporal.sight import Sight
from anicolor.temporal.steady import steadied

RED, BLUE, GREEN = (0.8, 0.2, 0.2), (0.2, 0.2, 0.8), (0.2, 0.7, 0.3)
Colour = tuple[float, float, float]


def sight(number: int, colour: Colour, *, left: int = 30, given: bool = False, sure: float | None = 0.9) -> Sight[int]:
    """A box of one ``colour`` with an outline, on white paper."""
    colours, lines = torch.ones(3, 96, 128), torch.ones(1, 96, 128)
    lines[:, 20:70, left : left + 60] = 0.0
    lines[:, 22:68, left + 2 : left + 58] = 1.0
    colours[:, 21:69, left + 1 : left + 59] = torch.tensor(colour)[:, None, None]
    confidence = None if sure is None else torch.full((1, 96, 128), sure)
    return Sight(colours, confidence, lines, given, number)


def inside(shown: Sight[int], left: int = 30) -> Tensor:
    """The colours in the box, away from its lines."""
    return shown.colours[:, 26:64, left + 6 : left + 54].flatten(1)


def is_(colour: Colour, pixels: Tensor) -> bool:
    return bool((pixels == torch.tensor(colour)[:, None]).all())


@pytest.mark.parametrize("step", [0, 2], ids=["still", "moving"])
@pytest.mark.parametrize("sure", [0.9, None])
def test_what_flickers_for_a_frame_takes_the_colour_around_it(step: int, sure: float | None) -> None:
    film = [sight(n, BLUE if n == 3 else RED, left=30 + step * n, sure=sure) for n in range(7)]
    done = list(steadied(film))
    assert [one.thing for one in done] == list(range(7))
    assert [one.corrected for one in done] == [0, 0, 0, 1, 0, 0, 0]
    for one in done:
        assert is_(RED, inside(one, 30 + step * one.thing))
    assert all(new is old for new, old in zip(done, film, strict=True) if old.thing != 3), "nothing else is touched"


def test_a_colour_that_is_sure_is_not_outvoted_by_some_that_are_not() -> None:
    film = [sight(n, BLUE if n == 3 else RED, sure=0.95 if n == 3 else 0.4) for n in range(7)]
    assert is_(BLUE, inside(list(steadied(film))[3]))


def test_a_new_colour_that_stays_is_no_flicker() -> None:
    """A light is switched on: at the change two drawings are on either side."""
    film = [sight(n, RED if n < 4 else GREEN) for n in range(8)]
    done = list(steadied(film))
    assert [is_(RED, inside(one)) for one in done] == [True] * 4 + [False] * 4
    assert not any(one.corrected for one in done)


def test_keyframes_stay_and_nobody_is_asked_beyond_them() -> None:
    film = [sight(0, RED, given=True), sight(1, BLUE), sight(2, GREEN, given=True), sight(3, BLUE), sight(4, BLUE)]
    done = list(steadied(film))
    for new, old in zip(done[::2], film[::2], strict=True):
        assert new is old
    assert is_(BLUE, inside(done[1])), "red and green do not agree"
    assert is_(BLUE, inside(done[3])), "one keyframe against two drawings"
    between = [sight(0, RED, given=True), sight(1, BLUE, sure=0.6), sight(2, RED, given=True)]
    assert is_(RED, inside(list(steadied(between))[1]))


def test_what_the_lines_do_not_show_elsewhere_has_no_say() -> None:
    """A box that is there for one drawing alone keeps its colour."""
    empty = Sight(torch.ones(3, 96, 128), torch.ones(1, 96, 128), torch.ones(1, 96, 128), False, 0)
    film = [empty, empty, sight(2, RED, sure=0.3), empty, empty]
    assert is_(RED, inside(list(steadied(film))[2]))


def test_thin_differences_are_left_alone() -> None:
    """Lines are not hit exactly: a stripe as narrow as that is no patch."""
    film = [sight(n, RED) for n in range(5)]
    film[2].colours[:, 30:33, 40:80] = torch.tensor(BLUE)[:, None, None]
    film[2].colours[:, 50:54, 40:44] = torch.tensor(BLUE)[:, None, None]
    done = list(steadied(film))[2]
    assert done is film[2]


def test_a_drawing_is_asked_for_when_it_is_needed() -> None:
    taken: list[int] = []

    def film(numbers: Sequence[int]) -> Iterator[Sight[int]]:
        for number in numbers:
            taken.append(number)
            yield sight(number, RED)

    done = steadied(film(range(10)))
    next(done)
    assert taken == [0, 1, 2]
    next(done)
    assert taken == [0, 1, 2, 3]


def test_no_drawings_no_colours() -> None:
    assert list(steadied([])) == []
