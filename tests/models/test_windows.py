"""Windows: the plan's promises over many shots, and that windows do not change the picture."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from anicolor.diffusion.noise import FrameNoise
from anicolor.frames import FrameRange
from anicolor.models.colorizer import Colorizer, Colours, Reference, Traits
from anicolor.models.weights import load_colorizer
from anicolor.models.windows import fit, network_size, paint, plan


@st.composite
def shots(draw):
    """A shot's length, its keyframes (borrowed ones lie outside), and what a colorizer can do."""
    length = draw(st.integers(1, 60))
    inside = draw(st.sets(st.integers(0, length - 1), max_size=8))
    outside = draw(st.sets(st.sampled_from([-7, -1, length, length + 30]), max_size=2))
    keyframes = sorted(inside or outside or {0})
    traits = Traits(
        window=draw(st.integers(1, 20)),
        keyframes=draw(st.integers(1, 3)),
        anchors=draw(st.sampled_from(["between", "any"])),
        fixed=draw(st.booleans()),
    )
    return length, keyframes, traits


@given(shots())
@example((1, [0], Traits(window=4, keyframes=2)))
@example((5, [0, 1, 2, 3, 4], Traits(window=4, keyframes=2)))
@example((9, [-3], Traits(window=4, keyframes=2, fixed=True)))
@settings(deadline=None, max_examples=300)
def test_the_plan_keeps_its_promises(shot):
    length, keyframes, traits = shot
    windows = plan(length, keyframes, traits)

    new = [index for window in windows for index in window.new]
    assert new == [index for index in range(length) if index not in keyframes], "each frame once, in order"
    for window in windows:
        assert 0 < len(window.new) <= traits.window
        assert len(window.frames) <= traits.window
        assert set(window.new) <= set(window.frames) <= set(range(length))
        assert len(window.frames) == (min(traits.window, length) if traits.fixed else len(window.new))
        assert 1 <= len(window.anchors) <= traits.keyframes
        assert list(window.anchors) == sorted(set(window.anchors))
        assert set(window.anchors) <= set(keyframes)
        if traits.anchors == "between":
            before = [k for k in keyframes if k < window.new.start]
            after = [k for k in keyframes if k >= window.new.stop]
            middle = (window.new.start + window.new.stop - 1) / 2
            around = sorted([*before[-1:], *after[:1]], key=lambda k: abs(k - middle))
            assert list(window.anchors) == sorted(around[: traits.keyframes]), "the nearest around it"


@pytest.mark.parametrize("anchors", ["between", "any"])
def test_a_plan_needs_a_keyframe(anchors):
    with pytest.raises(ValueError, match="at least one keyframe"):
        plan(3, [], Traits(window=4, keyframes=2, anchors=anchors))


def test_a_fixed_model_gets_its_last_window_shifted_back():
    windows = plan(10, [0], Traits(window=4, keyframes=1, fixed=True))
    assert [(str(w.frames), str(w.new)) for w in windows] == [("1:5", "1:5"), ("5:9", "5:9"), ("6:10", "9:10")]


def test_frames_outside_all_keyframes_get_the_nearest_alone():
    windows = plan(9, [3, 5], Traits(window=4, keyframes=2))
    assert [(str(w.new), w.anchors) for w in windows] == [("0:3", (3,)), ("4:5", (3, 5)), ("6:9", (5,))]


@pytest.mark.parametrize(
    ("height", "width", "longer", "expected"),
    [
        (1080, 1920, 512, (288, 512)),
        (1920, 1080, 512, (512, 288)),
        (48, 64, 512, (48, 64)),
        (2, 4096, 64, (1, 64)),
        (100, 100, 64, (64, 64)),
    ],
)
def test_network_size_keeps_the_aspect_and_enlarges_nothing(height, width, longer, expected):
    assert network_size(height, width, longer) == expected


def test_fit_leaves_the_right_size_alone():
    frames = torch.rand(2, 3, 8, 6)
    assert fit(frames, (8, 6)) is frames
    assert fit(frames, (4, 3)).shape == (2, 3, 4, 3)


