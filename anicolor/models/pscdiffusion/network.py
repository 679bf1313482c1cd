"""The reference U-Net and the denoising U-Net (sections 3.1 to 3.4, tables I and II)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anicolor.layers.unet import ResidualBlock, UNet, group_norm

__all__ = ["Cbam", "CrossAttention", "DenoisingUNet", "PscSettings", "ReferenceUNet", "SelfAttention"]

_STAGE = 3  # residual blocks of each stage of the reference U-Net, and blocks of attention after them
_REDUCED = 16  # times fewer channels inside of CBAM
_MLP = 4  # times more channels inside of a block of attention


@dataclass(frozen=True)
class PscSettings:
    """Sizes of both networks, how they are trained, and how they sample.

    The denoiser has ``base`` channels, times ``multipliers`` at the levels, with ``blocks`` residual blocks at each;
    the reference U-Net has ``reference`` channels at first, and hands over ``tokens`` numbers of each place. Attention
    has ``heads``. ``flow``: how references are warped to the frame, by the ``correspondence`` network or by the
    ``tracks`` through the drawings between. With ``extracted``, lines are brought to XDoG's style before the network
    sees them; with ``copies``, references in training are distorted copies of the frame. ``steps`` DDIM steps paint,
    from noise that the warped reference is inverted to, or with ``inverted`` off from pure noise. ``patch`` folds
    ``patch x patch`` pixels into channels before the first layer of both.
    """

    base: int = 64
    multipliers: tuple[int, ...] = (1, 2, 4, 8)
    blocks: int = 2
    reference: int = 64
    tokens: int = 64
    heads: int = 4
    references: int = 2
    flow: Literal["correspondence", "tracks"] = "tracks"
    timesteps: int = 1000
    betas: tuple[float, float] = (1e-6, 1e-2)
    steps: int = 10
    inverted: bool = True
    extracted: bool = True
    copies: bool = True
    patch: int = 1

    @property
    def size_multiple(self) -> int:
        """What height and width must be divisible by."""
        return int(self.patch * max(4, 2 ** (len(self.multipliers) - 1)))


class ReferenceUNet(nn.Module):
    """A reference to features of a quarter of its size (table I)."""

    def __init__(self, settings: PscSettings) -> None:
        super().__init__()
        width, self.patch = settings.reference, settings.patch
        self.enc1 = _stage(nn.Conv2d(3 * settings.patch**2, width, 3, padding=1))
        self.down1 = _stage(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1))
        self.down2 = _stage(nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1))
        self.skip_conv = nn.Conv2d(2 * width, 4 * width, 1)
        self.attention = nn.Sequential(*(SelfAttention(4 * width, settings.heads) for _ in range(_STAGE)))
        self.final = nn.Sequential(nn.Conv2d(4 * width, 4 * width, 3, padding=1), group_norm(4 * width))

    def forward(self, reference: Tensor) -> Tensor:
        """Return ``[B, 4 W, H / 4, W / 4]``, folded pixels counted, of ``[B, 3, H, W]`` in [-1, 1]."""
        middle = self.down1(self.enc1(F.pixel_unshuffle(reference, self.patch)))
        deep = self.down2(middle) + F.avg_pool2d(self.skip_conv(middle), 2)
        made: Tensor = F.silu(self.final(self.attention(deep)))
        return made


class DenoisingUNet(UNet):
    """Predicts the noise in a picture, given lines, a warped reference and the reference U-Net's features (table II).

    AnimeDiffusion's, with three channels of lines, CBAM in the decoder, and cross-attention at the bottom.
    """

    def __init__(self, settings: PscSettings) -> None:
        super().__init__(
            (9, 3),
            settings.base,
            settings.multipliers,
            settings.blocks,
            lambda width: CrossAttention(width, settings.tokens, settings.heads),
            settings.patch,
            Cbam,
        )
        self.project = nn.Conv2d(4 * settings.reference, settings.tokens, 1)

    def forward(self, noisy: Tensor, time: Tensor, lines: Tensor, warped: Tensor, features: Tensor) -> Tensor:
        """Return the noise ``[B, 3, H, W]`` in ``noisy`` of that shape at the time steps ``[B]``.

        ``lines`` ``[B, 1, H, W]`` and the ``warped`` reference ``[B, 3, H, W]`` are in [-1, 1]; ``features``
        ``[B, K, C, h, w]`` are the reference U-Net's of all K references.
        """
        tokens = self.project(features.flatten(0, 1)).unflatten(0, features.shape[:2])  # [B, K, 64, h, w]
        context = tokens.transpose(1, 2).flatten(2).transpose(1, 2)
        return self.predict(torch.cat((noisy, lines.expand(-1, 3, -1, -1), warped), dim=1), time, context)


class CrossAttention(nn.Module):
    """Places of the frame look at tokens of the references; then an MLP (section 3.3)."""

    def __init__(self, width: int, tokens: int, heads: int) -> None:
        super().__init__()
        self.widen = nn.Linear(tokens, width)
        self.norm, self.norm_context = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm_2, self.mlp = nn.LayerNorm(width), _mlp(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Return features of the shape of ``x`` ``[B, C, h, w]``; ``context`` is ``[B, N, tokens]``."""
        h = x.flatten(2).transpose(1, 2)
        seen = self.norm_context(self.widen(context))
        h = h + self.attention(self.norm(h), seen, seen, need_weights=False)[0]
        h = h + self.mlp(self.norm_2(h))
        made: Tensor = h.transpose(1, 2).reshape(x.shape)
        return made


class SelfAttention(nn.Module):
    """All places look at each other; then an MLP (section 3.3)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm_2, self.mlp = nn.LayerNorm(width), _mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of ``x`` ``[B, C, h, w]``."""
        h = x.flatten(2).transpose(1, 2)
        seen = self.norm(h)
        h = h + self.attention(seen, seen, seen, need_weights=False)[0]
        h = h + self.mlp(self.norm_2(h))
        made: Tensor = h.transpose(1, 2).reshape(x.shape)
        return made


class Cbam(nn.Module):
    """Weighs channels, then places.

    Source: Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018, equations 2 and 3.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(1, width // _REDUCED)
        self.channels = nn.Sequential(
            nn.Conv2d(width, narrow, 1, bias=False), nn.ReLU(), nn.Conv2d(narrow, width, 1, bias=False)
        )
        self.places = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of ``x`` ``[B, C, h, w]``."""
        mean, most = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        x = x * torch.sigmoid(self.channels(mean) + self.channels(most))
        seen = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), dim=1)
        weighed: Tensor = x * torch.sigmoid(self.places(seen))
        return weighed


def _stage(enter: nn.Conv2d) -> nn.Sequential:
    width = enter.out_channels
    return nn.Sequential(enter, group_norm(width), nn.SiLU(), *(ResidualBlock(width, width) for _ in range(_STAGE)))


def _mlp(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, _MLP * width), nn.GELU(), nn.Linear(_MLP * width, width))
