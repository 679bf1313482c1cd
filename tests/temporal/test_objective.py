"""The training of the temporal network: what it learns from, and what moves."""

import numpy as np
import pytest
import torch
from torch import Tensor

from anicolor.data.clips import DrawnClips
from anicolor.models.catalog import CATALOG, Entry
from anicolor.models.colorizer import Colorizer
from anicolor.models.deepcolorization import colorizer as deepcolorization
from anicolor.models.opdm import colorizer as opdm
from anicolor.models.yardsticks import colorizer as yardsticks
from anicolor.temporal.objective import RefineObjective, painted, prepared
from anicolor.temporal.refiner import TINY, Refiner

CLIPS = DrawnClips(sizes=(64, 64))
SIDE = 32
FRAMES = 8
FOLDERS = {"opdm": opdm, "deepcolorization": deepcolorization, "yardsticks": yardsticks}


@pytest.fixture(params=CATALOG, ids=lambda known: known.name)
def colorizer(request: pytest.FixtureRequest) -> Colorizer:
    known: Entry = request.param
    torch.manual_seed(0)
    paper = FOLDERS[known.folder]
    if not known.learned:
        return known.part("colorizer").build(known.name)
    made = known.part("colorizer").build(known.name)
    return type(made)(paper.TINY[known.name])


def batch_of(objective: RefineObjective, *numbers: int) -> dict[str, Tensor]:
    rows = [objective.prepare(CLIPS.stretch(0, n, 2, FRAMES), np.random.default_rng(n)) for n in numbers]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def test_any_colorizer_paints_a_stretch_always_the_same(colorizer: Colorizer) -> None:
    row = prepared(CLIPS.stretch(0, 1, 2, FRAMES), SIDE, tracked=colorizer.traits.tracked)
    colours, confidence = painted(colorizer, row, 3)
    assert colours.shape == row["targets"].shape
    assert confidence.shape == row["lines"].shape
    assert 0 <= colours.min() <= colours.max() <= 1
    assert torch.equal(colours, painted(colorizer, row, 3)[0])


def test_the_loss_goes_down_and_moves_every_weight_but_the_colorizers() -> None:
    torch.manual_seed(0)
    colorizer = opdm.OpdmColorizer(opdm.TINY["opdm-small"])
    refiner = Refiner(TINY["refiner-small"])
    objective = RefineObjective(refiner, colorizer, SIDE)
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


def test_the_perceptual_and_the_style_term_are_means_over_all_pictures() -> None:
    seen: list[torch.Size] = []

    class Vgg:
        def with_style(self, made: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
            seen.extend((made.shape, truth.shape))
            return (made - truth).square().mean(), (made - truth).abs().mean()

    objective = RefineObjective(Refiner(TINY["refiner"]), yardsticks.build("copy"), SIDE, perceptual=Vgg())  # type: ignore[arg-type]
    *_, last = objective.turns(batch_of(objective, 0, 1))
    assert set(last.parts) == {"l1", "adversarial", "perceptual", "style"}
    assert seen == [torch.Size((2 * (FRAMES + 2), 3, SIDE, SIDE))] * 2


def test_frames_of_any_size_make_one_batch() -> None:
    objective = RefineObjective(Refiner(TINY["refiner"]), opdm.OpdmColorizer(opdm.TINY["opdm-small"]), SIDE)
    wide = DrawnClips(sizes=(96, 96))
    rows = [objective.prepare(source.stretch(0, 0, 2, FRAMES), np.random.default_rng(0)) for source in (CLIPS, wide)]
    assert {k: v.shape for k, v in rows[0].items()} == {k: v.shape for k, v in rows[1].items()}
