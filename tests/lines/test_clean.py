"""Clean-up of scans: the paper goes, the lines stay as they are."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool2d

from anicolor.lines.clean import clean
from anicolor.media.images import read_picture
from anicolor.media.picture import to_frame

SKETCHES = sorted((Path(__file__).parent / "sketches").glob("*.png"))
HEIGHT, WIDTH = 240, 320
DARKNESS = {40: 0.12, 100: 0.3, 160: 0.6, 220: 0.9}  # of the pencil lines, by the row that they begin in


def drawing() -> torch.Tensor:
    """Anti-aliased pencil lines ``[1, 1, H, W]``, pale to dark, and a black spot."""
    page = np.zeros((HEIGHT, WIDTH), np.float32)
    for row, darkness in DARKNESS.items():
        stroke = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.line(stroke, (20, row), (300, row - 30), 255, 2, cv2.LINE_AA)
        page = np.maximum(page, darkness * stroke.astype(np.float32) / 255)
    cv2.circle(page, (200, 120), 14, 0.9, -1)
    return torch.from_numpy(1 - page)[None, None]


def scanned(lines: torch.Tensor) -> torch.Tensor:
    """The drawing on yellowish paper, darker to one side, with noise ``[1, 3, H, W]``."""
    tone = torch.tensor([0.97, 0.94, 0.85])[None, :, None, None]
    shadow = torch.linspace(1, 0.65, lines.shape[-1])
    noise = 0.006 * torch.randn(1, 3, *lines.shape[2:], generator=torch.Generator().manual_seed(0))
    return (lines * tone * shadow + noise).clamp(0, 1)


def test_paper_becomes_white_and_lines_keep_their_grey() -> None:
    lines = drawing()
    found = clean(scanned(lines))
    assert found.shape == lines.shape
    assert found.dtype == torch.float32
    bare = max_pool2d(1 - lines, 7, stride=1, padding=3) == 0
    assert float((found[bare] == 1).float().mean()) > 0.99
    inked = lines < 0.9
    assert float((found - lines)[inked].abs().mean()) < 0.03
    assert float((found - lines)[inked].abs().max()) < 0.15


def test_no_line_is_lost_and_none_is_binarised() -> None:
    found = clean(scanned(drawing()))[0, 0]
    for row, darkness in DARKNESS.items():
        # Straight down through the line, at places away from the spot.
        for column in (40, 100, 280):
            middle = row - 30 * (column - 20) / 280
            around = found[round(middle) - 3 : round(middle) + 4, column]
            assert float(1 - around.min()) == pytest.approx(darkness, abs=0.06)
    assert len(torch.unique((found * 255).round())) > 50


def test_a_solid_black_is_not_hollow() -> None:
    assert float(clean(scanned(drawing()))[0, 0, 112:129, 192:209].max()) < 0.25


def test_clean_lines_stay_as_they_are() -> None:
    """But for the faintest part of their soft border."""
    lines = drawing()
    change = clean(lines.expand(-1, 3, -1, -1)) - lines
    assert float(change.abs().max()) < 0.06
    assert float(change[lines < 0.93].abs().max()) < 0.01


def test_an_empty_page_is_white() -> None:
    assert torch.equal(clean(torch.full((2, 3, 64, 80), 0.9)), torch.ones(2, 1, 64, 80))


@pytest.mark.parametrize("path", SKETCHES, ids=lambda path: path.stem)
def test_of_a_real_drawing_the_ink_stays_and_the_crayon_pales(path: Path) -> None:
    frame = to_frame(read_picture(path))[None]
    found = clean(frame)
    brightest, darkest = frame.amax(dim=1, keepdim=True), frame.amin(dim=1, keepdim=True)
    ink = brightest < 0.4
    crayon = (brightest > 0.75) & (brightest - darkest > 0.2)
    assert float(ink.float().mean()) > 0.004
    assert float((found[ink] < 0.6).float().mean()) > 0.95
    assert float(crayon.float().mean()) > 0.05
    assert float((found[crayon] > 0.75).float().mean()) > 0.95


@pytest.mark.parametrize("path", SKETCHES, ids=lambda path: path.stem)
def test_a_shadow_on_the_scan_changes_little(path: Path) -> None:
    frame = to_frame(read_picture(path))[None]
    shaded = frame * torch.linspace(1, 0.7, frame.shape[-1]) * torch.tensor([1.0, 0.98, 0.9])[None, :, None, None]
    assert float((clean(shaded) - clean(frame)).abs().mean()) < 0.02


def test_refuses_lines() -> None:
    with pytest.raises(ValueError, match=r"expected float \[T, 3, H, W\]"):
        clean(torch.zeros(1, 1, 4, 4))