class Recorder(Colorizer):
    """Paints each frame in the colour of its first reference, plus its line; notes what it is asked."""

    settings = None

    def __init__(self, traits):
        self.traits = traits
        self.requests = []

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {}

    def colorize(self, request, noise, steps=None):  # noqa: ARG002
        self.requests.append(request)
        return Colours(request.references[0].image * 1.5 * request.lines, 2 - request.lines)


def a_shot(length=9, keyframes=(0, 5), size=(10, 13)):
    generator = torch.Generator().manual_seed(0)
    lines = torch.rand(length, 1, *size, generator=generator).round()
    references = {
        index: Reference(index, torch.rand(3, *size, generator=generator), lines[index % length]) for index in keyframes
    }
    return lines, references


def painted_by(colorizer, lines, references, **more):
    return [(new, made.frames) for new, made in made_by(colorizer, lines, references, **more)]


def made_by(colorizer, lines, references, **more):
    def of(frames: FrameRange):
        return lines[frames.start : frames.stop]

    return list(paint(colorizer, len(lines), of, references, FrameNoise(3), **more))


def test_fewer_references_are_the_nearest_and_their_tracks():
    lines, references = a_shot()
    recorder = Recorder(Traits(window=1, keyframes=2, tracked=True))
    painted_by(recorder, lines, references, most=1)
    assert [[r.index for r in request.references] for request in recorder.requests] == [[0]] * 2 + [[5]] * 5
    assert all(request.tracks.shape == (1, 1, 3, 10, 13) for request in recorder.requests)
    whole = Recorder(Traits(window=1, keyframes=2, tracked=True))
    painted_by(whole, lines, references, most=7)
    assert [len(request.references) for request in whole.requests] == [2] * 4 + [1] * 3
    for one, both in zip(recorder.requests[:4], whole.requests[:4], strict=True):
        at = [r.index for r in both.references].index(one.references[0].index)
        assert torch.allclose(one.tracks[:, 0], both.tracks[:, at], atol=0.01)


def test_a_batch_is_of_frames_that_are_painted_alone():
    lines, references = a_shot()
    recorder = Recorder(Traits(window=1, keyframes=2, alone=True))
    one_by_one = torch.cat([colours for _, colours in painted_by(recorder, lines, references)])
    assert [len(request.lines) for request in recorder.requests] == [1] * 7
    batched = Recorder(Traits(window=1, keyframes=2, alone=True))
    assert torch.equal(torch.cat([c for _, c in painted_by(batched, lines, references, batch=3)]), one_by_one)
    assert [len(request.lines) for request in batched.requests] == [3, 1, 3]
    together = Recorder(Traits(window=2, keyframes=2))
    painted_by(together, lines, references, batch=3)
    assert [len(request.lines) for request in together.requests] == [2, 2, 2, 1]


@pytest.mark.parametrize(("anchors", "most"), [("between", 1), ("between", 2), ("any", 1), ("any", 3)])
def test_frames_of_a_batch_keep_their_own_references(anchors, most):
    lines, references = a_shot(length=24, keyframes=(0, 6, 17, 23))
    of_frames = []
    for batch in (1, 4, 8):
        recorder = Recorder(Traits(window=1, keyframes=3, anchors=anchors, alone=True))
        painted_by(recorder, lines, references, most=most, batch=batch)
        asked = ((r.first + place, r.references) for r in recorder.requests for place in range(len(r.lines)))
        of_frames.append({frame: [reference.index for reference in given] for frame, given in asked})
        assert max(len(request.lines) for request in recorder.requests) <= batch
    assert of_frames[0] == of_frames[1] == of_frames[2]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_networks_calculate_in_the_precision_that_is_asked_for(precision):
    seen = set()

    class Watch(Recorder):
        def colorize(self, request, noise, steps=None):
            seen.add((torch.eye(2) @ torch.eye(2)).dtype)
            made = super().colorize(request, noise, steps)
            return Colours(made.frames.to(next(iter(seen))))

    lines, references = a_shot()
    painted = painted_by(Watch(Traits(window=1, keyframes=2)), lines, references, precision=precision)
    assert seen == {getattr(torch, precision)}
    assert {colours.dtype for _, colours in painted} == {torch.float32}
    assert (torch.eye(2) @ torch.eye(2)).dtype == torch.float32


