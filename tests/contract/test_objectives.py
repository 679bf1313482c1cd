"""What every training stage of the recipe table promises, on tiny networks."""

from functools import cache
from math import lcm

import numpy as np
import pytest
import torch
from torch import Tensor

from anicolor.data.clips import DrawnClips, Example
from anicolor.models.catalog import CATALOG, Entry
from anicolor.models.colorizer import Colorizer
from anicolor.models.objective import Objective
from anicolor.training.recipe import recipes

CLIPS = DrawnClips(sizes=(64, 64))

pytestmark = pytest.mark.usefixtures("quick_tracks")


@cache
def example(number: int) -> Example:
    return CLIPS.example(0, number)


def batch_of(objective: Objective, *numbers: int) -> dict[str, Tensor]:
    rows = [objective.prepare(example(number), np.random.default_rng(number)) for number in numbers]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def descend(objective: Objective, steps: int) -> tuple[list[float], set[str]]:
    """Train on one batch and one noise; return the losses and the parameters that never had a gradient."""
    batch = batch_of(objective, 0, 1)
    trained = {
        f"{name}.{key}": parameter
        for name, network in objective.networks.items()
        for key, parameter in network.named_parameters()
        if parameter.requires_grad
    }
    optimizer = torch.optim.Adam(trained.values(), lr=3e-3)
    losses, idle = [], set(trained)
    for _ in range(steps):
        torch.manual_seed(0)
        losses.append(0.0)
        for turn in objective.turns(batch):
            optimizer.zero_grad()
            turn.loss.backward()
            idle -= {key for key, p in trained.items() if p.grad is not None and p.grad.abs().sum() > 0}
            optimizer.step()
            losses[-1] += turn.loss.item()
    return losses, idle


@pytest.fixture(params=[known for known in CATALOG if known.learned], ids=lambda known: known.name)
def known(request: pytest.FixtureRequest) -> Entry:
    return request.param


@pytest.fixture(params=[0, -1], ids=["first stage", "last stage"])
def stage(request: pytest.FixtureRequest, known: Entry, fresh: Colorizer) -> Objective:
    """The stage of the recipe table; two steps of the stages before it are done."""
    rows = recipes(known.name)
    side = lcm(32, fresh.traits.size_multiple)
    build = known.part("objective").build_objective
    for row in rows[: request.param]:
        descend(build(row.stage, fresh, side, min(row.unroll, 2), None), 2)
    row = rows[request.param]
    return build(row.stage, fresh, side, min(row.unroll, 2), None)


def test_the_loss_goes_down_and_moves_every_trainable_weight(stage: Objective) -> None:
    losses, idle = descend(stage, 20)
    assert losses[-1] < 0.97 * losses[0]
    assert not idle


def test_examples_of_any_size_make_one_batch(stage: Objective) -> None:
    large, rng = example(0), np.random.default_rng(0)
    fields = (getattr(large, name) for name in Example.__dataclass_fields__)
    small = Example(*(value[..., :20, :27] if isinstance(value, Tensor) else value for value in fields))
    shapes = [{name: value.shape for name, value in stage.prepare(one, rng).items()} for one in (small, large)]
    assert shapes[0] == shapes[1]
