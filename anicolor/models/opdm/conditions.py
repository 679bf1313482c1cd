"""What the network is told of a frame and its keyframes: proximity fields, flow, aligned references."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from anicolor.lines.distance import apart
from anicolor.motion import FlowEstimator, warp

__all__ = ["Between", "Conditions", "condition", "moment", "shifts"]

_FAR_CLOSER = 0.5  # of how little its own is like the frame


class Between(NamedTuple):
    """What it takes to see what lies between keyframes."""

    shifts: Tensor
    """``[max(K - 1, 1), 2, 2, H, W]``, see ``shifts``."""
    moments: Sequence[float]
    """Of the T frames, see ``moment``."""


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
    """``[B, K, 5, H, W]``: the same, warped by the tracks; places that another shows far better are that one's."""
    between: Tensor
    """``[B, 5, H, W]``: what lies between the two keyframes around the frame, by how their own colours move.

    Its colours, how far those of both are apart (0 to 1), and how far the lines of either are from the frame's.
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
    between: Between | None = None,
) -> Conditions:
    """Return the conditions of frames ``lines`` ``[T, 1, H, W]`` with proximity ``fields`` of the same shape.

    ``references`` are colours ``[K, 3, H, W]`` in [0, 1], ``structures`` their lines and proximity ``[K, 2, H, W]``;
    the same K references serve all frames. Without ``flow`` nothing is aligned: the flow is zero; without ``tracks``
    ``[T, K, 3, H, W]`` (see ``passage_tracks``) the flow is all that the references are followed by; without
    ``between`` nothing is said of what lies between them.
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
    followed = straight
    if tracks is not None:
        ways = tracks[:, :, :2].flatten(0, 1)
        followed = _shown_better(warp(every.flatten(0, 1), ways).view_as(every), tracks[:, :, 2])
    return Conditions(
        lines=lines,
        proximity=fields,
        references=every[:, :, :3],
        reference_structure=every[:, :, 3:],
        flows=torch.stack(flows, dim=1),
        aligned=straight,
        tracked=followed,
        between=torch.zeros_like(straight[:, 0]) if between is None else _interpolated(pictures, between, fields),
    )


def moment(at: int, places: Sequence[int]) -> float:
    """Return where frame ``at`` lies among keyframes at ``places``, in time order: 1.5 is halfway from 1 to 2.

    Before the first it is that one's 0, after the last that one's.
    """
    before = bisect_right(places, at) - 1
    if before < 0 or before == len(places) - 1:
        return float(max(before, 0))
    return before + (at - places[before]) / (places[before + 1] - places[before])


def shifts(references: Tensor, flow: FlowEstimator) -> Tensor:
    """Return how the colours of keyframes ``[K, 3, H, W]`` move, in pixels: ``[max(K - 1, 1), 2, 2, H, W]``.

    The flow from each to the next, and from there back; of a single one, to itself.
    """
    first, second = references[: max(len(references) - 1, 1)], references[min(1, len(references) - 1) :]
    return torch.stack((flow.estimate(first, second), flow.estimate(second, first)), dim=1)


def _interpolated(pictures: Tensor, between: Between, fields: Tensor) -> Tensor:
    """Return what lies between ``pictures`` ``[K, 5, H, W]`` at the frames' moments, ``[T, 5, H, W]``.

    Flows from a moment are those between the keyframes, in their share of the time (Jiang et al., Super SloMo, CVPR
    2018, equation 4).
    """
    made = []
    for time, field in zip(between.moments, fields, strict=True):
        before = min(int(time), len(between.shifts) - 1)
        share = time - before
        onward, back = between.shifts[before]
        mixed = share * (1 - share)
        ways = share**2 * back - mixed * onward, (1 - share) ** 2 * onward - mixed * back
        carried = warp(pictures[[before, min(before + 1, len(pictures) - 1)]], torch.stack(ways))
        first, second = carried[:, :3]
        colours = (1 - share) * first + share * second
        off = (first - second).abs().amax(dim=0, keepdim=True) / 2
        lines = apart(field[None], carried[:, 4:]).amax(dim=0)
        made.append(torch.cat((colours, off, lines)))
    return torch.stack(made)


def _shown_better(tracked: Tensor, unlike: Tensor) -> Tensor:
    """Return ``tracked`` ``[T, K, 5, H, W]``, but where another of the K is far less ``unlike`` the frame, that one.

    What moves in front of something shows in one keyframe what it hides in the other. ``unlike`` is ``[T, K, H, W]``,
    as tracks say it.
    """
    least, best = unlike.min(dim=1, keepdim=True)
    better = tracked.gather(1, best[:, :, None].expand(-1, -1, tracked.shape[2], -1, -1))
    return torch.where((least < _FAR_CLOSER * unlike)[:, :, None], better, tracked)
