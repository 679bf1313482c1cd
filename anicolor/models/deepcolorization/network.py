"""The colour transform network and its discriminator (sections 3.2, 3.3 and 3.5, figures 2 and 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from anicolor.layers.mixture import Mixture

__all__ = ["Brought", "ColourTransform", "DeepSettings", "Discriminator", "Made", "Memory"]

_REDUCED = 8  # times fewer channels are matched (section 3.3)
_SAY = 32  # channels that the choice is made from
_SLOPE = 0.2  # of the discriminator's leaky ReLU


@dataclass(frozen=True)
class DeepSettings:
    """Sizes: channels of the encoders' three layers, AdaIN blocks, numbers of the style, references of a request.

    With ``tracked``, our addition, what lies at the same place of a reference in section 3.3 is what its tracks lead
    to, ink is left out, and the picture is chosen, pixel by pixel, from that and the decoder's colours.
    """

    widths: tuple[int, int, int] = (64, 128, 256)
    blocks: int = 8
    style: int = 256
    references: int = 2
    tracked: bool = False

    @property
    def size_multiple(self) -> int:
        """What height and width must be divisible by: two halvings, and two pixels left to take a norm over."""
        return 8


class Memory(NamedTuple):
    """What is known of references: features of their distance fields and colours, and their style."""

    structures: Tensor
    """``[B, K, C, h, w]``."""
    colours: Tensor
    """``[B, K, C, h, w]``."""
    style: Tensor
    """``[B, S]``: the style embedding vector."""


class Brought(NamedTuple):
    """References, brought to a frame along their tracks."""

    colours: Tensor
    """``[B, K, 3, H, W]`` in [-1, 1]."""
    fields: Tensor
    """``[B, K, 1, H, W]``: their distance fields."""
    unlike: Tensor
    """``[B, K, 1, H, W]``: how little they are like the frame, as tracks say it."""


class Made(NamedTuple):
    """Colours in [-1, 1]: those to choose from ``[B, M, 3, H, W]``, and what both latent decoders see ``[B, 3, h, w]``.

    But for ``tracked`` networks there is no choice: M is 1.
    """

    choice: Mixture
    similar: Tensor
    middle: Tensor

    @property
    def picture(self) -> Tensor:
        """The coloured picture ``[B, 3, H, W]``."""
        return self.choice.mean()


class ColourTransform(nn.Module):
    """The generator G of equations 1 and 2: lines and K references to colours. h and w are a quarter of H and W."""

    def __init__(self, settings: DeepSettings) -> None:
        super().__init__()
        self.width, width, self.tracked = settings.widths[0], settings.widths[-1], settings.tracked
        self.lines = _encoder(1, settings.widths)
        self.fields = _encoder(1, settings.widths)
        self.colours = _encoder(3, settings.widths)
        self.embedder = _embedder(4, settings)
        self.similarity = SimilarityTransform(width)
        self.affine = nn.Sequential(
            nn.Linear(settings.style, settings.style),
            nn.ReLU(),
            nn.Linear(settings.style, settings.blocks * 4 * width),
        )
        self.middle = nn.ModuleList(AdaptiveBlock(width) for _ in range(settings.blocks))
        self.decoder = _decoder(settings.widths)
        self.see_similar = nn.Conv2d(width, 3, 3, padding=1)
        self.see_middle = nn.Conv2d(width, 3, 3, padding=1)
        self.choice = Choice(self.width) if settings.tracked else None

    def remember(self, lines: Tensor, fields: Tensor, colours: Tensor) -> Memory:
        """Return what is to be known of references.

        ``lines`` and ``fields`` are ``[B, K, 1, H, W]`` in [0, 1], ``colours`` ``[B, K, 3, H, W]`` in [-1, 1].
        """
        count = lines.shape[:2]
        structures, shown = self.fields(fields.flatten(0, 1)), self.colours(colours.flatten(0, 1))
        style = self.embedder(torch.cat((lines, colours), dim=2).flatten(0, 1)).mean(dim=(2, 3))
        parts = (part.unflatten(0, count) for part in (structures, shown, style))
        structures, shown, style = parts
        return Memory(structures, shown, style.mean(dim=1))

    def forward(self, lines: Tensor, fields: Tensor, memory: Memory, brought: Brought | None = None) -> Made:
        """Return the colours of ``lines`` ``[B, 1, H, W]`` with distance ``fields`` of that shape, both in [0, 1].

        ``tracked`` networks need what is ``brought`` to them; others do not look at it.

        Raises:
            ValueError: nothing is brought to a ``tracked`` network.
        """
        if self.choice is not None and brought is None:
            raise ValueError("expected references brought along tracks, got none")
        near = memory if self.choice is None or brought is None else self._near(brought, memory)
        similar = self.similarity(self.fields(fields), memory, near)
        features = self.lines(lines) + similar
        affine = self.affine(memory.style).unflatten(1, (len(self.middle), 4, -1))
        for block, parameters in zip(self.middle, affine.unbind(1), strict=True):
            features = block(features, parameters)
        seen = self.see_similar(similar).tanh(), self.see_middle(features).tanh()
        features = self.decoder[:-1](features)
        own = self.decoder[-1](features).tanh()
        if self.choice is None or brought is None:
            return Made(Mixture(own[:, None], torch.ones_like(own[:, :1])), *seen)
        return Made(self.choice(torch.cat((features, lines), dim=1), fields, own, brought), *seen)

    def _near(self, brought: Brought, memory: Memory) -> Memory:
        """Return what is known of references once they are brought to the frame."""
        count = brought.fields.shape[:2]
        structures, shown = self.fields(brought.fields.flatten(0, 1)), self.colours(brought.colours.flatten(0, 1))
        return Memory(structures.unflatten(0, count), shown.unflatten(0, count), memory.style)


class Choice(nn.Module):
    """Says at every pixel which colours are right: the decoder's, or those of one of the references (ours)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_frame = nn.Conv2d(width + 1, _SAY, 3, padding=1)
        self.of_each = nn.Conv2d(6, _SAY, 3, padding=1, bias=False)
        self.hidden = nn.Conv2d(_SAY, _SAY, 3, padding=2, dilation=2)
        self.say = nn.Conv2d(_SAY, 1, 1)

    def forward(self, frame: Tensor, fields: Tensor, own: Tensor, brought: Brought) -> Mixture:
        """Return the mixture of the decoder's ``own`` colours ``[B, 3, H, W]`` and those that were ``brought``.

        ``frame`` ``[B, C + 1, H, W]`` holds the decoder's features and the lines, ``fields`` their distance field.
        """
        just_like, is_own = torch.zeros_like(fields), torch.ones_like(fields)
        ours = torch.cat((own, fields, just_like, is_own), dim=1)[:, None]
        theirs = torch.cat((*brought, torch.zeros_like(brought.fields)), dim=2)
        every = torch.cat((ours, theirs), dim=1)
        count = every.shape[:2]
        seen = self.of_each(every.flatten(0, 1)).unflatten(0, count) + self.of_frame(frame)[:, None]
        says = self.say(F.relu(self.hidden(F.relu(seen.flatten(0, 1))))).unflatten(0, count)
        return Mixture(every[:, :, :3], says[:, :, 0].softmax(dim=1))


