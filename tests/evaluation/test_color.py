"""The paint-bucket measures on pictures small enough to count by hand."""

import pytest
import torch
from torch import Tensor

from anicolor.evaluation.color import background_iou, foreground_accuracy, pixel_accuracy, segment_accuracy
from anicolor.evaluation.mask import border_colour, drawing

RED, BLUE, GREEN = (200, 40, 40), (40, 40, 200), (40, 160, 60)


def page(height: int = 12, width: int = 20) -> Tensor:
    return torch.ones(1, 3, height, width)


def fill(picture: Tensor, rows: slice, columns: slice, colour: tuple[int, int, int]) -> Tensor:
    picture[0, :, rows, columns] = torch.tensor(colour)[:, None, None] / 255
    return picture


@pytest.fixture
def truth() -> Tensor:
    """A red and a blue field of 4x4 and a green one of 2x2, each in a box of ink, on white."""
    picture = page()
    for columns, colour in ((slice(2, 8), RED), (slice(9, 15), BLUE)):
        fill(picture, slice(2, 8), columns, (0, 0, 0))
        fill(picture, slice(3, 7), slice(columns.start + 1, columns.stop - 1), colour)
    fill(picture, slice(2, 6), slice(15, 19), (0, 0, 0))
    return fill(picture, slice(3, 5), slice(16, 18), GREEN)


@pytest.fixture
def lines(truth: Tensor) -> Tensor:
    return 1 - (truth == 0).all(dim=1, keepdim=True).float()


def test_all_is_right_when_the_result_is_the_truth(truth: Tensor, lines: Tensor) -> None:
    for measure in (pixel_accuracy, foreground_accuracy, background_iou):
        assert measure(truth, truth.clone()).tolist() == [1.0]
    assert segment_accuracy(truth, truth.clone(), lines).tolist() == [1.0]


def test_one_wrong_field_by_hand(truth: Tensor, lines: Tensor) -> None:
    result = fill(truth.clone(), slice(3, 7), slice(3, 7), BLUE)  # red is painted blue
    # Boxes are 6x6, 6x6 and 4x4; the page is 12x20. Segments: paper outside, red, blue, green.
    inside = 36 + 36 + 16
    assert pixel_accuracy(result, truth).item() == pytest.approx(1 - 16 / 240)
    assert foreground_accuracy(result, truth).item() == pytest.approx(1 - 16 / inside)
    assert background_iou(result, truth).item() == 1
    assert segment_accuracy(result, truth, lines).item() == pytest.approx(3 / 4)
    assert segment_accuracy(result, truth, lines, over=10).item() == pytest.approx(2 / 3)  # green has 4 pixels


def test_background_painted_over_and_foreground_left_white_by_hand(truth: Tensor) -> None:
    spilled = fill(truth.clone(), slice(9, 12), slice(0, 20), RED)
    background = 240 - (36 + 36 + 16)
    assert background_iou(spilled, truth).item() == pytest.approx(1 - 60 / background)
    assert foreground_accuracy(spilled, truth).item() == 1
    bare = fill(truth.clone(), slice(3, 7), slice(3, 7), (255, 255, 255))
    assert background_iou(bare, truth).item() == pytest.approx(background / (background + 16))


@pytest.mark.parametrize(("off", "tolerance", "right"), [(0, 0, 1), (1, 0, 0), (2, 2, 1), (3, 2, 0)])
def test_exact_means_every_channel_within_the_tolerance(truth: Tensor, off: int, tolerance: int, right: int) -> None:
    red, green, blue = RED
    result = fill(truth.clone(), slice(3, 7), slice(3, 7), (red, green + off, blue))
    expected = 1 if right else 1 - 16 / 240
    assert pixel_accuracy(result, truth, tolerance=tolerance).item() == pytest.approx(expected)


def test_a_segment_is_right_when_more_than_half_of_it_is(truth: Tensor, lines: Tensor) -> None:
    half = fill(truth.clone(), slice(3, 5), slice(3, 7), BLUE)
    less = fill(truth.clone(), slice(3, 4), slice(3, 7), BLUE)
    assert segment_accuracy(half, truth, lines).item() == pytest.approx(3 / 4)
    assert segment_accuracy(less, truth, lines).item() == 1


def test_a_gap_in_the_lines_joins_two_segments(truth: Tensor, lines: Tensor) -> None:
    lines[0, 0, 2, 4] = 1  # red is open to the paper now: three segments are left
    result = fill(truth.clone(), slice(3, 7), slice(3, 7), BLUE)
    assert segment_accuracy(result, truth, lines).item() == 1
    result = fill(result, slice(3, 7), slice(10, 14), GREEN)
    assert segment_accuracy(result, truth, lines).item() == pytest.approx(2 / 3)


def test_only_what_the_mask_holds_counts(truth: Tensor, lines: Tensor) -> None:
    result = fill(truth.clone(), slice(3, 7), slice(3, 7), BLUE)
    mask = torch.zeros(1, 1, 12, 20, dtype=torch.bool)
    mask[..., 3:7, 3:11] = True  # 32 pixels, 16 of them wrong
    assert pixel_accuracy(result, truth, mask).item() == pytest.approx(0.5)
    assert segment_accuracy(result, truth, lines, mask).item() == pytest.approx(2 / 3)  # red, the ground between, blue


def test_nothing_to_count_is_no_number(truth: Tensor) -> None:
    empty = torch.zeros(1, 1, 12, 20, dtype=torch.bool)
    assert pixel_accuracy(truth, truth, empty).isnan().all()
    assert foreground_accuracy(page(), page()).isnan().all()
    assert segment_accuracy(truth, truth, torch.zeros(1, 1, 12, 20)).isnan().all()


def test_inside_the_drawing_is_what_differs_from_the_border_widened_by_five_pixels() -> None:
    truth = fill(page(40, 40), slice(20, 21), slice(20, 21), (255 - 13, 255, 255))[0]
    result = fill(page(40, 40), slice(2, 3), slice(30, 31), (255, 255 - 12, 255))[0]  # 12 levels: paper
    inside = drawing(truth, result)
    expected = torch.zeros(1, 40, 40, dtype=torch.bool)
    expected[:, 15:26, 15:26] = True
    assert torch.equal(inside, expected)
    spilled = fill(page(40, 40), slice(0, 1), slice(0, 1), RED)[0]  # a corner does not make the background
    expected[:, :6, :6] = True
    assert torch.equal(drawing(truth, spilled), expected)


def test_the_border_has_the_colour_of_most_of_its_pixels() -> None:
    assert border_colour(fill(page(), slice(0, 12), slice(0, 1), BLUE)[0]).tolist() == [255, 255, 255]
    assert border_colour(fill(page(), slice(0, 12), slice(0, 20), BLUE)[0]).tolist() == list(BLUE)


def test_bad_input_is_said(truth: Tensor, lines: Tensor) -> None:
    with pytest.raises(ValueError, match="frames of one size"):
        pixel_accuracy(truth, truth[..., 1:])
    with pytest.raises(ValueError, match="NaN"):
        pixel_accuracy(truth * torch.nan, truth)
    with pytest.raises(ValueError, match="at least one frame"):
        pixel_accuracy(truth[:0], truth[:0])
    with pytest.raises(ValueError, match="mask"):
        pixel_accuracy(truth, truth, lines)
