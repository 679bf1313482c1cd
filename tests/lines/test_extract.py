"""What counts as a line, and what as a finished frame."""

import pytest
import torch

from anicolor.errors import InputError
from anicolor.lines.extract import EXTRACTORS, drawn_lines, extract, looks_like_line_art


def page(colour: tuple[float, float, float], width: int) -> torch.Tensor:
    frames = torch.ones(2, 3, 96, 128)
    frames[..., 20 : 20 + width] = torch.tensor(colour)[:, None, None]
    return frames


@pytest.mark.parametrize("method", EXTRACTORS)
def test_keeps_the_contract(method: str) -> None:
    lines = extract(page((0.1, 0.1, 0.1), 2), method)
    assert lines.shape == (2, 1, 96, 128)
    assert lines.dtype == torch.float32
    assert float(lines.min()) == pytest.approx(0.1 if method == "none" else 0)
    assert 0.9 < float(lines.max()) <= 1


@pytest.mark.parametrize("colour", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)])
def test_colour_trace_lines_are_ink(colour: tuple[float, float, float]) -> None:
    assert float(drawn_lines(page(colour, 1)).min()) == 0


def test_unknown_extractor_names_the_known() -> None:
    with pytest.raises(InputError, match="no line extractor 'canny': choose one of none, xdog, distance"):
        extract(page((0, 0, 0), 1), "canny")


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (page((0, 0, 0), 2), True),
        (page((1, 0, 0), 1), True),
        (torch.ones(1, 3, 64, 64), True),
        (page((0.9, 0.7, 0.6), 60), False),
        (torch.full((1, 3, 64, 64), 0.2), False),
    ],
    ids=["ink", "trace", "empty", "fill", "dark"],
)
def test_tells_line_art_from_paint(frames: torch.Tensor, expected: bool) -> None:
    assert looks_like_line_art(frames) is expected
