"""ColorizeDiffusion's denoiser (section 3.1, figure 4): a latent U-Net, a sketch encoder, tokens of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from anicolor.diffusion.dpm import Aim
from anicolor.layers.unet import ResidualBlock, groups

__all__ = ["LatentNetwork", "LatentSettings", "SketchEncoder", "VaeSettings", "VisionSettings"]


@dataclass(frozen=True)
class VaeSettings:
    """The autoencoder: ``widths`` at its levels, each half as large, ``blocks`` at each, ``latents`` channels.

    ``source`` names pretrained weights, a folder or a hub id: it is frozen, and ``scale`` brings its latents to a
    deviation of about 1. None: it is trained here, and its latents are measured.
    """

    widths: tuple[int, ...] = (128, 256, 512, 512)
    blocks: int = 2
    latents: int = 4
    scale: float = 0.18215
    source: str | None = None

    @property
    def factor(self) -> int:
        """Pixels to a latent, both ways."""
        return int(2 ** (len(self.widths) - 1))


@dataclass(frozen=True)
class VisionSettings:
    """The vision tower: ``layers`` of ``width`` channels and ``heads``, on ``side x side`` pixels in patches.

    ``tokens`` is the width of what it tells of a patch. ``source`` names pretrained weights, a folder or a hub id: it
    is frozen. None: it is trained here.
    """

    width: int = 1280
    layers: int = 32
    heads: int = 16
    patch: int = 14
    side: int = 224
    tokens: int = 1024
    source: str | None = None

    @property
    def count(self) -> int:
        """Local tokens of a reference."""
        return (self.side // self.patch) ** 2


@dataclass(frozen=True)
class LatentSettings:
    """Sizes of the networks, how they are trained, and how they sample.

    The U-Net has ``widths`` at its levels, ``blocks`` at each, ``head`` channels to a head, and attention where
    ``attended``; the ``stem`` of the sketch encoder brings lines to the latents' size, one width for each halving.
    ``unet`` names the weights that training starts from: a folder or a hub id (None: random ones). ``prediction`` is of
    the noise (equation 1) or the velocity. With ``copies``, the reference in training is the picture itself (section
    3.3); with ``cropped``, only the middle of sketches is shown (section 4.1). ``steps`` steps paint, guided by the
    references and by the sketch (1: off).
    """

    widths: tuple[int, ...] = (320, 640, 1280, 1280)
    attended: tuple[bool, ...] = (True, True, True, False)
    blocks: int = 2
    head: int = 64
    stem: tuple[int, ...] = (16, 32, 96)
    vae: VaeSettings = field(default_factory=VaeSettings)
    vision: VisionSettings = field(default_factory=VisionSettings)
    unet: str | None = None
    timesteps: int = 1000
    betas: tuple[float, float] = (0.00085, 0.012)
    prediction: Aim = "epsilon"
    copies: bool = True
    cropped: bool = True
    steps: int = 20
    reference_guidance: float = 5.0
    sketch_guidance: float = 1.0

    @property
    def size_multiple(self) -> int:
        """What height and width must be divisible by."""
        return int(self.vae.factor * 2 ** (len(self.widths) - 1))

    @property
    def levels(self) -> tuple[int, ...]:
        """Widths at which features of the sketch are added: behind the first convolution, and behind each level."""
        return (self.widths[0], *self.widths)


class SketchEncoder(nn.Module):
    """Features of the lines for every input level of the U-Net; zero at first (Zhang et al., ControlNet)."""

    def __init__(self, settings: LatentSettings) -> None:
        super().__init__()
        levels = settings.levels
        self.enter = nn.Conv2d(1, settings.stem[0], 3, padding=1)
        self.stem = nn.ModuleList(
            nn.Conv2d(narrow, wide, 3, stride=2, padding=1) for narrow, wide in pairwise((*settings.stem, levels[0]))
        )
        self.blocks = nn.ModuleList(ResidualBlock(narrow, wide) for narrow, wide in pairwise(levels))
        self.leave = nn.ModuleList(_zero(nn.Conv2d(width, width, 1)) for width in levels)

    def forward(self, lines: Tensor) -> list[Tensor]:
        """Return features ``[B, C, h, w]`` for each of the settings' levels, of ``lines`` ``[B, 1, H, W]`` in [-1, 1].

        The first have the latents' size, each after it half the one before, but for the last.
        """
        h = self.enter(lines)
        for halve in self.stem:
            h = halve(F.silu(h))
        found = [h]
        for level, block in enumerate(self.blocks):
            h = block(F.avg_pool2d(h, 2) if level < len(self.blocks) - 1 else h)
            found.append(h)
        return [leave(features) for leave, features in zip(self.leave, found, strict=True)]


class LatentNetwork(nn.Module):
    """Predicts the noise in latents, or their velocity, given features of the lines and tokens of the references.

    ``vision`` is the tower that makes the tokens, where it is trained with the rest.
    """

    def __init__(self, settings: LatentSettings, vision: nn.Module | None = None) -> None:
        super().__init__()
        attended = settings.attended
        self.unet = UNet2DConditionModel(
            in_channels=settings.vae.latents,
            out_channels=settings.vae.latents,
            block_out_channels=settings.widths,
            layers_per_block=settings.blocks,
            down_block_types=["CrossAttnDownBlock2D" if there else "DownBlock2D" for there in attended],
            up_block_types=["CrossAttnUpBlock2D" if there else "UpBlock2D" for there in reversed(attended)],
            attention_head_dim=[width // settings.head for width in settings.widths],  # diffusers' name for the heads
            cross_attention_dim=settings.vision.tokens,
            use_linear_projection=True,
            norm_num_groups=groups(*settings.widths),
        )
        self.sketch = SketchEncoder(settings)
        self.vision = vision

    def forward(self, noisy: Tensor, time: Tensor, features: Sequence[Tensor], tokens: Tensor) -> Tensor:
        """Return what is predicted of latents ``noisy`` ``[B, L, h, w]`` at the time steps ``[B]``.

        ``features`` are the sketch encoder's, ``tokens`` ``[B, N, C]`` those of all references of a picture.
        """
        unet = self.unet
        embedded = unet.time_embedding(unet.time_proj(time).to(noisy.dtype))
        first, *others = features
        h = unet.conv_in(noisy) + first
        kept = [h]
        for block, feature in zip(unet.down_blocks, others, strict=True):
            context = {"encoder_hidden_states": tokens} if hasattr(block, "attentions") else {}
            h, made = block(h, embedded, **context)
            h = h + feature
            kept += [*made[:-1], h]
        h = unet.mid_block(h, embedded, encoder_hidden_states=tokens)
        for block in unet.up_blocks:
            context = {"encoder_hidden_states": tokens} if hasattr(block, "attentions") else {}
            skips = tuple(kept[-len(block.resnets) :])
            del kept[-len(block.resnets) :]
            h = block(h, skips, embedded, **context)
        predicted: Tensor = unet.conv_out(unet.conv_act(unet.conv_norm_out(h)))
        return predicted


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
