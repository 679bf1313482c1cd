"""Tiny films that the tests make themselves."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from anicolor.media.images import encode_png
from anicolor.media.open import open_film
from anicolor.media.picture import Picture, Pixels

RATE = Fraction(24000, 1001)


def flat(value: int | Sequence[int], width: int = 64, height: int = 48, dtype: type = np.uint8) -> Picture:
    """One colour all over; an int is gray."""
    colour = [value] * 3 if isinstance(value, int) else list(value)
    return Picture(np.full((height, width, len(colour)), colour, dtype))


def noise(seed: int, channels: int = 3, dtype: type = np.uint8, width: int = 21, height: int = 13) -> Picture:
    top = np.iinfo(dtype).max + 1
    return Picture(np.random.default_rng(seed).integers(0, top, (height, width, channels), dtype))


def burned(ordinal: int, width: int = 64, height: int = 48) -> Pixels:
    """A frame that shows its ordinal as eight black or white blocks."""
    bits = [255 * (ordinal >> bit & 1) for bit in range(8)]
    row = np.repeat(np.array(bits, np.uint8), width // 8)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def ordinal_of(picture: Picture) -> int:
    row = picture.pixels[picture.height // 2, :, 0] / np.iinfo(picture.pixels.dtype).max
    blocks = row.reshape(8, -1).mean(1)
    return sum(1 << bit for bit, block in enumerate(blocks) if block > 0.5)


def make_video(
    path: Path,
    count: int = 12,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    container: str | None = None,
    times: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    frames: Sequence[Pixels] | None = None,
    options: dict[str, str] | None = None,
    audio: str | None = None,
    rotation: int = 0,
    tag: int | None = None,
) -> Path:
    """Write frames (burned ordinals by default) without going through the code under test."""
    pictures = frames if frames is not None else [burned(index) for index in range(count)]
    base = time_base or 1 / RATE
    with av.open(str(path), "w", format=container) as target:
        video = target.add_stream(codec, rate=RATE, options=options or {})
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt, video.time_base, video.codec_context.time_base = pixel_format, base, base
        if rotation:
            video.set_display_rotation(rotation)
        if tag is not None:
            context = video.codec_context
            context.colorspace, context.color_range, context.color_primaries, context.color_trc = (
                tag,
                1,
                tag,
                tag,
            )
        sound = target.add_stream(audio, rate=48000) if audio else None
        if sound is not None:
            for packet in _tone(sound):
                target.mux(packet)
        for index, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format=pixel_format, dst_colorspace=tag or 5, src_color_range=2, dst_color_range=1
            )
            frame.pts, frame.time_base = (times or range(len(pictures)))[index], base
            frame.colorspace = tag or 2
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
    return path


def _tone(stream: av.AudioStream) -> list[av.Packet]:
    packets = []
    kind, scale = {"u8": (np.uint8, 0), "s16": (np.int16, 20000), "fltp": (np.float32, 1)}[stream.format.name]
    for index in range(20):
        wave = np.sin(np.arange(1024 * index, 1024 * (index + 1)) * 0.05).astype(np.float32)
        samples = (wave[None] * scale).astype(kind)
        frame = av.AudioFrame.from_ndarray(samples, format=stream.format.name, layout="mono")
        frame.sample_rate, frame.pts = 48000, 1024 * index
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def save(path: Path, picture: Picture) -> Path:
    path.write_bytes(encode_png(picture))
    return path


def pixels_of(path: Path) -> list[Pixels]:
    with open_film(path) as film:
        return [picture.pixels for picture in film.read()]
