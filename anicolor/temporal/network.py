"""The temporal constraint network and its patch discriminator (sections 3.2 and 3.5), after Shi et al."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["MARGIN", "PatchDiscriminator", "RefinerSettings", "TemporalShift", "TimeNetwork"]

_INPUTS = 5  # channels: colours, lines, confidence
MARGIN = 2  # frames at both ends of a window that only show the others what is there
_DILATIONS = (2, 4, 8, 16)
_SHIFTED = 4  # one channel in so many comes from the picture before, as many from the one after
_SLOPE = 0.2
_SHUT = -3.0  # before the sigmoid: the last gate lets 5 % of what is painted through, at first


@dataclass(frozen=True)
class RefinerSettings:
    """Sizes: channels of the encoder's three layers; ``skips``: the decoder sees the encoder's layers (ours).

    ``window`` is how many frames are refined at once, between two references.
    """

    widths: tuple[int, int, int] = (64, 128, 256)
    skips: bool = False
    window: int = 8

    def __post_init__(self) -> None:
        if self.window <= 2 * MARGIN:
            raise ValueError(f"window: expected more than {2 * MARGIN} frames, got {self.window}")

    @property
    def size_multiple(self) -> int:
        """What height and width must be divisible by: three halvings, and two pixels left to take a norm over."""
        return 16


class TemporalShift(nn.Module):
    """Half of the channels mixed over three pictures in a row, with weights that are learned (Chang et al., LGTSM).

    At first half of these are the last picture's, half the next one's. Beyond both ends of the sequence there is
    nothing. The other half of the channels stays as it is.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        part = channels // _SHIFTED
        weight = torch.zeros(3, 2 * part)
        weight[0, :part] = weight[2, part:] = 1
        self.weight = nn.Parameter(weight)

    def forward(self, features: Tensor) -> Tensor:
        """Return features ``[B, T, C, h, w]``."""
        before, now, after = self.weight[..., None, None]
        moved, kept = features[:, :, : len(now)], features[:, :, len(now) :]
        mixed = moved * now
        mixed[:, 1:].addcmul_(moved[:, :-1], before)
        mixed[:, :-1].addcmul_(moved[:, 1:], after)
        return torch.cat((mixed, kept), dim=2)


class _Gated(nn.Module):
    """A temporal shift, a convolution with spectral norm, an instance norm and a leaky ReLU, times a learned gate."""

    def __init__(self, narrow: int, wide: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        # Not of a picture's own channels: half of a picture would be that of another time.
        self.shift = nn.Identity() if narrow == _INPUTS else TemporalShift(narrow)
        around = dilation * (kernel - 1) // 2
        self.convolution = spectral_norm(nn.Conv2d(narrow, 2 * wide, kernel, stride, around, dilation))
        self.norm = nn.InstanceNorm2d(wide, affine=True)

    def forward(self, features: Tensor) -> Tensor:
        """Return features ``[B, T, C, h, w]``."""
        made, gate = self.convolution(self.shift(features).flatten(0, 1)).chunk(2, dim=1)
        shown = F.leaky_relu(self.norm(made), _SLOPE) * gate.sigmoid()
        return _sequences(shown, features)


class TimeNetwork(nn.Module):
    """The generator: a sequence of painted pictures, references at both ends, to the same ones, consistent."""

    def __init__(self, settings: RefinerSettings) -> None:
        super().__init__()
        first, second, third = settings.widths
        skipped = (first, second, third) if settings.skips else (0, 0, 0)
        self.skips = settings.skips
        self.encoder = nn.ModuleList(
            (
                _Gated(_INPUTS, first, kernel=5, stride=2),
                _Gated(first, second, stride=2),
                _Gated(second, third, stride=2),
            )
        )
        self.middle = nn.Sequential(*(_Gated(third, third, dilation=dilation) for dilation in _DILATIONS))
        self.decoder = nn.ModuleList((_Gated(third + skipped[2], second), _Gated(second + skipped[1], first)))
        last = first + skipped[0]
        self.shift = TemporalShift(last)
        self.leave = spectral_norm(nn.Conv2d(last + _INPUTS, 4, 3, padding=1))

    def forward(self, colours: Tensor, lines: Tensor, confidence: Tensor) -> Tensor:
        """Return pictures ``[B, T, 3, H, W]`` in [-1, 1].

        ``colours`` ``[B, T, 3, H, W]`` are in [-1, 1], ``lines`` and ``confidence`` ``[B, T, 1, H, W]`` in [0, 1].
        """
        given = torch.cat((colours, 2 * lines - 1, 2 * confidence - 1), dim=2)
        features, seen = given, []
        for layer in self.encoder:
            features = layer(features)
            seen.append(features)
        features = self.middle(features)
        for layer, beside in zip(self.decoder, (seen[2], seen[1]), strict=True):
            features = layer(_doubled(torch.cat((features, beside), dim=2) if self.skips else features))
        features = torch.cat((features, seen[0]), dim=2) if self.skips else features
        features = torch.cat((_doubled(self.shift(features)), given), dim=2)
        made = _sequences(self.leave(features.flatten(0, 1)), given)
        gate = (made[:, :, 3:] + _SHUT).sigmoid()
        refined: Tensor = colours + gate * (made[:, :, :3].tanh() - colours)
        return refined


class PatchDiscriminator(nn.Module):
    """Five convolutions over a sequence of ``[line | colour]``; says of each patch how real it is."""

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (4, width, 2 * width, 4 * width, 4 * width)
        self.shifts = nn.ModuleList((nn.Identity(), *(TemporalShift(narrow) for narrow in widths[1:])))
        self.convolutions = nn.ModuleList(
            spectral_norm(nn.Conv2d(narrow, wide, 4, stride=2, padding=1)) for narrow, wide in pairwise(widths)
        )
        self.leave = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, lines: Tensor, colours: Tensor) -> Tensor:
        """Return logits ``[B, T, 1, h, w]`` of ``lines`` ``[B, T, 1, H, W]`` and ``colours`` ``[B, T, 3, H, W]``."""
        features = torch.cat((2 * lines - 1, colours), dim=2)
        *shifts, last = self.shifts
        for shift, convolution in zip(shifts, self.convolutions, strict=True):
            made = convolution(shift(features).flatten(0, 1))
            features = _sequences(F.leaky_relu(made, _SLOPE), lines)
        judged = self.leave(last(features).flatten(0, 1))
        return _sequences(judged, lines)


def _doubled(features: Tensor) -> Tensor:
    """Return ``features`` ``[B, T, C, h, w]`` twice as large, each pixel four times."""
    return _sequences(F.interpolate(features.flatten(0, 1), scale_factor=2.0), features)


def _sequences(pictures: Tensor, like: Tensor) -> Tensor:
    """Return ``pictures`` ``[B * T, C, h, w]`` as sequences, as many and as long as those of ``like``."""
    return pictures.view(*like.shape[:2], *pictures.shape[1:])
