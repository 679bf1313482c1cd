"""DDIM against the formula, written out here, and against diffusers."""

import math

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from anicolor.diffusion.ddim import Prediction, Schedule

BOTH = pytest.mark.parametrize("prediction", ["epsilon", "sample"])


def alpha_bar(timesteps: int) -> list[float]:
    """Products of 1 - beta for linear betas from 0.1 / T to 20 / T (Ho et al., section 4, at T = 1000)."""
    betas = [(0.1 + 19.9 * t / (timesteps - 1)) / timesteps for t in range(timesteps)]
    return [math.prod(1 - beta for beta in betas[: t + 1]) for t in range(timesteps)]


def ddim(predict, noise: Tensor, timesteps: int, steps: int, prediction: Prediction) -> Tensor:
    """Song et al., equation 12 with eta 0, from the last time step to the picture; the clean picture is clipped."""
    bars = alpha_bar(timesteps)
    times = [round(timesteps - k * timesteps / steps) - 1 for k in range(steps)]
    x = noise.double()
    for t, then in zip(times, [*times[1:], None], strict=True):
        a, b = bars[t], 1.0 if then is None else bars[then]
        told = predict(x, t).double()
        if prediction == "epsilon":
            eps, clean = told, (x - math.sqrt(1 - a) * told) / math.sqrt(a)
        else:
            eps, clean = (x - math.sqrt(a) * told) / math.sqrt(1 - a), told
        x = math.sqrt(b) * clean.clamp(-1, 1) + math.sqrt(1 - b) * eps
    return x


def some_network(noisy: Tensor, time: Tensor | int) -> Tensor:
    return torch.sin(2 * noisy + 0.01 * torch.as_tensor(time).float().view(-1, 1, 1, 1))


@BOTH
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 10, 12])
def test_sampling_is_the_formula(prediction: Prediction, steps: int) -> None:
    noise = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    made = Schedule(500, prediction).sample(some_network, noise, steps)
    assert torch.allclose(made, ddim(some_network, noise, 500, steps, prediction), atol=1e-4)


@BOTH
@pytest.mark.parametrize("steps", [2, 10])
def test_sampling_is_diffusers_where_the_steps_divide_the_schedule(prediction: Prediction, steps: int) -> None:
    scheduler = DDIMScheduler(
        500, 0.1 / 500, 20 / 500, "linear", prediction_type=prediction, timestep_spacing="trailing"
    )
    scheduler.set_timesteps(steps)
    x = noise = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for t in scheduler.timesteps:
        x = scheduler.step(some_network(x, t), t, x).prev_sample
    assert torch.allclose(Schedule(500, prediction).sample(some_network, noise, steps), x, atol=1e-4)


@BOTH
@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_fresh_noise_is_diffusers(prediction: Prediction, eta: float) -> None:
    scheduler = DDIMScheduler(
        500, 0.1 / 500, 20 / 500, "linear", prediction_type=prediction, timestep_spacing="trailing"
    )
    scheduler.set_timesteps(5)
    draw = torch.Generator().manual_seed(0)
    x = noise = torch.randn(2, 3, 4, 4, generator=draw)
    fresh = [torch.randn(2, 3, 4, 4, generator=draw) for _ in range(5)]
    for t, more in zip(scheduler.timesteps, fresh, strict=True):
        x = scheduler.step(some_network(x, t), t, x, eta=eta, variance_noise=more).prev_sample
    made = Schedule(500, prediction).sample(some_network, noise, 5, eta, fresh.__getitem__)
    assert torch.allclose(made, x, atol=1e-4)


def test_fresh_noise_must_be_given() -> None:
    with pytest.raises(ValueError, match="eta above 0 needs fresh noise"):
        Schedule(500).sample(some_network, torch.zeros(1, 3, 2, 2), 5, 1.0)


def test_betas_can_be_given() -> None:
    bars = Schedule(1000, betas=(1e-6, 1e-2)).scheduler().alphas_cumprod
    assert bars[0].item() == pytest.approx(1 - 1e-6, abs=1e-7)
    assert bars[-1].item() == pytest.approx(torch.linspace(1 - 1e-6, 1 - 1e-2, 1000).double().prod().item(), rel=1e-3)


