"""What the stages of ColorizeDiffusion's training show the network, and what they minimise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.data.clips import DrawnClips, Example
from anicolor.models.colorizediffusion.colorizer import TINY, LatentColorizer
from anicolor.models.colorizediffusion.network import LatentSettings
from anicolor.models.colorizediffusion.objective import (
    AutoencoderObjective,
    NoisyObjective,
    PaintObjective,
    RefineObjective,
    build_objective,
    middle,
)

SMALL, WHOLE = (TINY[name] for name in ("colorizediffusion-small", "colorizediffusion"))
SIDE = 32


@pytest.fixture(scope="module")
def example() -> Example:
    return DrawnClips(sizes=(64, 64)).example(0, 3)


def colorizer(settings: LatentSettings = SMALL) -> LatentColorizer:
    torch.manual_seed(0)
    return LatentColorizer(settings)


def batch_of(objective: PaintObjective, example: Example, count: int = 4) -> dict[str, Tensor]:
    rows = [objective.prepare(example, np.random.default_rng(n)) for n in range(count)]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize(
    ("stage", "references", "sketches"), [("noisy", 0.1, 0.0), ("refine", 0.5, 0.1), ("adapt", 0.5, 0.1)]
)
def test_the_papers_shares_are_dropped(example: Example, stage: str, references: float, sketches: float) -> None:
    objective, count = build_objective(stage, colorizer(), SIDE, 1, None), 600
    batch = batch_of(objective, example, count)
    spread = 4 * (0.25 / count) ** 0.5  # four standard deviations at the most
    assert 1 - batch["referred"].mean().item() == pytest.approx(references, abs=spread)
    assert 1 - batch["sketched"].mean().item() == pytest.approx(sketches, abs=spread if sketches else 0)
    assert 0.3 < 1 - batch["referred"][batch["sketched"] == 0].mean() < 0.7 if sketches else True


def shown(objective: PaintObjective, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
    """What the network is given in a turn."""
    seen: list[tuple[Tensor, Tensor, list[Tensor], Tensor]] = []
    hook = objective.network.register_forward_pre_hook(lambda _module, given: seen.append(given))
    next(iter(objective.turns(batch)))
    hook.remove()
    return seen[0]


def test_noisy_tokens_have_the_noise_of_their_time(example: Example) -> None:
    objective = NoisyObjective(colorizer(), SIDE)
    batch = batch_of(objective, example) | {"referred": torch.tensor([1.0, 0.0, 1.0, 1.0])}
    noisy, time, _, tokens = shown(objective, batch)
    clean = torch.stack([objective.vision(row).flatten(0, 1) for row in batch["references"]])
    assert clean.shape == (4, 2 * 16, 8)
    bars = objective.schedule.scheduler().alphas_cumprod[time].view(-1, 1, 1)
    expected = bars.sqrt() * clean + (1 - bars).sqrt() * batch["token_noise"]
    assert torch.allclose(tokens[[0, 2, 3]], expected[[0, 2, 3]], atol=1e-5)
    assert not tokens[1].any()
    latents = objective.vae.encode(batch["target"])
    bars = bars[..., None]
    assert torch.allclose(noisy, bars.sqrt() * latents + (1 - bars).sqrt() * batch["noise"], atol=1e-5)


def test_refining_shows_tokens_as_they_are_and_drops_sketches(example: Example) -> None:
    made = colorizer()
    torch.nn.init.ones_(made.network.sketch.leave[0].bias)
    objective = RefineObjective(made, SIDE)
    assert "token_noise" not in objective.prepare(example, np.random.default_rng(0))
    batch = batch_of(objective, example) | {
        "referred": torch.tensor([1.0, 0.0, 1.0, 0.0]),
        "sketched": torch.tensor([1.0, 1.0, 0.0, 0.0]),
    }
    _, _, features, tokens = shown(objective, batch)
    clean = torch.stack([objective.vision(row).flatten(0, 1) for row in batch["references"]])
    assert torch.allclose(tokens[::2], clean[::2], atol=1e-5)
    assert not tokens[1::2].any()
    assert features[0][:2].any()
    assert not any(feature[2:].any() for feature in features)


@pytest.mark.parametrize("settings", [SMALL, WHOLE], ids=["of the velocity", "of the noise"])
def test_the_loss_is(example: Example, settings: LatentSettings) -> None:
    objective = RefineObjective(colorizer(settings), SIDE)
    batch = batch_of(objective, example)
    (turn,) = objective.turns(batch)
    given = shown(objective, batch)
    aim = batch["noise"]
    if settings is SMALL:
        bars = objective.schedule.scheduler().alphas_cumprod[batch["time"]].view(-1, 1, 1, 1)
        aim = bars.sqrt() * aim - (1 - bars).sqrt() * objective.vae.encode(batch["target"])
    assert turn.network == "network"
    assert turn.loss.item() == pytest.approx(F.mse_loss(objective.network(*given), aim).item(), rel=1e-5)


def test_the_published_one_learns_from_the_picture_itself_the_small_one_from_keyframes(example: Example) -> None:
    rng = np.random.default_rng(0)
    row = NoisyObjective(colorizer(WHOLE), SIDE).prepare(example, rng)
    assert torch.equal(2 * row["references"] - 1, row["target"][None])
    row = NoisyObjective(colorizer(), SIDE).prepare(example, rng)
    small = F.interpolate(example.references, (SIDE, SIDE), mode="bilinear", antialias=True)
    assert torch.allclose(row["references"], small, atol=1e-5)


def test_only_the_middle_of_a_sketch_is_left() -> None:
    lines = torch.zeros(1, 40, 60)
    shares = []
    for seed in range(200):
        cropped = middle(lines, np.random.default_rng(seed))
        rows, columns = (cropped[0] == 0).any(1).nonzero()[:, 0], (cropped[0] == 0).any(0).nonzero()[:, 0]
        assert cropped.sum() == cropped.numel() - len(rows) * len(columns)  # a rectangle, paper around it
        assert rows[0] == 39 - rows[-1]
        assert columns[0] == 59 - columns[-1]
        assert len(rows) / 40 == pytest.approx(len(columns) / 60, abs=0.06)
        shares.append(len(rows) / 40)
    assert min(shares) == pytest.approx(0.5, abs=0.03)
    assert max(shares) == pytest.approx(1.0, abs=0.03)
    assert np.mean(shares) == pytest.approx(0.75, abs=0.05)
    drawn = torch.rand(1, 40, 60)
    assert torch.equal(middle(drawn, np.random.default_rng(1))[:, 10:30, 15:45], drawn[:, 10:30, 15:45])


def test_the_sketch_alone_is_cropped(example: Example) -> None:
    rows = [
        NoisyObjective(colorizer(replace(WHOLE, cropped=cropped)), SIDE).prepare(example, np.random.default_rng(0))
        for cropped in (True, False)
    ]
    assert not torch.equal(rows[0]["lines"], rows[1]["lines"])
    assert torch.equal(rows[0]["target"], rows[1]["target"])
    assert torch.equal(rows[0]["references"], rows[1]["references"])


def test_the_autoencoder_learns_is_measured_and_then_stays(example: Example) -> None:
    made = colorizer()
    objective = AutoencoderObjective(made, SIDE)
    batch = batch_of(objective, example)
    optimizer = torch.optim.Adam(made.vae.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        (turn,) = objective.turns(batch)
        optimizer.zero_grad()
        turn.loss.backward()
        optimizer.step()
        losses.append(turn.parts["l1"])
    assert losses[-1] < 0.7 * losses[0]
    assert (made.vae.deviation != 1).all()
    assert (made.vae.mean != 0).all()
    later = NoisyObjective(made, SIDE)
    before = {key: value.clone() for key, value in made.vae.state_dict().items()}
    next(iter(later.turns(batch_of(later, example)))).loss.backward()
    assert not any(parameter.requires_grad for parameter in made.vae.parameters())
    assert all(torch.equal(value, before[key]) for key, value in made.vae.state_dict().items())
    assert all(p.grad is not None for p in made.vision.parameters())  # the small one's tower learns with the rest


def test_the_divergence_is_zero_of_normal_latents(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    made = colorizer()
    objective = AutoencoderObjective(made, SIDE)
    batch = batch_of(objective, example)
    for mean, logvar in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)):
        parameters = torch.cat((torch.full((4, 4, 16, 16), mean), torch.full((4, 4, 16, 16), logvar)), 1)
        found = type("Encoded", (), {"latent_dist": DiagonalGaussianDistribution(parameters)})()
        monkeypatch.setattr(made.vae.model, "encode", lambda _, found=found: found)
        (turn,) = objective.turns(batch)
        expected = found.latent_dist.kl().mean().item() / (4 * 16 * 16)
        assert turn.parts["divergence"] == pytest.approx(1e-4 * expected, abs=1e-9)
