"""Films without pictures, tiny videos, and lists of shots."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from anicolor.frames import FrameRange, Shot
from anicolor.media.film import Film, FilmInfo
from anicolor.media.picture import Picture, Pixels

RATES = [Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(7000, 293)]
"""The rates that films have; the last is the mean of a film whose frames last differently long."""


class Reel(Film):
    """A film of ``frames`` frames at ``rate``; with ``times`` (milliseconds) one of variable rate."""

    def __init__(
        self,
        frames: int,
        rate: Fraction = Fraction(24),
        *,
        path: str = "cel film.mov",
        times: tuple[int, ...] = (),
        numbers: tuple[int, ...] = (),
    ) -> None:
        kind = "sequence" if numbers else "video"
        ordinals = numbers or tuple(range(frames))
        self.info = FilmInfo(Path(path), kind, 64, 48, frames, ordinals, rate, False, 8, False)
        self._times = times

    @property
    def times(self) -> tuple[int, ...]:
        return self._times or super().times

    @property
    def time_base(self) -> Fraction:
        return Fraction(1, 1000) if self._times else super().time_base

    def read(self, _: FrameRange | None = None) -> Iterator[Picture]:
        raise AssertionError("no list needs a picture")

    def name(self, index: int) -> str:
        return f"A_{self.info.numbers[index]:04d}.tga"


def video(
    path: Path,
    frames: list[Pixels],
    rate: Fraction,
    times: list[int] | None = None,
    *,
    audio: str | None = None,
    wave: Pixels | None = None,
) -> Path:
    """Write RGB frames losslessly; ``times`` are in milliseconds; ``audio`` is the codec of ``wave``, at 48 kHz."""
    with av.open(str(path), "w") as target:
        codec, layout = ("qtrle", "rgb24") if path.suffix == ".mov" else ("ffv1", "bgr0")
        stream = target.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], layout
        sound = target.add_stream(audio, rate=48000, layout="mono") if audio else None
        base = Fraction(1, 1000) if times else 1 / rate
        stream.time_base = stream.codec_context.time_base = base
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=layout)
            frame.pts, frame.time_base = times[index] if times else index, base
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
        if sound is not None and wave is not None:
            for start in range(0, len(wave), 1024):
                heard = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
                heard.sample_rate, heard.pts = 48000, start
                target.mux(sound.encode(heard))
            target.mux(sound.encode(None))
    return path


def beep(seconds: float, at: float) -> Pixels:
    """Silence with a beep of a tenth of a second in it, at 48 kHz."""
    time = np.arange(round(seconds * 48000)) / 48000
    inside = (time >= at) & (time < at + 0.1)
    return np.where(inside, 0.9 * np.sin(2 * np.pi * 1000 * (time - at)), 0).astype(np.float32)


def uneven(frames: int) -> tuple[int, ...]:
    """Times in milliseconds of a film that is held on ones, twos and threes by turns."""
    return tuple(42 * (frame + frame // 3 * 3) for frame in range(frames))


SHOTS = [
    Shot(FrameRange(0, 1799)),
    Shot(FrameRange(1799, 1801), 0.5),
    Shot(FrameRange(1801, 50_001), 1 / 3, "dissolve", FrameRange(1795, 1807)),
    Shot(FrameRange(50_001, 90_000), 212.7, "fade", FrameRange(49_990, 50_012)),
]
