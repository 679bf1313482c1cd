"""The offset-prior diffusion network: denoising U-Net, reference encoder and Offset-Adapter.

Source: Zhu et al., "Line Art Colorization with Offset Prior-based Diffusion Model", sections 3.2 and 3.3.
Everything works on one range here: colours in [-1, 1], lines and proximity in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anicolor.diffusion.ddim import Prediction
from anicolor.layers.mixture import Mixture
from anicolor.layers.norm import PixelNorm
from anicolor.layers.time import sinusoids
from anicolor.models.opdm.conditions import Conditions
from anicolor.models.opdm.matching import PATCH, Fills, Matcher, Matches

__all__ = ["Guidance", "KeyframeFeatures", "Opdm", "OpdmSettings"]

_BETWEEN = 5  # channels of what lies between keyframes


@dataclass(frozen=True)
class OpdmSettings:
    """Sizes of the network, and the additions of ``opdm-small`` (all off in the paper's own network).

    ``widths`` are the channels of the four levels; ``patch`` folds ``patch x patch`` pixels into channels
    before the first; ``kernel`` is the paper's N. ``aligned`` gives the keyframes, warped by optical flow
    between the line art, to every branch and to the image-level input; ``matching`` is the width of the
    explicit line-to-line matching (0: none); ``carried`` lets the network mix aligned, matched and own colours
    instead of painting every pixel itself; ``tracked`` gives it the keyframes once more, warped along tracks through
    the frames between; ``between`` shows it what lies between them by how their own colours move; with ``inkless`` it
    sees and makes the paint under the lines, which are drawn over it afterwards; ``choice`` are the widths of a second
    network, which chooses between the picture that was made and what keyframes are followed to (none: there is no
    such network). No weights depend on how frames are sampled: by ``steps`` DDIM steps, and with ``mirrored`` once more
    in the mirror, which has the same say.
    """

    widths: tuple[int, int, int, int] = (128, 256, 512, 832)
    blocks: int = 2
    reference_blocks: int = 5
    adapter_width: int = 52
    adapter_blocks: int = 5
    kernel: int = 5
    references: int = 2
    patch: int = 1
    timesteps: int = 500
    steps: int = 10
    mirrored: bool = False
    prediction: Prediction = "epsilon"
    aligned: bool = False
    matching: int = 0
    carried: bool = False
    tracked: bool = False
    between: bool = False
    inkless: bool = False
    choice: tuple[int, ...] = ()

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        levels = self.patch * 2 ** (len(self.widths) - 1)
        return math.lcm(levels, PATCH if self.matching else 1, 2 ** len(self.choice))

    @property
    def needs_flow(self) -> bool:
        """Whether optical flow is read at all: from the frame to its references, or between them."""
        return self.aligned or bool(self.matching) or self.between

    @property
    def structure_channels(self) -> int:
        """Channels that describe line art: the lines, and with ``aligned`` their proximity field."""
        return 2 if self.aligned else 1

    @property
    def reference_channels(self) -> int:
        """Channels of one reference: its colours, and with ``aligned`` its line art."""
        return 3 + (2 if self.aligned else 0)


class Guidance(NamedTuple):
    """What the conditions give to every denoising step, computed once."""

    image: Tensor
    """``[B, C, h, w]``: image-level input, folded by ``patch``."""
    features: tuple[Tensor, ...]
    """F_r + F_o at the four levels (equation 5)."""
    offsets: tuple[Tensor, ...]
    """Four tensors ``[B, K * 2 * N * N, h, w]`` (equation 1)."""
    candidates: Tensor
    """``[B, M, 3, H, W]``: colours that can be carried over, M = 0 without ``carried``."""
    matches: Matches | None


class KeyframeFeatures(NamedTuple):
    """What is known of the keyframes before a frame is, computed once for all frames that they paint.

    With ``aligned`` encoder and adapter see them warped to each frame, and only their patches are known before.
    """

    encoded: tuple[Tensor, ...]
    """F_r at the four levels; empty with ``aligned``."""
    pyramids: tuple[tuple[Tensor, ...], ...]
    """Of the Offset-Adapter, for each keyframe; empty with ``aligned``."""
    fills: Fills | None


class ResBlock(nn.Module):
    """Two 3x3 convolutions and a skip; ``time`` features scale and shift between them."""

    def __init__(self, inside: int, outside: int, time: int = 0) -> None:
        super().__init__()
        self.norm1 = PixelNorm(inside)
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.modulate = nn.Linear(time, 2 * outside) if time else None
        self.norm2 = PixelNorm(outside)
        self.conv2 = _zeroed(nn.Conv2d(outside, outside, 3, padding=1))
        self.skip = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        h = self.norm2(self.conv1(F.silu(self.norm1(x))))
        if self.modulate is not None and time is not None:
            scale, shift = self.modulate(time)[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        out: Tensor = self.skip(x) + self.conv2(F.silu(h))
        return out


class Bottleneck(nn.Module):
    """The standard bottleneck residual block: 1x1, 3x3, 1x1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 4, 8)
        self.body = nn.Sequential(
            PixelNorm(channels),
            nn.SiLU(),
            nn.Conv2d(channels, inner, 1),
            nn.SiLU(),
            nn.Conv2d(inner, inner, 3, padding=1),
            nn.SiLU(),
            _zeroed(nn.Conv2d(inner, channels, 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class ReferenceEncoder(nn.Module):
    """Concatenated references to four levels of features F_r: convolution, residual blocks, max-pooling."""

    def __init__(self, channels: int, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        inputs = (channels, *widths[:-1])
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 3, padding=1), *(ResBlock(o, o) for _ in range(blocks)))
            for i, o in zip(inputs, widths, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        features: list[Tensor] = []
        for level in self.levels:
            x = level(F.max_pool2d(x, 2) if features else x)
            features.append(x)
        return features


class Pyramid(nn.Module):
    """A picture to four levels of features, each half the size of the one before."""

    def __init__(self, channels: int, width: int, levels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(levels - 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [self.stem(x)]
        for down in self.down:
            features.append(down(F.silu(features[-1])))
        return features


class OffsetEstimator(nn.Module):
    """Line art and one reference to ``2 N N`` offsets at every level: one branch of the Offset-Adapter.

    At each level, convolution, residual bottleneck blocks, convolution (section 3.2, equation 1).
    """

    def __init__(self, lines: int, reference: int, settings: OpdmSettings) -> None:
        super().__init__()
        width, levels = settings.adapter_width, len(settings.widths)
        self.lines = Pyramid(lines, width, levels)
        self.reference = Pyramid(reference, width, levels)
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(2 * width, width, 3, padding=1),
                *(Bottleneck(width) for _ in range(settings.adapter_blocks)),
                _zeroed(nn.Conv2d(width, 2 * settings.kernel**2, 3, padding=1)),
            )
            for _ in range(levels)
        )

    def forward(self, lines: Tensor, reference: Sequence[Tensor]) -> list[Tensor]:
        """Return the offsets; ``reference`` are the four levels that its pyramid makes of the reference."""
        pairs = zip(self.levels, self.lines(lines), reference, strict=True)
        return [level(torch.cat((a, b.expand(len(a), -1, -1, -1)), dim=1)) for level, a, b in pairs]


class OffsetAdapter(nn.Module):
    """One offset estimator a reference, and convolutions to the encoder's widths: features F_o."""

    def __init__(self, lines: int, reference: int, settings: OpdmSettings) -> None:
        super().__init__()
        self.estimators = nn.ModuleList(OffsetEstimator(lines, reference, settings) for _ in range(settings.references))
        channels = settings.references * 2 * settings.kernel**2
        self.align = nn.ModuleList(_zeroed(nn.Conv2d(channels, width, 1)) for width in settings.widths)

    def pyramids(self, references: Tensor) -> list[list[Tensor]]:
        """Return four levels of features of each of ``references`` ``[B, K, C, H, W]``."""
        estimators = cast("Iterable[OffsetEstimator]", self.estimators)
        return [e.reference(reference) for e, reference in zip(estimators, references.unbind(1), strict=True)]

    def offsets(self, lines: Tensor, pyramids: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Return offsets ``[B, K * 2 * N * N, h, w]`` of each level, from the references' pyramids."""
        branches = [estimate(lines, levels) for estimate, levels in zip(self.estimators, pyramids, strict=True)]
        return [torch.cat(level, dim=1) for level in zip(*branches, strict=True)]

    def forward(self, offsets: Sequence[Tensor]) -> list[Tensor]:
        return [align(offset) for align, offset in zip(self.align, offsets, strict=True)]


class DenoisingUNet(nn.Module):
    """U-Net on folded [noisy colours | image-level conditions]; guidance is added at four encoder levels."""

    def __init__(self, inside: int, outside: int, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        time = 4 * widths[0]
        self.frequencies = widths[0]
        self.time = nn.Sequential(nn.Linear(widths[0], time), nn.SiLU(), nn.Linear(time, time), nn.SiLU())
        self.enter = nn.Conv2d(inside, widths[0], 3, padding=1)
        inputs = (widths[0], *widths[:-1])
        self.down = nn.ModuleList(
            nn.ModuleList(ResBlock(i if n == 0 else o, o, time) for n in range(blocks))
            for i, o in zip(inputs, widths, strict=True)
        )
        self.middle = ResBlock(widths[-1], widths[-1], time)
        outputs = tuple(reversed(inputs))
        self.up = nn.ModuleList(
            nn.ModuleList(ResBlock(2 * w if n == 0 else w, w, time) for n in range(blocks)) for w in reversed(widths)
        )
        self.shrink = nn.ModuleList(
            nn.Conv2d(w, o, 1) for w, o in zip(reversed(widths), (*outputs[:-1], widths[0]), strict=True)
        )
        self.norm = PixelNorm(widths[0])
        self.leave = _zeroed(nn.Conv2d(widths[0], outside, 3, padding=1))

    def forward(self, x: Tensor, time: Tensor, guidance: Sequence[Tensor]) -> Tensor:
        t = self.time(sinusoids(time, self.frequencies))
        h: Tensor = self.enter(x)
        skips: list[Tensor] = []
        for blocks, guide in zip(self.down, guidance, strict=True):
            h = F.avg_pool2d(h, 2) if skips else h
            for number, block in enumerate(_each(blocks)):
                h = block(h, t) if number else block(h, t) + guide  # equation 5
            skips.append(h)
        h = self.middle(h, t)
        for blocks, shrink in zip(self.up, self.shrink, strict=True):
            skip = skips.pop()
            h = h if h.shape[-2:] == skip.shape[-2:] else F.interpolate(h, scale_factor=2.0)
            h = torch.cat((h, skip), dim=1)
            for block in _each(blocks):
                h = block(h, t)
            h = shrink(h)
        out: Tensor = self.leave(F.silu(self.norm(h)))
        return out


class Opdm(nn.Module):
    """The whole network. ``guide`` once a frame, then ``forward`` once a denoising step."""

    def __init__(self, settings: OpdmSettings) -> None:
        super().__init__()
        self.settings = settings
        fold = settings.patch**2
        lines, reference = settings.structure_channels * fold, settings.reference_channels * fold
        self.encoder = ReferenceEncoder(settings.references * reference, settings.widths, settings.reference_blocks)
        self.adapter = OffsetAdapter(lines, reference, settings)
        self.matcher = Matcher(settings.matching) if settings.matching else None
        image = lines + settings.references * reference * settings.aligned
        image += Matches.CHANNELS * fold * (self.matcher is not None)
        image += settings.references * reference * settings.tracked + _BETWEEN * fold * settings.between
        warped = settings.references * (1 + settings.tracked) + settings.between
        self.carriers = warped + (self.matcher is not None) if settings.carried else 0
        outside = (3 + (self.carriers + 1 if self.carriers else 0)) * fold
        self.unet = DenoisingUNet(3 * fold + image, outside, settings.widths, settings.blocks)

    def remember(self, references: Tensor, structures: Tensor) -> KeyframeFeatures:
        """Return what can be known of keyframes ``[B, K, 3, H, W]``, lines and proximity ``[B, K, 2, H, W]``, alone."""
        encoded, pyramids = ((), ()) if self.settings.aligned else self._features(references)
        fills = self.matcher.fills(references, structures) if self.matcher is not None else None
        return KeyframeFeatures(encoded, pyramids, fills)

    def guide(self, conditions: Conditions, known: KeyframeFeatures | None = None) -> Guidance:
        """Return what every denoising step needs of the conditions.

        ``known`` are the features of keyframes that all the frames share (None: computed for each frame's own).
        """
        known = known or self.remember(conditions.references, conditions.reference_structure)
        references = self._references(conditions)
        encoded, pyramids = self._features(references) if self.settings.aligned else known[:2]
        offsets = self.adapter.offsets(self._fold(self._structure(conditions)), pyramids)
        features = tuple(r + o for r, o in zip(encoded, self.adapter(offsets), strict=True))
        images = [self._structure(conditions)]
        candidates: list[Tensor] = []
        if self.settings.aligned:
            images.append(references.flatten(1, 2))
            candidates.extend(references[:, :, :3].unbind(1))
        matches = self.matcher(conditions, known.fills) if self.matcher is not None else None
        if matches is not None:
            images.append(matches.picture(conditions.lines.shape[-2:]))
            candidates.append(images[-1][:, :3])
        if self.settings.tracked:
            images.append(conditions.tracked.flatten(1, 2))
            candidates.extend(conditions.tracked[:, :, :3].unbind(1))
        if self.settings.between:
            images.append(conditions.between)
            candidates.append(conditions.between[:, :3])
        carried = torch.stack(candidates, dim=1) if self.carriers else references[:, :0, :3]
        image = self._fold(torch.cat(images, dim=1))
        return Guidance(image, features, tuple(offsets), carried, matches)

    def offsets(self, conditions: Conditions) -> list[Tensor]:
        """Return the offsets of the four levels (equation 1), ``[B, K * 2 * N * N, h, w]`` each."""
        pyramids = self.adapter.pyramids(self._folded(self._references(conditions)))
        return self.adapter.offsets(self._fold(self._structure(conditions)), pyramids)

    def forward(self, noisy: Tensor, time: Tensor, guidance: Guidance) -> Tensor:
        """Return the prediction ``[B, 3, H, W]`` for ``noisy`` ``[B, 3, H, W]`` at time steps ``[B]``."""
        return self.mixture(noisy, time, guidance).mean() if self.carriers else self._run(noisy, time, guidance)

    def mixture(self, noisy: Tensor, time: Tensor, guidance: Guidance) -> Mixture:
        """Return the parts of the prediction of a network with ``carried``; arguments as for ``forward``."""
        out = self._run(noisy, time, guidance)
        own, votes = out[:, None, :3], out[:, 3:].softmax(dim=1)
        return Mixture(torch.cat((guidance.candidates, own), dim=1), votes)

    def _run(self, noisy: Tensor, time: Tensor, guidance: Guidance) -> Tensor:
        x = torch.cat((self._fold(noisy), guidance.image), dim=1)
        return F.pixel_shuffle(self.unet(x, time, guidance.features), self.settings.patch)

    def _features(self, references: Tensor) -> tuple[tuple[Tensor, ...], tuple[tuple[Tensor, ...], ...]]:
        """Return F_r and the adapter's pyramids of references ``[B, K, C, H, W]``."""
        folded = self._folded(references)
        return tuple(self.encoder(folded.flatten(1, 2))), tuple(map(tuple, self.adapter.pyramids(folded)))

    def _references(self, conditions: Conditions) -> Tensor:
        return conditions.aligned if self.settings.aligned else conditions.references

    def _structure(self, conditions: Conditions) -> Tensor:
        if self.settings.aligned:
            return torch.cat((conditions.lines, conditions.proximity), dim=1)
        return conditions.lines

    def _folded(self, references: Tensor) -> Tensor:
        return torch.stack([self._fold(reference) for reference in references.unbind(1)], dim=1)

    def _fold(self, x: Tensor) -> Tensor:
        return F.pixel_unshuffle(x, self.settings.patch)


def _each(blocks: nn.Module) -> Iterator[nn.Module]:
    return blocks.children()


def _zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
