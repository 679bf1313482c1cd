"""OPDM as a colorizer: line art and one or two keyframes to colours, by a few DDIM steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from anicolor.diffusion.ddim import Schedule
from anicolor.diffusion.noise import FrameNoise
from anicolor.layers.mixture import Mixture
from anicolor.lines.distance import proximity, without_ink
from anicolor.models.colorizer import Colorizer, Colours, Reference, Request, Traits
from anicolor.models.opdm.choice import Choice, followed, own_source, shares
from anicolor.models.opdm.conditions import Between, Conditions, condition, moment, shifts
from anicolor.models.opdm.network import KeyframeFeatures, Opdm, OpdmSettings
from anicolor.motion import DisFlow

__all__ = ["PRESETS", "TINY", "OpdmColorizer", "build"]

PRESETS = {
    "opdm": OpdmSettings(),
    "opdm-small": OpdmSettings(
        widths=(48, 80, 112, 144),
        blocks=1,
        reference_blocks=1,
        adapter_width=32,
        patch=2,
        steps=1,
        mirrored=True,
        prediction="sample",
        aligned=True,
        matching=64,
        carried=True,
        tracked=True,
        between=True,
        inkless=True,
        choice=(24, 32, 48, 64),
    ),
}

TINY = {
    name: replace(
        preset,
        widths=(8, 8, 8, 8),
        blocks=1,
        reference_blocks=1,
        adapter_width=8,
        adapter_blocks=1,
        matching=min(preset.matching, 8),
        steps=2,
        choice=tuple(8 for _ in preset.choice),
    )
    for name, preset in PRESETS.items()
}
"""The same forms with as few weights as they can have: what the contract tests build."""


class OpdmColorizer(Colorizer):
    """Paints every frame of a window from its references; the last of them again for those that are missing."""

    settings: OpdmSettings

    def __init__(self, settings: OpdmSettings) -> None:
        self.settings = settings
        self.network = Opdm(settings).eval()
        self.choice = Choice(settings.choice).eval() if settings.choice else None
        self.schedule = Schedule(settings.timesteps, settings.prediction)
        self.traits = Traits(
            window=1,
            alone=True,
            keyframes=settings.references,
            anchors="between" if settings.references <= 2 else "any",
            size_multiple=settings.size_multiple,
            steps=settings.steps,
            tracked=settings.tracked,
            taught_tracked=settings.tracked,
            confident=settings.carried,
        )
        self._flow = DisFlow() if settings.needs_flow else None
        self._known: _Known | None = None

    @property
    def networks(self) -> dict[str, nn.Module]:
        networks: dict[str, nn.Module] = {"network": self.network}
        return networks if self.choice is None else networks | {"choice": self.choice}

    @torch.inference_mode()
    def colorize(self, request: Request, noise: FrameNoise, steps: int | None = None) -> Colours:
        known = self._keyframes(request.references)
        conditions = self._conditions(request, known)
        start = noise.draw(request.seeds, (3, *request.lines.shape[-2:])).to(self.device)
        steps = steps or self.traits.steps
        made = self.sample(conditions, known.features, start, steps)
        if self.settings.mirrored:
            turned = self.sample(conditions.mirrored(), known.turned, start.flip(-1), steps)
            made = Mixture(*(torch.cat((a, b.flip(-1)), dim=1) for a, b in zip(made, turned, strict=True)))
            made = made._replace(votes=made.votes / 2)
        agreed, share = made.agreed()
        if self.choice is not None:
            sources = self._sources(request, known, conditions), own_source(conditions, agreed, share)
            structure = torch.cat((conditions.lines, conditions.proximity), dim=1)
            agreed, share = self.choice(torch.cat(sources, dim=1), structure).agreed()
        frames = (agreed + 1) / 2
        if self.settings.inkless:
            frames = frames * conditions.lines
        return Colours(frames, share if self.settings.carried else None)

    def sample(self, conditions: Conditions, known: KeyframeFeatures | None, start: Tensor, steps: int) -> Mixture:
        """Return what the last of the DDIM ``steps`` chose from; without carried colours the picture that they made.

        They begin with the noise ``start`` ``[T, 3, H, W]``; what is ``known`` of keyframes is found now if it is None.
        """
        guidance = self.network.guide(conditions, known)
        last: Mixture | None = None

        def denoise(noisy: Tensor, time: Tensor) -> Tensor:
            nonlocal last
            if self.settings.carried:
                last = self.network.mixture(noisy, time, guidance)
                return last.mean()
            predicted: Tensor = self.network(noisy, time, guidance)
            return predicted

        made = self.schedule.sample(denoise, start, steps)
        return last or Mixture(made[:, None], torch.ones_like(made[:, :1]))

    def _conditions(self, request: Request, known: _Known) -> Conditions:
        lines = request.lines.to(self.device)
        between = None
        if known.shifts is not None:
            places = [reference.index for reference in known.given]
            between = Between(known.shifts, [moment(frame, places) for frame in _frames(request)])
        tracks = self._tracks(request)
        return condition(lines, proximity(lines), known.images, known.structures, self._flow, tracks, between)

    def _tracks(self, request: Request) -> Tensor | None:
        """Return the tracks to as many references as the network takes: to the last again for those missing."""
        if request.tracks is None:
            return None
        last = request.tracks.shape[1] - 1
        return request.tracks.to(self.device)[:, [min(k, last) for k in range(self.settings.references)]]

    def _sources(self, request: Request, known: _Known, conditions: Conditions) -> Tensor:
        """Return what the keyframes are followed to, for the choice."""
        places = [reference.index for reference in known.given]
        places += places[-1:] * (self.settings.references - len(places))
        far = shares(_frames(request), places).to(self.device)
        return followed(conditions, self._tracks(request), far)

    def _keyframes(self, given: tuple[Reference, ...]) -> _Known:
        """Return what is known of the references, computed once for the same ones."""
        if self._known is None or self._known.given != given:
            every = *given, *given[-1:] * (self.settings.references - len(given))
            images = torch.stack([r.image for r in every]).to(self.device)
            lines = torch.stack([r.lines for r in every]).to(self.device)
            if self.settings.inkless:
                images = without_ink(images, lines)
            structures = torch.cat((lines, proximity(lines)), dim=1)
            shown = (2 * images - 1)[None], structures[None]
            turned = self.network.remember(*(part.flip(-1) for part in shown)) if self.settings.mirrored else None
            moved = shifts(images, self._flow) if self._flow is not None and self.settings.between else None
            self._known = _Known(given, images, structures, self.network.remember(*shown), turned, moved)
        return self._known


@dataclass(frozen=True, eq=False)
class _Known:
    """Keyframes: as given, their colours ``[K, 3, H, W]`` and structures ``[K, 2, H, W]``, and their features."""

    given: tuple[Reference, ...]
    images: Tensor
    structures: Tensor
    features: KeyframeFeatures
    turned: KeyframeFeatures | None
    """Those in the mirror, where they are asked for."""
    shifts: Tensor | None
    """How their colours move, where it is asked for."""


def _frames(request: Request) -> range:
    return range(request.first, request.first + len(request.lines))


def build(name: str, settings: dict[str, object] | None = None) -> OpdmColorizer:
    """Return colorizer ``name`` with random weights; ``settings`` of a weights file replace the preset's.

    But for those of sampling, which no weights depend on.
    """
    preset = PRESETS[name]
    if settings is None:
        return OpdmColorizer(preset)
    known = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    sampling = {"steps": preset.steps, "mirrored": preset.mirrored}
    return OpdmColorizer(OpdmSettings(**{**known, **sampling}))  # type: ignore[arg-type]
