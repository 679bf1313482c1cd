"""Shi et al.'s colour transform network as a colorizer: each frame from its keyframes, in one pass."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from anicolor.diffusion.noise import FrameNoise
from anicolor.lines.distance import proximity
from anicolor.models.colorizer import Colorizer, Colours, Reference, Request, Traits
from anicolor.models.deepcolorization.network import ColourTransform, DeepSettings, Memory

__all__ = ["PRESETS", "TINY", "DeepColorizer", "build"]

PRESETS = {
    "deepcolorization": DeepSettings(),
    "deepcolorization-small": DeepSettings(widths=(40, 80, 160), blocks=4, style=128),
}

TINY = {name: replace(preset, widths=(8, 8, 16), blocks=2, style=8) for name, preset in PRESETS.items()}
"""The same forms with as few weights as they can have: what the contract tests build."""


class DeepColorizer(Colorizer):
    """Paints every frame of a window on its own."""

    settings: DeepSettings

    def __init__(self, settings: DeepSettings) -> None:
        self.settings = settings
        self.network = ColourTransform(settings).eval()
        self.traits = Traits(
            window=1,
            alone=True,
            keyframes=settings.references,
            anchors="between" if settings.references <= 2 else "any",
            size_multiple=settings.size_multiple,
            stochastic=False,
        )
        self._known: _Known | None = None

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"network": self.network}

    @torch.inference_mode()
    def colorize(self, request: Request, noise: FrameNoise, steps: int | None = None) -> Colours:  # noqa: ARG002
        lines = request.lines.to(self.device)
        memory = self._keyframes(request.references)
        made = self.network(
            lines, proximity(lines), Memory(*(part.expand(len(lines), *part.shape[1:]) for part in memory))
        )
        return Colours((made.picture + 1) / 2)

    def _keyframes(self, given: tuple[Reference, ...]) -> Memory:
        """Return what is known of the references, computed once for the same ones."""
        if self._known is None or self._known.given != given:
            images = torch.stack([r.image for r in given]).to(self.device)
            lines = torch.stack([r.lines for r in given]).to(self.device)
            memory = self.network.remember(lines[None], proximity(lines)[None], (2 * images - 1)[None])
            self._known = _Known(given, memory)
        return self._known.memory


@dataclass(frozen=True, eq=False)
class _Known:
    """Keyframes as given, and what the network knows of them."""

    given: tuple[Reference, ...]
    memory: Memory


def build(name: str, settings: dict[str, object] | None = None) -> DeepColorizer:
    """Return colorizer ``name`` with random weights; ``settings`` of a weights file replace the preset's."""
    if settings is None:
        return DeepColorizer(PRESETS[name])
    widths = settings.get("widths")
    known = {**settings, "widths": tuple(widths)} if isinstance(widths, list) else settings
    return DeepColorizer(DeepSettings(**known))  # type: ignore[arg-type]
