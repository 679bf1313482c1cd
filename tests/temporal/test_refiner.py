"""A shot is refined between its keyframes, in windows, as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from anicolor.errors import AnicolorError, InputError
from anicolor.models.colorizer import Reference
from anicolor.models.weights import save_weights
from anicolor.temporal import refiner as module
from anicolor.temporal.refiner import TINY, Refiner, load_refiner, refined, wanted, windows
from anicolor.temporal.sight import Sight

SIZE = (20, 28)
WINDOW = 8


@pytest.fixture
def refiner() -> Refiner:
    torch.manual_seed(0)
    return Refiner(TINY["refiner-small"])


@pytest.fixture
def weights(refiner: Refiner, tmp_path: Path) -> Path:
    path = tmp_path / "refiner.safetensors"
    save_weights(path, "refiner-small", refiner.settings, refiner.networks, {})
    return path


def sight(number: int, *, given: bool = False) -> Sight[int]:
    made = torch.Generator().manual_seed(number)
    colours, lines = torch.rand(3, *SIZE, generator=made), torch.rand(1, *SIZE, generator=made)
    return Sight(colours, None if given else torch.full((1, *SIZE), 0.5), lines, given, number)


def reference(number: int) -> Reference:
    shown = sight(number, given=True)
    return Reference(number, shown.colours, shown.lines)


def shot(length: int, *keyframes: int) -> tuple[list[Sight[int]], dict[int, Reference]]:
    return [sight(n, given=n in keyframes) for n in range(length)], {n: reference(n) for n in keyframes}


@pytest.mark.parametrize("length", range(1, 40))
def test_windows_cover_a_stretch_once_with_others_around_what_is_kept(length: int) -> None:
    planned = list(windows(length, WINDOW))
    assert [n for _, new in planned for n in new] == list(range(length))
    for frames, new in planned:
        assert len(frames) == min(WINDOW, length)
        assert frames.start == 0 or new.start - frames.start >= 2
        assert frames.stop == length or frames.stop - new.stop >= 2


def test_all_but_keyframes_are_refined_in_their_order(refiner: Refiner) -> None:
    drawings, references = shot(30, 3, 20)
    done = list(refined(drawings, 30, references, refiner))
    assert [one.thing for one in done] == list(range(30))
    assert {one.thing for one, old in zip(done, drawings, strict=True) if one is old} == {3, 20}
    for one, old in zip(done, drawings, strict=True):
        assert one.colours.shape == old.colours.shape
        assert 0 <= one.colours.min() <= one.colours.max() <= 1
        assert one.confidence is old.confidence
        assert (not torch.equal(one.colours, old.colours)) is not old.given


def test_a_frame_is_what_its_own_window_makes_of_it(refiner: Refiner) -> None:
    drawings, references = shot(14, 0, 13)
    done = list(refined(drawings, 14, references, refiner))
    held = drawings[1:9]
    parts = (torch.stack([getattr(one, name) for one in held]) for name in ("colours", "lines", "confidence"))
    made = refiner.refine(*parts, (references[0], references[13]))
    assert torch.equal(torch.stack([one.colours for one in done[1:7]]), made[:6])


@pytest.mark.parametrize(("keyframes", "ends"), [((5,), (5, 5)), ((-4, 9), (-4, 9)), ((12,), (12, 12))])
def test_references_come_from_both_sides_or_from_one(
    keyframes: tuple[int, ...], ends: tuple[int, int], refiner: Refiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Borrowed ones lie outside of the shot."""
    asked: list[tuple[int, int]] = []

    def refine(colours: Tensor, _lines: Tensor, _sure: Tensor, ends: tuple[Reference, Reference], _p: str) -> Tensor:
        asked.append((ends[0].index, ends[1].index))
        return colours

    monkeypatch.setattr(refiner, "refine", refine)
    drawings, references = shot(6, *keyframes)
    list(refined(drawings, 6, references, refiner))
    assert set(asked) == {ends}


def test_only_a_window_is_read_ahead(refiner: Refiner) -> None:
    drawings, references = shot(60, 0)
    read: list[int] = []

    def film() -> Iterator[Sight[int]]:
        for one in drawings:
            read.append(one.thing)
            yield one

    coming = refined(film(), 60, references, refiner)
    for number in range(60):
        assert next(coming).thing == number
        assert len(read) <= number + WINDOW
    assert next(coming, None) is None


def test_a_colorizer_that_cannot_tell_is_taken_to_be_sure(refiner: Refiner) -> None:
    drawings, references = shot(4, 0)
    sure = [Sight(d.colours, torch.ones_like(d.lines), d.lines, d.given, d.thing) for d in drawings]
    unable = [Sight(d.colours, None, d.lines, d.given, d.thing) for d in drawings]
    made = ([one.colours for one in refined(film, 4, references, refiner)] for film in (sure, unable))
    assert all(torch.equal(a, b) for a, b in zip(*made, strict=True))


def test_weights_are_read_by_path(weights: Path, refiner: Refiner, tmp_path: Path) -> None:
    found = load_refiner(weights)
    assert found.settings == refiner.settings
    large = Refiner(TINY["refiner"])
    save_weights(tmp_path / "large.safetensors", "refiner", large.settings, large.networks, {})
    assert load_refiner(tmp_path / "large.safetensors").settings == large.settings
    save_weights(tmp_path / "other.safetensors", "opdm", refiner.settings, refiner.networks, {})
    with pytest.raises(AnicolorError, match="expected weights of refiner-small, found those of opdm"):
        load_refiner(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="no such weights file"):
        load_refiner(tmp_path / "none.safetensors")


def test_what_a_wish_comes_to(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHIPPED", None)
    assert wanted(None) is None
    assert wanted(None, refine=False) is None
    assert wanted(weights) is not None
    with pytest.raises(InputError, match="refiner-small ships without weights: give --refiner FILE"):
        wanted(None, refine=True)
    with pytest.raises(InputError, match="give one of them"):
        wanted(weights, refine=False)
    monkeypatch.setattr(module, "SHIPPED", weights)
    assert wanted(None) is not None
    assert wanted(None, refine=False) is None
