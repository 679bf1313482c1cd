"""The two stages of OPDM's training."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from anicolor.data.clips import Example
from anicolor.models.opdm.colorizer import TINY
from anicolor.models.opdm.conditions import Conditions
from anicolor.models.opdm.network import Opdm
from anicolor.models.opdm.objective import JointObjective, JointWeights, OffsetObjective, content_loss

SIDE = 32
FORMS = pytest.mark.parametrize("name", TINY)


def shifted_pair(dx: int) -> Example:
    """A smooth picture, and two keyframes that show it ``dx`` pixels further to the right."""
    draw = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, 6, 6, generator=draw)
    wide = nn.functional.interpolate(noise, (SIDE, SIDE + dx), mode="bicubic").clamp(0, 1)[0]
    target, moved = wide[..., dx:], wide[..., :SIDE]
    lines = torch.ones(1, SIDE, SIDE)
    lines[:, ::8] = 0
    references = torch.stack((moved, moved))
    return Example(target, references, target, references, lines.expand(3, -1, -1, -1), (0, 2, 1))


def batch_of(objective: OffsetObjective | JointObjective) -> dict[str, Tensor]:
    prepared = objective.prepare(shifted_pair(2), np.random.default_rng(0))
    return {name: value[None] for name, value in prepared.items()}


def network(name: str) -> Opdm:
    torch.manual_seed(0)
    return Opdm(TINY[name])


def step(objective: OffsetObjective | JointObjective, weights: list[nn.Parameter], steps: int) -> list[float]:
    batch, optimizer, losses = batch_of(objective), torch.optim.Adam(weights, lr=1e-2), []
    for _ in range(steps):
        torch.manual_seed(0)
        (turn,) = objective.turns(batch)
        optimizer.zero_grad()
        turn.loss.backward()
        optimizer.step()
        losses.append(turn.loss.item())
    return losses


def test_offsets_alone_align_a_shifted_keyframe() -> None:
    """The sampling kernels are held: the estimators must find the way, (dy, dx) = (0, 2), themselves."""
    form = network("opdm")
    objective = OffsetObjective(form, SIDE)
    losses = step(objective, list(form.adapter.estimators.parameters()), 40)
    assert losses[-1] < 0.5 * losses[0]
    with torch.no_grad():
        batch = batch_of(objective)
        finest = form.offsets(Conditions(**{name: batch[name] for name in Conditions._fields}))[0].chunk(2, dim=1)[0]
    taps = finest.view(1, 5 * 5, 2, SIDE, SIDE)[0, 12, :, 6:-6, 6:-6].flatten(1).median(1).values
    assert taps[1] > 1
    assert taps[0].abs() < 0.5


@FORMS
def test_the_offset_stage_trains_the_estimators_only(name: str) -> None:
    form = network(name)
    before = deepcopy(form.state_dict())
    objective = OffsetObjective(form, SIDE)
    step(objective, list(objective.networks["estimator"].parameters()), 2)
    changed = {key for key, value in form.state_dict().items() if not torch.equal(value, before[key])}
    assert changed
    assert all(key.startswith("adapter.estimators.") for key in changed)


@FORMS
def test_the_joint_stage_leaves_the_estimators_as_they_are(name: str) -> None:
    form = network(name)
    for parameter in form.parameters():  # as after stage one: the estimators have a gradient, if one lets them
        nn.init.normal_(parameter, std=0.1)
    objective = JointObjective(form, SIDE, unroll=2)
    before = deepcopy(form.state_dict())
    step(objective, [p for p in objective.networks["network"].parameters() if p.requires_grad], 2)
    changed = {key for key, value in form.state_dict().items() if not torch.equal(value, before[key])}
    assert {key.split(".")[0] for key in changed} >= {"unet", "encoder", "adapter"}
    assert not any(key.startswith("adapter.estimators.") for key in changed)


@FORMS
def test_the_joint_loss_is_the_weighted_sum_of_its_parts(name: str) -> None:
    class Half(nn.Module):
        def forward(self, result: Tensor, truth: Tensor) -> Tensor:
            return (result - truth).abs().mean()

    weights = JointWeights(noise=1, content=10, perceptual=100, matching=1000)
    objective = JointObjective(network(name), SIDE, 2, weights, Half())  # type: ignore[arg-type]
    (turn,) = objective.turns(batch_of(objective))
    assert set(turn.parts) == {"noise", "content", "perceptual", *(["matching"] * (name == "opdm-small"))}
    expected = sum(getattr(weights, part) * value for part, value in turn.parts.items())
    assert turn.loss.item() == pytest.approx(expected, rel=1e-5)


def test_without_vgg_there_is_no_perceptual_part() -> None:
    objective = JointObjective(network("opdm"), SIDE, 1)
    (turn,) = objective.turns(batch_of(objective))
    assert "perceptual" not in turn.parts


def test_the_weights_are_those_of_the_paper() -> None:
    weights = JointWeights()
    assert (weights.noise, weights.content, weights.perceptual) == (1, 1, 0.1)  # below equation 10


@pytest.mark.parametrize("unroll", [1, 3])
def test_the_reverse_process_is_unrolled_with_gradients_through_every_step(unroll: int) -> None:
    form = network("opdm")
    nn.init.normal_(form.unet.leave.weight, std=0.1)
    objective = JointObjective(form, SIDE, unroll, JointWeights(noise=0))
    reached: list[int] = []

    def watch(_: nn.Module, __: object, out: Tensor) -> None:
        out.register_hook(lambda gradient: reached.append(int(gradient.any())))

    form.unet.register_forward_hook(watch)
    (turn,) = objective.turns(batch_of(objective))
    turn.loss.backward()
    # Every unrolled step, and the single forward pass of the noise loss, whose weight is 0 here.
    assert sorted(reached) == [0] + [1] * unroll


def test_equation_8_against_scikit_image() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((2, 3, 40, 44))
    result = np.clip(truth + rng.normal(0, 0.2, truth.shape), 0, 1)
    # The settings of Wang et al., 2004: a Gaussian window of sigma 1.5 on 11 pixels, population covariance. The
    # border counts: it is what scikit-image leaves out of the mean, so it gets one more, mirrored, to leave out.
    sides = ((0, 0), (5, 5), (5, 5))
    similarity = np.mean(
        [
            structural_similarity(
                np.pad(a, sides, "reflect"),
                np.pad(b, sides, "reflect"),
                data_range=1,
                channel_axis=0,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            for a, b in zip(result, truth, strict=True)
        ]
    )
    expected = np.abs(result - truth).mean() + 1 - similarity
    loss = content_loss(torch.from_numpy(result).float(), torch.from_numpy(truth).float())
    assert loss.item() == pytest.approx(expected, abs=1e-4)


def test_identical_pictures_have_no_content_loss() -> None:
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert content_loss(picture, picture).item() == pytest.approx(0, abs=1e-5)


def test_the_conditions_and_the_target_are_cropped_alike() -> None:
    """A big example whose colours tell the place: every cropped tensor comes from the same window."""
    size = 3 * SIDE
    place = torch.arange(size * size).view(1, size, size).float() / size**2
    picture = place.expand(3, -1, -1)
    lines = torch.ones(1, size, size)
    lines[:, 50:52, 20:70] = 0
    references = torch.stack((picture, picture))
    example = Example(picture, references, picture, references, lines.expand(3, -1, -1, -1), (0, 2, 1))
    row = OffsetObjective(network("opdm"), SIDE).prepare(example, np.random.default_rng(3))
    assert row["target"].shape == (3, SIDE, SIDE)
    assert torch.equal(row["references"][0], row["target"])
    corner = int(((row["target"][0, 0, 0] + 1) / 2 * size**2).round())
    top, left = divmod(corner, size)
    assert torch.equal(row["lines"], lines[:, top : top + SIDE, left : left + SIDE])


def test_small_examples_are_padded_as_frames_to_paint_are() -> None:
    example = shifted_pair(2)
    row = OffsetObjective(network("opdm"), 48).prepare(example, np.random.default_rng(0))
    assert row["target"].shape == (3, 48, 48)
    assert torch.equal(row["target"][:, :SIDE, :SIDE], 2 * example.target - 1)
    assert row["lines"][:, SIDE:].min() == 1  # paper
    assert row["lines"][:, :, SIDE:].min() == 1
    assert torch.equal(row["target"][:, :, -1], row["target"][:, :, SIDE - 1])  # the border, repeated


def test_half_precision_does_not_reach_the_content_loss() -> None:
    """SSIM's variances are differences of nearly equal numbers: in half precision nothing is left of them."""
    draw = torch.Generator().manual_seed(0)
    truth = 0.9 + 0.01 * torch.rand(1, 3, 32, 32, generator=draw)
    result = truth + 0.002 * torch.rand(1, 3, 32, 32, generator=draw)
    whole = content_loss(result, truth)
    with torch.autocast("cpu", torch.bfloat16):
        half = content_loss(result, truth)
    assert half.item() == pytest.approx(whole.item(), rel=1e-3)
