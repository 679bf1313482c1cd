"""What counts as a line, and what as a finished frame."""

from pathlib import Path

import pytest
import torch

from anicolor.errors import InputError
from anicolor.lines.extract import (
    EXTRACTORS,
    FROM_PAINT,
    Wish,
    binarize,
    drawn_lines,
    extract,
    extractor,
    looks_like_line_art,
)
from anicolor.lines.xdog import PRESETS, xdog


def page(colour: tuple[float, float, float], width: int) -> torch.Tensor:
    frames = torch.ones(2, 3, 96, 128)
    frames[..., 20 : 20 + width] = torch.tensor(colour)[:, None, None]
    return frames


@pytest.mark.parametrize("method", [name for name in EXTRACTORS if name != "anime2sketch"])  # it has its own test
def test_keeps_the_contract(method: str) -> None:
    lines = extract(page((0.1, 0.1, 0.1), 2), method)
    assert lines.shape == (2, 1, 96, 128)
    assert lines.dtype == torch.float32
    assert float(lines.min()) == pytest.approx(0.1 if method in ("none", "clean") else 0)
    assert 0.9 < float(lines.max()) <= 1


@pytest.mark.parametrize("colour", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)])
def test_colour_trace_lines_are_ink(colour: tuple[float, float, float]) -> None:
    assert float(drawn_lines(page(colour, 1)).min()) == 0


def test_unknown_extractor_names_the_known() -> None:
    with pytest.raises(InputError, match="no line extractor 'canny': choose one of none, xdog, distance, clean"):
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


def test_the_extractors_of_painted_film_are_in_the_table() -> None:
    assert set(EXTRACTORS) >= FROM_PAINT


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_of_xdog(preset: str) -> None:
    frames = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(extractor(Wish("xdog", preset))(frames), xdog(frames, PRESETS[preset]))


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish("canny"), "no line extractor 'canny'"),
        (Wish("xdog", preset="bold"), "no XDoG preset 'bold': choose one of animediffusion-0.3"),
        (Wish("clean", preset="soft"), "--preset is of xdog, got the method clean"),
        (Wish("xdog", weights=Path("netG.pth")), "--weights and --size are of anime2sketch"),
    ],
    ids=["method", "preset", "preset of another", "weights of another"],
)
def test_a_wish_that_does_not_fit_is_refused(wish: Wish, words: str) -> None:
    with pytest.raises(InputError, match=words):
        extractor(wish)


def test_binary_keeps_pale_lines() -> None:
    lines = torch.ones(1, 1, 20, 20)
    lines[..., 5], lines[..., 6] = 0.6, 0.9
    found = binarize(lines)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert (found[..., 5] == 0).all()
    assert int((found == 0).sum()) == 20
