"""Models that are built for three keyframes see all of them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from anicolor.diffusion.noise import FrameNoise
from anicolor.models.colorizer import Colorizer, Reference
from anicolor.models.windows import paint


def check_each_has_its_say(made: Colorizer, side: int) -> None:
    """Paint two frames among three keyframes, whatever the batch; another picture in place of any changes them."""
    draw = torch.Generator().manual_seed(0)
    images, lines = torch.rand(3, 3, side, side, generator=draw), torch.rand(7, 1, side, side, generator=draw)
    given = {index: Reference(index, image, lines[index]) for index, image in zip((0, 3, 6), images, strict=True)}

    def painted(references: dict[int, Reference], batch: int = 2) -> Tensor:
        shot = paint(made, 4, lambda r: lines[r.start : r.stop], references, FrameNoise(0), batch=batch)
        return torch.cat([colours.frames for _, colours in shot])

    frames = painted(given)
    assert frames.shape == (2, 3, side, side)
    assert torch.allclose(painted(given, batch=1), frames, atol=1e-5)
    for index, reference in given.items():
        other = painted({**given, index: replace(reference, image=1 - reference.image)})
        assert not torch.allclose(other, frames, atol=1e-3), index
