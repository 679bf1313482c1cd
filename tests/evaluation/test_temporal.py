"""CDC and warp error against independent formulas, by hand, and on moving patterns with an occluder."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from torch import Tensor

from anicolor.evaluation.temporal import ColourConsistency, Motion, cdc, pair_error, warp_error
from anicolor.motion import DisFlow, FlowEstimator


def pattern(frames: int, height: int = 40, width: int = 56, step: float = 2.0) -> Tensor:
    """A smooth texture that moves right by ``step`` pixels a frame."""
    y, x = np.mgrid[:height, :width].astype(float)
    stack = [
        [
            0.5 + 0.2 * np.sin((x - step * t) / 5 + c) + 0.2 * np.cos(y / 4 + c) * np.sin((x - step * t) / 9)
            for c in range(3)
        ]
        for t in range(frames)
    ]
    return torch.tensor(np.array(stack), dtype=torch.float32)


def consistency_by_hand(frames: np.ndarray) -> float:
    """CDC with dictionaries and ``math.log``: another road to the same number."""

    def divergence(p: Counter, q: Counter, total: int) -> float:
        value = 0.0
        for level in set(p) | set(q):
            a, b = p[level] / total, q[level] / total
            m = (a + b) / 2
            value += (a * math.log(a / m) if a else 0) / 2 + (b * math.log(b / m) if b else 0) / 2
        return value

    counts = [[Counter(channel.reshape(-1).tolist()) for channel in frame] for frame in frames]
    total = frames[0][0].size
    strides = []
    for stride in (1, 2, 4):
        pairs = [
            divergence(counts[i][c], counts[i + stride][c], total)
            for i in range(len(frames) - stride)
            for c in range(3)
        ]
        strides.append(sum(pairs) / len(pairs))
    return sum(strides) / 3


def test_cdc_is_the_formula() -> None:
    rng = np.random.default_rng(0)
    levels = np.clip(rng.normal(120, 20 + 10 * np.arange(9)[:, None, None, None], (9, 3, 11, 13)), 0, 255).round()
    frames = torch.tensor(levels / 255, dtype=torch.float32)
    assert cdc(frames) == pytest.approx(consistency_by_hand(levels.astype(int)), abs=1e-9)


def test_cdc_worked_on_paper() -> None:
    """Black, then white from frame 4 on: disjoint histograms are log 2 apart, equal ones 0."""
    frames = torch.zeros(6, 3, 4, 4)
    frames[4:] = 1
    # Stride 1: one of five pairs; stride 2: two of four; stride 4: both of two.
    expected = math.log(2) * (1 / 5 + 2 / 4 + 2 / 2) / 3
    assert cdc(frames) == pytest.approx(expected, abs=1e-12)


def test_cdc_sees_colours_only_and_none_in_a_still() -> None:
    frames = pattern(6)
    assert cdc(frames[:1].expand(6, -1, -1, -1)) == 0
    turned = torch.stack([frame.roll(int(3 * t), dims=-1) for t, frame in enumerate(frames)])
    assert cdc(turned) == pytest.approx(cdc(frames), abs=1e-12)
    assert cdc(frames.flip(0)) == pytest.approx(cdc(frames), abs=1e-12)


@given(seed=st.integers(0, 2**16), frames=st.integers(5, 9))
@settings(max_examples=20, deadline=None)
def test_cdc_lies_between_nothing_and_log_two(seed: int, frames: int) -> None:
    made = torch.rand(frames, 3, 6, 5, generator=torch.Generator().manual_seed(seed))
    assert 0 <= cdc(made) <= math.log(2)


@pytest.mark.parametrize("frames", [1, 4])
def test_cdc_of_under_five_frames_is_an_error(frames: int) -> None:
    with pytest.raises(ValueError, match="5 frames or more"):
        cdc(torch.rand(frames, 3, 4, 4))


def test_frames_passed_over_take_part_in_no_pair() -> None:
    measure = ColourConsistency()
    frames = pattern(7)
    for index, frame in enumerate(frames):
        measure.skip() if index == 3 else measure.see(frame)
    pairs = {s: [(i, i + s) for i in range(7 - s) if 3 not in (i, i + s)] for s in (1, 2, 4)}
    alone = {s: [divergence_of(frames[list(pair)]) for pair in some] for s, some in pairs.items()}
    assert measure.value() == pytest.approx(np.mean([np.mean(some) for some in alone.values()]), abs=1e-12)


def divergence_of(pair: Tensor) -> float:
    measure = ColourConsistency()
    measure.see(pair[0])
    found = measure.see(pair[1])
    assert found is not None
    return found


class Given(FlowEstimator):
    """Hands out flows that are known, in turn."""

    def __init__(self, *flows: Tensor) -> None:
        self.flows = itertools.cycle(flows)

    def estimate(self, target: Tensor, source: Tensor) -> Tensor:  # noqa: ARG002
        return next(self.flows)


def flow(dx: float, dy: float, height: int = 40, width: int = 56) -> Tensor:
    return torch.tensor([dx, dy], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, height, width).clone()


def error_by_hand(now: np.ndarray, then: np.ndarray, forward: np.ndarray, backward: np.ndarray) -> float:
    """Lai et al. with SciPy and loops: another road to the same number. Arrays ``[C, H, W]``, flows (dx, dy)."""
    height, width = now.shape[1:]
    rows, columns = np.mgrid[:height, :width].astype(float)

    def follow(plane: np.ndarray) -> np.ndarray:
        return map_coordinates(plane, [rows + forward[1], columns + forward[0]], order=1, mode="nearest")

    back = np.stack([follow(plane) for plane in backward])
    total, seen = 0.0, 0
    for y in range(height):
        for x in range(width):
            f, w = forward[:, y, x], back[:, y, x]
            inconsistent = ((w + f) ** 2).sum() > 0.01 * ((w**2).sum() + (f**2).sum()) + 0.5
            right = forward[:, y, x + 1] - f if x + 1 < width else np.zeros(2)
            below = forward[:, y + 1, x] - f if y + 1 < height else np.zeros(2)
            edge = (right**2).sum() + (below**2).sum() > 0.01 * (f**2).sum() + 0.002
            if not (inconsistent or edge):
                warped = [
                    map_coordinates(plane, [[y + f[1]], [x + f[0]]], order=1, mode="nearest")[0] for plane in then
                ]
                total += float(((np.array(warped) - now[:, y, x]) ** 2).mean())
                seen += 1
    return total / seen if seen else 0.0


def test_warp_error_is_the_formula_with_an_occluder() -> None:
    """A square moves over a textured ground that moves the other way; the flows are the true ones."""
    frames = pattern(2, 24, 30)
    forward, backward = flow(2, 0, 24, 30), flow(-2, 0, 24, 30)
    for t, moving in ((0, forward), (1, backward)):
        left = 8 - 3 * t
        frames[t, :, 6:14, left : left + 9] = torch.tensor([0.9, 0.2, 0.1])[:, None, None]
        moving[0, :, 6:14, left : left + 9] = torch.tensor([-3.0 if t == 0 else 3.0, 0.0])[:, None, None]
    result = (frames + 0.1 * torch.rand(frames.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    moved = Motion(forward, backward)
    expected = error_by_hand(*(t[0].double().numpy() for t in (result[:1], result[1:], forward, backward)))
    assert 0 < moved.visible.float().mean() < 1
    assert pair_error(result[:1], result[1:], moved) == pytest.approx(expected, rel=1e-4)


def test_a_pattern_that_moves_as_its_flow_says_has_no_warp_error() -> None:
    frames = pattern(4)
    still = warp_error(frames, frames, Given(flow(2, 0), flow(-2, 0)))
    border = float(warp_error(frames, frames, Given(flow(0, 0), flow(0, 0))))
    assert still < border / 20  # but for the two columns that come in at the border


def test_one_pixel_off_is_worked_on_paper() -> None:
    """A still ground, one channel of one pixel off by a half in the second frame."""
    frames = torch.full((2, 3, 16, 16), 0.25)
    frames[1, 1, 8, 8] += 0.5
    error = warp_error(frames, frames, Given(flow(0, 0, 16, 16)))
    assert error == pytest.approx(0.25 / (3 * 256))


def test_black_then_white_is_one_and_a_still_is_zero() -> None:
    frames = torch.zeros(2, 3, 16, 16)
    assert warp_error(frames, frames, DisFlow()) == 0
    frames[1] = 1
    assert warp_error(frames, frames[:, :1] * 0, DisFlow()) == 1


def test_nothing_visible_is_no_error() -> None:
    frames = torch.rand(2, 3, 16, 16)
    assert warp_error(frames, frames, Given(flow(5, 0, 16, 16))) == 0  # forward and backward disagree everywhere


def test_the_flow_is_the_references_and_not_the_results() -> None:
    still = torch.full((3, 3, 40, 56), 0.5)
    flicker = still.clone()
    flicker[1] += 0.2
    assert warp_error(flicker, pattern(3), DisFlow()) == pytest.approx(0.04, rel=1e-3)


def test_the_error_does_not_depend_on_the_order_of_channels_or_on_the_sign_of_the_difference() -> None:
    frames = pattern(3)
    result = (frames + 0.1 * torch.rand(frames.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    known = warp_error(result, frames, DisFlow())
    assert warp_error(result.flip(1), frames, DisFlow()) == pytest.approx(known, rel=1e-5)
    assert warp_error(1 - result, frames, DisFlow()) == pytest.approx(known, rel=1e-4)


def test_only_what_the_mask_holds_counts() -> None:
    frames = torch.zeros(2, 3, 16, 16)
    frames[1, :, :, 8:] = 1
    mask = torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    mask[..., 4:12] = True
    moved = Motion(flow(0, 0, 16, 16), flow(0, 0, 16, 16))
    assert pair_error(frames[:1], frames[1:], moved, mask) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("frames", "reference", "said"),
    [(1, 1, "2 frames or more"), (3, 2, "reference"), (2, 2, "NaN")],
)
def test_bad_input_is_said(frames: int, reference: int, said: str) -> None:
    made = torch.rand(frames, 3, 16, 16)
    if said == "NaN":
        made[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=said):
        warp_error(made, torch.rand(reference, 3, 16, 16), DisFlow())
