"""DDIM (Song et al., 2021), forwards and backwards, on diffusers' scheduler, differentiable through every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from diffusers import DDIMScheduler
from torch import Tensor
from torch.utils.checkpoint import checkpoint

__all__ = ["Denoise", "Prediction", "Schedule"]

_KEPT = 4  # steps whose gradients are found without calculating them again

Prediction = Literal["epsilon", "sample"]
Denoise = Callable[[Tensor, Tensor], Tensor]
"""Network with its conditions bound: (noisy ``[B, 3, H, W]``, time steps ``[B]``) to its prediction."""


@dataclass(frozen=True)
class Schedule:
    """A linear noise schedule of ``timesteps`` steps, and what the network predicts.

    Without ``betas``, the first and the last one, they run from 0.1 / T to 20 / T, DDPM's values at T = 1000, so that
    the last step is almost pure noise at any T.
    """

    timesteps: int = 500
    prediction: Prediction = "epsilon"
    betas: tuple[float, float] | None = None

    def scheduler(self) -> DDIMScheduler:
        """Return diffusers' scheduler for this schedule."""
        first, last = self.betas or (0.1 / self.timesteps, 20 / self.timesteps)
        return DDIMScheduler(
            num_train_timesteps=self.timesteps,
            beta_start=first,
            beta_end=last,
            beta_schedule="linear",
            prediction_type=self.prediction,
            timestep_spacing="trailing",
        )

    def target(self, clean: Tensor, noise: Tensor) -> Tensor:
        """Return what the network should predict of a noised picture."""
        return noise if self.prediction == "epsilon" else clean

    def sample(
        self,
        denoise: Denoise,
        noise: Tensor,
        steps: int,
        eta: float = 0.0,
        fresh: Callable[[int], Tensor] | None = None,
    ) -> Tensor:
        """Return pictures in [-1, 1], denoised from ``noise`` ``[B, 3, H, W]`` in ``steps`` DDIM steps.

        Gradients go through all of them. From five steps on, what a step calculated is not kept for its gradient but
        calculated again: memory is that of one step, for a third more time.

        With ``eta`` above 0 each step takes noise out of the picture and puts fresh noise in (Song et al., equation
        16; 1 is DDPM's share): ``fresh`` returns that of a step, counted from 0, ``[B, 3, H, W]``.

        Raises:
            ValueError: ``steps`` is not between 1 and the schedule's number of time steps; ``eta`` without ``fresh``.
        """
        if eta and fresh is None:
            raise ValueError("eta above 0 needs fresh noise")
        times, levels = self._times(steps)
        noisy = noise
        if steps > _KEPT and torch.is_grad_enabled():
            denoise = partial(checkpoint, denoise, use_reentrant=False)
        # Our own step: diffusers' goes T // steps time steps down, past the next of ``times`` where that does not
        # divide T, and leaves noise in the picture at the end.
        for number, (step, (here, there)) in enumerate(zip(times, pairwise(levels), strict=True)):
            time = torch.full(noisy.shape[:1], step, device=noisy.device)
            clean, rest = self._split(denoise(noisy, time), noisy, here)
            variance = eta**2 * (1 - there) / (1 - here) * (1 - here / there)
            noisy = there**0.5 * clean.clamp(-1, 1) + (1 - there - variance) ** 0.5 * rest  # Song et al., equation 12
            if variance and fresh is not None:
                noisy = noisy + variance**0.5 * fresh(number).to(noisy)
        return noisy

    def invert(self, denoise: Denoise, clean: Tensor, steps: int) -> Tensor:
        """Return the noise ``[B, 3, H, W]`` from which ``steps`` DDIM steps lead to about ``clean``, in [-1, 1].

        Source: Kim et al., "DiffusionCLIP", equation 7, as AnimeDiffusion's equation 13 has it: the same times as in
        :meth:`sample`, upwards from 0.
        """
        times, levels = self._times(steps)
        below = [0, *times[:0:-1]]  # where each step begins
        alphas = [self.scheduler().alphas_cumprod[0].item(), *levels[-2::-1]]
        noisy = clean
        for step, (here, there) in zip(below, pairwise(alphas), strict=True):
            time = torch.full(noisy.shape[:1], step, device=noisy.device)
            picture, rest = self._split(denoise(noisy, time), noisy, here)
            noisy = there**0.5 * picture + (1 - there) ** 0.5 * rest
        return noisy

    def _times(self, steps: int) -> tuple[list[int], list[float]]:
        """Return the time steps of a sampling, the noisiest first, and alpha bar at each of them and at the end."""
        if not 1 <= steps <= self.timesteps:
            raise ValueError(f"DDIM takes 1 to {self.timesteps} steps, got {steps}")
        scheduler = self.scheduler()
        scheduler.set_timesteps(steps)
        times = scheduler.timesteps.tolist()
        return times, [*scheduler.alphas_cumprod[times].tolist(), 1.0]

    def _split(self, predicted: Tensor, noisy: Tensor, level: float) -> tuple[Tensor, Tensor]:
        """Return the clean picture and the noise that ``noisy`` is made of at ``level`` (alpha bar)."""
        signal, spread = level**0.5, (1 - level) ** 0.5
        if self.prediction == "epsilon":
            return (noisy - spread * predicted) / signal, predicted
        return predicted, (noisy - signal * predicted) / spread
