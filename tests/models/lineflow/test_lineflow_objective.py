"""What line flow is trained by: the losses are least for the truth, and a few steps lower them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from anicolor.data.clips import DrawnClips, FolderClips, MixedClips
from anicolor.errors import InputError
from anicolor.models.lineflow import objective as module
from anicolor.models.lineflow.flow import NAME, TINY, LineFlow
from anicolor.models.lineflow.network import FINEST, Found
from anicolor.models.lineflow.objective import FlowObjective

CLIPS = DrawnClips(sizes=(128, 128))
SIDE = 64


def batch(objective: FlowObjective, count: int = 2, first: int = 0) -> dict[str, torch.Tensor]:
    rows = [
        objective.prepare(CLIPS.motion(0, number), np.random.default_rng(number))
        for number in range(first, first + count)
    ]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


@pytest.fixture
def objective() -> FlowObjective:
    torch.manual_seed(0)
    return FlowObjective(LineFlow(TINY[NAME]), SIDE)


def test_rows_are_of_one_shape(objective: FlowObjective) -> None:
    for number in range(12):
        row = objective.prepare(CLIPS.motion(1, number), np.random.default_rng(number))
        assert row["frame"].shape == row["other"].shape == row["start"].shape == row["flow"].shape == (2, SIDE, SIDE)
        assert row["visible"].shape == row["figure"].shape == (1, SIDE, SIDE)


def test_the_same_example_is_the_same(objective: FlowObjective) -> None:
    one, other = batch(objective), batch(objective)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_truth_costs_least(objective: FlowObjective) -> None:
    rows = batch(objective)
    low = F.avg_pool2d(rows["flow"], FINEST) / FINEST
    sure = torch.zeros(2, 1, SIDE // FINEST, SIDE // FINEST)
    truth = module._flow_loss(Found((low, rows["flow"]), sure), rows)
    off = module._flow_loss(Found((low + 1, rows["flow"] + 1), sure), rows)
    assert truth < 0.2 < off


def test_answers_are_where_the_flow_leads() -> None:
    flow = torch.tensor([16.0, 8.0]).view(2, 1, 1).expand(2, SIDE, SIDE)
    known = torch.ones(1, SIDE, SIDE)
    asked, answers = module._contrasts(flow, known, 4, np.random.default_rng(0))
    width = SIDE // 4
    assert torch.equal(answers // width, asked // width + 2)
    assert torch.equal(answers % width, asked % width + 4)
    assert ((answers % width) < width).all()


def test_nothing_is_asked_where_nothing_is_known() -> None:
    asked, _ = module._contrasts(torch.zeros(2, SIDE, SIDE), torch.zeros(1, SIDE, SIDE), 4, np.random.default_rng(0))
    assert (asked == -1).all()


def test_a_batch_without_anything_known_has_no_contrast(objective: FlowObjective) -> None:
    rows = batch(objective)
    rows |= {name: torch.full_like(rows[name], -1) for name in rows if name.startswith("queries")}
    (turn,) = objective.turns(rows)
    assert torch.isfinite(turn.loss)


def test_a_few_steps_lower_the_loss(objective: FlowObjective) -> None:
    rows = batch(objective)
    optimizer = torch.optim.Adam(objective.network.parameters(), 5e-3)
    losses = []
    for _ in range(25):
        (turn,) = objective.turns(rows)
        optimizer.zero_grad()
        turn.loss.backward()
        optimizer.step()
        losses.append(turn.loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_only_drawn_scenes_tell_how_they_move() -> None:
    mixed = MixedClips((CLIPS,), (1.0,))
    folder = object.__new__(FolderClips)
    for source in (mixed, folder):
        with pytest.raises(InputError, match="--data drawn"):
            source.motion(0, 0)
