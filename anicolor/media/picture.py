"""One drawing as it is on disk, and the way to the network's numbers and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Picture", "Pixels", "from_frame", "shrunk", "to_frame"]

Pixels: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels ``[H, W, 3]`` RGB or ``[H, W, 4]`` RGBA (straight alpha), ``uint8`` or ``uint16``.

    Raises:
        ValueError: another shape or type.
    """

    pixels: Pixels

    def __post_init__(self) -> None:
        shape, kind = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] not in (3, 4) or kind not in (np.uint8, np.uint16):
            raise ValueError(f"a picture is uint8 or uint16 [H, W, 3 or 4], got {kind} {list(shape)}")

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Pixels of a row."""
        return int(self.pixels.shape[1])

    @property
    def bits(self) -> int:
        """Bits of a channel: 8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    @property
    def alpha(self) -> Pixels | None:
        """Opacity ``[H, W]`` in the pixels' own type, or None when there is none."""
        return self.pixels[..., 3] if self.pixels.shape[2] == 4 else None

    def on_paper(self) -> npt.NDArray[np.float32]:
        """Return float32 ``[H, W, 3]`` in [0, 1]: the picture laid on white paper."""
        top = np.float32(_top(self.bits))
        colour = self.pixels[..., :3].astype(np.float32) / top
        if self.alpha is None:
            return colour
        cover = self.alpha[..., None].astype(np.float32) / top
        paper: npt.NDArray[np.float32] = colour * cover + (1 - cover)
        return paper

    def rgb8(self) -> npt.NDArray[np.uint8]:
        """Return uint8 ``[H, W, 3]``: the picture laid on white paper; the pixels themselves where they are that."""
        if self.bits == 8 and self.alpha is None:
            return self.pixels
        return np.rint(self.on_paper() * 255).astype(np.uint8)


def shrunk(picture: Picture, side: int) -> Picture:
    """Return the picture on paper as uint8 RGB of ``side`` x ``side`` pixels, each the mean of what it covers."""
    pixels = picture.pixels
    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:  # on paper as it is
        if pixels.shape[:2] == (side, side):
            return picture
        return Picture(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA))
    small = cv2.resize(picture.on_paper(), (side, side), interpolation=cv2.INTER_AREA)
    return Picture(np.rint(small * 255).astype(np.uint8))


def to_frame(picture: Picture) -> Tensor:
    """Return the picture on paper as float32 ``[3, H, W]`` in [0, 1]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture.on_paper().transpose(2, 0, 1)))


def from_frame(frame: Tensor, bits: int = 8, alpha: Pixels | None = None) -> Picture:
    """Return ``frame`` (float ``[3, H, W]``, [0, 1], on white paper) as a picture of ``bits`` bits.

    With ``alpha`` (``[H, W]``; float in [0, 1], or integers of ``bits`` bits) the colours are those that
    give ``frame`` again when they are laid on white; where nothing covers the paper they are white.

    Raises:
        ValueError: another shape, other bits than 8 or 16, an alpha of another size or type.
    """
    if frame.ndim != 3 or frame.shape[0] != 3:
        raise ValueError(f"a frame is float [3, H, W], got {frame.dtype} {list(frame.shape)}")
    colour = frame.detach().cpu().double().numpy().transpose(1, 2, 0)
    if alpha is None:
        return Picture(_quantize(colour, bits))
    if alpha.shape != colour.shape[:2]:
        raise ValueError(f"alpha: expected {list(colour.shape[:2])} as the frame has, got {list(alpha.shape)}")
    levels = _alpha_levels(alpha, bits)
    cover = levels[..., None] / _top(bits)
    # Where cover is 0 the quotient is of no use and is replaced: divide by 1 there.
    lifted = (colour - (1 - cover)) / np.where(cover > 0, cover, 1)
    straight = np.where(cover > 0, lifted, 1)
    return Picture(np.dstack([_quantize(straight, bits), levels]))


def _top(bits: int) -> int:
    return (1 << bits) - 1


def _quantize(values: npt.NDArray[np.float64], bits: int) -> Pixels:
    if bits not in (8, 16):
        raise ValueError(f"a picture has 8 or 16 bits, got {bits}")
    levels = np.rint(np.clip(values, 0, 1) * _top(bits))
    return levels.astype(np.uint8 if bits == 8 else np.uint16)


def _alpha_levels(alpha: Pixels, bits: int) -> Pixels:
    if np.issubdtype(alpha.dtype, np.floating):
        return _quantize(alpha.astype(np.float64), bits)
    if alpha.dtype.itemsize * 8 != bits:
        raise ValueError(f"alpha: expected float or {bits}-bit integers, got {alpha.dtype}")
    return alpha
