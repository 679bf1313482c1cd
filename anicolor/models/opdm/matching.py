"""Explicit matching between the line art of a frame and of its keyframes: an addition of ``opdm-small``.

Where a part moves further than optical flow follows, the adapter has nothing to refine. Here every 8x8 patch
of the frame looks for the patches of all keyframes whose line art resembles it, near the place where the flow
expects them, and takes over their fill colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anicolor.models.opdm.conditions import Conditions
from anicolor.motion import pixel_grid

__all__ = ["PATCH", "Fills", "Matcher", "Matches", "fill_colours"]

PATCH = 8
_PAIRS = 2**22  # of patches compared at a time: bounds the memory of large frames


@dataclass(frozen=True, eq=False)
class Matches:
    """Fill colours found for every patch, and how sure the matching is."""

    CHANNELS: ClassVar[int] = 4  # of the picture: colours and certainty

    colours: Tensor
    """``[B, 3, h, w]`` in [-1, 1]."""
    certainty: Tensor
    """``[B, 1, h, w]`` in [0, 1]: the largest weight of any one keyframe patch."""

    def picture(self, size: tuple[int, int] | torch.Size) -> Tensor:
        """Return colours and certainty ``[B, 4, H, W]`` at the size of the frame."""
        both = torch.cat((self.colours, self.certainty), dim=1)
        full = F.interpolate(both, scale_factor=float(PATCH), mode="bilinear", align_corners=False)
        return F.pad(full, (0, size[1] - full.shape[-1], 0, size[0] - full.shape[-2]), mode="replicate")


class Fills(NamedTuple):
    """The patches of the keyframes: what they look like, and their colours."""

    keys: Tensor
    """``[B, K, C, h, w]``, descriptors."""
    colours: Tensor
    """``[B, K, 3, h, w]`` in [-1, 1]."""


class Matcher(nn.Module):
    """Softmax matching of line-art descriptors, biased to where the flow points."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.describe = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(2 * 16, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            *(_Dilated(width, dilation) for dilation in (1, 2, 4, 1)),
            nn.Conv2d(width, width, 1),
        )
        self.sharpness = nn.Parameter(torch.tensor(2.0))
        self.locality = nn.Parameter(torch.tensor(0.0))

    def fills(self, references: Tensor, structures: Tensor) -> Fills:
        """Return the patches of keyframes ``[B, K, 3, H, W]`` with lines and proximity ``[B, K, 2, H, W]``."""
        keyframes = zip(references.unbind(1), structures.unbind(1), strict=True)
        colours = [fill_colours(image, structure[:, 1:]) for image, structure in keyframes]
        keys = [self._describe(structure) for structure in structures.unbind(1)]
        return Fills(torch.stack(keys, dim=1), torch.stack(colours, dim=1))

    def forward(self, conditions: Conditions, fills: Fills | None = None) -> Matches:
        """Return what the frames find in ``fills``, those of all (None: each in the patches of its own keyframes)."""
        fills = fills or self.fills(conditions.references, conditions.reference_structure)
        queries = self._describe(torch.cat((conditions.lines, conditions.proximity), dim=1))
        keys, colours = (field.expand(len(queries), -1, -1, -1, -1) for field in fills)
        flows = [F.avg_pool2d(flow, PATCH) / PATCH for flow in conditions.flows.unbind(1)]
        return self._match(queries, keys, colours, torch.stack(flows, dim=1))

    def _describe(self, structure: Tensor) -> Tensor:
        return F.normalize(self.describe(structure), dim=1)

    def _match(self, queries: Tensor, keys: Tensor, colours: Tensor, flows: Tensor) -> Matches:
        height, width = queries.shape[-2:]
        grid = pixel_grid(height, width, queries)
        expected = (grid[:, None] + flows).flatten(3)  # [B, K, 2, n]
        where = grid.flatten(2)[:, None]  # [1, 1, 2, n]
        values = colours.flatten(3).transpose(1, 2).flatten(2)  # [B, 3, K n]
        q, k = queries.flatten(2), keys.flatten(3)
        parts = []
        chunk = max(1, _PAIRS // (len(q) * values.shape[-1]))
        for some in torch.split(torch.arange(q.shape[-1], device=q.device), chunk):
            alike = torch.einsum("bcq,bkcn->bqkn", q[..., some], k) * self.sharpness.exp()
            x, y = (expected[:, :, axis, some, None] - where[:, :, axis, None] for axis in (0, 1))  # [B, K, q, n]
            far = (x.square() + y.square()).transpose(1, 2)
            weights = (alike - self.locality.exp() * torch.log1p(far / 4)).flatten(2).softmax(-1)
            found = torch.einsum("bqm,bcm->bcq", weights, values)
            parts.append(torch.cat((found, weights.amax(-1)[:, None]), dim=1))
        result = torch.cat(parts, dim=2).view(len(queries), -1, height, width)
        return Matches(result[:, :3], result[:, 3:])


class _Dilated(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


def fill_colours(images: Tensor, proximity: Tensor) -> Tensor:
    """Return for each 8x8 patch of ``images`` ``[B, 3, H, W]`` the colour farthest from any line.

    ``proximity`` is ``[B, 1, H, W]``; the result ``[B, 3, H / 8, W / 8]`` holds colours of single pixels, so that
    no ink and no mixture of two fills gets in.
    """
    _, index = F.max_pool2d(-proximity, PATCH, return_indices=True)
    picked = images.flatten(2).gather(2, index.flatten(2).expand(-1, 3, -1))
    return picked.view(len(images), 3, *index.shape[-2:])
