"""The contract of every colorizer, and what it promises about itself as data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from anicolor.diffusion.noise import FrameNoise
from anicolor.frames import check_frames, check_lines
from anicolor.models.lineflow.flow import shipped

__all__ = ["Anchors", "Colorizer", "Colours", "Reference", "Request", "Traits"]

Anchors = Literal["any", "between"]
"""``between``: works between two keyframes; ``any``: takes the keyframes nearest to its window."""


@dataclass(frozen=True)
class Traits:
    """What a colorizer can do, as data: the planner and the catalog read nothing else.

    ``window`` is the most frames of one request (``fixed``: exactly so many), ``overlap`` the frames already
    painted before a window that it is given again, ``keyframes`` the most references of one request, ``anchors``
    which keyframes it needs, ``size_multiple`` what height and width must be divisible by, ``steps`` the
    default number of sampling steps (0: the model does not sample), ``tracked`` whether requests carry tracks and
    ``taught_tracked`` whether examples to learn from do, ``alone`` whether each frame of a window is painted on its
    own: a window may then have any number of them, ``confident`` whether it tells how sure it is of what it painted.
    """

    window: int
    keyframes: int
    anchors: Anchors = "between"
    fixed: bool = False
    overlap: int = 0
    size_multiple: int = 1
    stochastic: bool = True
    steps: int = 0
    tracked: bool = False
    taught_tracked: bool = False
    alone: bool = False
    confident: bool = False


@dataclass(frozen=True, eq=False)
class Reference:
    """A keyframe at the network's size: colours ``[3, H, W]`` and its line art ``[1, H, W]``.

    ``index`` counts from the shot, like ``Request.first``.
    """

    index: int
    image: Tensor
    lines: Tensor


@dataclass(frozen=True, eq=False)
class Request:
    """One window to paint.

    ``lines`` is ``[T, 1, H, W]``; ``references`` are in time order; ``first`` is the index of the first frame in the
    shot; ``seeds`` names the noise of each frame (those of a shot share theirs); ``painted`` ``[P, 3, H, W]`` holds
    the colours painted just before the window. For models whose traits say ``tracked``, ``tracks`` ``[T, K, 3, H, W]``
    is the flow in pixels from each frame to each reference, followed through the frames between, and how little what
    it leads to is like the frame (0: just like it).
    """

    lines: Tensor
    references: tuple[Reference, ...]
    first: int
    seeds: tuple[int, ...]
    painted: Tensor
    tracks: Tensor | None = None

    def __post_init__(self) -> None:
        check_lines(self.lines)
        check_frames(self.painted, "painted")
        if not self.references:
            raise ValueError("a request needs at least one reference")
        if len(self.seeds) != len(self.lines):
            raise ValueError(f"expected {len(self.lines)} seeds, got {len(self.seeds)}")


@dataclass(frozen=True, eq=False)
class Colours:
    """What a colorizer made of a window: ``frames`` ``[T, 3, H, W]`` in [0, 1].

    ``confidence`` ``[T, 1, H, W]``, 0 to 1, is how sure it is of each pixel: 1 where nothing speaks for another colour.
    None: it cannot tell.
    """

    frames: Tensor
    confidence: Tensor | None = None


class Colorizer(ABC):
    """Lines and keyframes to colours, for one window. It has a network; it is none."""

    traits: Traits
    settings: object
    """A frozen dataclass: the sizes of the networks, kept in their weights file."""
    remarks: tuple[str, ...] = ()
    """What a user should know of how it was built, a line each."""

    @property
    @abstractmethod
    def networks(self) -> dict[str, nn.Module]:
        """The networks by name, as a weights file stores them."""

    @property
    def frozen(self) -> Mapping[str, nn.Module]:
        """Networks that are never trained, and in no weights file; what is painted depends on them too."""
        return {"lineflow": shipped().network} if self.traits.tracked else {}

    @abstractmethod
    def colorize(self, request: Request, noise: FrameNoise, steps: int | None = None) -> Colours:
        """Return the colours ``[T, 3, H, W]`` of the window, on the device of the networks.

        Height and width must be multiples of ``traits.size_multiple``. ``steps`` overrides the number of
        sampling steps and is ignored by colorizers that do not sample.
        """

    @property
    def device(self) -> torch.device:
        """Where the networks are (the CPU for a colorizer without any)."""
        for network in self.networks.values():
            for parameter in network.parameters():
                return parameter.device
        return torch.device("cpu")

    def to(self, device: torch.device | str) -> Colorizer:
        """Move the networks to ``device`` and return the colorizer."""
        for network in self.networks.values():
            network.to(device)
        return self
