"""A learned extractor: Anime2Sketch's network, with its public weights by path.

Source: Xiang et al., Anime2Sketch: A Sketch Extractor for Anime Arts with Deep Networks, 2021; the network is
pix2pix's U-Net (Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, section 6.1.1) with
eight halvings, instance norm in place of batch norm, and no dropout. OPDM tests its lines beside SketchKeras'.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from anicolor.errors import AnicolorError
from anicolor.frames import check_frames
from anicolor.pretrained import Pretrained, find_pretrained, read_pretrained

__all__ = ["WEIGHTS", "Anime2Sketch", "Anime2SketchNetwork"]

WEIGHTS = Pretrained(
    "Anime2Sketch's weights",
    "netG.pth",
    "what the README of https://github.com/Mukosame/Anime2Sketch links to as ",
    "--weights",
)
_WIDTH, _HALVINGS = 64, 8
_MULTIPLE = 2**_HALVINGS


class Anime2SketchNetwork(nn.Module):
    """Pictures ``[T, 3, H, W]`` in [-1, 1], sides multiples of 256, to lines ``[T, 1, H, W]`` in [-1, 1], -1 = ink.

    The names of its weights are those of ``netG.pth``.
    """

    def __init__(self) -> None:
        super().__init__()
        widest = 8 * _WIDTH
        inside = _Level(widest, widest)
        for outer in (*[widest] * (_HALVINGS - 5), 4 * _WIDTH, 2 * _WIDTH, _WIDTH):
            inside = _Level(outer, min(2 * outer, widest), inside)
        self.model = _Outermost(inside)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the lines of ``pictures``."""
        lines: Tensor = self.model(pictures)
        return lines


class _Outermost(nn.Module):
    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.model = nn.Sequential(_halving(3, _WIDTH), inside, nn.ReLU(), _doubling(2 * _WIDTH, 1), nn.Tanh())

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.model(features)
        return result


class _Level(nn.Module):
    """One halving and doubling around the level ``inside``: ``outer`` channels in, twice as many out, itself first."""

    def __init__(self, outer: int, inner: int, inside: nn.Module | None = None) -> None:
        super().__init__()
        down: list[nn.Module] = [nn.LeakyReLU(0.2), _halving(outer, inner)]
        middle = [] if inside is None else [nn.InstanceNorm2d(inner), inside]
        up = [nn.ReLU(), _doubling(inner if inside is None else 2 * inner, outer), nn.InstanceNorm2d(outer)]
        self.model = nn.Sequential(*down, *middle, *up)

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat((features, self.model(features)), dim=1)


def _halving(inside: int, out: int) -> nn.Module:
    return nn.Conv2d(inside, out, 4, stride=2, padding=1)


def _doubling(inside: int, out: int) -> nn.Module:
    return nn.ConvTranspose2d(inside, out, 4, stride=2, padding=1)


class Anime2Sketch:
    """An extractor (``lines.extract``): finished frames in, lines out.

    The network sees frames whose shorter side is ``size`` pixels: 512 as its authors have it, more for finer lines and
    more memory. They bring every picture to a square; here its shape is kept.

    Raises:
        InputError: ``path`` (without one: torch hub's cache) has no weights.
        AnicolorError: they are damaged, or of another network.
    """

    def __init__(self, path: Path | None = None, size: int = 512, device: torch.device | str = "cpu") -> None:
        # A copy made by several GPUs has "module." before each name; the public file is one.
        state = {name.removeprefix("module."): value for name, value in read_pretrained(WEIGHTS, path).items()}
        network = Anime2SketchNetwork()
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            found = find_pretrained(WEIGHTS, path)
            raise AnicolorError(f"{found}: expected {WEIGHTS.what}, found those of another network") from error
        self._network = network.to(device).eval()
        self._size, self._device = size, torch.device(device)

    @torch.inference_mode()
    def __call__(self, frames: Tensor) -> Tensor:
        """Return lines ``[T, 1, H, W]`` (0 = ink, 1 = paper) of frames ``[T, 3, H, W]`` in [0, 1].

        Raises:
            ValueError: ``frames`` have another shape or type.
        """
        height, width = check_frames(frames).shape[-2:]
        scale = self._size / min(height, width)
        small = _resized(frames.to(self._device).float(), (round(height * scale), round(width * scale)))
        sides = (0, -small.shape[-1] % _MULTIPLE, 0, -small.shape[-2] % _MULTIPLE)
        lines = self._network(pad(2 * small - 1, sides, mode="replicate"))
        cropped = (lines[..., : small.shape[-2], : small.shape[-1]] + 1) / 2
        return _resized(cropped, (height, width)).clamp(0, 1).to(frames)


def _resized(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(pictures.shape[-2:]) == size:
        return pictures
    return interpolate(pictures, size=size, mode="bicubic", align_corners=False, antialias=True)
