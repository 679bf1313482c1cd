"""Tiny drawings and keyframes for the contract tests."""

import torch

from anicolor.models.colorizer import Reference

SIZE = (32, 48)
Size = tuple[int, int]


def line_art(frames: int, size: Size = SIZE, seed: int = 1) -> torch.Tensor:
    """A few ink strokes a frame, ``[frames, 1, H, W]``."""
    draw = torch.Generator().manual_seed(seed)
    lines = torch.ones(frames, 1, *size)
    for page in lines[:, 0]:
        for _ in range(3):
            row, column = (int(torch.randint(side, (), generator=draw)) for side in size)
            page[row], page[:, column] = 0, 0
    return lines


def keyframe(index: int, size: Size = SIZE) -> Reference:
    colours = torch.rand(3, 1, 1, generator=torch.Generator().manual_seed(index)).expand(3, *size)
    lines = line_art(1, size, seed=100 + index)[0]
    return Reference(index, (colours * lines).contiguous(), lines)
