"""AnimeDiffusion as a colorizer: each frame from its nearest keyframe."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from anicolor.diffusion.ddim import Denoise, Schedule
from anicolor.diffusion.noise import FrameNoise
from anicolor.lines.xdog import XDoG, restyle
from anicolor.models.animediffusion.network import AnimeSettings, AnimeUNet
from anicolor.models.colorizer import Colorizer, Colours, Request, Traits

__all__ = ["PRESETS", "TINY", "AnimeColorizer", "bound", "build"]

PRESETS = {
    "animediffusion": AnimeSettings(),
    "animediffusion-small": AnimeSettings(base=20, steps=4, extracted=False, copies=False, patch=2),
}

TINY = {
    name: replace(preset, base=8, multipliers=(1, 2), heads=2, patch=1, timesteps=20, betas=(5e-5, 0.1), steps=2)
    for name, preset in PRESETS.items()
}
"""The same forms with as few weights as they can have: what the contract tests build."""

_STYLE = XDoG(sigma=0.3)  # section 4.2


class AnimeColorizer(Colorizer):
    """Paints every frame of a window on its own."""

    settings: AnimeSettings

    def __init__(self, settings: AnimeSettings) -> None:
        self.settings = settings
        self.network = AnimeUNet(settings).eval()
        self.schedule = Schedule(settings.timesteps, betas=settings.betas)
        self.traits = Traits(
            window=1,
            alone=True,
            keyframes=1,
            size_multiple=settings.size_multiple,
            stochastic=not settings.inverted or settings.eta > 0,
            steps=settings.steps,
        )

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"network": self.network}

    @torch.inference_mode()
    def colorize(self, request: Request, noise: FrameNoise, steps: int | None = None) -> Colours:
        (reference,) = request.references
        steps, count = steps or self.traits.steps, len(request.lines)
        lines = request.lines.to(self.device)
        if self.settings.extracted:
            lines = restyle(lines, _STYLE)
        image = (2 * reference.image.to(self.device) - 1).expand(count, -1, -1, -1)
        denoise = bound(self.network, 2 * lines - 1, image)
        shape = 3, *lines.shape[-2:]

        def fresh(step: int) -> Tensor:
            return replace(noise, seed=noise.seed + step + 1).draw(request.seeds, shape).to(self.device)

        if self.settings.inverted:
            inverse = bound(self.network, 2 * lines - 1, image, timeless=self.settings.timeless)
            start = self.schedule.invert(inverse, image, steps)
        else:
            start = noise.draw(request.seeds, shape).to(self.device)
        made = self.schedule.sample(denoise, start, steps, self.settings.eta, fresh)
        return Colours((made + 1) / 2)


def bound(network: nn.Module, lines: Tensor, reference: Tensor, *, timeless: bool = False) -> Denoise:
    """Return ``network`` with its conditions, ``[B, 1, H, W]`` and ``[B, 3, H, W]`` in [-1, 1].

    A ``timeless`` one is told of no time.
    """

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        predicted: Tensor = network(noisy, None if timeless else time, lines, reference)
        return predicted

    return denoise


def build(name: str, settings: dict[str, object] | None = None) -> AnimeColorizer:
    """Return colorizer ``name`` with random weights; ``settings`` of a weights file replace the preset's."""
    if settings is None:
        return AnimeColorizer(PRESETS[name])
    known = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    return AnimeColorizer(AnimeSettings(**known))  # type: ignore[arg-type]
