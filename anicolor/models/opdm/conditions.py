"""What the network is told of a frame and its keyframes: proximity fields, flow, aligned references."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from anicolor.motion import FlowEstimator, warp

__all__ = ["Conditions", "condition"]

_FAR_CLOSER = 0.5  # of how far its own are apart


class Conditions(NamedTuple):
    """What is known of the frames to paint; K references in time order.

    Without ``aligned`` only ``lines`` and ``references`` are read, and the other fields may be empty.
    """

    lines: Tensor
    """``[B, 1, H, W]``, 0 = ink."""
    proximity: Tensor
    """``[B, 1, H, W]``, 1 at the ink, falling to 0 far from it."""
    references: Tensor
    """``[B, K, 3, H, W]``, colours in [-1, 1]."""
    reference_structure: Tensor
    """``[B, K, 2, H, W]``: lines and proximity of the references."""
    flows: Tensor
    """``[B, K, 2, H, W]``: flow in pixels from the frame to each reference."""
    aligned: Tensor
    """``[B, K, 5, H, W]``: colours, lines and proximity of the references, warped by ``flows``."""
    tracked: Tensor
    """``[B, K, 6, H, W]``: the same, warped by the tracks, and how little that is like the frame (0: just like it).

    Places that another of the K shows far better are that one's.
    """

    def mirrored(self) -> Conditions:
        """Return the same, left for right."""
        turned = Conditions(*(picture.flip(-1) for picture in self))
        return turned._replace(flows=turned.flows * turned.flows.new_tensor([-1.0, 1.0]).view(2, 1, 1))


def condition(
    lines: Tensor,
    fields: Tensor,
    references: Tensor,
    structures: Tensor,
    flow: FlowEstimator | None,
    tracks: Tensor | None = None,
) -> Conditions:
    """Return the conditions of frames ``lines`` ``[T, 1, H, W]`` with proximity ``fields`` of the same shape.

    ``references`` are colours ``[K, 3, H, W]`` in [0, 1], ``structures`` their lines and proximity ``[K, 2, H, W]``;
    the same K references serve all frames. Without ``flow`` nothing is aligned: the flow is zero; without ``tracks``
    ``[T, K, 3, H, W]`` (see ``passage_tracks``) the flow is all that the references are followed by.
    """
    frames = len(lines)
    flows, aligned = [], []
    pictures = torch.cat((2 * references - 1, structures), dim=1)
    for picture in pictures:
        source = picture.expand(frames, -1, -1, -1)
        still = source.new_zeros(frames, 2, *source.shape[-2:])
        flows.append(flow.estimate(fields, source[:, 4:5]) if flow else still)
        aligned.append(warp(source, flows[-1]) if flow else source)
    every = pictures.expand(frames, -1, -1, -1, -1)
    straight = torch.stack(aligned, dim=1)
    followed, apart = straight, torch.zeros_like(straight[:, :, :1])
    if tracks is not None:
        ways, apart = tracks[:, :, :2], tracks[:, :, 2:]
        followed = warp(every.flatten(0, 1), ways.flatten(0, 1)).view_as(every)
    return Conditions(
        lines=lines,
        proximity=fields,
        references=every[:, :, :3],
        reference_structure=every[:, :, 3:],
        flows=torch.stack(flows, dim=1),
        aligned=straight,
        tracked=_shown_better(torch.cat([followed, apart], dim=2)),
    )


def _shown_better(tracked: Tensor) -> Tensor:
    """Return ``tracked`` ``[T, K, 6, H, W]``, but where another of the K is far more like the frame, that one.

    What moves in front of something shows in one keyframe what it hides in the other.
    """
    apart = tracked[:, :, 5]
    least, best = apart.min(dim=1, keepdim=True)
    better = tracked.gather(1, best[:, :, None].expand(-1, -1, tracked.shape[2], -1, -1))
    return torch.where((least < _FAR_CLOSER * apart)[:, :, None], better, tracked)