def test_paint_pads_inside_and_gives_back_the_size_and_range():
    lines, references = a_shot()
    recorder = Recorder(Traits(window=3, keyframes=2, size_multiple=8))
    for new, colours in painted_by(recorder, lines, references):
        assert colours.shape == (len(new), 3, 10, 13)
        assert 0 <= colours.min() <= colours.max() <= 1
    for request in recorder.requests:
        assert request.lines.shape[-2:] == (16, 16)
        assert (request.lines[..., 10:, :] == 1).all(), "padded with paper"
        assert (request.lines[..., 13:] == 1).all()
        assert all(r.image.shape == (3, 16, 16) and r.lines.shape == (1, 16, 16) for r in request.references)


def test_confidence_goes_with_the_colours():
    lines, references = a_shot()
    for traits in (Traits(window=3, keyframes=2, size_multiple=8), Traits(window=4, keyframes=2, fixed=True)):
        for new, made in made_by(Recorder(traits), lines, references):
            assert torch.equal(made.confidence, torch.ones_like(lines[new.start : new.stop])), "2 is clamped to 1"


def test_all_frames_of_a_shot_have_its_noise():
    lines, references = a_shot()
    recorder = Recorder(Traits(window=3, keyframes=2))
    painted_by(recorder, lines, references, shot=100)
    assert {seed for request in recorder.requests for seed in request.seeds} == {100}
    assert [request.first for request in recorder.requests] == [1, 4, 6]


def test_overlap_hands_over_what_is_painted_just_before_and_nothing_across_a_keyframe():
    lines, references = a_shot(length=10)
    recorder = Recorder(Traits(window=2, keyframes=1, overlap=3))
    done = {}
    for (new, colours), request in zip(painted_by(recorder, lines, references), recorder.requests, strict=True):
        before = [index for index in range(max(new.start - 3, 0), new.start) if index in done]
        run = [index for index in before if all(later in done for later in range(index, new.start))]
        assert len(request.painted) == len(run)
        for index, colour in zip(run, request.painted, strict=True):
            assert torch.equal(colour, done[index])
        done |= dict(zip(new, colours, strict=True))


def test_models_that_ask_for_tracks_get_them_for_the_whole_gap_at_once():
    lines, references = a_shot(length=9, keyframes=(2, 7), size=(20, 30))
    read = []

    def of(frames: FrameRange):
        read.append(frames)
        return lines[frames.start : frames.stop]

    recorder = Recorder(Traits(window=2, keyframes=2, size_multiple=8, tracked=True))
    for _ in paint(recorder, len(lines), of, references, FrameNoise(3)):
        pass
    shapes = [tuple(request.tracks.shape) for request in recorder.requests]
    assert shapes == [(2, 1, 3, 24, 32), (2, 2, 3, 24, 32), (2, 2, 3, 24, 32), (1, 1, 3, 24, 32)]
    assert len(read) == len(recorder.requests) + 6  # once for what lies before a keyframe, once to be painted
    recorder = Recorder(Traits(window=2, keyframes=2))
    painted_by(recorder, lines, references)
    assert all(request.tracks is None for request in recorder.requests)


@pytest.fixture(scope="module")
def colorizer(weights):
    return load_colorizer("opdm-small", weights)


@pytest.mark.parametrize("length", [1, 3, 8])
def test_windows_do_not_change_the_picture(colorizer, monkeypatch, length):
    lines, references = a_shot(length=8, keyframes=(0, 6), size=(20, 30))
    whole = {}
    for window in (4, length):
        monkeypatch.setattr(colorizer, "traits", Traits(window=window, keyframes=2, size_multiple=16, tracked=True))
        found = {
            index: colour
            for new, colours in painted_by(colorizer, lines, references, steps=2)
            for index, colour in zip(new, colours, strict=True)
        }
        assert sorted(found) == [1, 2, 3, 4, 5, 7]
        for index, colour in found.items():
            assert torch.allclose(colour, whole.setdefault(index, colour), atol=1e-4)


def test_the_seed_changes_the_picture(colorizer):
    lines, references = a_shot(size=(20, 30))

    def first(seed):
        shot = paint(colorizer, 9, lambda f: lines[f.start : f.stop], references, FrameNoise(seed), steps=2)
        return next(shot)[1].frames

    assert torch.equal(first(3), first(3))
    assert not torch.allclose(first(3), first(4), atol=1e-4)
