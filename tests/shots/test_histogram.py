"""The papers' features, at any size."""

import numpy as np
import pytest

from anicolor.shots.histogram import histogram, mse


def test_counts_are_those_of_256_by_256_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    counts = histogram(pixels)
    assert counts.shape == (768,)
    np.testing.assert_array_equal(counts[256:512], np.bincount(pixels[..., 1].ravel(), minlength=256))


def test_means_the_same_at_every_size() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    large = [histogram(picture.repeat(3, axis=0).repeat(3, axis=1)) for picture in (a, b)]
    assert mse(*large) == pytest.approx(mse(histogram(a), histogram(b)))


def test_mse_by_hand() -> None:
    # Every pixel leaves bin 0 and enters bin 255, in three channels: 6 bins of 768 differ by 65,536.
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert mse(histogram(black), histogram(white)) == 6 * 65536**2 / 768


def test_refuses_other_pixels() -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \[H, W, 3\]"):
        histogram(np.zeros((4, 4, 3)))
