"""The training of the colour transform network: two turns, and the terms of equation 11."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from anicolor.data.clips import DrawnClips
from anicolor.models.deepcolorization.colorizer import TINY, DeepColorizer
from anicolor.models.deepcolorization.objective import ColourObjective, ColourWeights
from anicolor.models.objective import Objective

SIDE = 32


class FakeVgg(nn.Module):
    """Stands for VGG19, whose weights tests have not."""

    def with_style(self, result: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        return (result - truth).square().mean(), (result.mean() - truth.mean()).abs() / 1000


@pytest.fixture
def objective() -> ColourObjective:
    torch.manual_seed(0)
    colorizer = DeepColorizer(TINY["deepcolorization"])
    colorizer.network.train()
    return ColourObjective(colorizer.network, SIDE)


@pytest.fixture(scope="module")
def example():
    return DrawnClips(sizes=(64, 64)).example(0, 0)


def batch_of(objective: Objective, example) -> dict[str, Tensor]:
    row = objective.prepare(example, np.random.default_rng(0))
    return {name: value[None] for name, value in row.items()}


def test_the_discriminator_s_turn_comes_first_and_moves_nothing_else(objective, example) -> None:
    turns = objective.turns(batch_of(objective, example))
    first = next(turns)
    assert first.network == "discriminator"
    first.loss.backward()
    assert all(parameter.grad is None for parameter in objective.network.parameters())
    second = next(turns)
    assert second.network == "network"
    assert next(turns, None) is None


def test_a_discriminator_that_cannot_tell_loses_two_bits(objective, example) -> None:
    """Equation 10 with D = 1/2: - log 1/2 - log 1/2; and - log 1/2 for the generator."""
    for parameter in objective.discriminator[-1].parameters():
        nn.init.zeros_(parameter)
    turns = objective.turns(batch_of(objective, example))
    assert next(turns).loss.item() == pytest.approx(2 * math.log(2), abs=1e-5)
    assert next(turns).parts["adversarial"] == pytest.approx(math.log(2), abs=1e-5)


@pytest.mark.parametrize("vgg", [False, True])
def test_the_generator_s_loss_is_equation_11(objective, example, vgg) -> None:
    objective.perceptual = FakeVgg() if vgg else None
    turns = objective.turns(batch_of(objective, example))
    next(turns)
    turn = next(turns)
    weights = {"perceptual": 1, "style": 1000, "latent": 1, "adversarial": 1, "l1": 10}
    assert weights == vars(ColourWeights())
    assert turn.parts.keys() == (weights.keys() if vgg else weights.keys() - {"perceptual", "style"})
    assert turn.loss.item() == pytest.approx(sum(weights[name] * part for name, part in turn.parts.items()), rel=1e-4)


def test_adam_is_the_paper_s(objective) -> None:
    assert objective.betas == (0.5, 0.999)
    assert objective.rates == {"discriminator": pytest.approx(1e-5 / 1e-4)}


@pytest.mark.parametrize(("height", "width"), [(64, 40), (20, 64)])
def test_whole_frames_fit_into_the_square(objective, example, height, width) -> None:
    fields = {name: getattr(example, name) for name in type(example).__dataclass_fields__}
    smaller = {
        name: value[..., :height, :width] if isinstance(value, torch.Tensor) else value
        for name, value in fields.items()
    }
    row = objective.prepare(type(example)(**smaller), np.random.default_rng(0))
    assert row["target"].shape == (3, SIDE, SIDE)
    assert row["references"].shape == (2, 3, SIDE, SIDE)
    beyond = row["lines"][0, :, 20:] if width < height else row["lines"][0, 10:]
    assert (beyond == 1).all(), "paper"


def test_a_tracked_network_learns_from_parts_of_frames_and_what_tracks_bring_to_them(example) -> None:
    torch.manual_seed(0)
    colorizer = DeepColorizer(TINY["deepcolorization-small"])
    objective = ColourObjective(colorizer.network, SIDE)
    still = torch.zeros(1, 2, 3, *example.lines.shape[-2:])
    example = replace(example, reference_paint=example.paint.expand_as(example.reference_paint), tracks=still)
    row = objective.prepare(example, np.random.default_rng(0))
    assert row["target"].shape == (3, SIDE, SIDE)
    assert torch.allclose(row["brought_colours"], row["target"].expand(2, -1, -1, -1), atol=1e-5)
    batch = {name: value[None] for name, value in row.items()}
    for turn in objective.turns(batch):
        turn.loss.backward()
    assert colorizer.network.choice is not None
    assert all(parameter.grad is not None for parameter in colorizer.network.choice.parameters())
