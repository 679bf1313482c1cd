"""A training that learns from the same examples again and again draws each of them once."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from short_runs import go_on, go_on_until, same, started

from anicolor.data.clips import ClipSource, DrawnClips, Example
from anicolor.errors import AnicolorError
from anicolor.models.tracks import example_tracks
from anicolor.training import loop
from anicolor.training.loop import Order, train
from anicolor.training.pool import Pool
from anicolor.training.team import Team

CLIPS = DrawnClips(sizes=(64, 64))


@pytest.fixture
def drawn() -> list[int]:
    return []


@pytest.fixture
def draw(drawn: list[int]):
    def draw(number: int) -> Example:
        drawn.append(number)
        return CLIPS.example(0, number)

    return draw


@pytest.mark.parametrize("tracked", [True, False])
def test_examples_come_again_as_they_were(tracked: bool, tmp_path: Path, drawn: list[int], draw):
    pool = Pool(tmp_path / "pool", 2, tracked=tracked)
    first = [pool.example(number, draw) for number in range(4)]
    again = [Pool(tmp_path / "pool", 2, tracked=tracked).example(number, draw) for number in range(2)]
    assert drawn == [0, 1]
    for number, one in enumerate([*first, *again]):
        whole = CLIPS.example(0, number % 2)
        for name in ("target", "references", "paint", "reference_paint", "drawings"):
            assert torch.equal(getattr(one, name), getattr(whole, name)), name
        assert one.places == whole.places
        if tracked:
            assert torch.equal(one.tracks, first[number % 2].tracks)
            assert torch.allclose(one.tracks, example_tracks(whole), atol=0.02)
        else:
            assert one.tracks is None


def test_what_is_damaged_is_drawn_again(tmp_path: Path, drawn: list[int], draw):
    pool = Pool(tmp_path / "pool", 1, tracked=False)
    pool.example(0, draw)
    (kept,) = pool.folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    pool.example(0, draw)
    Pool(pool.folder, 1, tracked=True).example(0, draw)  # what lacks tracks is of no use
    assert drawn == [0, 0, 0]


def test_a_training_draws_each_example_once(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    drawn = []
    example = ClipSource.example

    def counted(self: ClipSource, seed: int, number: int, references: int = 2) -> Example:
        if self is not loop.VALIDATION:
            drawn.append(number)
        return example(self, seed, number, references)

    monkeypatch.setattr(ClipSource, "example", counted)
    order = Order("opdm-small", (str(clips),), steps=3, batch=2, rate=1e-3, side=32, pool=3)
    whole, parts, fresh = (started(tmp_path / name, order) for name in ("whole", "parts", "fresh"))
    go_on(whole, order)
    assert sorted(drawn) == [0, 1, 2]
    assert not (whole.folder / "kept").exists(), "what only the training needed is gone"
    go_on_until(parts, order, 2)
    assert (parts.folder / "kept").exists()
    go_on(parts, order)
    assert same(whole, parts)
    go_on(fresh, replace(order, pool=None))
    assert not same(whole, fresh)


@pytest.mark.parametrize("model", ["refiner-small", "lineflow"])
def test_only_colorizers_take_a_pool(model: str, tmp_path: Path, anicolor):
    outcome = anicolor("train", model, "--pool", 3, "--out", tmp_path / "run")
    assert outcome.code == 2
    assert f"{model} is no colorizer: leave --pool out" in outcome.err
    assert not (tmp_path / "run").exists()


def test_what_fails_in_a_worker_is_told_in_one_line(clips: Path, tmp_path: Path):
    order = Order("opdm-small", (str(clips),), steps=1, batch=2, rate=1e-3, side=32, pool=2)
    run = started(tmp_path / "run", order)
    (run.folder / "kept").write_text("a file where the pool's folder would be")
    with pytest.raises(AnicolorError) as said:
        list(train(run, order, Team(torch.device("cpu")), workers=1))
    assert "\n" not in str(said.value)
    assert "kept" in str(said.value)
