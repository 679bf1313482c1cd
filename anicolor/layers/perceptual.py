"""Perceptual loss on VGG19 features, from weights on disk.

Source: OPDM equation 9 and Shi et al. section 3.5: ReLU 1_1, 2_1, 3_1, 4_1 and 5_1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import vgg19

from anicolor.errors import AnicolorError
from anicolor.pretrained import VGG19, read_pretrained

__all__ = ["PerceptualLoss"]

_LAYERS = (1, 6, 11, 20, 29)  # ReLU 1_1, 2_1, 3_1, 4_1, 5_1 in torchvision's VGG19
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PerceptualLoss(nn.Module):
    """Sum over five layers of the mean squared difference of VGG19 features (equation 9).

    ``weights`` is torchvision's VGG19 state dict (``vgg19-dcbb9e9d.pth`` from download.pytorch.org/models).

    Raises:
        InputError: the file does not exist.
        AnicolorError: it is damaged, or holds something else than VGG19's weights.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        with torch.device("meta"):  # the classifier alone would fill half a gigabyte with random numbers
            self.features = vgg19(weights=None).features[: _LAYERS[-1] + 1]
        self.features.load_state_dict(_features(weights, self.features.state_dict()), assign=True)
        self.features.eval().requires_grad_(False)
        self.mean = nn.Buffer(torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.std = nn.Buffer(torch.tensor(_STD).view(1, 3, 1, 1))

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """Return the loss, a scalar, of pictures ``[B, 3, H, W]`` in [0, 1]."""
        return torch.stack([F.mse_loss(a, b) for a, b in self._features(result, truth)]).sum()

    def with_style(self, result: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the style loss, scalars, of pictures ``[B, 3, H, W]`` in [0, 1].

        Style is the sum over the layers of the L1 distance of Gram matrices, means over pixels and channels
        (Shi et al., equation 8).
        """
        pairs = list(self._features(result, truth))
        style = [F.l1_loss(_gram(a), _gram(b)) for a, b in pairs]
        return torch.stack([F.mse_loss(a, b) for a, b in pairs]).sum(), torch.stack(style).sum()

    def _features(self, result: Tensor, truth: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        a, b = ((x - self.mean) / self.std for x in (result, truth))
        for number, layer in enumerate(self.features):
            a, b = layer(a), layer(b)
            if number in _LAYERS:
                yield a, b


def _gram(features: Tensor) -> Tensor:
    """Return the Gram matrices ``[B, C, C]`` of ``features`` ``[B, C, H, W]``."""
    flat = features.flatten(2)
    return flat @ flat.mT / flat[0].numel()


def _features(path: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = read_pretrained(VGG19, path)
    found = {key: state.get(f"features.{key}") for key in expected}
    if any(value is None or value.shape != expected[key].shape for key, value in found.items()):
        raise AnicolorError(f"{path}: expected {VGG19.what}, found those of another network: take {VGG19.file}")
    return {key: value for key, value in found.items() if value is not None}
