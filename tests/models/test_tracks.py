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
from anicolor.models.lineflow.flow import NAME, TINY, LineFlow, shipped
from anicolor.models.tracks import GapTracks, passage_tracks, straight_tracks
from anicolor.motion import DisFlow

COUNT, SIDE, STEP = 13, 160, 8
ABOVE = torch.arange(SIDE)[:, None] < 80


def drawings() -> Tensor:
    """A ring that goes to the right, by a ring that stays, ``[13, 1, 160, 160]``."""
    pages = np.full((COUNT, SIDE, SIDE), 255, np.uint8)
    for t, page in enumerate(pages):
        cv2.circle(page, (30 + STEP * t, 50), 18, 0, 2, cv2.LINE_AA)
        cv2.circle(page, (80, 120), 24, 0, 2, cv2.LINE_AA)
    return torch.from_numpy(pages).float()[:, None] / 255


def error(flow: Tensor, at: int, end: int) -> float:
    """How many pixels the flow ``[2, H, W]`` is off, on the lines of the ring that goes."""
    ring = (drawings()[at, 0] < 0.5) & ABOVE
    truth = torch.tensor([STEP * (end - at), 0.0])
    return float((flow[:, ring] - truth[:, None]).norm(dim=0).median())


def lines_of(frames: FrameRange) -> Tensor:
    return drawings()[frames.start : frames.stop]


def reference(index: int) -> Reference:
    return Reference(index, torch.ones(3, SIDE, SIDE), drawings()[index])


@pytest.fixture(scope="module")
def tiny() -> LineFlow:
    """A line flow that finds something, if not the truth."""
    torch.manual_seed(0)
    flow = LineFlow(TINY[NAME])
    for parameter in flow.network.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    return flow


@pytest.fixture(scope="module")
def passages(tiny: LineFlow) -> list[Tensor]:
    """The tracks ``[2, 3, 160, 160]`` from drawings 0 to 8 to the first and the last of them."""
    return [passage_tracks(drawings(), t, [0, 8], tiny)[0] for t in range(9)]


def straight(flow: LineFlow, at: int, end: int) -> Tensor:
    here, there = (drawings()[t : t + 1] for t in (at, end))
    return straight_tracks(here, there, flow)[0, 0]


@pytest.mark.parametrize(("at", "end"), [(10, 0), (2, 12)])
def test_what_moves_far_is_followed_through_the_drawings_between(at: int, end: int) -> None:
    fields = proximity(drawings())
    assert error(DisFlow().estimate(fields[at : at + 1], fields[end : end + 1])[0], at, end) > 20
    assert error(passage_tracks(drawings(), at, [end], shipped())[0, 0, :2], at, end) < 3


def test_tracks_come_in_the_order_of_their_ends(tiny: LineFlow) -> None:
    found = passage_tracks(drawings(), 4, [12, 0, 12], tiny)
    assert found.shape == (1, 3, 3, SIDE, SIDE)
    assert torch.equal(found[:, 0], found[:, 2])
    assert torch.equal(found[:, 1], passage_tracks(drawings(), 4, [0], tiny)[:, 0])
    assert not torch.allclose(found[:, 0], found[:, 1], atol=0.1)


def test_a_drawing_is_where_it_is(tiny: LineFlow) -> None:
    assert passage_tracks(drawings(), 3, [3], tiny).abs().max() == 0


def test_fewer_drawings_between_are_looked_at(tiny: LineFlow) -> None:
    assert torch.equal(passage_tracks(drawings(), 4, [0], tiny, hops=9), passage_tracks(drawings(), 4, [0], tiny))
    halves = passage_tracks(drawings()[[0, 2, 4]], 2, [0], tiny)
    assert torch.equal(passage_tracks(drawings(), 4, [0], tiny, hops=2), halves)


def test_tracks_say_how_like_what_they_lead_to_is() -> None:
    """Of a ring that is there and one that is gone, on the lines."""
    pages = drawings()
    pages[4, 0, 80:] = 1
    apart = passage_tracks(pages, 3, [4], shipped())[0, 0, 2]
    ring = pages[3, 0] < 0.5
    there, gone = (apart[ring & rows].median() for rows in (ABOVE, ~ABOVE))
    assert apart.min() >= 0
    assert gone > 2 * there


