"""Image files: headers, reading (8 and 16 bit, alpha), PNG writing."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from anicolor.errors import AnicolorError, InputError
from anicolor.media.picture import Picture, Pixels

__all__ = ["Header", "encode_png", "picture_size", "read_header", "read_picture"]

_PNG = b"\x89PNG\r\n\x1a\n"
_BITS, _STRIP_STARTS, _STRIP_SIZES, _TILE_STARTS, _TILE_SIZES, _EXTRA_SAMPLES = 258, 273, 279, 324, 325, 338
_ALPHA_MODES = ("LA", "PA", "RGBA", "RGBa", "La")
_UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, EOFError, struct.error, zlib.error, cv2.error)


@dataclass(frozen=True)
class Header:
    """What an image file says of itself before its pixels."""

    width: int
    height: int
    bits: int
    alpha: bool


def picture_size(path: Path) -> tuple[int, int]:
    """Return (width, height) from the header alone.

    Raises:
        InputError: no such file.
        AnicolorError: not an image.
    """
    header = read_header(path)
    return header.width, header.height


def read_header(path: Path) -> Header:
    """Return size, depth and alpha without decoding the pixels; raises as :func:`picture_size`."""
    with _named(path), path.open("rb") as file, Image.open(file) as image:
        start = _start(file)
        bits = 16 if _depth(image, start) > 8 else 8
        return Header(image.width, image.height, bits, _has_alpha(image, start))


def read_picture(path: Path) -> Picture:
    """Read a whole image; gray and palette become RGB, transparency becomes alpha, 16 bits stay 16.

    Raises:
        InputError: no such file.
        AnicolorError: not an image, cut short or damaged; the message names the file.
    """
    with _named(path):
        return Picture(_decode(path.read_bytes()))


def encode_png(picture: Picture) -> bytes:
    """Return the picture as a PNG file of the same depth and channels.

    Raises:
        AnicolorError: the encoder refused it.
    """
    order = [2, 1, 0, 3][: picture.pixels.shape[2]]
    done, data = cv2.imencode(".png", np.ascontiguousarray(picture.pixels[..., order]))
    if not done:
        raise AnicolorError(f"a {picture.width}x{picture.height} picture cannot be encoded as PNG")
    return bytes(data.tobytes())


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what the image libraries raise into one line that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Pillow warns of what it then raises for
            yield
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file: check the name") from error
    except (*_UNREADABLE, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split())
        raise AnicolorError(f"{path}: not a whole, readable image ({reason}): save it again") from error


def _start(file: io.BufferedIOBase | io.BufferedReader) -> bytes:
    place = file.tell()
    file.seek(0)
    start = file.read(32)
    file.seek(place)
    return start


def _depth(image: Image.Image, start: bytes) -> int:
    if start.startswith(_PNG):
        return start[24]
    if image.format == "TIFF":
        return int(max(image.tag_v2.get(_BITS, (1,))))  # type: ignore[attr-defined]
    return 8


def _has_alpha(image: Image.Image, start: bytes) -> bool:
    # The low bits of a TGA's descriptor count its alpha bits: with none, the fourth byte means nothing.
    if image.format == "TGA" and image.mode == "RGBA":
        return start[17] & 0x0F != 0
    return image.mode in _ALPHA_MODES or "transparency" in image.info


def _decode(data: bytes) -> Pixels:
    # Pillow cuts 16-bit colour down to 8 bits; OpenCV multiplies the alpha of 8-bit TIFF into the colours
    # and reads no TGA. So each reads what it reads exactly.
    if data.startswith(_PNG):
        _check_png(data)
    with Image.open(io.BytesIO(data)) as image:
        depth = _depth(image, data)
        if image.format == "TIFF" and depth > 8:
            _check_tiff(image, depth, len(data))
        if depth > 8:
            return _decode_deep(data)
        return np.array(image.convert("RGBA" if _has_alpha(image, data) else "RGB"))


def _decode_deep(data: bytes) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("its 16-bit pixels cannot be decoded")
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])


def _check_png(data: bytes) -> None:
    """Walk the chunks with their checksums: the decoders forgive a missing end and flipped bits."""
    place, kind = len(_PNG), b""
    while kind != b"IEND":
        if place + 12 > len(data):
            raise ValueError("the file ends too early")
        size, kind = struct.unpack_from(">I4s", data, place)
        end = place + 8 + size
        if end + 4 > len(data):
            raise ValueError("the file ends too early")
        if zlib.crc32(data[place + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise ValueError("a checksum does not agree")
        place = end + 4


def _check_tiff(image: Image.Image, depth: int, size: int) -> None:
    tags = image.tag_v2  # type: ignore[attr-defined]
    if depth != 16:
        raise ValueError(f"{depth} bits a channel: expected 8 or 16")
    if 1 in tags.get(_EXTRA_SAMPLES, ()):
        raise ValueError("alpha is multiplied into the colours: expected straight alpha")
    starts = tags.get(_STRIP_STARTS) or tags.get(_TILE_STARTS, ())
    sizes = tags.get(_STRIP_SIZES) or tags.get(_TILE_SIZES, ())
    if any(start + length > size for start, length in zip(starts, sizes, strict=False)):
        raise ValueError("the file ends too early")
