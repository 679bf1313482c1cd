"""The training of the temporal network: what it learns from, and what moves."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from anicolor.data import clips
from anicolor.data.clips import DrawnClips
from anicolor.models.catalog import CATALOG, Entry
from anicolor.models.colorizer import Colorizer
from anicolor.models.opdm import colorizer as opdm
from anicolor.models.yardsticks import colorizer as yardsticks
from anicolor.temporal.objective import Asked, RefineObjective, painted, prepared
from anicolor.temporal.refiner import TINY, Refiner

CLIPS = DrawnClips(sizes=(64, 64))
SIDE = 32
FRAMES = 3

pytestmark = pytest.mark.usefixtures("quick_tracks")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few drawings lie between two keyframes."""
    monkeypatch.setattr(clips, "GAPS", (2, 5))


@pytest.fixture(params=CATALOG, ids=lambda known: known.name)
def colorizer(request: pytest.FixtureRequest) -> Colorizer:
    known: Entry = request.param
    torch.manual_seed(0)
    part = known.part("colorizer")
    made: Colorizer = part.build(known.name, asdict(part.TINY[known.name]))
    return made


def asked(number: int, source: DrawnClips = CLIPS) -> Asked:
    return Asked(number, lambda: source.stretch(0, number, 2, FRAMES))


def batch_of(objective: RefineObjective, *numbers: int) -> dict[str, Tensor]:
    rows = [objective.prepare(asked(n), np.random.default_rng(n)) for n in numbers]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def test_any_colorizer_paints_a_stretch_always_the_same(colorizer: Colorizer) -> None:
    row = prepared(CLIPS.stretch(0, 1, 2, FRAMES), SIDE, tracked=colorizer.traits.tracked)
    colours, confidence = painted(colorizer, row, 3)
    assert colours.shape == row["targets"].shape
    assert confidence.shape == row["lines"].shape
    assert 0 <= colours.min() <= colours.max() <= 1
    assert torch.equal(colours, painted(colorizer, row, 3)[0])


def test_the_loss_goes_down_and_moves_every_weight_but_the_colorizers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    colorizer = opdm.OpdmColorizer(opdm.TINY["opdm-small"])
    refiner = Refiner(TINY["refiner-small"])
    objective = RefineObjective(refiner, colorizer, SIDE, tmp_path)
    batch = batch_of(objective, 0, 1)
    trained = {
        f"{name}.{key}": parameter
        for name, network in objective.networks.items()
        for key, parameter in network.named_parameters()
    }
    before = {key: value.clone() for key, value in colorizer.network.state_dict().items()}
    optimizer = torch.optim.Adam(trained.values(), lr=3e-3)
    losses, idle = [], set(trained)
    for _ in range(15):
        for turn in objective.turns(batch):
            optimizer.zero_grad()
            turn.loss.backward()
            idle -= {key for key, p in trained.items() if p.grad is not None and p.grad.abs().sum() > 0}
            optimizer.step()
        losses.append(turn.parts["l1"])
    assert losses[-1] < 0.97 * losses[0]
    assert not idle
    assert all(torch.equal(value, before[key]) for key, value in colorizer.network.state_dict().items())


def test_the_perceptual_and_the_style_term_are_means_over_all_pictures(tmp_path: Path) -> None:
    seen: list[torch.Size] = []

    class Vgg:
        def with_style(self, made: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
            seen.extend((made.shape, truth.shape))
            return (made - truth).square().mean(), (made - truth).abs().mean()

    objective = RefineObjective(Refiner(TINY["refiner"]), yardsticks.build("copy"), SIDE, tmp_path, perceptual=Vgg())  # type: ignore[arg-type]
    *_, last = objective.turns(batch_of(objective, 0, 1))
    assert set(last.parts) == {"l1", "adversarial", "perceptual", "style"}
    assert seen == [torch.Size((2 * (FRAMES + 2), 3, SIDE, SIDE))] * 2


def test_frames_of_any_size_make_one_batch(tmp_path: Path) -> None:
    objective = RefineObjective(Refiner(TINY["refiner"]), opdm.OpdmColorizer(opdm.TINY["opdm-small"]), SIDE, tmp_path)
    wide = DrawnClips(sizes=(96, 96))
    rows = [objective.prepare(asked(0, source), np.random.default_rng(0)) for source in (CLIPS, wide)]
    assert {k: v.shape for k, v in rows[0].items()} == {k: v.shape for k, v in rows[1].items()}


def test_a_stretch_is_drawn_and_painted_once_and_turned_around_with_all_that_belongs_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colorizer = opdm.OpdmColorizer(opdm.TINY["opdm-small"])
    objective = RefineObjective(Refiner(TINY["refiner"]), colorizer, SIDE, tmp_path / "kept")
    paints: list[int] = []
    draws: list[int] = []
    paint = colorizer.colorize
    monkeypatch.setattr(colorizer, "colorize", lambda *given: (paints.append(1), paint(*given))[1])
    stretch = Asked(4, lambda: (draws.append(1), CLIPS.stretch(0, 4, 2, FRAMES))[1])
    as_it_is = {"backwards": torch.tensor(False), "mirrored": torch.tensor(False), "channels": torch.arange(3)}
    plain = objective.prepare(stretch, np.random.default_rng(0)) | as_it_is
    one = objective._sequence(plain)
    turned = objective._sequence(
        plain | {"backwards": torch.tensor(True), "mirrored": torch.tensor(True), "channels": torch.tensor([2, 0, 1])}
    )
    again = objective.prepare(stretch, np.random.default_rng(0)) | as_it_is
    assert {name: (part.shape, part.dtype) for name, part in again.items()} == {
        name: (part.shape, part.dtype) for name, part in plain.items()
    }
    assert torch.equal(objective._sequence(again), one)
    assert (len(draws), len(paints)) == (1, 2 * FRAMES), (
        "a row that was asked for before it was painted is painted again"
    )
    assert torch.equal(turned, one[:, [2, 0, 1, 5, 3, 4, 6, 7]].flip(0, -1))
    assert torch.equal(one[[0, -1], :3], one[[0, -1], 3:6]), "keyframes are given"
    assert torch.allclose(one[1:-1, 3:6], plain["targets"])
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_bytes(b"damaged")
    whole = objective.prepare(stretch, np.random.default_rng(0)) | as_it_is
    assert torch.equal(objective._sequence(whole), one)
    assert (len(draws), len(paints)) == (2, 3 * FRAMES)


def test_examples_are_turned_in_every_way(tmp_path: Path) -> None:
    objective = RefineObjective(Refiner(TINY["refiner"]), yardsticks.build("copy"), SIDE, tmp_path)
    stretch = asked(0)
    rows = [objective.prepare(stretch, np.random.default_rng(n)) for n in range(40)]
    ways = {(bool(row["backwards"]), bool(row["mirrored"])) for row in rows}
    assert len(ways) == 4
    assert len({tuple(row["channels"].tolist()) for row in rows}) == 6