class SimilarityTransform(nn.Module):
    """The similarity-based colour transform layer (section 3.3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        reduced = max(1, width // _REDUCED)
        self.select = nn.Conv2d(2 * width, width, 3, padding=1)
        self.combine = nn.Conv2d(2 * width, width, 3, padding=1)
        self.query = nn.Conv2d(width, reduced, 1, bias=False)
        self.key = nn.Conv2d(width, reduced, 1, bias=False)
        self.value = nn.Conv2d(width, reduced, 1)
        self.bring = nn.Conv2d(reduced, width, 1)

    def forward(self, target: Tensor, memory: Memory, near: Memory) -> Tensor:
        """Return f_sim ``[B, C, h, w]`` (equation 5) for features ``[B, C, h, w]`` of the target's distance field.

        What is sought in all places is ``memory``, and what the masks m and n weigh at the same place ``near``: in the
        paper both are the same.
        """
        count = near.structures.shape[1]
        pairs = torch.cat((near.structures, target[:, None].expand(-1, count, -1, -1, -1)), dim=2).flatten(0, 1)
        shape = (-1, count)
        m = self.select(pairs).sigmoid().unflatten(0, shape)
        n = self.combine(pairs).sigmoid().unflatten(0, shape)
        chosen = near.colours * m
        matched = self._matched(target, memory)[:, None]
        similar: Tensor = ((1 - n) * matched + chosen * n).mean(dim=1)
        return similar

    def _matched(self, target: Tensor, memory: Memory) -> Tensor:
        """Return f_mat ``[B, C, h, w]``: colours of all places of all references, by how alike the structures are."""
        keys, values = self.key(memory.structures.flatten(0, 1)), self.value(memory.colours.flatten(0, 1))
        count = memory.structures.shape[:2]
        keys, values = (part.unflatten(0, count).transpose(2, 1).flatten(2) for part in (keys, values))
        # The matrix M is never held whole: at 640 pixels it would take gigabytes. Kernels that see to it ask for rows.
        queries, keys, values = (
            part.mT.contiguous()[:, None] for part in (self.query(target).flatten(2), keys, values)
        )
        found = F.scaled_dot_product_attention(queries, keys, values, scale=1.0)[:, 0]
        brought: Tensor = self.bring(found.mT.reshape(len(target), -1, *target.shape[-2:]))
        return brought


class AdaptiveBlock(nn.Module):
    """A residual block whose norms take their scale and shift from the style (AdaIN)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, features: Tensor, parameters: Tensor) -> Tensor:
        """Return ``features`` ``[B, C, h, w]``; ``parameters`` ``[B, 4, C]`` are both norms' scales and shifts."""
        scale, shift, scale_2, shift_2 = parameters[..., None, None].unbind(1)
        inner = F.relu(F.instance_norm(self.first(features)) * (1 + scale) + shift)
        return features + F.instance_norm(self.second(inner)) * (1 + scale_2) + shift_2


