"""Line flow is trained by the same loop, on drawn scenes, whose motion is known."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from short_runs import go_on, go_on_until, same, started

from anicolor.data.clips import DrawnClips
from anicolor.errors import InputError
from anicolor.models.lineflow import flow
from anicolor.models.weights import load_weights
from anicolor.training import loop
from anicolor.training.loop import Order
from anicolor.training.run import Run
from anicolor.training.trainee import trainee_of

ORDER = Order(flow.NAME, steps=3, batch=2, rate=1e-3, side=64)


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(flow.PRESETS, flow.NAME, flow.TINY[flow.NAME])
        patch.setattr(loop, "VALIDATION", DrawnClips(sizes=(64, 64), first=0, count=100))
        patch.setattr(loop, "validate", partial(loop.validate, examples=2))
        patch.setattr(loop, "samples", partial(loop.samples, examples=2))
        patch.setattr(loop, "clip_source", lambda _: DrawnClips(sizes=(64, 96)))
        yield


@pytest.fixture(autouse=True)
def _easy_to_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "to_beat", lambda *_: 1.0)


def test_a_training_that_stops_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    whole, parts = started(tmp_path / "whole", ORDER), started(tmp_path / "parts", ORDER)
    go_on(whole, ORDER)
    go_on_until(parts, ORDER, step=2)
    assert [step.step for step in go_on(parts, ORDER)] == [3]
    assert same(whole, parts)
    assert load_weights(whole.best, flow.NAME, flow.build).settings == flow.TINY[flow.NAME]
    assert (whole.folder / "samples" / "flow-000003.png").is_file()


def test_it_is_judged_by_the_paint_that_it_carries(tmp_path: Path) -> None:
    one = trainee_of(ORDER, tmp_path).painting(loop.VALIDATION, 0)
    assert one.painted.shape == one.given.shape == one.truth.shape == (1, 3, 64, 64)
    assert not torch.equal(one.painted, one.truth)


def test_weights_that_carry_paint_no_better_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "to_beat", lambda *_: 99.0)
    run = started(tmp_path, ORDER)
    go_on(run, ORDER)
    assert not run.best.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"references": 2}, "leave --references out"),
        ({"painter": "copy"}, "leave --colorizer and --weights out"),
        ({"side": 72}, "needs a multiple of"),
    ],
)
def test_orders_that_cannot_be_met(change: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        go_on(Run(tmp_path), replace(ORDER, **change))  # type: ignore[arg-type]
