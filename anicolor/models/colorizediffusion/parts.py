"""The autoencoder and the vision tower: pretrained and frozen, or small ones that are trained here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.utils import logging as bars

from anicolor.errors import AnicolorError, InputError
from anicolor.layers.unet import groups
from anicolor.models.colorizediffusion.network import (
    LatentNetwork,
    VaeSettings,
    VisionSettings,
)
from anicolor.models.windows import square
from anicolor.pretrained import weightless

__all__ = ["UNET", "VAE", "VISION", "Autoencoder", "Part", "VisionTower", "start"]

_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # CLIP's, of its pictures
_PACE = 0.02  # share of a batch in the running measure of the latents


@dataclass(frozen=True)
class Part:
    """A pretrained part: what it is, and the variable of the environment that says where it lies."""

    what: str
    variable: str


VAE = Part("the weights of Stable Diffusion 2.1's VAE", "ANICOLOR_VAE")
VISION = Part("the weights of OpenCLIP's ViT-H/14", "ANICOLOR_VISION")
UNET = Part("the weights of Stable Diffusion 2.1's U-Net", "ANICOLOR_UNET")


class Autoencoder(nn.Module):
    """Pictures to latents of mean 0 and deviation 1, and back.

    ``mean`` and ``deviation`` ``[L]`` are measured while it is trained here, and given for a pretrained one.
    """

    def __init__(self, settings: VaeSettings) -> None:
        super().__init__()
        levels, latents = len(settings.widths), settings.latents

        def shape() -> AutoencoderKL:
            return AutoencoderKL(
                down_block_types=["DownEncoderBlock2D"] * levels,
                up_block_types=["UpDecoderBlock2D"] * levels,
                block_out_channels=settings.widths,
                layers_per_block=settings.blocks,
                latent_channels=latents,
                norm_num_groups=groups(*settings.widths),
            )

        self.model = _part(VAE, shape, settings.source)
        self.mean = nn.Buffer(torch.zeros(latents))
        self.deviation = nn.Buffer(torch.full((latents,), 1 / settings.scale if settings.source else 1.0))

    def encode(self, pictures: Tensor) -> Tensor:
        """Return latents ``[B, L, h, w]``, the posterior's mode, of ``pictures`` ``[B, 3, H, W]`` in [-1, 1]."""
        latents: Tensor = self.model.encode(pictures).latent_dist.mode()
        return (latents - self.mean[:, None, None]) / self.deviation[:, None, None]

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures ``[B, 3, H, W]``, about in [-1, 1], of ``latents`` ``[B, L, h, w]``."""
        raw = latents * self.deviation[:, None, None] + self.mean[:, None, None]
        pictures: Tensor = self.model.decode(raw).sample
        return pictures

    @torch.no_grad()
    def measure(self, latents: Tensor) -> None:
        """Take what a batch of raw latents ``[B, L, h, w]`` says into the running measure."""
        self.mean.lerp_(latents.mean(dim=(0, 2, 3)), _PACE)
        self.deviation.lerp_(latents.std(dim=(0, 2, 3)), _PACE)


class VisionTower(nn.Module):
    """Local tokens of pictures: those of the patches, through the tower's last norm and its projection.

    Of a tower that is trained here they are normed once more: it would else outgrow the noise on them.
    """

    def __init__(self, settings: VisionSettings) -> None:
        super().__init__()
        self.side, self.normed = settings.side, settings.source is None

        def shape() -> CLIPVisionModelWithProjection:
            return CLIPVisionModelWithProjection(
                CLIPVisionConfig(
                    hidden_size=settings.width,
                    intermediate_size=4 * settings.width,
                    projection_dim=settings.tokens,
                    num_hidden_layers=settings.layers,
                    num_attention_heads=settings.heads,
                    image_size=settings.side,
                    patch_size=settings.patch,
                    hidden_act="gelu",
                )
            )

        self.model = _part(VISION, shape, settings.source)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return tokens ``[B, N, C]`` of ``pictures`` ``[B, 3, H, W]`` in [0, 1], whole in a square."""
        mean, std = (pictures.new_tensor(value).view(3, 1, 1) for value in (_MEAN, _STD))
        seen = (square(pictures, self.side, paper=False) - mean) / std
        patches = self.model.vision_model(seen).last_hidden_state[:, 1:]  # without the class token
        tokens: Tensor = self.model.visual_projection(self.model.vision_model.post_layernorm(patches))
        return F.layer_norm(tokens, tokens.shape[-1:]) if self.normed else tokens


def start(network: LatentNetwork, source: str | None) -> None:
    """Let the U-Net of ``network`` begin with the weights of ``source``, if it names any.

    Raises:
        InputError: they are not there.
        AnicolorError: they are damaged, or those of another network.
    """
    if source is not None and not weightless():
        network.unet.load_state_dict(_loaded(UNET, network.unet, _place(UNET, source)).state_dict())


def _place(part: Part, source: str) -> str:
    """Return where a part lies: in the folder that the environment names, or where the settings say.

    Raises:
        InputError: the environment names no folder.
    """
    told = os.environ.get(part.variable)
    if told and not Path(told).expanduser().is_dir():
        raise InputError(f"{told}: no such folder: expected {part.what}, as {part.variable} says: check the name")
    return told or source


def _part(part: Part, shape: Callable[[], Any], source: str | None) -> Any:
    """Return the network of ``shape`` with random weights, or frozen with those of ``source``."""
    if source is None or weightless():
        return shape()
    with torch.device("meta"):
        expected = shape()
    return _loaded(part, expected, _place(part, source)).requires_grad_(False)


def _loaded(part: Part, expected: Any, source: str) -> Any:
    """Return the network of ``source``, in whole precision, if it has the sizes of ``expected``.

    Raises:
        InputError: there is no such folder, and nothing in the hub's cache or online.
        AnicolorError: damaged, or another network.
    """
    folder = Path(source).expanduser()
    cure = f"give a folder with it: {part.variable}=FOLDER"
    if not folder.is_dir():
        if folder.is_absolute():
            raise InputError(f"{source}: no such folder: expected {part.what}: {cure}")
        cure = f"go online once, it comes from huggingface.co, or {cure}"
    place, inside = (str(folder), "") if folder.is_dir() else _in_hub(source)
    try:
        with _without_bars():
            found, told = type(expected).from_pretrained(
                place, subfolder=inside, use_safetensors=True, output_loading_info=True
            )
    except (OSError, ValueError) as error:  # offline, not there, no name at all
        raise InputError(f"{source}: expected {part.what}, found nothing that can be loaded: {cure}") from error
    except Exception as error:  # whatever the damage comes to
        raise AnicolorError(f"{source}: damaged, or not {part.what}: take a whole copy") from error
    if told["missing_keys"] or _sizes(found) != _sizes(expected):
        raise AnicolorError(f"{source}: expected {part.what}, found those of another network: {cure}")
    return found.float()


def _in_hub(source: str) -> tuple[str, str]:
    """Return the repository, OWNER/NAME, and the folder in it that ``source`` names."""
    parts = source.split("/")
    return "/".join(parts[:2]), "/".join(parts[2:])


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep transformers from drawing its own bars."""
    if not bars.is_progress_bar_enabled():
        yield
        return
    bars.disable_progress_bar()
    try:
        yield
    finally:
        bars.enable_progress_bar()


def _sizes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in network.named_parameters()}
