"""What line flow learns from: drawn scenes, whose true flow is known."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.data.augment import crop
from anicolor.data.motion import MotionPair
from anicolor.lines.distance import ink, proximity
from anicolor.models.lineflow.flow import LineFlow
from anicolor.models.lineflow.network import FINEST, Description, Found
from anicolor.models.objective import Batch, Objective, Turn
from anicolor.motion import DisFlow, joined

__all__ = ["FlowObjective"]

_FADES = 0.85  # what an update weighs, to the one after it (RAFT, equation 7, has 0.8)
_POWER, _EASE = 0.75, 0.05  # of errors: far ones weigh less than they are (PWC-Net, equation 2, has 0.4 and 0.01)
_HIDDEN, _BACKGROUND, _OUTSIDE = 0.1, 0.25, 0.1  # what such places weigh
_RIGHT = 3.0  # pixels: nearer than this, a flow is right
_CONTRASTS = (1, 4)  # pixels of a description to one of what is contrasted
_QUERIES = 256
_CERTAINTY, _CONTRAST = 0.3, 0.2  # weights of the losses
_NEAR = 1  # drawings
_NOISE = 8.0  # pixels, at most: the standard deviation of what starts are off by


class FlowObjective(Objective[MotionPair]):
    """The flow after each update, how sure the last is of itself, and the contrast of the descriptions."""

    def __init__(self, flow: LineFlow, side: int) -> None:
        self.network, self.side = flow.network, side
        self.networks = flow.networks

    def prepare(self, example: MotionPair, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return both drawings, the true flow and one to start from, cropped alike, and places to contrast."""
        fields = proximity(example.drawings)
        start = _start(example, fields, rng)
        first, last = (torch.cat([example.drawings[at], fields[at]]) for at in (0, -1))
        truth = example.truth
        rows, columns = crop(ink(example.drawings[:1])[0, 0].numpy(), self.side, rng)
        whole = {
            "frame": first,
            "other": last,
            "start": start,
            "flow": torch.from_numpy(truth.flow),
            "visible": torch.from_numpy(truth.visible)[None].float(),
            "figure": torch.from_numpy(truth.figure)[None].float(),
        }
        row = {name: part[..., rows, columns].clone() for name, part in whole.items()}
        row = _mirrored(row) if rng.random() < 0.5 else row
        known = row["visible"] * (0.05 + 0.95 * row["figure"])
        for scale in _CONTRASTS:
            row[f"queries{scale}"], row[f"answers{scale}"] = _contrasts(row["flow"], known, scale * FINEST, rng)
        return row

    def turns(self, batch: Batch) -> Iterator[Turn]:
        frame, other = (self.network.describe(batch[name]) for name in ("frame", "other"))
        found = self.network(frame, other, batch["start"])
        losses = {
            "flow": _flow_loss(found, batch),
            "certainty": _CERTAINTY * _certainty_loss(found, batch),
            "contrast": _CONTRAST * self._contrast_loss(frame, other, batch),
        }
        loss = torch.stack(list(losses.values())).sum()
        yield Turn("network", loss, {name: value.item() for name, value in losses.items()})

    def _contrast_loss(self, frame: Description, other: Description, batch: Batch) -> Tensor:
        """Return how badly places are told from all others by their descriptions (InfoNCE), the sum of all scales."""
        losses = []
        for scale in _CONTRASTS:
            own, others = (
                F.normalize(F.avg_pool2d(d.matching.float(), scale), dim=1).flatten(2) for d in (frame, other)
            )
            queries, answers = batch[f"queries{scale}"], batch[f"answers{scale}"]
            asked = own.gather(2, queries[:, None].clamp(min=0).expand(-1, own.shape[1], -1))
            alike = torch.einsum("bcq,bcn->bnq", asked, others) * self.network.sharpness
            known = (queries >= 0).float()
            loss = F.cross_entropy(alike, answers, reduction="none") * known
            losses.append(loss.sum() / known.sum().clamp(min=1))
        return torch.stack(losses).sum()


