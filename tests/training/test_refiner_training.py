"""A refiner is trained by the same loop, on what a colorizer makes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from short_runs import go_on, go_on_until, same, started

from anicolor.data.clips import draw_clips
from anicolor.data.synthetic import DrawnSettings
from anicolor.errors import InputError
from anicolor.lines.distance import without_ink
from anicolor.temporal import refiner
from anicolor.temporal.refiner import load_refiner
from anicolor.training import loop, trainee
from anicolor.training.loop import Order, to_beat
from anicolor.training.run import Run
from anicolor.training.trainee import trainee_of


@pytest.fixture(scope="module", autouse=True)
def _tiny(clips: Path) -> Iterator[None]:  # noqa: ARG001
    with pytest.MonkeyPatch.context() as patch:
        for name, settings in refiner.TINY.items():
            patch.setitem(refiner.PRESETS, name, settings)
        patch.setattr(trainee, "_JUDGED", 64)
        patch.setattr(loop, "validate", partial(loop.validate, examples=2))
        patch.setattr(loop, "samples", partial(loop.samples, examples=2))
        yield


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Order:
    root = tmp_path_factory.mktemp("long")
    list(draw_clips(root, 1, DrawnSettings(frames=12, size=64)))
    return Order("refiner-small", (str(root),), steps=3, batch=1, rate=1e-3, side=32, painter="copy")


@pytest.fixture(autouse=True)
def _judged(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "VALIDATION", loop.clip_source(order.data))
    monkeypatch.setattr(loop, "to_beat", lambda *_: 5.0)


def test_what_is_to_beat_are_the_colorizers_own_frames(order: Order, tmp_path: Path) -> None:
    """``copy`` gives each frame its nearest keyframe, as it does in a film."""
    learner, source = trainee_of(order, tmp_path), loop.clip_source(order.data)
    one = learner.painting(source, 0)
    stretch = source.stretch(0, 0, 2, 8)
    keyframes, frames = stretch.places[:2], stretch.places[2:]
    paint = without_ink(one.references, learner._judged(source, 0)[0]["reference_lines"])
    for given, lines, frame in zip(one.given, one.lines, frames, strict=True):
        nearest = 0 if abs(keyframes[0] - frame) <= abs(keyframes[1] - frame) else 1
        assert torch.allclose(given, (paint[nearest] * lines).clamp(0, 1), atol=1e-5)
    assert not torch.equal(one.given, one.painted)
    errors = (one.given - one.truth).square().mean(dim=(1, 2, 3))
    assert to_beat(learner, {}, source, examples=1) == pytest.approx(float((-10 * errors.log10()).mean()))


def test_adapted_weights_must_refine_too(order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(tmp_path / "run", order)
    go_on(run, order)
    monkeypatch.setattr(loop, "to_beat", lambda *_: 99.0)
    adapting = replace(order, init=str(run.best))
    adapted = started(tmp_path / "adapted", adapting)
    first, *_ = go_on(adapted, adapting)
    assert (first.step, first.score) == (0, 99.0)
    assert not adapted.best.exists()


def test_a_training_that_stops_goes_on_as_if_it_had_not(order: Order, tmp_path: Path) -> None:
    whole, parts = started(tmp_path / "whole", order), started(tmp_path / "parts", order)
    go_on(whole, order)
    go_on_until(parts, order, step=2)
    assert (parts.folder / "kept").exists()
    assert [step.step for step in go_on(parts, order)] == [3]
    assert same(whole, parts)
    assert load_refiner(whole.best).settings == refiner.PRESETS["refiner-small"]
    log = [json.loads(line) for line in (whole.folder / "log.jsonl").read_text().splitlines()]
    assert log[1] == {"stage": "time", "step": 0, "score": 5.0}
    assert (whole.folder / "samples" / "time-000003.png").is_file()
    assert not (whole.folder / "kept").exists(), "what only the training needed is gone"


def test_weights_that_refine_nothing_are_not_kept(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "to_beat", lambda *_: 99.0)
    run = started(tmp_path, order)
    go_on(run, order)
    assert not run.best.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"references": 3}, "leave --references out"),
        ({"painter": "nope"}, "no model named 'nope'"),
        ({"painter": "opdm"}, "opdm ships without weights"),
        ({"model": "opdm-small"}, "leave --colorizer and --weights out"),
        ({"side": 40}, "needs a multiple of 16"),
        ({"data": "short"}, "2 keyframes and 8 frames between need 10"),
    ],
)
def test_orders_that_cannot_be_met(
    change: dict[str, object], said: str, order: Order, clips: Path, tmp_path: Path
) -> None:
    if "data" in change:
        change = {"data": (str(clips),)}
    with pytest.raises(InputError, match=said):
        go_on(Run(tmp_path), replace(order, **change))  # type: ignore[arg-type]
