"""Tracks follow what flow between distant drawings loses, and are the same however frames are asked for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from anicolor.frames import FrameRange
from anicolor.lines.distance import proximity
from anicolor.models import tracks as module
from anicolor.models.colorizer import Reference
from anicolor.models.tracks import GapTracks, passage_tracks
from anicolor.motion import DisFlow

COUNT, SIDE, STEP = 13, 160, 8


def drawings() -> Tensor:
    """A ring that goes to the right, by a ring that stays, ``[13, 1, 160, 160]``."""
    pages = np.full((COUNT, SIDE, SIDE), 255, np.uint8)
    for t, page in enumerate(pages):
        cv2.circle(page, (30 + STEP * t, 50), 18, 0, 2, cv2.LINE_AA)
        cv2.circle(page, (80, 120), 24, 0, 2, cv2.LINE_AA)
    return torch.from_numpy(pages).float()[:, None] / 255


def error(flow: Tensor, at: int, end: int) -> float:
    """How many pixels the flow ``[2, H, W]`` is off, on the lines of the ring that goes."""
    ring = (drawings()[at, 0] < 0.5) & (torch.arange(SIDE)[:, None] < 80)
    truth = torch.tensor([STEP * (end - at), 0.0])
    return float((flow[:, ring] - truth[:, None]).norm(dim=0).median())


def lines_of(frames: FrameRange) -> Tensor:
    return drawings()[frames.start : frames.stop]


def reference(index: int) -> Reference:
    return Reference(index, torch.ones(3, SIDE, SIDE), drawings()[index])


@pytest.mark.parametrize(("at", "end"), [(10, 0), (2, 12)])
def test_what_moves_far_is_followed_through_the_drawings_between(at: int, end: int) -> None:
    fields = proximity(drawings())
    assert error(DisFlow().estimate(fields[at : at + 1], fields[end : end + 1])[0], at, end) > 20
    assert error(passage_tracks(drawings(), at, [end])[0], at, end) < 3


def test_tracks_come_in_the_order_of_their_ends() -> None:
    found = passage_tracks(drawings(), 4, [12, 0, 12])
    assert found.shape == (3, 2, SIDE, SIDE)
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], passage_tracks(drawings(), 4, [0])[0])


def test_a_drawing_is_where_it_is() -> None:
    assert passage_tracks(drawings(), 3, [3]).abs().max() == 0


@pytest.mark.parametrize("window", [1, 4, 11])
def test_a_gap_has_the_tracks_of_its_frames(window: int) -> None:
    tracker = GapTracks(lines_of, FrameRange(1, 12), [reference(0), reference(12)])
    for start in range(1, 12, window):
        frames = FrameRange(start, min(start + window, 12))
        found = tracker.to(frames, lines_of(frames))
        assert found.shape == (len(frames), 2, 2, SIDE, SIDE)
        for t, flows in zip(frames, found, strict=True):
            assert torch.allclose(flows, passage_tracks(drawings(), t, [0, 12]), atol=0.1)  # half precision


@pytest.mark.parametrize(("key", "gap"), [(0, FrameRange(1, 13)), (12, FrameRange(0, 12))], ids=["after", "before"])
def test_one_keyframe(key: int, gap: FrameRange) -> None:
    found = GapTracks(lines_of, gap, [reference(key)]).to(gap, lines_of(gap))
    for t, flows in zip(gap, found, strict=True):
        assert torch.allclose(flows, passage_tracks(drawings(), t, [key]), atol=0.1)


def test_a_keyframe_far_away_is_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REACH", 3)
    gap = FrameRange(1, 12)
    found = GapTracks(lines_of, gap, [reference(0), reference(12)]).to(gap, lines_of(gap))
    fields = proximity(drawings())
    for t, flows in zip(gap, found, strict=True):
        near = passage_tracks(drawings(), t, [0, 12])
        for k, (end, close) in enumerate(((0, t <= 3), (12, t >= 9))):
            direct = DisFlow().estimate(fields[t : t + 1], fields[end : end + 1])[0]
            assert torch.allclose(flows[k], near[k] if close else direct, atol=0.1)


def test_only_the_keyframes_beside_the_gap_are_tracked() -> None:
    frames = FrameRange(5, 8)
    several = GapTracks(lines_of, frames, [reference(index) for index in (0, 4, 8, 12)]).to(frames, lines_of(frames))
    two = GapTracks(lines_of, frames, [reference(4), reference(8)]).to(frames, lines_of(frames))
    assert several.shape == (3, 4, 2, SIDE, SIDE)
    assert torch.equal(several[:, 1:3], two)
    fields = proximity(drawings())
    assert torch.equal(several[0, 3], DisFlow().estimate(fields[5:6], fields[12:13])[0])


def test_only_references_beside_the_gap_are_followed_through_it() -> None:
    far, beside = reference(0), reference(12)
    far = Reference(-50, far.image, far.lines)
    tracker = GapTracks(lines_of, FrameRange(4, 12), [far, beside])
    found = [tracker.to(FrameRange(t, t + 1), lines_of(FrameRange(t, t + 1)))[0] for t in range(4, 9)][-1]
    fields = proximity(drawings())
    assert torch.equal(found[0], DisFlow().estimate(fields[8:9], fields[:1])[0]), "from a foreign one nothing goes on"
    assert error(found[1], 8, 12) < 3
