"""Shi et al.'s network as a colorizer: as many keyframes as it is built for."""

from dataclasses import replace

import torch
from torch import Tensor

from anicolor.diffusion.noise import FrameNoise
from anicolor.models.colorizer import Reference
from anicolor.models.deepcolorization.colorizer import TINY, DeepColorizer
from anicolor.models.windows import paint

SIDE = 32


def test_three_keyframes_have_their_say_in_any_batch() -> None:
    torch.manual_seed(0)
    made, draw = DeepColorizer(replace(TINY["deepcolorization"], references=3)), torch.Generator().manual_seed(0)
    images, lines = torch.rand(3, 3, SIDE, SIDE, generator=draw), torch.rand(7, 1, SIDE, SIDE, generator=draw)
    given = {index: Reference(index, image, lines[index]) for index, image in zip((0, 3, 6), images, strict=True)}

    def painted(references: dict[int, Reference], batch: int = 2) -> Tensor:
        shot = paint(made, 4, lambda r: lines[r.start : r.stop], references, FrameNoise(0), batch=batch)
        return torch.cat([colours.frames for _, colours in shot])

    frames = painted(given)
    assert frames.shape == (2, 3, SIDE, SIDE)
    assert torch.allclose(painted(given, batch=1), frames, atol=1e-5)
    for index, reference in given.items():
        other = painted({**given, index: replace(reference, image=1 - reference.image)})
        assert not torch.allclose(other, frames, atol=1e-3), index
