"""A film of any length is divided in the memory of a short one."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np
import pytest

from anicolor.media.picture import Picture
from anicolor.shots.detect import Detector, Rule, detect


def drawings(frames: int) -> Iterator[Picture]:
    """One shot of ten frames after the other, in fresh pictures as a decoder makes them."""
    rng = np.random.default_rng(0)
    shots = [np.kron(rng.integers(0, 2, (16, 16, 1), np.uint8) * 255, np.ones((4, 4, 3), np.uint8)) for _ in range(4)]
    held = (shot for shot in cycle(shots) for _ in range(10))
    return (Picture(pixels.copy()) for pixels in islice(held, frames))


def peak(rule: Rule, frames: int) -> int:
    """Bytes held at most while a film is divided into its shots, which are not kept."""
    tracemalloc.start()
    try:
        count = sum(1 for _ in detect(drawings(frames), Detector(rule)))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert count == frames // 10


@pytest.mark.parametrize("rule", ["structure", "histogram"])
def test_ten_times_the_frames_take_no_more_memory(rule: Rule) -> None:
    peak(rule, 100)  # what is made once
    assert peak(rule, 4000) <= 1.05 * peak(rule, 400)
