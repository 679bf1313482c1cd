"""Tiny cuts that the tests of the command line draw themselves: line art, its colours, keyframes, a video."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from anicolor.media.open import open_film
from anicolor.media.picture import Pixels

WIDTH, HEIGHT = 64, 48
SHOT = 4  # frames: the shortest that the detector lets stand


@dataclass(frozen=True)
class Drawing:
    """Ink ``[H, W]`` (255 where a line is) and the painted frame ``[H, W, 3]``, both on white."""

    ink: Pixels
    colours: Pixels

    @property
    def lines(self) -> Pixels:
        return np.repeat(255 - self.ink[..., None], 3, axis=2)

    @property
    def on_nothing(self) -> Pixels:
        """Ink on transparent, as a drawing program exports it."""
        return np.dstack([np.zeros((*self.ink.shape, 3), np.uint8), self.ink])

    @property
    def cel(self) -> Pixels:
        """Opaque paper inside the outline, nothing outside it."""
        inside = (self.colours < 255).any(axis=2) | (self.ink > 0)
        return np.dstack([self.lines, np.where(inside, 255, 0).astype(np.uint8)])


def draw(shot: int, step: int) -> Drawing:
    """Frame ``step`` of a shot: a disc that wanders (even shots), a house that does (odd ones)."""
    ink = np.zeros((HEIGHT, WIDTH), np.uint8)
    colours = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    if shot % 2 == 0:
        place = (18 + step, 26)
        cv2.circle(colours, place, 13, (220, 60, 50), -1)
        cv2.circle(ink, place, 13, 255, 1)
        cv2.circle(ink, (place[0] + 4, place[1] - 4), 3, 255, 1)
    else:
        left = 34 - step
        roof = np.array([[left - 3, 20], [left + 12, 4], [left + 27, 20]], np.int32)
        cv2.rectangle(colours, (left, 20), (left + 24, 44), (40, 90, 200), -1)
        cv2.fillPoly(colours, [roof], (230, 180, 40))
        cv2.rectangle(ink, (left, 20), (left + 24, 44), 255, 1)
        cv2.polylines(ink, [roof], True, 255, 1)
        cv2.line(ink, (left + 6, 44), (left + 6, 30), 255, 1)
    colours[ink > 0] = 0
    return Drawing(ink, colours)


def cut(shots: int = 1, frames: int = SHOT) -> list[Drawing]:
    """Shots of ``frames`` frames each, one after the other."""
    return [draw(shot, step) for shot in range(shots) for step in range(frames)]


def save(folder: Path, pictures: Iterable[Pixels], numbers: Sequence[int], name: str = "A_{:04d}.png") -> Path:
    folder.mkdir(exist_ok=True)
    for number, pixels in zip(numbers, pictures, strict=True):
        save_picture(folder / name.format(number), pixels)
    return folder


def save_picture(path: Path, pixels: Pixels) -> Path:
    if pixels.dtype == np.uint16:
        cv2.imwrite(str(path), pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
    else:
        Image.fromarray(pixels).save(path)
    return path


def save_video(path: Path, frames: Sequence[Pixels], *, audio: str | None = None) -> Path:
    """Write RGB frames losslessly, a quarter second each so that there is time for some sound."""
    with av.open(str(path), "w") as target:
        video = target.add_stream("libx264rgb", rate=Fraction(4), options={"crf": "0"})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "rgb24"
        sound = target.add_stream(audio, rate=48000, layout="mono") if audio else None
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 4)
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if sound is not None:
            for packet in _tone(sound):
                target.mux(packet)
    return path


def _tone(stream: av.AudioStream) -> list[av.Packet]:
    packets = []
    for index in range(20):
        wave = np.sin(np.arange(1024 * index, 1024 * (index + 1)) * 0.05).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, 1024 * index
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def audio_of(path: Path) -> bytes:
    """The packets of the sound, one after the other."""
    with av.open(str(path)) as source:
        return b"".join(bytes(packet) for packet in source.demux(source.streams.audio[0]))


def pixels_of(path: Path) -> list[Pixels]:
    """Every frame of a film on disk."""
    with open_film(path) as film:
        return [picture.pixels for picture in film.read()]


def files_in(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, hidden files and empty folders too: to see that nothing has changed."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"folder"
        for path in sorted(folder.rglob("*"))
    }
