"""The true flow of drawn scenes carries one frame's paint onto the other."""

import numpy as np
import pytest
import torch

from anicolor.data.motion import DrawnMotion
from anicolor.data.synthetic import DrawnScene, DrawnSettings
from anicolor.motion import warp

FRAMES = 9


def scene(seed: int, **settings: float) -> DrawnScene:
    return DrawnScene(seed, DrawnSettings(frames=FRAMES, size=128, **settings))


def paint(drawn: DrawnScene, t: int) -> torch.Tensor:
    return torch.from_numpy(drawn.draw(t)[0]).permute(2, 0, 1).float() / 255


def test_a_frame_to_itself_stays() -> None:
    motion = DrawnMotion(scene(3)).between(4, 4)
    assert np.abs(motion.flow).max() < 1e-6
    assert motion.visible.all()


@pytest.mark.parametrize("seed", [1, 2, 3, 5, 7])
def test_flow_carries_the_paint(seed: int) -> None:
    drawn = scene(seed, painted_background=1.0)
    motion = DrawnMotion(drawn).between(3, 5)
    there, here = paint(drawn, 5), paint(drawn, 3)
    carried = warp(there[None], torch.from_numpy(motion.flow)[None])[0]
    seen = torch.from_numpy(motion.visible)
    off = (carried - here).abs().amax(0)[seen]
    still = (there - here).abs().amax(0)[seen]
    assert motion.visible.mean() > 0.8
    assert (off > 0.1).float().mean() < 0.4 * (still > 0.1).float().mean() + 0.01


def test_what_is_hidden_is_not_visible() -> None:
    drawn = scene(2, late=1.0)
    motion = DrawnMotion(drawn).between(0, FRAMES - 1)
    assert motion.figure.any()
    assert not motion.visible.all()


def test_held_drawings_do_not_move() -> None:
    drawn = next(s for s in (scene(seed, holds=1.0) for seed in range(9)) if np.array_equal(s.draw(0)[1], s.draw(1)[1]))
    assert np.abs(DrawnMotion(drawn).between(0, 1).flow).max() < 1e-6
