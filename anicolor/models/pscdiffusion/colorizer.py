"""PSC sketch colorization as a colorizer: frames from warped references, and from features of all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from anicolor.diffusion.ddim import Denoise, Schedule
from anicolor.diffusion.noise import FrameNoise
from anicolor.errors import InputError
from anicolor.lines.xdog import XDoG, restyle
from anicolor.models.colorizer import Colorizer, Colours, Reference, Request, Traits
from anicolor.models.pscdiffusion.correspondence import CorrespondenceFlow
from anicolor.models.pscdiffusion.network import DenoisingUNet, PscSettings, ReferenceUNet
from anicolor.models.pscdiffusion.warping import straight_flows, warp_references
from anicolor.pretrained import PSC, find_pretrained

__all__ = ["PRESETS", "TINY", "PscColorizer", "bound", "build"]

PRESETS = {
    "pscdiffusion": PscSettings(),
    "pscdiffusion-small": PscSettings(base=18, reference=20, steps=4, extracted=False, copies=False, patch=2),
}

TINY = {
    name: replace(
        preset,
        base=8,
        multipliers=(1, 2),
        reference=4,
        tokens=8,
        heads=2,
        timesteps=20,
        betas=(5e-5, 0.1),
        steps=2,
        patch=1,
    )
    for name, preset in PRESETS.items()
}
"""The same forms with as few weights as they can have: what the contract tests build."""

_FROZEN = "pscdiffusion"  # the form that the correspondence network serves
_STYLE = XDoG(sigma=0.3)  # AnimeDiffusion's, section 4.2


class PscColorizer(Colorizer):
    """Paints every frame of a window on its own; features of the keyframes are computed once.

    Raises:
        InputError: its references are warped by the correspondence network, whose weights are not there.
    """

    settings: PscSettings

    def __init__(self, settings: PscSettings, remarks: tuple[str, ...] = ()) -> None:
        self.settings, self.remarks = settings, remarks
        self.reference, self.denoiser = ReferenceUNet(settings).eval(), DenoisingUNet(settings).eval()
        self.schedule = Schedule(settings.timesteps, betas=settings.betas)
        self.flow = CorrespondenceFlow() if settings.flow == "correspondence" else None
        self.traits = Traits(
            window=1,
            alone=True,
            keyframes=settings.references,
            anchors="between" if settings.references <= 2 else "any",
            size_multiple=settings.size_multiple,
            stochastic=not settings.inverted,
            steps=settings.steps,
            tracked=settings.flow == "tracks",
            taught_tracked=settings.flow == "tracks" and not settings.copies,
        )
        self._known: _Known | None = None

    @property
    def frozen(self) -> Mapping[str, nn.Module]:
        return {"encoder": self.flow.encoder, "estimator": self.flow.estimator} if self.flow else super().frozen

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"reference": self.reference, "denoiser": self.denoiser}

    @torch.inference_mode()
    def colorize(self, request: Request, noise: FrameNoise, steps: int | None = None) -> Colours:
        known, lines = self._keyframes(request.references), request.lines.to(self.device)
        if request.tracks is None:
            flows = straight_flows(lines, known.images, known.drawn, self.flow)
        else:
            flows = request.tracks[:, :, :2].to(self.device)
        warped = 2 * warp_references(known.images, known.drawn, lines, flows) - 1
        if self.settings.extracted:
            lines = restyle(lines, _STYLE)
        features = known.features.expand(len(lines), -1, -1, -1, -1)
        denoise = bound(self.denoiser, 2 * lines - 1, warped, features)
        steps = steps or self.traits.steps
        if self.settings.inverted:
            start = self.schedule.invert(denoise, warped, steps)
        else:
            start = noise.draw(request.seeds, tuple(warped.shape[1:])).to(self.device)
        return Colours((self.schedule.sample(denoise, start, steps) + 1) / 2)

    def _keyframes(self, given: tuple[Reference, ...]) -> _Known:
        """Return what is known of the references, computed once for the same ones."""
        if self._known is None or self._known.given != given:
            images = torch.stack([reference.image for reference in given]).to(self.device)
            drawn = torch.stack([reference.lines for reference in given]).to(self.device)
            self._known = _Known(given, images, drawn, self.reference(2 * images - 1)[None])
        return self._known


class _Known(NamedTuple):
    """Keyframes: as given, their colours ``[K, 3, H, W]``, lines ``[K, 1, H, W]`` and features ``[1, K, C, h, w]``."""

    given: tuple[Reference, ...]
    images: Tensor
    drawn: Tensor
    features: Tensor


def bound(network: nn.Module, lines: Tensor, warped: Tensor, features: Tensor) -> Denoise:
    """Return the denoiser with its conditions: ``[B, 1, H, W]``, ``[B, 3, H, W]`` in [-1, 1], ``[B, K, C, h, w]``."""

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        predicted: Tensor = network(noisy, time, lines, warped, features)
        return predicted

    return denoise


def build(name: str, settings: dict[str, object] | None = None) -> PscColorizer:
    """Return colorizer ``name`` with random weights; ``settings`` of a weights file replace the preset's.

    A new ``pscdiffusion`` warps its references by the correspondence network, if the weights of that are there.

    Raises:
        InputError: ``settings`` or the environment ask for the correspondence network, and its weights are not there.
    """
    if settings is not None:
        known = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
        return PscColorizer(PscSettings(**known))  # type: ignore[arg-type]
    preset = PRESETS[name]
    if name != _FROZEN:
        return PscColorizer(preset)
    try:
        find_pretrained(PSC)
    except InputError as error:
        if os.environ.get(PSC.variable):
            raise
        return PscColorizer(preset, (f"references are warped along tracks: {error}",))
    return PscColorizer(replace(preset, flow="correspondence"))
