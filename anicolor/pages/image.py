"""Pictures that a page carries in itself: made small, encoded as WebP, and put into its text."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Bytes", "Floats", "Thumbnail", "fit", "img", "levels", "thumbnail", "webp"]

Floats: TypeAlias = npt.NDArray[np.float32]
Bytes: TypeAlias = npt.NDArray[np.uint8]

_SQUARE = Fraction(1)


@dataclass(frozen=True)
class Thumbnail:
    """A WebP file and the size of its picture."""

    width: int
    height: int
    file: bytes


def fit(picture: Floats, side: int, pixel_aspect: Fraction = _SQUARE) -> Floats:
    """Return ``picture`` ``[H, W]`` or ``[H, W, 3]`` with square pixels, no longer than ``side``, never enlarged."""
    height, width = picture.shape[:2]
    width = max(1, round(width * pixel_aspect))
    scale = min(1, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == picture.shape[1::-1]:
        return picture
    small: Floats = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return small


def levels(picture: Floats) -> Bytes:
    """Return a picture in [0, 1] in levels, 0 to 255."""
    return np.rint(picture * 255).astype(np.uint8)


def thumbnail(picture: Bytes, quality: int, lossless: float) -> Thumbnail:
    """Return a picture ``[H, W, 3]`` as :func:`webp` encodes it."""
    height, width = picture.shape[:2]
    return Thumbnail(width, height, webp(picture, quality, lossless))


def webp(picture: Bytes, quality: int, lossless: float) -> bytes:
    """Return ``picture`` (RGB ``[H, W, 3]``) as a WebP file: lossless, if that takes few bytes a pixel.

    Flat colours and clean lines stay below ``lossless`` bytes a pixel; grain and photographs do not, would swell the
    page, and are encoded at ``quality`` (1 to 100).
    """
    exact = _encoded(picture, 101)  # OpenCV's number for lossless
    return exact if len(exact) <= lossless * picture.size / 3 else _encoded(picture, quality)


def img(file: bytes, width: int, height: int, text: str) -> str:
    """Return a WebP file as an element of a page; ``text`` is what is said in its place."""
    data = base64.b64encode(file).decode("ascii")
    size = f'width="{width}" height="{height}"'
    return f'<img src="data:image/webp;base64,{data}" {size} alt="{escape(text)}">'


def _encoded(picture: Bytes, quality: int) -> bytes:
    turned = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    file: Any = cv2.imencode(".webp", turned, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return bytes(file)
