"""Colours that a network chooses from: those of keyframes, brought to the frame, and one of its own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Mixture"]

_ALIKE = 0.1  # of [-1, 1] in each channel: nearer than this is the same colour
_AGREED = 0.7  # of the votes


class Mixture(NamedTuple):
    """The colours, and the network's say for each, at every pixel."""

    colours: Tensor
    """``[B, M, 3, H, W]``: what is carried over, and the network's own colour."""
    votes: Tensor
    """``[B, M, H, W]``, at least 0, their sum over M is 1."""

    def mean(self) -> Tensor:
        """Return the expected colour ``[B, 3, H, W]``: what the network is trained on."""
        return (self.colours * self.votes[:, :, None]).sum(dim=1)

    def agreed(self) -> tuple[Tensor, Tensor]:
        """Return the mean ``[B, 3, H, W]``, but where nearly all votes are for one colour that colour alone.

        The few votes for others would tint it. And the share ``[B, 1, H, W]`` of the votes that are for it.
        """
        first = self.votes.argmax(dim=1, keepdim=True)[:, :, None].expand(-1, -1, 3, -1, -1)
        alike = (self.colours - self.colours.gather(1, first)).abs().amax(dim=2) < _ALIKE
        votes = self.votes * alike
        share = votes.sum(dim=1, keepdim=True)
        colours = torch.where(share >= _AGREED, Mixture(self.colours, votes / share).mean(), self.mean())
        return colours, share
