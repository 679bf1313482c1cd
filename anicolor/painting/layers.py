"""Layers of a painted frame, for compositing and for the eye: paint, lines, regions and confidence on their own."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from anicolor.media.picture import Picture, from_frame
from anicolor.painting.borders import PAPER
from anicolor.painting.regions import default_gap, false_colours, regions

__all__ = ["LAYERS", "Layer", "confidence_picture", "lines_picture", "paint_picture", "painted_area", "regions_picture"]

Layer: TypeAlias = Literal["paint", "lines", "regions", "confidence"]
LAYERS: tuple[Layer, ...] = get_args(Layer)

_Flags: TypeAlias = npt.NDArray[np.bool_]


def painted_area(paint: Tensor) -> _Flags:
    """Return where ``paint`` ``[3, H, W]`` covers the paper ``[H, W]``: all but white that reaches the frame's border.

    White inside an outline, an eye or a shirt, is paint.
    """
    white = (paint == 1).all(dim=0).numpy()
    framed = np.pad(white, 1, constant_values=True).astype(np.uint8)
    _, areas = cv2.connectedComponents(framed, connectivity=4)
    painted: _Flags = (areas != areas[0, 0])[1:-1, 1:-1]
    return painted


def paint_picture(paint: Tensor, bits: int) -> Picture:
    """Return the paint ``[3, H, W]`` alone, under the lines too; what is not painted is transparent. Straight alpha."""
    return from_frame(paint, bits, painted_area(paint).astype(np.float64))


def lines_picture(lines: Tensor, bits: int) -> Picture:
    """Return ``lines`` ``[3, H, W]``, which lie on white paper, alone. Straight alpha.

    Each pixel is as opaque as its darkest channel asks: black ink is black, thin ink is transparent rather than grey.
    Laid on white it looks as before.
    """
    return from_frame(lines, bits, (1 - lines.amin(dim=0)).double().numpy())


def regions_picture(drawing: Tensor, gap: int | None) -> Picture:
    """Return the regions of ``drawing`` ``[3, H, W]`` in false colours, lines in black: it shows gaps that leak."""
    paper = (drawing.amin(dim=0) > PAPER).numpy()
    return Picture(false_colours(regions(paper, default_gap(*paper.shape) if gap is None else gap)))


def confidence_picture(confidence: Tensor) -> Picture:
    """Return ``confidence`` ``[1, H, W]`` as a heat map: from dark blue (0) to yellow (1), OpenCV's viridis."""
    levels = np.rint(255 * confidence[0].clamp(0, 1).numpy()).astype(np.uint8)
    return Picture(cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB))
