"""DPM-Solver++ on Stable Diffusion's schedule."""

import pytest
import torch
from torch import Tensor

from anicolor.diffusion.dpm import Aim, LatentSchedule

BOTH = pytest.mark.parametrize("aim", ["epsilon", "v_prediction"])


def bars() -> Tensor:
    """Alpha bar by hand."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0)


def test_the_schedule_is_stable_diffusions() -> None:
    schedule = LatentSchedule().scheduler()
    for t, known in ((0, 0.99915), (500, 0.2763), (999, 0.00466)):
        assert bars()[t].item() == pytest.approx(known, rel=2e-3)
        assert schedule.alphas_cumprod[t].item() == pytest.approx(bars()[t].item(), rel=1e-4)


def test_noise_is_weighed_by_the_time_of_each_picture() -> None:
    clean, noise, time = torch.randn(3, 2, 4), torch.randn(3, 2, 4), torch.tensor([0, 500, 999])
    noised = LatentSchedule().noised(clean, noise, time)
    for one in range(3):
        bar = bars()[time[one]].item()
        assert torch.allclose(noised[one], bar**0.5 * clean[one] + (1 - bar) ** 0.5 * noise[one], atol=1e-5)


def test_the_levels_are_karras_and_the_solver_of_second_order() -> None:
    scheduler = LatentSchedule().scheduler()
    scheduler.set_timesteps(20)
    ends = [((1 - bars()[t]) / bars()[t]) ** 0.5 for t in (999, 0)]
    high, low = (end ** (1 / 7) for end in ends)
    expected = torch.stack([(high + n / 19 * (low - high)) ** 7 for n in range(20)])
    assert torch.allclose(scheduler.sigmas[:-1].double(), expected, rtol=1e-3)
    assert scheduler.sigmas[-1] == 0
    assert (scheduler.config.algorithm_type, scheduler.config.solver_order) == ("dpmsolver++", 2)


def test_what_the_network_should_predict() -> None:
    clean, noise, time = torch.randn(3, 2, 4), torch.randn(3, 2, 4), torch.tensor([0, 500, 999])
    assert torch.equal(LatentSchedule().target(clean, noise, time), noise)
    velocity = LatentSchedule(aim="v_prediction").target(clean, noise, time)
    for one in range(3):
        bar = bars()[time[one]].item()
        assert torch.allclose(velocity[one], bar**0.5 * noise[one] - (1 - bar) ** 0.5 * clean[one], atol=1e-5)


@BOTH
@pytest.mark.parametrize("steps", [1, 2, 20])
def test_a_network_that_knows_the_picture_is_led_to_it(steps: int, aim: Aim) -> None:
    schedule, picture = LatentSchedule(aim=aim), torch.randn(2, 4, 3, 5)
    seen: list[int] = []

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        seen.append(int(time[0]))
        bar = schedule.scheduler().alphas_cumprod[time].view(-1, 1, 1, 1)
        return schedule.target(picture, (noisy - bar.sqrt() * picture) / (1 - bar).sqrt(), time)

    made = schedule.sample(denoise, torch.randn(2, 4, 3, 5), steps)
    assert torch.allclose(made, picture, atol=2e-2)  # times are whole numbers, levels are not
    assert len(seen) == steps
    assert seen[0] == 999
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("steps", [0, 1001])
def test_steps_out_of_range(steps: int) -> None:
    with pytest.raises(ValueError, match=f"takes 1 to 1000 steps, got {steps}"):
        LatentSchedule().sample(lambda noisy, _: noisy, torch.zeros(1, 4, 2, 2), steps)


def test_as_many_steps_as_there_are_times() -> None:
    schedule, seen = LatentSchedule(20, betas=(0.05, 0.5)), []
    made = schedule.sample(lambda noisy, time: (seen.append(int(time[0])), noisy)[1], torch.randn(1, 4, 2, 2), 20)
    assert len(seen) == 20
    assert made.isfinite().all()
