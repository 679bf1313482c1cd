"""Photo-sketch correspondence: a frozen network that finds each place of a sketch in a picture.

Source: Lu, Wang and Fan, "Learning Dense Correspondences between Photos and Sketches", ICML 2023, sections 3.2 and 3.3,
with a ResNet-101. Its weights have 104,145,030 parameters: what finds the flow, and what only served their training
(the second encoder, the last layer of both, and the heads that were compared).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet101

from anicolor.errors import AnicolorError
from anicolor.motion import FlowEstimator, pixel_grid
from anicolor.pretrained import PSC, read_pretrained, weightless

__all__ = ["CorrespondenceFlow", "Encoder", "WarpEstimator", "correlations"]

_SIDE = 256  # pixels: what the network was trained on
_PLACES = 16  # rows and columns of places that are compared
_SCALES = (4, 8, 16)
_LAYERS = 5  # of each scale's estimator, each with half of the channels
_SLOPE = 0.1
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures


class Encoder(nn.Module):
    """ResNet-101 up to its third layer, padded with the pixels at the border."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=()):
            whole = resnet101()
        self.conv1, self.bn1, self.relu, self.maxpool = whole.conv1, whole.bn1, whole.relu, whole.maxpool
        self.layer1, self.layer2, self.layer3 = whole.layer1, whole.layer2, whole.layer3
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer.kernel_size[0] > 1:
                layer.padding_mode = "replicate"
                layer._reversed_padding_repeated_twice = [int(layer.padding[0])] * 4

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of layers 2 and 3, 32 and 16 places a side, of ``[B, 3, 256, 256]``, normalised."""
        h = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(pictures)))))
        second = self.layer2(h)
        return second, self.layer3(second)


class WarpEstimator(nn.Module):
    """Correlations of two pictures' features to a flow, from coarse to fine (section 3.3)."""

    base_map: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.net_4x, self.net_8x, self.net_16x = (_estimator(scale) for scale in _SCALES)
        still = F.affine_grid(torch.eye(2, 3)[None], [1, 1, _PLACES, _PLACES], align_corners=True)
        self.register_buffer("base_map", still)

    def forward(self, source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
        """Return where the places of ``target`` lie in ``source``: ``[B, 16, 16, 2]``, (x, y) from -1 to 1."""
        where = self.base_map
        seen = source
        for net in (self.net_4x, self.net_8x, self.net_16x):
            where = where + net(correlations(seen, target)).permute(0, 2, 3, 1)
            sample = partial(F.grid_sample, grid=where, padding_mode="zeros", align_corners=True)
            seen = sample(source[0]), sample(source[1])
        return where


class CorrespondenceFlow(FlowEstimator):
    """The flow from line art to a painted picture, by the network with its weights from ``path``, or where they lie.

    It stays on the CPU: data workers find flows too. On the meta device, where networks are only counted, it has no
    weights.

    Raises:
        InputError: the weights are in neither place.
        AnicolorError: the file is damaged, or its weights are of another network.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.encoder, self.estimator = Encoder().eval(), WarpEstimator().eval()
        if weightless():
            return
        state = _plain(read_pretrained(PSC, path))
        try:
            _load(self.encoder, state, "encoder_q.")
            _load(self.estimator, state, "stn.")
        except RuntimeError as error:
            raise AnicolorError(f"{path or PSC.file}: expected {PSC.what}, found those of another network") from error

    @torch.inference_mode()
    def estimate(self, target: Tensor, source: Tensor) -> Tensor:
        """Return the flow ``[T, 2, H, W]`` (pixels) from ``target`` to ``source``, ``[T, 1 or 3, H, W]`` in [0, 1]."""
        height, width = target.shape[-2:]
        seen, drawn = (self.encoder(_shown(pictures.cpu().float())) for pictures in (source, target))
        coarse = self.estimator(seen, drawn).permute(0, 3, 1, 2)
        where = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)
        scale = where.new_tensor([width - 1, height - 1]).view(1, 2, 1, 1) / 2
        return ((where + 1) * scale - pixel_grid(height, width, where)).to(target)


def correlations(source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
    """Return how alike all places are, ``[B, 512, 16, 16]``, by the features of two layers, brought to 16 x 16 places.

    A channel for each place of ``target``, row by row, layer after layer; its picture has the places of ``source``.
    """
    alike = (torch.einsum("bcyx,bcvu->byxvu", _places(t), _places(s)) for s, t in zip(source, target, strict=True))
    return torch.cat([part.flatten(1, 2) for part in alike], dim=1)


def _places(features: Tensor) -> Tensor:
    return F.interpolate(features, (_PLACES, _PLACES), mode="bilinear", align_corners=False)


def _estimator(scale: int) -> nn.Sequential:
    width, fewer = 2 * _PLACES**2, _PLACES // scale
    layers: list[nn.Module] = [
        nn.Conv2d(width, width, fewer, stride=fewer),
        nn.BatchNorm2d(width),
        nn.LeakyReLU(_SLOPE),
    ]
    for _ in range(_LAYERS):
        narrow = nn.Conv2d(width, width // 2, 3, padding=1, bias=False)
        width //= 2
        layers += [narrow, nn.BatchNorm2d(width), nn.LeakyReLU(_SLOPE)]
    enlarge = nn.Upsample(size=(_PLACES, _PLACES), mode="bilinear", align_corners=True)
    return nn.Sequential(*layers, nn.Conv2d(width, 2, 3, padding=1), enlarge)


def _shown(pictures: Tensor) -> Tensor:
    square = F.interpolate(pictures.expand(-1, 3, -1, -1), (_SIDE, _SIDE), mode="bilinear", antialias=True)
    mean, deviation = (square.new_tensor(part).view(1, 3, 1, 1) for part in (_MEAN, _DEVIATION))
    return (square - mean) / deviation


def _plain(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights by the names that they have here: photos and sketches share their norms."""
    plain = {}
    for name, value in state.items():
        kept = name.removeprefix("module.").replace(".norms.0.", ".")
        if ".norms." not in kept:
            plain[kept] = value
    return plain


def _load(part: nn.Module, state: dict[str, Tensor], prefix: str) -> None:
    known = part.state_dict().keys()
    part.load_state_dict({key: state[prefix + key] for key in known if prefix + key in state})
