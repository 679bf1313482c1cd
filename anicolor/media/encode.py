"""A video written frame by frame: colour converted and tagged, the input's times, its audio untouched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from anicolor.errors import AnicolorError
from anicolor.media.atomic import WholeFile, write_errors
from anicolor.media.film import Film
from anicolor.media.picture import Picture, Pixels
from anicolor.media.sink import Sink
from anicolor.media.sound import Excerpt, SoundCopy, Soundtrack
from anicolor.media.video import SCALING, YUV_WHITE

__all__ = ["VideoPreset", "VideoSink"]

VideoPreset = Literal["preview", "lossless", "master"]


@dataclass(frozen=True)
class _Coding:
    codec: str
    options: Mapping[str, str] = field(default_factory=dict)
    waits: int = 10_000_000
    """Microseconds of picture that wait for sound to lie beside, in memory: 10 s is ffmpeg's own choice."""


_CODINGS: dict[VideoPreset, _Coding] = {
    "preview": _Coding("libx264", {"crf": "16"}),
    "lossless": _Coding("ffv1", {"level": "3", "slicecrc": "1", "g": "1"}, 500_000),
    "master": _Coding("prores_ks", {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}, 500_000),
}


@dataclass(frozen=True)
class _Tags:
    """Matrix, primaries, transfer (ITU-T H.273) and range: a player guesses whatever is left out."""

    colorspace: int
    primaries: int
    transfer: int
    color_range: int


_BT709_LIMITED = _Tags(1, 1, 1, 1)
_RGB_FULL = _Tags(0, 1, 13, 2)


