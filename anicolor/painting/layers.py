"""Layers of a painted frame, for compositing and for the eye: paint, lines, regions and confidence on their own."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anicolor.lines.distance import nearest
from anicolor.media.picture import Picture, from_frame
from anicolor.painting.borders import PAPER
from anicolor.painting.finish import joined_to_border
from anicolor.painting.painter import Painted
from anicolor.painting.regions import default_gap, false_colours, regions

__all__ = ["LAYERS", "Layer", "layer_picture", "painted_area"]

Layer: TypeAlias = Literal["paint", "lines", "regions", "confidence"]
LAYERS: tuple[Layer, ...] = get_args(Layer)

_Flags: TypeAlias = npt.NDArray[np.bool_]


def painted_area(paint: Tensor, drawing: Tensor) -> _Flags:
    """Return where ``paint`` ``[3, H, W]`` covers the paper ``[H, W]`` of ``drawing`` ``[3, H, W]``.

    That is all but white that reaches the frame's border: white inside an outline, an eye or a shirt, is paint. Of an
    outline the inner half lies on paint.
    """
    paper = (drawing.amin(dim=0) > PAPER).numpy()
    white = (paint == 1).all(dim=0).numpy()
    painted: _Flags = ~joined_to_border(white & paper)
    return painted.ravel()[nearest(paper)] if paper.any() else painted


def layer_picture(layer: Layer, painted: Painted, bits: int, gap: int | None = None) -> Picture:
    """Return a layer of a ``painted`` frame alone; ``paint`` and ``lines`` with straight alpha and ``bits`` bits.

    ``paint`` lies under the lines too, and is transparent where nothing is painted. ``lines`` laid on it are the frame:
    coloured ink that is multiplied with the paint has the colour that it has there. ``regions`` has false
    colours and black lines: it shows gaps wider than ``gap`` pixels. ``confidence`` is a heat map from dark blue (0) to
    yellow (1).

    Raises:
        ValueError: the confidence of a frame that has none.
    """
    if layer == "paint":
        return from_frame(painted.paint, bits, painted_area(painted.paint, painted.drawing).astype(np.float64))
    if layer == "lines":
        through = _through(painted)
        return from_frame(painted.frame + (1 - painted.paint) * through, bits, (1 - through).double().numpy())
    if layer == "regions":
        bounds = painted.drawing if painted.bounds is None else painted.bounds
        paper = (bounds.amin(dim=0) > PAPER).numpy()
        return Picture(false_colours(regions(paper, default_gap(*paper.shape) if gap is None else gap)))
    if painted.confidence is None:
        raise ValueError("the colorizer cannot tell how sure it is")
    levels = np.rint(255 * painted.confidence[0].clamp(0, 1).numpy()).astype(np.uint8)
    return Picture(cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB))


def _through(painted: Painted) -> Tensor:
    """Return how much of the paint shows through the lines of a frame, ``[H, W]``.

    As much as the drawing lets through, or as much less as their colours ask: no colour is below 0 or above 1.
    """
    paint, frame = painted.paint, painted.frame
    darker = torch.where(frame < paint, frame / paint, 1)
    lighter = torch.where(frame > paint, (1 - frame) / (1 - paint), 1)
    return torch.minimum(darker, lighter).minimum(painted.drawing).amin(dim=0).clamp(0, 1)
