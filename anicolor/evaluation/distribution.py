"""How far the painted frames as a whole are from the true ones: FID."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from anicolor.errors import AnicolorError
from anicolor.evaluation.check import check_pair
from anicolor.pretrained import INCEPTION, find_pretrained, read_pretrained

if TYPE_CHECKING:
    from torchmetrics.image.fid import FrechetInceptionDistance

__all__ = ["Fid"]

_FEATURES = 2048  # of Inception's last pooling
_BATCH = 16  # frames at a time through the network


class Fid:
    """Fréchet distance between the features of all painted and of all true frames, lower is closer.

    Features are the 2,048 of Inception's last pooling, by torchmetrics (which resizes with antialiasing), with weights
    from ``path`` or torch hub's cache, never downloaded; or what ``extractor`` makes of uint8 ``[B, 3, H, W]``: float
    ``[B, extractor.num_features]``. Only their sums and products are kept: memory does not grow with the film.

    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017,
    equation 6.

    Raises:
        InputError: Inception's weights are in neither place.
        AnicolorError: they are damaged, or of another network.
    """

    def __init__(
        self, path: Path | None = None, device: torch.device | str = "cpu", extractor: nn.Module | None = None
    ) -> None:
        self._device = torch.device(device)
        self._metric = _metric(path, extractor).to(self._device)
        self._features = int(getattr(extractor, "num_features", _FEATURES))

    @torch.inference_mode()
    def add(self, result: Tensor, truth: Tensor) -> None:
        """Count in the frames ``[T, 3, H, W]``, in [0, 1], of the result and of the truth.

        Raises:
            ValueError: another type or shape, two shapes, no frame, NaN, values outside [0, 1].
        """
        check_pair(result, truth)
        for frames, real in ((result, False), (truth, True)):
            for batch in torch.split(frames, _BATCH):
                # As an image file would hold them: torchmetrics would cut the fractions off.
                levels = (batch * 255).round().clamp(0, 255).byte()
                self._metric.update(levels.to(self._device), real=real)

    @property
    def count(self) -> int:
        """How many frames of the result were added, and as many of the truth."""
        return int(self._metric.fake_features_num_samples)

    @property
    def note(self) -> str | None:
        """What to know of :meth:`value`; None when there are images enough."""
        if self.count >= self._features:
            return None
        return (
            f"FID of {self.count:,} images, fewer than its {self._features:,} features: biased upwards,"
            " compare it only with FIDs of as many images"
        )

    def value(self) -> float:
        """Return the distance of all that was added.

        Raises:
            ValueError: fewer than two frames.
        """
        if self.count < 2:
            raise ValueError(f"FID: expected at least 2 frames, got {self.count}")
        return float(self._metric.compute())


def _metric(path: Path | None, extractor: nn.Module | None) -> FrechetInceptionDistance:
    from torchmetrics.image.fid import FrechetInceptionDistance

    if extractor is not None:
        return FrechetInceptionDistance(extractor)
    read_pretrained(INCEPTION, path)  # torch-fidelity unpickles whatever is in the file: nothing but tensors may be
    found = find_pretrained(INCEPTION, path)
    try:
        return FrechetInceptionDistance(_FEATURES, feature_extractor_weights_path=str(found))
    except RuntimeError as error:
        raise AnicolorError(f"{found}: expected {INCEPTION.what}, found those of another network") from error