def test_a_neighbour_s_way_is_kept_where_the_network_finds_nothing_closer() -> None:
    """A network that leads far off changes nothing: each place keeps what optical flow joins to."""
    fields = proximity(drawings())
    fooled = LineFlow(TINY[NAME])
    step = fooled.network.step
    torch.nn.init.constant_(step[-1].bias, 20.0)
    found = passage_tracks(drawings(), 3, [4], fooled)[0, 0, :2]
    led = DisFlow().estimate(fields[3:4], fields[4:5])[0]
    ring = (drawings()[3, 0] < 0.5) & ABOVE
    assert torch.equal(found[:, ring], led[:, ring])
    here, there = (fooled.describe(drawings()[t : t + 1]) for t in (3, 4))
    assert not torch.equal(fooled.follow(here, there).flow[0][:, ring], led[:, ring])


@pytest.mark.parametrize("window", [1, 4, 7])
def test_a_gap_has_the_tracks_of_its_frames(tiny: LineFlow, passages: list[Tensor], window: int) -> None:
    tracker = GapTracks(lines_of, FrameRange(1, 8), [reference(0), reference(8)], tiny)
    for start in range(1, 8, window):
        frames = FrameRange(start, min(start + window, 8))
        found = tracker.to(frames, lines_of(frames))
        assert found.shape == (len(frames), 2, 3, SIDE, SIDE)
        for t, flows in zip(frames, found, strict=True):
            assert torch.allclose(flows, passages[t], atol=0.1)  # half precision


@pytest.mark.parametrize(("key", "gap"), [(0, FrameRange(1, 9)), (8, FrameRange(0, 8))], ids=["after", "before"])
def test_one_keyframe(tiny: LineFlow, passages: list[Tensor], key: int, gap: FrameRange) -> None:
    found = GapTracks(lines_of, gap, [reference(key)], tiny).to(gap, lines_of(gap))
    for t, flows in zip(gap, found, strict=True):
        assert torch.allclose(flows, passages[t][[key // 8]], atol=0.1)


def test_a_keyframe_far_away_is_reached_directly(
    tiny: LineFlow, passages: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REACH", 3)
    gap = FrameRange(1, 8)
    found = GapTracks(lines_of, gap, [reference(0), reference(8)], tiny).to(gap, lines_of(gap))
    for t, flows in zip(gap, found, strict=True):
        for k, (end, close) in enumerate(((0, t <= 3), (8, t >= 5))):
            assert torch.allclose(flows[k], passages[t][k] if close else straight(tiny, t, end), atol=0.1)


def test_only_the_keyframes_beside_the_gap_are_tracked(tiny: LineFlow) -> None:
    frames = FrameRange(5, 8)
    every = [reference(index) for index in (0, 4, 8, 12)]
    several = GapTracks(lines_of, frames, every, tiny).to(frames, lines_of(frames))
    two = GapTracks(lines_of, frames, every[1:3], tiny).to(frames, lines_of(frames))
    assert several.shape == (3, 4, 3, SIDE, SIDE)
    assert torch.equal(several[:, 1:3], two)
    assert torch.equal(several[0, 3], straight(tiny, 5, 12))


def test_straight_tracks_are_those_of_a_passage_without_drawings_between(tiny: LineFlow) -> None:
    found = straight_tracks(drawings()[[4, 5]], drawings()[[0, 12]], tiny)
    assert found.shape == (2, 2, 3, SIDE, SIDE)
    assert torch.equal(found[1:], passage_tracks(drawings(), 5, [0, 12], tiny, hops=1))


def test_only_references_beside_the_gap_are_followed_through_it(tiny: LineFlow) -> None:
    far, beside = reference(0), reference(12)
    far = Reference(-50, far.image, far.lines)
    tracker = GapTracks(lines_of, FrameRange(4, 12), [far, beside], tiny)
    found = [tracker.to(FrameRange(t, t + 1), lines_of(FrameRange(t, t + 1)))[0] for t in range(4, 9)][-1]
    assert torch.equal(found[0], straight(tiny, 8, 0)), "from a foreign one nothing goes on"
    assert torch.allclose(found[1], passage_tracks(drawings(), 8, [12], tiny)[0, 0], atol=0.1)