class VideoSink(Sink):
    """Takes the frames of ``like`` in order; the file appears when the last one is in and the block ends.

    Audio packets of a video input are passed through bit for bit, or those of ``sound`` in their place.
    """

    def __init__(
        self, path: Path, like: Film, preset: VideoPreset, container: str, sound: Excerpt | None = None
    ) -> None:
        self._path, self._like, self._preset, self._format = path, like, preset, container
        self._sound = sound
        self._written = 0
        self._reformatter = VideoReformatter()
        self._cleanup = ExitStack()
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told; complete once the first frame is written."""
        return tuple(self._notes)

    def write(self, index: int, picture: Picture) -> None:
        """Append frame ``index``.

        Raises:
            ValueError: not the next frame, or of another size, depth or alpha than the first.
            AnicolorError: the disk is full.
        """
        if index != self._written or index >= self._like.info.frames:
            raise ValueError(f"expected frame {self._written} of {self._like.info.frames}, got {index}")
        if self._like.info.alpha and picture.alpha is None:
            picture = _opaque(picture)
        with _encoding(self._path):
            if index == 0:
                self._begin(picture)
            self._audio.until(self._like.times[index] * self._like.time_base)
            self._container.mux(self._video.encode(self._frame(index, picture)))
        self._written += 1

    def __enter__(self) -> Self:
        with write_errors(self._path):
            self._whole = WholeFile(self._path)
        self._cleanup.callback(self._whole.drop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._cleanup:
            if kind is None:
                self._finish()

    def _finish(self) -> None:
        if self._written != self._like.info.frames:
            raise ValueError(f"expected {self._like.info.frames} frames, got {self._written}")
        with _encoding(self._path):
            self._audio.until(inf)
            self._container.mux(self._video.encode(None))
            self._container.close()
            self._whole.keep()

    def _begin(self, picture: Picture) -> None:
        """Lay out the streams, now that the first frame says size, depth and alpha."""
        self._shape, self._kind = picture.pixels.shape, picture.pixels.dtype
        self._pixel_format = _pixel_format(self._preset, picture)
        self._tags = _BT709_LIMITED if self._pixel_format.startswith("yuv") else _RGB_FULL
        coding = _CODINGS[self._preset]
        options = {"max_interleave_delta": str(coding.waits)}
        self._container = av.open(self._whole.file, mode="w", format=self._format, options=options)
        self._cleanup.callback(_abandon, self._container)
        self._video = self._container.add_stream(coding.codec, rate=self._like.info.rate, options=dict(coding.options))
        self._set_up(self._video, picture)
        sound = self._sound or Excerpt(self._cleanup.enter_context(Soundtrack(self._like)))
        self._audio = SoundCopy(sound, self._container)
        self._notes.extend(self._describe(picture))

    def _set_up(self, stream: Any, picture: Picture) -> None:
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, self._pixel_format
        stream.time_base = self._like.time_base
        context = stream.codec_context
        context.time_base = self._like.time_base
        context.sample_aspect_ratio = self._like.pixel_aspect
        context.colorspace, context.color_range = self._tags.colorspace, self._tags.color_range
        context.color_primaries, context.color_trc = self._tags.primaries, self._tags.transfer

    def _describe(self, picture: Picture) -> Iterator[str]:
        if self._pixel_format == "yuv444p":
            size = f"{picture.width}x{picture.height}"
            yield f"H.264 4:4:4, as 4:2:0 needs an even width and height and this is {size}"
        if self._preset == "preview" and picture.alpha is not None:
            yield "H.264 has no alpha: laid on white paper"
        if self._format == "matroska" and self._audio.start < 0:
            late = f"{-float(self._audio.start):.3f} s later"
            yield f"Matroska starts at 0 and the sound starts before the picture: both are {late}"
        if self._format == "matroska" and (1000 * self._like.time_base).denominator != 1:
            yield "Matroska keeps times to the nearest millisecond; the frame rate stays exact"

    def _frame(self, index: int, picture: Picture) -> Any:
        if (picture.pixels.shape, picture.pixels.dtype) != (self._shape, self._kind):
            first = f"{self._kind} {list(self._shape)}"
            raise ValueError(
                f"frame {index}: expected {first}, got {picture.pixels.dtype} {list(picture.pixels.shape)}"
            )
        frame = self._converted(picture)
        frame.colorspace, frame.color_range = self._tags.colorspace, self._tags.color_range
        times, base = self._like.times, self._like.time_base
        last = round(1 / (self._like.info.rate * base))
        frame.pts, frame.time_base = times[index], base
        frame.duration = times[index + 1] - times[index] if index + 1 < len(times) else last
        frame.pict_type = 0
        return frame

    def _converted(self, picture: Picture) -> Any:
        pixels = _on_paper(picture) if self._preset == "preview" else picture.pixels
        yuv = self._tags == _BT709_LIMITED
        if yuv and picture.bits == 16:
            pixels = _to_yuv_white(pixels)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=_packed(pixels))
        if not yuv:
            return self._reformatter.reformat(frame, format=self._pixel_format, interpolation=SCALING)
        return self._reformatter.reformat(
            frame,
            format=self._pixel_format,
            interpolation=SCALING,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )


def _abandon(container: Any) -> None:
    """Close a container whatever state it is in: its file is removed or already kept."""
    with suppress(av.error.FFmpegError, OSError, ValueError, AnicolorError):
        container.close()


@contextmanager
def _encoding(path: Path) -> Iterator[None]:
    """Turn what the encoder and the disk raise into one line."""
    with write_errors(path):
        try:
            yield
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise AnicolorError(f"{path}: cannot be encoded ({error.strerror}): try another preset") from error


def _pixel_format(preset: VideoPreset, picture: Picture) -> str:
    alpha = picture.alpha is not None
    if preset == "preview":
        return "yuv420p" if picture.width % 2 == picture.height % 2 == 0 else "yuv444p"
    if preset == "master":
        return "yuva444p10le" if alpha else "yuv444p10le"
    if picture.bits == 8:
        return "bgra" if alpha else "bgr0"
    return "gbrap16le" if alpha else "gbrp16le"


def _packed(pixels: Pixels) -> str:
    if pixels.dtype == np.uint8:
        return "rgba" if pixels.shape[2] == 4 else "rgb24"
    return "rgba64le" if pixels.shape[2] == 4 else "rgb48le"


def _on_paper(picture: Picture) -> Pixels:
    if picture.alpha is None:
        return picture.pixels
    top = np.iinfo(picture.pixels.dtype).max
    return np.rint(picture.on_paper() * top).astype(picture.pixels.dtype)


def _opaque(picture: Picture) -> Picture:
    """Add full cover: some drawings of a sequence may have alpha and others not."""
    cover = np.full(picture.pixels.shape[:2], np.iinfo(picture.pixels.dtype).max, picture.pixels.dtype)
    return Picture(np.dstack([picture.pixels, cover]))


def _to_yuv_white(pixels: Pixels) -> Pixels:
    """Bring 16-bit colours to the white that swscale expects before YUV; alpha stays."""
    scaled = pixels.copy()
    scaled[..., :3] = (pixels[..., :3].astype(np.uint32) * YUV_WHITE + 32767) // 65535
    return scaled
