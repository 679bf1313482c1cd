from __future__ import annotations

import numpy as np
import pytest
import torch

from anicolor.media.picture import Picture, from_frame, to_frame


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_every_level_survives_the_way_to_a_frame_and_back(bits: int, dtype: type) -> None:
    levels = np.arange(1 << bits, dtype=dtype).reshape(16, -1, 1).repeat(3, 2)
    assert np.array_equal(from_frame(to_frame(Picture(levels)), bits).pixels, levels)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_alpha_is_lifted_off_the_paper_and_laid_back(bits: int, dtype: type) -> None:
    top = np.iinfo(dtype).max
    drawn = Picture(np.random.default_rng(0).integers(0, top + 1, (32, 32, 4), dtype))
    drawn.pixels[:4, :, 3], drawn.pixels[4:8, :, 3] = 0, top
    frame = to_frame(drawn)
    again = from_frame(frame, bits, drawn.alpha)
    assert np.array_equal(again.alpha, drawn.alpha)
    assert (to_frame(again) - frame).abs().max() <= 1.01 / top
    assert (again.pixels[:4, :, :3] == top).all()
    assert np.array_equal(again.pixels[4:8], drawn.pixels[4:8])


def test_float_alpha_is_quantized_and_values_are_clamped() -> None:
    frame = torch.tensor([-0.5, 0.5, 1.5]).reshape(3, 1, 1).expand(3, 2, 2)
    assert from_frame(frame).pixels[0, 0].tolist() == [0, 128, 255]
    assert from_frame(frame, alpha=np.full((2, 2), 1.0)).pixels[0, 0].tolist() == [0, 128, 255, 255]


def test_transparent_pixels_are_paper() -> None:
    picture = Picture(np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8))
    assert picture.on_paper()[0, :, 0].tolist() == [1.0, 0.0]
    assert (picture.height, picture.width, picture.bits) == (1, 2, 8)


@pytest.mark.parametrize(("kind", "channels"), [(np.uint8, 3), (np.uint8, 4), (np.uint16, 3), (np.uint16, 4)])
def test_8_bits_on_paper_are_the_nearest_levels(kind: type, channels: int) -> None:
    top = np.iinfo(kind).max
    picture = Picture(np.random.default_rng(0).integers(0, top + 1, (16, 16, channels), kind))
    exact = picture.pixels[..., :3] / top
    if picture.alpha is not None:
        exact = 1 - (1 - exact) * picture.alpha[..., None] / top
    assert picture.rgb8().dtype == np.uint8
    assert np.abs(picture.rgb8() - 255 * exact).max() <= 0.5001
    assert (picture.rgb8() is picture.pixels) == ((kind, channels) == (np.uint8, 3))  # the common case is free


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_other_shapes_and_types_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"uint8 or uint16 \[H, W, 3 or 4\], got"):
        Picture(pixels)


def test_alpha_must_fit() -> None:
    frame = torch.ones(3, 4, 4)
    with pytest.raises(ValueError, match="alpha: expected"):
        from_frame(frame, alpha=np.ones((2, 2)))
    with pytest.raises(ValueError, match="16-bit integers"):
        from_frame(frame, 16, alpha=np.ones((4, 4), np.uint8))
    with pytest.raises(ValueError, match="8 or 16 bits"):
        from_frame(frame, 12)
