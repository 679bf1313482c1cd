"""Colour-trace lines: found with their soft borders, and told from coloured main lines."""

import cv2
import numpy as np
import pytest
import torch

from anicolor.lines.trace import COLOURS, trace_mask, traced, untraced

TRACES = {
    "red": [(255, 0, 0), (217, 77, 77)],
    "green": [(0, 255, 0), (0, 128, 0), (51, 153, 77)],
    "blue": [(0, 0, 255), (77, 115, 217), (0, 178, 255)],
}
MAIN = [
    (0, 0, 0), (128, 128, 128), (242, 204, 178), (199, 140, 110), (242, 153, 140),
    (102, 51, 26), (90, 26, 26), (128, 0, 0), (26, 26, 77), (240, 120, 20),
]  # fmt: skip


def page(*strokes: tuple[tuple[int, int, int], int], kind: int = cv2.LINE_AA) -> torch.Tensor:
    """Slanted lines of these colours and widths, on white, ``[1, 3, 80, 80]``."""
    pixels = np.full((80, 80, 3), 255, np.uint8)
    for place, (colour, width) in enumerate(strokes):
        cv2.line(pixels, (5, 8 + 16 * place), (74, 27 + 16 * place), colour, width, kind)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("kind", [cv2.LINE_AA, cv2.LINE_8], ids=["soft", "binary"])
@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize(("name", "colour"), [(name, one) for name, all_ in TRACES.items() for one in all_])
def test_trace_lines_are_found_whole(name: str, colour: tuple[int, int, int], width: int, kind: int) -> None:
    frames = page((colour, width), kind=kind)
    mask = trace_mask(frames)
    assert mask.dtype == torch.bool
    assert mask.shape == frames.shape
    assert not mask[:, [one for one in range(3) if COLOURS[one] != name]].any()
    found, ink = mask[:, COLOURS.index(name), :, 8:72], 1 - frames.amin(dim=1)[..., 8:72]  # without its ends
    assert bool(found[ink > 0.1].all())
    assert not found[ink == 0].any()
    assert float(untraced(frames)[..., 8:72].min()) > 0.9


@pytest.mark.parametrize("colour", MAIN, ids=str)
@pytest.mark.parametrize("kind", [cv2.LINE_AA, cv2.LINE_8], ids=["soft", "binary"])
def test_main_lines_are_none(colour: tuple[int, int, int], kind: int) -> None:
    frames = page((colour, 1), (colour, 3), kind=kind)
    assert not trace_mask(frames).any()
    assert torch.equal(untraced(frames), frames)
    assert bool((traced(frames) == 1).all())


def test_parts_a_drawing_and_loses_nothing() -> None:
    """A black line that crosses a red one stays whole; together the parts are the drawing."""
    frames = page(((255, 0, 0), 1), ((0, 0, 255), 2))
    pixels = (frames[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8).copy()
    cv2.line(pixels, (40, 2), (44, 76), (0, 0, 0), 2, cv2.LINE_AA)
    crossed = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    main, trace = untraced(crossed), traced(crossed)
    mask = trace_mask(crossed).any(dim=1, keepdim=True)
    assert torch.equal(torch.where(mask, trace, main), crossed)
    assert bool((main[0, :, 2:77, 38:47].amin(dim=(0, 2)) < 0.3).all())
    assert float(trace.amax(dim=1).min()) > 0.5  # no black in it


@pytest.mark.parametrize("width", [1, 2])
def test_a_main_line_under_a_trace_line_has_no_gap(width: int) -> None:
    pixels = np.full((80, 80, 3), 255, np.uint8)
    cv2.line(pixels, (40, 0), (40, 79), (0, 0, 0), 3)
    cv2.line(pixels, (5, 20), (74, 50), (255, 0, 0), width, cv2.LINE_AA)
    main = untraced(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255)
    assert bool((main[0, :, :, 40].amin(dim=0) < 0.1).all())
    assert float(main[..., :35].min()) > 0.9


def test_a_batch_is_each_frame_by_itself() -> None:
    frames = torch.cat((page(((255, 0, 0), 1)), page(((0, 0, 0), 1))))
    assert trace_mask(frames).flatten(1).any(dim=1).tolist() == [True, False]


def test_refuses_lines() -> None:
    with pytest.raises(ValueError, match=r"expected float \[T, 3, H, W\]"):
        trace_mask(torch.zeros(1, 1, 4, 4))
