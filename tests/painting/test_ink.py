"""Lines look as the keyframes show them, keep their shape, and stay untouched where keyframes leave them as drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from anicolor.painting.finish import finish
from anicolor.painting.ink import InkColours, InkSamples

RED, BLUE, WHITE = (0.8, 0.2, 0.1), (0.1, 0.3, 0.9), (1.0, 1.0, 1.0)
BLACK, BROWN, NAVY = (0.0, 0.0, 0.0), (0.4, 0.22, 0.1), (0.05, 0.05, 0.35)
SIDE = 96
NARROW = 4  # pixels between the two outlines, where they come so close as no keyframe shows them


def disc(centre: tuple[int, int], radius: int, width: int = -1) -> Tensor:
    """How much of every pixel a disc or its outline covers, ``[H, W]``."""
    page = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(page, centre, radius, 255, width, cv2.LINE_AA)
    return torch.from_numpy(page).float() / 255


def colour(value: tuple[float, ...]) -> Tensor:
    return torch.tensor(value)[:, None, None]


def scene(shift: int, inks: tuple[tuple[float, ...], ...] = (BROWN, BLACK), drawn: tuple[float, ...] = BLACK):
    """A red and a blue disc on white, their outlines in ``inks``: the frame, its paint and its drawing."""
    paint, drawing = torch.ones(3, SIDE, SIDE), torch.ones(3, SIDE, SIDE)
    frame = paint.clone()
    places = (((24 + shift, 30), RED), ((62 - shift, 64), BLUE))
    for (centre, fill), ink in zip(places, inks, strict=True):
        inside, outline = disc(centre, 18) > 0.5, disc(centre, 18, 3)
        paint = torch.where(inside, colour(fill), paint)
        drawing = drawing * (1 - outline) + colour(drawn) * outline
        frame = torch.where(inside, colour(fill), frame)
        frame = frame * (1 - outline) + colour(ink) * outline
    return frame, paint, drawing


def learned(*keyframes: tuple[Tensor, Tensor, Tensor]) -> InkColours | None:
    samples = InkSamples()
    for frame, paint, drawing in keyframes:
        samples.add(frame, paint, drawing)
    return samples.colours()


def levels(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().amax(dim=0) * 255


def test_a_line_takes_the_colour_that_the_keyframe_gave_it() -> None:
    ink = learned(scene(0))
    truth, paint, drawing = scene(5)
    frame = finish(paint, drawing, ink)
    assert levels(frame, truth).max() < 6
    assert levels(finish(paint, drawing), truth).max() > 90


def test_lines_that_keyframes_show_as_drawn_are_the_drawings_own() -> None:
    ink = learned(scene(0))
    _, paint, drawing = scene(5)
    frame = finish(paint, drawing, ink)
    blue = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    blue[:, 31:80] = blue[42:86] = True
    blue &= disc((57, 64), 18, 3) > 0
    assert levels(frame, paint * drawing)[blue].max() < 1
    blue &= drawing.amin(dim=0) < 0.1
    assert torch.equal(frame[:, blue], (paint * drawing)[:, blue])


def test_nothing_is_learned_from_black_lines() -> None:
    assert learned(scene(0, (BLACK, BLACK)), scene(5, (BLACK, BLACK))) is None


def test_keyframes_add_up() -> None:
    ink = learned(scene(0, (BROWN, BLACK)), scene(-4, (BROWN, BLACK)))
    assert ink is not None
    truth, paint, drawing = scene(5)
    assert levels(ink.lay(drawing, paint), truth).max() < 6


def test_every_line_has_its_own_colour() -> None:
    ink = learned(scene(0, (BROWN, NAVY)))
    truth, paint, drawing = scene(5, (BROWN, NAVY))
    assert levels(finish(paint, drawing, ink), truth).max() < 6


def test_trace_lines_vanish_in_the_paint() -> None:
    red = (1.0, 0.1, 0.1)
    ink = learned(scene(0, (RED, BLUE), red))
    truth, paint, drawing = scene(5, (RED, BLUE), red)
    off = levels(finish(paint, drawing, ink), truth)
    assert (off > 6).sum() <= NARROW
    assert off.max() < 30


def test_pencil_that_was_inked_is_as_opaque_as_ink() -> None:
    pencil = (0.45, 0.45, 0.45)
    ink = learned(scene(0, (BROWN, NAVY), pencil))
    truth, paint, drawing = scene(5, (BROWN, NAVY), pencil)
    off = levels(finish(paint, drawing, ink), truth)
    assert (off > 6).sum() <= NARROW
    assert off.max() < 30


def test_paint_that_is_a_little_off_has_the_same_ink() -> None:
    ink = learned(scene(0))
    truth, paint, drawing = scene(5)
    noise = torch.randn(paint.shape, generator=torch.Generator().manual_seed(0)) * 0.02
    assert levels(finish((paint + noise).clamp(0, 1), drawing, ink), truth).max() < 30


def test_the_drawing_and_the_paint_are_not_changed() -> None:
    ink = learned(scene(0))
    _, paint, drawing = scene(5)
    kept = paint.clone(), drawing.clone()
    finish(paint, drawing, ink)
    assert torch.equal(paint, kept[0])
    assert torch.equal(drawing, kept[1])


def test_outside_the_lines_there_is_paint() -> None:
    ink = learned(scene(0))
    _, paint, drawing = scene(5)
    clear = (drawing == 1).all(dim=0)
    assert torch.equal(finish(paint, drawing, ink)[:, clear], paint[:, clear])


def test_a_few_pixels_prove_nothing() -> None:
    frame, paint, drawing = scene(0, (BLACK, BLACK))
    frame[:, 12, 22:25] = colour(BROWN)[:, 0]  # a slip of the brush on the outline
    assert learned((frame, paint, drawing)) is None


@pytest.mark.parametrize("page", [torch.ones, torch.zeros], ids=["no-ink", "no-paper"])
def test_pages_without_ink_and_without_paper(page) -> None:
    empty = page(3, SIDE, SIDE)
    assert learned((empty, empty, empty)) is None
    ink = learned(scene(0))
    paint = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    assert torch.equal(finish(paint, empty, ink), paint * empty)


def test_a_faint_line_is_as_dark_as_the_keyframe_shows_it() -> None:
    """One outline is drawn faintly, and painted as black as the other: no colour of ink explains both."""

    def faint(shift: int):
        frame, paint, drawing = scene(shift, (BLACK, BLACK))
        outline = disc((24 + shift, 30), 18, 3)
        return frame, paint, torch.where(outline > 0, 1 - 0.3 * outline, drawing)

    ink = learned(faint(0))
    truth, paint, drawing = faint(5)
    assert levels(finish(paint, drawing, ink), truth).max() < 20, "what is hardly darker than paper is paper"
    assert levels(finish(paint, drawing), truth).max() > 150


def test_a_noisy_page_has_no_more_lines_than_a_clean_one() -> None:
    frame, paint, drawing = scene(0)
    noise = torch.rand(drawing.shape[1:], generator=torch.Generator().manual_seed(0)) * 0.01
    samples = InkSamples()
    samples.add(frame, paint, (drawing - noise).clamp(0, 1))
    ink = samples.colours()
    assert ink is not None
    assert ink.points.n == pytest.approx(int((drawing.amin(dim=0) < 0.98).sum()), rel=0.05)


def test_of_many_keyframes_some_pixels_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anicolor.painting.ink._SAMPLES", 1000)
    ink = learned(*(scene(shift) for shift in range(4)))
    assert ink is not None
    assert 0 < ink.points.n <= 1000
    truth, paint, drawing = scene(5)
    assert levels(finish(paint, drawing, ink), truth).mean() < 1


def test_a_keyframe_a_pixel_beside_its_drawing_is_moved_onto_it() -> None:
    frame, paint, drawing = scene(0)
    truth, painted, art = scene(5)
    ink = learned((torch.roll(frame, (1, -1), dims=(1, 2)), paint, drawing))
    assert levels(finish(painted, art, ink), truth).max() < 6


def test_a_keyframe_with_other_lines_says_nothing_of_them() -> None:
    frame, _, _ = scene(14)
    _, paint, drawing = scene(0)
    assert learned((frame, paint, drawing)) is None


def test_solid_black_is_few_points() -> None:
    frame, paint, drawing = scene(0)
    for page in (frame, drawing):
        page[:, 4:24, 50:90] = 0
    samples = InkSamples()
    samples.add(frame, paint, drawing)
    ink = samples.colours()
    assert ink is not None
    assert int((drawing.amin(dim=0) < 0.98).sum()) - ink.points.n > 400


def test_a_dark_detail_of_the_paint_is_no_line_that_lies_elsewhere() -> None:
    red = (1.0, 0.1, 0.1)
    frame, paint, drawing = scene(0, (RED, BLUE), red)
    for page in (frame, paint):
        page[:, 28:32, 22:26] = 0.05  # a pupil, which the drawing has not
    truth, painted, art = scene(5, (RED, BLUE), red)
    off = levels(finish(painted, art, learned((frame, paint, drawing))), truth)
    assert (off > 6).sum() <= NARROW


def test_lines_that_are_thicker_in_the_keyframe_have_its_colour() -> None:
    frame, paint, drawing = scene(0, (BROWN, NAVY))
    for centre, ink in (((24, 30), BROWN), ((62, 64), NAVY)):
        outline = disc(centre, 18, 5)
        frame = frame * (1 - outline) + colour(ink) * outline
    truth, painted, art = scene(5, (BROWN, NAVY))
    solid = art.amin(dim=0) < 0.01
    made = finish(painted, art, learned((frame, paint, drawing)))
    assert levels(made, truth)[solid].median() < 3
    assert levels(painted * art, truth)[solid].median() > 50


@pytest.mark.parametrize("grey", [0.7, 0.88, 0.95])
def test_grey_uneven_paper_is_paper(grey: float) -> None:
    noise = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 3 / 255
    frame, paint, drawing = scene(0)
    truth, painted, art = scene(5)
    ink = learned((frame, paint, (drawing * grey + noise).clamp(0, 1)))
    made = finish(painted, (art * grey + noise).clamp(0, 1), ink)
    corner = made[:, :10, 60:]
    assert corner.std() < 4 / 255
    assert corner.mean() > 0.98
    assert levels(made, truth).mean() < 4


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (2, 2), (5, 7)])
def test_tiny_pages(size: tuple[int, int]) -> None:
    drawing, paint = torch.ones(3, *size), torch.full((3, *size), 0.5)
    drawing[:, 0, 0] = 0
    samples = InkSamples()
    samples.add(paint * drawing, paint, drawing)
    assert torch.isfinite(finish(paint, drawing, samples.colours())).all()
