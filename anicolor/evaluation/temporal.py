"""How steady a film is: colour distribution consistency and warp error."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from torch import Tensor

from anicolor.evaluation.check import check_mask, check_pair
from anicolor.frames import check_frames
from anicolor.motion import FlowEstimator, occluded, warp

__all__ = ["CDC_STRIDES", "ColourConsistency", "Motion", "cdc", "motion", "warp_error"]

CDC_STRIDES = (1, 2, 4)
_LEVELS = 256
_Histograms = npt.NDArray[np.float64]


def cdc(frames: Tensor) -> float:
    """Return the colour distribution consistency of ``frames`` ``[T, 3, H, W]`` in [0, 1]: 0 is most consistent.

    The mean of the Jensen-Shannon divergences (natural logarithm) between the 256-bin histograms of frames 1, 2
    and 4 apart, each a third, over the three channels.

    Source: Liu et al., "Temporally Consistent Video Colorization with Deep Feature Propagation and
    Self-Regularization Learning" (TCVC), 2021; Kang et al., "NTIRE 2023 Video Colorization Challenge".

    Raises:
        ValueError: another type or shape; under 5 frames, so that none are 4 apart.
    """
    check_pair(frames, frames)
    measure = ColourConsistency()
    for frame in frames:
        measure.see(frame)
    value = measure.value()
    if value is None:
        raise ValueError(f"CDC: expected 5 frames or more, got {len(frames)}")
    return value


class ColourConsistency:
    """The CDC of one shot, frame by frame in flat memory: only the last four histograms are held."""

    def __init__(self) -> None:
        self._past: deque[_Histograms | None] = deque(maxlen=max(CDC_STRIDES))
        self._sums = dict.fromkeys(CDC_STRIDES, 0.0)
        self._counts = dict.fromkeys(CDC_STRIDES, 0)

    def see(self, frame: Tensor, mask: Tensor | None = None) -> float | None:
        """Take the next frame ``[3, H, W]``; return its divergence from the one before it, if that counts.

        With ``mask`` (bool ``[1, H, W]``) only the pixels inside it count.
        """
        now = _histograms(frame, mask)
        found: dict[int, float] = {}
        for stride in CDC_STRIDES:
            then = self._past[-stride] if len(self._past) >= stride else None
            if then is not None:
                found[stride] = _divergence(then, now)
                self._sums[stride] += found[stride]
                self._counts[stride] += 1
        self._past.append(now)
        return found.get(1)

    def skip(self) -> None:
        """Pass over a frame that does not count."""
        self._past.append(None)

    def value(self) -> float | None:
        """Return the CDC so far, or None while no two frames that count lie one, two or four apart."""
        if not all(self._counts.values()):
            return None
        return float(np.mean([self._sums[stride] / self._counts[stride] for stride in CDC_STRIDES]))


class Motion:
    """The flow from one frame to the next, and what of the frame stays visible; the same for every result."""

    def __init__(self, forward: Tensor, backward: Tensor) -> None:
        """Take the flows ``[T, 2, H, W]`` from the frames to the next ones and back."""
        self.forward = forward
        self.visible = ~occluded(forward, backward)


def motion(now: Tensor, following: Tensor, flow: FlowEstimator) -> Motion:
    """Return the motion from pictures ``now`` to ``following``, both ``[T, 1 or 3, H, W]``."""
    return Motion(flow.estimate(now, following), flow.estimate(following, now))


def warp_error(frames: Tensor, reference: Tensor, flow: FlowEstimator) -> float:
    """Return the warp error of ``frames`` ``[T, 3, H, W]`` in [0, 1], with the flow of ``reference``.

    The mean over consecutive pairs of the mean squared difference between a frame and the next one warped back to
    it, over the pixels that stay visible (``reference`` is ``[T, 1 or 3, H, W]``: the ground truth or line art).

    Source: Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018, section 4.2.

    Raises:
        ValueError: another type or shape, under 2 frames, another length or size of ``reference``.
    """
    check_frames(frames)
    if len(frames) < 2:
        raise ValueError(f"warp error: expected 2 frames or more, got {len(frames)}")
    if len(reference) != len(frames) or reference.shape[-2:] != frames.shape[-2:]:
        raise ValueError(f"reference: expected {list(frames.shape)}, got {list(reference.shape)}")
    pairs = zip(pairwise(frames[:, None]), pairwise(reference[:, None]), strict=True)
    return float(np.mean([pair_error(*shown, motion(*moved, flow)) for shown, moved in pairs]))


def pair_error(now: Tensor, following: Tensor, moved: Motion, mask: Tensor | None = None) -> float:
    """Return the warp error of one pair of frames, both ``[1, 3, H, W]``: 0 where nothing is visible.

    With ``mask`` (bool ``[1, 1, H, W]``, of the frame ``now``) only the pixels inside it count.
    """
    check_pair(now, following)
    counted = moved.visible & check_mask(now, mask)
    errors = (warp(following, moved.forward) - now).square().mean(dim=1, keepdim=True)
    pixels = int(counted.sum())
    return float(errors[counted].double().sum() / pixels) if pixels else 0.0


def _histograms(frame: Tensor, mask: Tensor | None) -> _Histograms:
    levels = (frame * 255).round().clamp(0, 255).byte()
    channels = levels.flatten(1) if mask is None else levels[:, mask[0]]
    counts = np.stack([np.bincount(channel, minlength=_LEVELS) for channel in channels.cpu().numpy()])
    return counts / max(1, channels.shape[1])


def _divergence(p: _Histograms, q: _Histograms) -> float:
    """Return the Jensen-Shannon divergence of two histograms ``[3, 256]``, the mean of the channels."""
    middle = (p + q) / 2
    return float(np.mean((_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2))


def _relative_entropy(p: _Histograms, q: _Histograms) -> npt.NDArray[np.float64]:
    """Return KL(p || q) of each row, with 0 log 0 = 0."""
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    sums: npt.NDArray[np.float64] = (p * np.log(ratio)).sum(axis=1)
    return sums