@BOTH
@pytest.mark.parametrize("steps", [1, 4, 10])
def test_inversion_is_the_formula(prediction: Prediction, steps: int) -> None:
    """DiffusionCLIP's equation 7, with the noise that the network tells at the lower time of each step."""
    clean = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double() * 2 - 1
    schedule = Schedule(500, prediction)
    bars = schedule.scheduler().alphas_cumprod.double()
    times = [round(500 / steps * k) - 1 for k in range(1, steps + 1)]
    x = clean
    for here, there in zip([0, *times[:-1]], times, strict=True):
        told, a, b = some_network(x, torch.full((2,), here)), bars[here], bars[there]
        if prediction == "epsilon":
            eps, picture = told, (x - (1 - a).sqrt() * told) / a.sqrt()
        else:
            eps, picture = (x - a.sqrt() * told) / (1 - a).sqrt(), told
        x = b.sqrt() * picture + (1 - b).sqrt() * eps
    assert torch.allclose(schedule.invert(some_network, clean, steps), x, atol=1e-4 * x.abs().max().item())


def test_what_is_inverted_comes_back() -> None:
    """With a network that knows one noise the way up and the way down are the same."""
    draw = torch.Generator().manual_seed(0)
    clean = torch.rand(1, 3, 4, 4, generator=draw) * 1.6 - 0.8
    noise = torch.randn(1, 3, 4, 4, generator=draw)
    schedule = Schedule(1000, betas=(1e-6, 1e-2))
    start = schedule.invert(lambda _noisy, _time: noise, clean, 10)
    back = schedule.sample(lambda _noisy, _time: noise, start, 10)
    assert torch.allclose(back, clean, atol=5e-3)


@BOTH
@pytest.mark.parametrize("steps", [1, 3, 10, 12, 30])
def test_a_perfect_network_gives_the_picture_itself(prediction: Prediction, steps: int) -> None:
    draw = torch.Generator().manual_seed(0)
    clean = 2 * torch.rand(2, 3, 4, 4, generator=draw).double() - 1
    noise = torch.randn(2, 3, 4, 4, generator=draw).double()
    schedule = Schedule(500, prediction)
    bars = schedule.scheduler().alphas_cumprod.double()

    def perfect(noisy: Tensor, time: Tensor) -> Tensor:
        bar = bars[time].view(-1, 1, 1, 1)
        return clean if prediction == "sample" else (noisy - bar.sqrt() * clean) / (1 - bar).sqrt()

    assert torch.allclose(schedule.sample(perfect, noise, steps), clean, atol=1e-5)


@pytest.mark.parametrize("timesteps", [50, 500, 1000])
def test_the_last_time_step_is_almost_pure_noise(timesteps: int) -> None:
    bars = Schedule(timesteps).scheduler().alphas_cumprod.double()
    assert torch.allclose(bars, torch.tensor(alpha_bar(timesteps), dtype=torch.float64), rtol=1e-3)
    assert bars[-1] < 1e-4


@BOTH
def test_the_target_is_what_the_network_predicts(prediction: Prediction) -> None:
    clean, noise = torch.zeros(1), torch.ones(1)
    assert Schedule(500, prediction).target(clean, noise) is (noise if prediction == "epsilon" else clean)


def test_gradients_pass_through_every_step() -> None:
    weight = torch.tensor(0.3, requires_grad=True)
    seen: list[int] = []

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        out = weight * noisy
        out.register_hook(lambda _: seen.append(int(time[0])))
        return out

    Schedule(500, "sample").sample(denoise, torch.full((1, 3, 2, 2), 0.5), 5).sum().backward()
    assert sorted(seen) == [99, 199, 299, 399, 499]


@pytest.mark.parametrize("steps", [0, 501])
def test_steps_that_cannot_be(steps: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 500 steps, got {steps}"):
        Schedule(500).sample(some_network, torch.zeros(1, 3, 2, 2), steps)


@pytest.mark.parametrize("steps", [4, 6])
def test_many_steps_are_calculated_again_for_their_gradient_and_few_are_kept(steps: int) -> None:
    schedule, calls = Schedule(20, betas=(5e-5, 0.1)), []
    noise = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    weight = torch.tensor(1.5, requires_grad=True)

    def network(noisy: Tensor, time: Tensor) -> Tensor:
        calls.append(1)
        return torch.sin(weight * noisy + 0.01 * time.view(-1, 1, 1, 1))

    made = schedule.sample(network, noise, steps)
    made.square().mean().backward()
    assert len(calls) == (steps if steps <= 4 else 2 * steps)
    found = weight.grad.item()
    nudged = []
    with torch.no_grad():
        for change in (1e-3, -1e-3):
            weight += change
            nudged.append(schedule.sample(network, noise, steps).square().mean().item())
            weight -= change
    assert found == pytest.approx((nudged[0] - nudged[1]) / 2e-3, rel=0.02)
