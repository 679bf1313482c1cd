"""The stages of OPDM's training: the offset estimator alone, the joint diffusion-reverse process, our choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure as ssim
from torchvision.ops import deform_conv2d

from anicolor.data.augment import crop
from anicolor.data.clips import Example
from anicolor.diffusion.ddim import Schedule
from anicolor.evaluation.mask import drawing
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.lines.distance import ink, proximity
from anicolor.models.objective import Batch, Objective, Turn
from anicolor.models.opdm.choice import Choice, followed, own_source, shares
from anicolor.models.opdm.colorizer import OpdmColorizer
from anicolor.models.opdm.conditions import Between, Conditions, condition, moment, shifts
from anicolor.models.opdm.matching import fill_colours
from anicolor.models.opdm.network import Opdm
from anicolor.models.tracks import example_tracks
from anicolor.motion import DisFlow

__all__ = ["ChoiceObjective", "JointObjective", "JointWeights", "OffsetObjective", "build_objective", "content_loss"]

_SQUARED, _VOTES = 4.0, 0.2  # weights of the choice's losses
_ALIKE = 0.05  # of [0, 1]: the standard deviation of what is right
_LEAST = 0.01  # of the votes: what is lost where nothing is right is bounded
_OUTSIDE = 0.1  # what paper around the drawing weighs
_PAPER = 0.9


@dataclass(frozen=True)
class JointWeights:
    """Weights of the joint loss: equation 10, and of the matching that ``opdm-small`` adds."""

    noise: float = 1.0
    content: float = 1.0
    perceptual: float = 0.1
    matching: float = 0.5


class _OpdmObjective(Objective[Example]):
    def __init__(self, network: Opdm, side: int) -> None:
        self.network, self.side = network, side
        self.networks: Mapping[str, nn.Module] = {"network": network}

    def prepare(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the conditions and the target in [-1, 1], cropped alike; flow is found on whole frames."""
        example = example.at_least(self.side)
        structures = torch.cat((example.reference_lines, proximity(example.reference_lines)), dim=1)
        lines = example.lines[None]
        settings = self.network.settings
        flow = DisFlow() if settings.needs_flow else None
        tracks = example_tracks(example) if settings.tracked else None
        inkless = settings.inkless
        references = example.reference_paint if inkless else example.references
        between = None
        if flow is not None and settings.between:
            *ends, at = example.places
            between = Between(shifts(references, flow), [moment(at, ends)])
        whole = condition(lines, proximity(lines), references, structures, flow, tracks, between)
        rows, columns = crop(ink(lines)[0, 0].numpy(), self.side, rng)
        target = example.paint if inkless else example.target
        row = {**whole._asdict(), "target": (2 * target - 1)[None], **self._more(example, whole, tracks)}
        return {name: value[0, ..., rows, columns].clone() for name, value in row.items()}

    def _more(self, example: Example, conditions: Conditions, tracks: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        """Return what the stage needs besides ``conditions`` of the whole frame."""
        return {}


class OffsetObjective(_OpdmObjective):
    """Stage one: the estimators learn offsets by aligning references to the target (section 3.2).

    At every level a deformable convolution with the estimated offsets samples the reference colours; there is no
    ground truth for offsets, so the loss is the L1 distance of the sampled picture to the target's. The
    convolutions serve only this stage.
    """

    def __init__(self, network: Opdm, side: int) -> None:
        super().__init__(network, side)
        settings = network.settings
        samplers = nn.ParameterList(
            _centred(settings.kernel) for _ in range(len(settings.widths) * settings.references)
        )
        self.networks = {"estimator": nn.ModuleDict({"offsets": network.adapter.estimators, "samplers": samplers})}
        self.samplers = samplers

    def turns(self, batch: Batch) -> Iterator[Turn]:
        conditions = _conditions(batch)
        colours = conditions.aligned[:, :, :3] if self.network.settings.aligned else conditions.references
        losses = []
        samplers = iter(self.samplers)
        for offsets in self.network.offsets(conditions):
            size = tuple(offsets.shape[-2:])
            target = F.interpolate(batch["target"], size, mode="area")
            for image, offset in zip(
                colours.unbind(1), offsets.chunk(self.network.settings.references, dim=1), strict=True
            ):
                sampled = F.interpolate(image, size, mode="area")
                pad = self.network.settings.kernel // 2
                aligned = deform_conv2d(sampled, offset.float(), next(samplers), padding=pad)
                losses.append(F.l1_loss(aligned, target))
        loss = torch.stack(losses).mean()
        yield Turn("estimator", loss, {"alignment": loss.item()})


class JointObjective(_OpdmObjective):
    """Stage two: forward diffusion and unrolled reverse denoising together (sections 3.3 and 3.4).

    The noise loss is taken at a random time step; the content and perceptual losses on the picture that
    ``unroll`` DDIM steps make of pure noise, with gradients through all of them. The estimators stay fixed.
    """

    def __init__(
        self,
        network: Opdm,
        side: int,
        unroll: int,
        weights: JointWeights | None = None,
        perceptual: PerceptualLoss | None = None,
    ) -> None:
        super().__init__(network, side)
        network.adapter.estimators.requires_grad_(False)
        self.unroll, self.weights, self.perceptual = unroll, weights or JointWeights(), perceptual
        self.lacks_vgg = perceptual is None
        self.schedule = Schedule(network.settings.timesteps, network.settings.prediction)

    def prepare(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the conditions and the target, and by chance a time step, its noise and the noise to start from."""
        row = super().prepare(example, rng)
        for name in ("noise", "start"):
            row[name] = torch.from_numpy(rng.standard_normal(row["target"].shape, np.float32))
        row["time"] = torch.tensor(rng.integers(self.schedule.timesteps))
        return row

    def turns(self, batch: Batch) -> Iterator[Turn]:
        target, noise, time, conditions = batch["target"], batch["noise"], batch["time"], _conditions(batch)
        guidance = self.network.guide(conditions)

        def denoise(noisy: Tensor, time: Tensor) -> Tensor:
            out: Tensor = self.network(noisy, time, guidance)
            return out

        noisy = self.schedule.scheduler().add_noise(target, noise, time)
        made = self.schedule.sample(denoise, batch["start"], self.unroll).float()
        losses = {
            "noise": F.mse_loss(denoise(noisy, time), self.schedule.target(target, noise)),
            "content": content_loss((made + 1) / 2, (target + 1) / 2),
        }
        if self.perceptual is not None:
            losses["perceptual"] = self.perceptual((made + 1) / 2, (target + 1) / 2)
        if guidance.matches is not None:
            clean = fill_colours(target, conditions.proximity)
            losses["matching"] = F.l1_loss(guidance.matches.colours, clean)
        loss = torch.stack([getattr(self.weights, name) * value for name, value in losses.items()]).sum()
        yield Turn("network", loss, {name: value.item() for name, value in losses.items()})


class ChoiceObjective(_OpdmObjective):
    """The stage after them (ours): the choice learns which source is right; what it chooses from stays as it is.

    The loss is the squared error of the mixture, in [0, 1], and how little say what is right has, wherever there is
    something to paint: right is what is as near as a normal distribution around the target's colour has it.
    """

    def __init__(self, colorizer: OpdmColorizer, choice: Choice, side: int) -> None:
        super().__init__(colorizer.network, side)
        self.colorizer, self.choice, self.networks = colorizer, choice, {"choice": choice}

    def prepare(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the conditions, the target and the noise to start from; colours are exchanged by chance."""
        row = super().prepare(example, rng)
        row["start"] = torch.from_numpy(rng.standard_normal(row["target"].shape, np.float32))
        row["order"] = torch.from_numpy(rng.permutation(3))
        return row

    def _more(self, example: Example, conditions: Conditions, tracks: Tensor | None) -> dict[str, Tensor]:
        *ends, at = example.places
        weights = _OUTSIDE + (1 - _OUTSIDE) * drawing(example.target)[None].float()
        return {
            "followed": followed(conditions, tracks, shares([at], ends)),
            "weights": weights * (conditions.lines > _PAPER),
        }

    def turns(self, batch: Batch) -> Iterator[Turn]:
        conditions, target = _conditions(batch), batch["target"]
        with torch.no_grad():
            picture = self.colorizer.sample(conditions, None, batch["start"], self.network.settings.steps).agreed()
        own = own_source(conditions, *picture)
        sources = torch.cat((batch["followed"], own), dim=1)
        order = batch["order"][:, None, :, None, None]
        colours = sources[:, :, :3].gather(2, order.expand_as(sources[:, :, :3]))
        target = target.gather(1, order[:, 0].expand_as(target))
        structure = torch.cat((conditions.lines, conditions.proximity), dim=1)
        made = self.choice(torch.cat((colours, sources[:, :, 3:]), dim=2), structure)
        weights = batch["weights"] / batch["weights"].sum(dim=(1, 2, 3), keepdim=True).clamp(min=1) / len(target)
        apart = ((made.colours - target[:, None]) / 2).square().sum(dim=2)
        right = (made.votes * (-apart / (2 * _ALIKE**2)).exp()).sum(dim=1, keepdim=True)
        losses = {
            "colours": _SQUARED * (((made.mean() - target) / 2).square().sum(dim=1, keepdim=True) * weights).sum(),
            "votes": _VOTES * (-(right + _LEAST).log() * weights).sum(),
        }
        loss = torch.stack(list(losses.values())).sum()
        yield Turn("choice", loss, {name: value.item() for name, value in losses.items()})


def content_loss(result: Tensor, truth: Tensor) -> Tensor:
    """Return ``|x - y|_1 + (1 - SSIM(x, y))`` (equation 8) of pictures ``[B, 3, H, W]`` in [0, 1].

    In whole precision, also where the networks calculate in half: SSIM's variances are small differences.
    """
    with torch.autocast(result.device.type, enabled=False):
        similarity = ssim(result.float(), truth.float(), data_range=1.0)
    assert isinstance(similarity, Tensor)
    loss: Tensor = F.l1_loss(result, truth) + 1 - similarity
    return loss


def _conditions(batch: Batch) -> Conditions:
    return Conditions(**{name: batch[name] for name in Conditions._fields})


def _centred(kernel: int) -> nn.Parameter:
    """Return a 3-channel deformable kernel that starts by copying the pixel at its centre."""
    weight = torch.zeros(3, 3, kernel, kernel)
    weight[range(3), range(3), kernel // 2, kernel // 2] = 1.0
    return nn.Parameter(weight)


def build_objective(
    stage: str, colorizer: OpdmColorizer, side: int, unroll: int, perceptual: PerceptualLoss | None
) -> Objective[Example]:
    """Return the objective of ``stage``: ``offsets``, ``joint`` or ``choice``, on crops of ``side`` pixels."""
    if stage == "offsets":
        return OffsetObjective(colorizer.network, side)
    if stage == "choice" and colorizer.choice is not None:
        return ChoiceObjective(colorizer, colorizer.choice, side)
    return JointObjective(colorizer.network, side, unroll, perceptual=perceptual)
