"""Shi et al.'s colour transform network as a colorizer: each frame from its keyframes, in one pass."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from anicolor.diffusion.noise import FrameNoise
from anicolor.lines.distance import proximity, without_ink
from anicolor.models.colorizer import Colorizer, Colours, Reference, Request, Traits
from anicolor.models.deepcolorization.network import Brought, ColourTransform, DeepSettings, Memory
from anicolor.models.lineflow.flow import shipped
from anicolor.models.tracks import straight_tracks
from anicolor.motion import warp

__all__ = ["PRESETS", "TINY", "DeepColorizer", "bring", "build"]

PRESETS = {
    "deepcolorization": DeepSettings(),
    "deepcolorization-small": DeepSettings(widths=(40, 80, 160), blocks=4, style=128, tracked=True),
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
            tracked=settings.tracked,
            taught_tracked=settings.tracked,
            confident=settings.tracked,
        )
        self._known: _Known | None = None

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"network": self.network}

    @torch.inference_mode()
    def colorize(self, request: Request, noise: FrameNoise, steps: int | None = None) -> Colours:  # noqa: ARG002
        lines, known = request.lines.to(self.device), self._keyframes(request.references)
        fields, brought = proximity(lines), None
        if self.settings.tracked:
            tracks = request.tracks
            if tracks is None:
                tracks = straight_tracks(lines, known.lines, shipped(str(self.device)))
            brought = bring(known.colours, known.fields, tracks.to(self.device))
        memory = Memory(*(part.expand(len(lines), *part.shape[1:]) for part in known.memory))
        made = self.network(lines, fields, memory, brought)
        if not self.settings.tracked:
            return Colours((made.picture + 1) / 2)
        colours, share = made.choice.agreed()
        return Colours((colours + 1) / 2 * lines, share)

    def _keyframes(self, given: tuple[Reference, ...]) -> _Known:
        """Return what is known of the references, computed once for the same ones."""
        if self._known is None or self._known.given != given:
            images = torch.stack([r.image for r in given]).to(self.device)
            lines = torch.stack([r.lines for r in given]).to(self.device)
            colours = 2 * (without_ink(images, lines) if self.settings.tracked else images) - 1
            fields = proximity(lines)
            self._known = _Known(
                given, lines, colours, fields, self.network.remember(lines[None], fields[None], colours[None])
            )
        return self._known


@dataclass(frozen=True, eq=False)
class _Known:
    """Keyframes: as given, and what the network knows of them.

    ``lines`` are ``[K, 1, H, W]``, ``fields`` of that shape their distance fields; ``colours`` ``[K, 3, H, W]`` in
    [-1, 1] are without ink for ``tracked`` networks.
    """

    given: tuple[Reference, ...]
    lines: Tensor
    colours: Tensor
    fields: Tensor
    memory: Memory


def bring(colours: Tensor, fields: Tensor, tracks: Tensor) -> Brought:
    """Return what K references look like from T frames, along ``tracks`` ``[T, K, 3, H, W]`` (see ``passage_tracks``).

    ``colours`` ``[K, 3, H, W]`` are in [-1, 1], ``fields`` ``[K, 1, H, W]`` their distance fields.
    """
    every = torch.cat((colours, fields), dim=1).expand(len(tracks), -1, -1, -1, -1)
    seen = warp(every.flatten(0, 1), tracks[:, :, :2].flatten(0, 1)).view_as(every)
    return Brought(seen[:, :, :3], seen[:, :, 3:], tracks[:, :, 2:])


def build(name: str, settings: dict[str, object] | None = None) -> DeepColorizer:
    """Return colorizer ``name`` with random weights; ``settings`` of a weights file replace the preset's."""
    if settings is None:
        return DeepColorizer(PRESETS[name])
    widths = settings.get("widths")
    known = {**settings, "widths": tuple(widths)} if isinstance(widths, list) else settings
    return DeepColorizer(DeepSettings(**known))  # type: ignore[arg-type]
