"""Pages of flat colours that the tests of the finish paint."""

from __future__ import annotations

import torch
from torch import Tensor

from anicolor.painting.palette import Palette, PaletteSamples

RED, DARK, WHITE = (200, 50, 40), (150, 30, 30), (255, 255, 255)
PAPER, INK = torch.ones(3, 40, 40), torch.zeros(3, 40, 40)


def keyframe(*fills: tuple[int, ...], top: int = 255) -> Tensor:
    """Bands of equal height, ``[3, 40, 40]``."""
    bands = torch.tensor(fills, dtype=torch.float32).T / top
    return bands[:, :, None, None].expand(-1, -1, 40 // len(fills), 40).reshape(3, 40, 40)


def palette_of(*images: Tensor, drawing: Tensor = PAPER) -> Palette | None:
    samples = PaletteSamples()
    for image in images:
        samples.add(image, drawing)
    return samples.colours()