class Discriminator(nn.Sequential):
    """Five convolutions; says of each patch how real the colours of ``[line | colour]`` ``[B, 4, H, W]`` are."""

    def __init__(self, width: int = 64) -> None:
        widths = (4, width, 2 * width, 4 * width, 8 * width)
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(narrow, wide, 4, stride=2, padding=1)), nn.LeakyReLU(_SLOPE)]
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 3, padding=1))


def _encoder(channels: int, widths: Sequence[int]) -> nn.Sequential:
    first, *others = widths
    layers = _normed(channels, first, 7)
    for narrow, wide in pairwise((first, *others)):
        layers += _normed(narrow, wide, 4, stride=2)
    return nn.Sequential(*layers)


def _embedder(channels: int, settings: DeepSettings) -> nn.Sequential:
    first, second, third = settings.widths
    widths = (channels, first, second, third, third, settings.style)
    layers: list[nn.Module] = []
    for narrow, wide in pairwise(widths):
        layers += [nn.Conv2d(narrow, wide, 3, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


def _decoder(widths: Sequence[int]) -> nn.Sequential:
    first, second, third = widths
    return nn.Sequential(
        nn.Upsample(scale_factor=2),
        *_normed(third, second, 5),
        nn.Upsample(scale_factor=2),
        *_normed(second, first, 5),
        *_normed(first, first, 3),
        spectral_norm(nn.Conv2d(first, 3, 7, padding=3)),
    )


def _normed(narrow: int, wide: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution with spectral norm, an instance norm and a ReLU."""
    convolution = nn.Conv2d(narrow, wide, kernel, stride=stride, padding=(kernel - 1) // 2, bias=False)
    return [spectral_norm(convolution), nn.InstanceNorm2d(wide, affine=True), nn.ReLU()]