def _start(example: MotionPair, fields: Tensor, rng: np.random.Generator) -> Tensor:
    """Return where a flow may be sought from: where it is, optical flow, a chain of it, or what is near the truth."""
    kind, near = rng.random(), len(fields) - 1 == _NEAR
    truth = torch.from_numpy(example.truth.flow)
    if kind < (0.35 if near else 0.1):
        return torch.zeros_like(truth)
    if kind < (0.8 if near else 0.25):
        return DisFlow().estimate(fields[:1], fields[-1:])[0]
    if kind < 0.7:
        flow = DisFlow()
        steps = [flow.estimate(there[None], here[None]) for here, there in pairwise(fields.flip(0))]
        *_, chain = accumulate(steps, joined)
        return chain[0]
    noise = rng.standard_normal((1, 2, *rng.integers(2, 9, 2)), np.float32) * rng.uniform(0, _NOISE)
    size = truth.shape[-2:]
    smooth = F.interpolate(torch.from_numpy(noise.astype(np.float32)), size, mode="bilinear", align_corners=False)[0]
    return truth + smooth


def _mirrored(row: dict[str, Tensor]) -> dict[str, Tensor]:
    turned = {name: part.flip(-1) for name, part in row.items()}
    for name in ("start", "flow"):
        turned[name] = turned[name] * torch.tensor([-1.0, 1.0]).view(2, 1, 1)
    return turned


def _contrasts(flow: Tensor, known: Tensor, pixels: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return places ``[Q]``, counted row by row, of a picture so many ``pixels`` smaller, and where they are next.

    The more is ``known`` ``[1, H, W]`` of a place, the likelier it is asked for; places of -1 are none.
    """
    small, share = (F.avg_pool2d(part, pixels) for part in (flow / pixels, known))
    height, width = share.shape[-2:]
    y, x = np.mgrid[:height, :width]
    there = np.rint(np.stack([x, y]) + small.numpy()).astype(np.int64)
    inside = (there >= 0).all(0) & (there[0] < width) & (there[1] < height)
    chances = (share[0].numpy() * inside).astype(np.float64).ravel()
    if not chances.sum():
        return torch.full((_QUERIES,), -1), torch.zeros(_QUERIES, dtype=torch.long)
    asked = rng.choice(chances.size, _QUERIES, p=chances / chances.sum())
    answers = (there[1] * width + there[0]).ravel()[asked]
    return torch.from_numpy(asked), torch.from_numpy(answers)


def _weights(batch: Batch) -> Tensor:
    """Return what each pixel ``[B, 1, H, W]`` weighs."""
    return (
        (_HIDDEN + (1 - _HIDDEN) * batch["visible"])
        * (_BACKGROUND + (1 - _BACKGROUND) * batch["figure"])
        * (_OUTSIDE + (1 - _OUTSIDE) * _inside(batch["flow"]))
    )


def _inside(flow: Tensor) -> Tensor:
    """Return where ``flow`` ``[B, 2, H, W]`` leads to a place of the crop, as 0 or 1 ``[B, 1, H, W]``."""
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, :1]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1:]
    return ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).float()


def _flow_loss(found: Found, batch: Batch) -> Tensor:
    weights, truth = _weights(batch), batch["flow"]
    coarse = F.avg_pool2d(weights, FINEST), F.avg_pool2d(truth, FINEST) / FINEST
    loss = truth.new_zeros(())
    for flow in found.flows:
        fine = flow.shape == truth.shape
        weight, aim = (weights, truth) if fine else coarse
        error = (flow.float() - aim).abs().sum(dim=1, keepdim=True) * (1 if fine else FINEST)
        loss = _FADES * loss + ((error + _EASE) ** _POWER * weight).mean()
    return loss


def _certainty_loss(found: Found, batch: Batch) -> Tensor:
    near = (found.flows[-1].detach() - batch["flow"]).norm(dim=1, keepdim=True) < _RIGHT
    right = F.avg_pool2d(near * batch["visible"] * _inside(batch["flow"]), FINEST)
    weights = F.avg_pool2d(0.2 + 0.8 * batch["figure"], FINEST)
    loss = F.binary_cross_entropy_with_logits(found.certainty.float(), right, reduction="none")
    return (loss * weights).mean()
