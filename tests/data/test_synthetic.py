"""Drawn animation is seeded, aligned and moving; degradations keep what line art is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from anicolor.data.synthetic import (
    Degradation,
    DrawnClip,
    DrawnScene,
    DrawnSettings,
    Wave,
    degrade_lines,
    draw_clip,
)

SMALL = DrawnSettings(frames=5, size=96)
PLAIN = DrawnSettings(
    frames=5, size=192, painted_background=0, shading=0, trace_lines=0, coloured_ink=0, late=0, camera=0
)
SEEDS = range(6)


@pytest.fixture(scope="module")
def clips() -> list[DrawnClip]:
    return [draw_clip(seed, PLAIN) for seed in SEEDS]


@pytest.mark.parametrize(("size", "shape"), [(96, (96, 96)), ((64, 112), (64, 112)), ((113, 65), (113, 65))])
def test_shapes_and_types(size: int | tuple[int, int], shape: tuple[int, int]) -> None:
    clip = draw_clip(3, DrawnSettings(frames=2, size=size))
    assert clip.color.shape == (2, *shape, 3)
    assert clip.line.shape == (2, *shape)
    assert clip.color.dtype == clip.line.dtype == np.uint8


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_is_a_clip(seed: int) -> None:
    one, two = draw_clip(seed, SMALL), draw_clip(seed, SMALL)
    assert np.array_equal(one.color, two.color)
    assert np.array_equal(one.line, two.line)
    assert not np.array_equal(one.color, draw_clip(seed + 100, SMALL).color)


def test_a_scene_draws_the_frames_of_its_clip_in_any_order() -> None:
    clip, scene = draw_clip(7, SMALL), DrawnScene(7, SMALL)
    for frame in (4, 0, 2):
        color, line = scene.draw(frame)
        assert np.array_equal(color, clip.color[frame])
        assert np.array_equal(line, clip.line[frame])


def test_drawings_move(clips: list[DrawnClip]) -> None:
    for clip in clips:
        assert (clip.line[0] != clip.line[-1]).mean() > 0.005


def test_holds_repeat_drawings() -> None:
    held = draw_clip(1, DrawnSettings(frames=8, size=96, holds=1))
    repeated = [np.array_equal(a, b) for a, b in zip(held.line, held.line[1:], strict=False)]
    assert 3 <= sum(repeated) <= 6


def test_lines_are_ink_on_paper(clips: list[DrawnClip]) -> None:
    for clip in clips:
        assert np.median(clip.line) == 255
        assert clip.line.min() < 150


def test_ink_lies_where_the_picture_is_dark(clips: list[DrawnClip]) -> None:
    """A painted frame carries its lines: where the line art has ink, the picture is darker than nearby."""
    darker = []
    for clip in clips:
        grey = clip.color.astype(float).mean(-1)
        around = np.stack([cv2.dilate(frame, np.ones((9, 9))) for frame in grey])
        ink = clip.line < 100
        darker.append((grey < around - 5)[ink])
    assert np.concatenate(darker).mean() > 0.8


def test_borders_of_flat_paint_lie_at_ink(clips: list[DrawnClip]) -> None:
    """Strong changes of colour between lined parts are under, or beside, a line."""
    strong, lined = 0, 0
    for clip in clips:
        for color, line in zip(clip.color, clip.line, strict=True):
            step = np.abs(np.diff(color.astype(int), axis=1)).max(-1) > 60
            near = cv2.erode(line, np.ones((5, 5), np.uint8))[:, 1:] < 225
            strong, lined = strong + step.sum(), lined + (step & near).sum()
    assert lined / strong > 0.85


def test_trace_lines_vanish_in_the_colour() -> None:
    """With trace lines, shadows are bounded in the line art, and the picture keeps to its paints."""
    plain = DrawnSettings(frames=1, size=192, shading=1, trace_lines=0, coloured_ink=0)
    for seed in SEEDS:
        without, traced = draw_clip(seed, plain), draw_clip(seed, replace(plain, trace_lines=1))
        trace = without.line.astype(int) - traced.line > 40
        change = np.abs(without.color.astype(int) - traced.color).max(-1)
        assert trace.sum() > 20
        assert (change[trace] > 90).mean() < 0.02
        assert not change[without.line == traced.line].any()


def test_fills_without_outlines_lie_where_the_lined_ones_do() -> None:
    """Outlines go, of the picture too; all else is drawn as it was."""
    lined = DrawnSettings(frames=1, size=192, trace_lines=0, coloured_ink=0)
    lost = shown = 0
    for seed in SEEDS:
        outlined, bare = draw_clip(seed, lined), draw_clip(seed, replace(lined, unlined=1))
        step = bare.line.astype(int) - outlined.line
        lost, shown = lost + (step > 0).sum(), shown + (step < 0).sum()
        assert np.array_equal(outlined.color[step == 0], bare.color[step == 0])
    assert lost > 500
    assert shown < lost / 20  # darker lines of what lies behind


def test_a_wave_by_hand() -> None:
    wave = Wave(base=2, drift=4, swing=3, turns=1, phase=0)
    assert wave.at(0) == pytest.approx(0)
    assert wave.at(0.25) == pytest.approx(2 - 1 + 3)
    assert wave.at(1) == pytest.approx(4)


def test_a_degradation_is_the_same_for_every_frame_of_a_sample() -> None:
    line = draw_clip(2, SMALL).line
    degradation = Degradation.draw(np.random.default_rng(5))
    assert np.array_equal(degradation.apply(line[0]), degradation.apply(line[0].copy()))


def test_no_degradation_changes_nothing() -> None:
    line = draw_clip(2, SMALL).line[0]
    assert np.array_equal(Degradation().apply(line), line)


@pytest.mark.parametrize("seed", range(20))
def test_degraded_lines_are_still_lines(seed: int) -> None:
    line = draw_clip(2, SMALL).line[0]
    degraded = degrade_lines(line, np.random.default_rng(seed))
    assert degraded.shape == line.shape
    assert degraded.dtype == np.uint8
    assert np.median(degraded) > 200
    assert degraded[line < 60].mean() < degraded[line == 255].mean() - 20


@pytest.mark.parametrize(
    ("degradation", "darker"), [(Degradation(thickness=1), True), (Degradation(thickness=-1), False)]
)
def test_thickness_has_a_direction(degradation: Degradation, darker: bool) -> None:
    line = draw_clip(2, SMALL).line[0]
    assert (degradation.apply(line).mean() < line.mean()) == darker


def test_a_cut_leaves_two_levels() -> None:
    assert set(np.unique(Degradation(cut=0.6).apply(draw_clip(2, SMALL).line[0]))) == {0, 255}
