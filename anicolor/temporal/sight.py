"""What temporal networks and rules see of a shot, drawing by drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

__all__ = ["Sight", "Thing"]

Thing = TypeVar("Thing")


@dataclass(frozen=True, eq=False)
class Sight(Generic[Thing]):
    """A drawing of a shot: its ``colours`` ``[3, h, w]``, how sure they are ``[1, h, w]``, and its ``lines``.

    ``confidence`` is None where the colorizer cannot tell, ``given`` says that it is a keyframe, ``thing`` is whatever
    belongs to it, and ``corrected`` how many patches were given another colour.
    """

    colours: Tensor
    confidence: Tensor | None
    lines: Tensor
    given: bool
    thing: Thing
    corrected: int = 0
