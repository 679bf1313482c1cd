"""The contract of a training stage: what one optimizer step minimises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from torch import Tensor, nn

__all__ = ["Batch", "Objective", "Shown", "Turn"]

Batch = Mapping[str, Tensor]
"""What ``prepare`` returned for each example, stacked: every tensor is ``[B, ...]``."""

Shown = TypeVar("Shown")
"""What a stage learns from: an example or a stretch of frames."""


@dataclass(frozen=True, eq=False)
class Turn:
    """One optimizer step: the network it moves, the loss (a scalar), and its parts for the log."""

    network: str
    loss: Tensor
    parts: Mapping[str, float] = field(default_factory=dict)


class Objective(ABC, Generic[Shown]):
    """One stage of one paper's training."""

    networks: Mapping[str, nn.Module]
    """The networks that are trained, by name; parameters that need no gradient stay as they are."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of Adam."""
    lacks_vgg: bool = False
    """Whether its perceptual term is off, because there are no VGG19 weights."""
    rates: Mapping[str, float] = {}
    """How many times the recipe's rate a network learns at; once, if it is not named."""

    @abstractmethod
    def prepare(self, example: Shown, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return what the stage needs of one example, chance included; called in the data workers.

        So a step is the same however its examples are shared out: ``turns`` draws nothing by chance.
        """

    @abstractmethod
    def turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield one turn for a diffusion step, two for a GAN; losses are means over the examples of the batch."""
