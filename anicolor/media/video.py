"""Video through PyAV: exact frame ordinals, exact times, colours by the right matrix."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from anicolor.errors import AnicolorError, InputError
from anicolor.frames import FrameRange
from anicolor.media.film import Film, FilmInfo, Matrix
from anicolor.media.picture import Picture, Pixels

__all__ = ["SCALING", "YUV_WHITE", "VideoFilm"]

SCALING = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
YUV_WHITE = 255 << 8
"""swscale's white of 16-bit RGB on the way to and from YUV (measured): not 65535."""

# ffmpeg's colour space tags (ITU-T H.273, table 4) that swscale has coefficients for.
_TAGGED = {
    1: ("BT.709", Colorspace.ITU709),
    4: ("FCC", Colorspace.FCC),
    5: ("BT.601", Colorspace.ITU601),
    6: ("BT.601", Colorspace.ITU601),
    7: ("SMPTE 240M", Colorspace.SMPTE240M),
    9: ("BT.2020", Colorspace.BT2020),
}
_MATRICES: dict[Matrix, tuple[str, Any]] = {"bt601": _TAGGED[6], "bt709": _TAGGED[1]}
# The weights of red and blue in luma.
_LUMA = {
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.FCC: (0.30, 0.11),
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.BT2020: (0.2627, 0.0593),
}
_EIGHT_BIT_PLANES = ("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p")
_HIGH_DYNAMIC_RANGE = (16, 18)  # transfer tags PQ and HLG
_HIDDEN_FRAMES = ("vp8", "mpeg4")  # codecs with packets that show nothing: count what is shown
_HEAD = 64  # bytes: what a file must have before its header is read
# Blocks are not smoothed in B frames: seldom are more than those beside them predicted from them.
_ROUGH = {"skip_loop_filter": "bidir"}
_NOT_FILMS = ("image2", "tty")  # ffmpeg takes single images and plain text for video


@dataclass(frozen=True)
class _Packet:
    """A packet in decode order: when it is shown and when decoded (None: not said)."""

    pts: int | None
    dts: int | None
    key: bool


@dataclass(frozen=True)
class _Stream:
    """What the demuxing pass found."""

    packets: tuple[_Packet, ...]
    shown: tuple[int | None, ...]
    rate: Fraction
    time_base: Fraction
    pixel_aspect: Fraction
    audio: bool
    others: int


@dataclass(frozen=True)
class _Look:
    """How decoded frames become RGB pixels."""

    depth: int
    alpha: bool
    yuv: bool
    colorspace: Any
    full_range: bool
    turn: tuple[int, int, int, int]


class VideoFilm(Film):
    """A video file; frame ordinals are display order, whatever the container's index claims.

    ``matrix`` is the colour matrix of a video that names none; without it BT.709 is assumed from 720 lines
    on, else BT.601, and ``info.notes`` says so.

    Raises:
        AnicolorError: no video in it, not media at all, cut short, or its first frame cannot be decoded.
    """

    def __init__(self, path: Path, matrix: Matrix | None = None) -> None:
        self._path = path
        stream = _scan(path)
        self._packets = stream.packets
        frames = len(stream.shown)
        with _opened(path) as (container, video):
            first = next(_decoded(path, container, video), None)
        if first is None:
            raise AnicolorError(f"{path}: none of its {frames} frames can be decoded: export it again")
        self._look, notes = _look(first, matrix)
        self._coded_size = (first.width, first.height)
        self._times = tuple(sorted(pts for pts in stream.shown if pts is not None))
        # Ordinals go by time where each frame has its own, by counting where the container is vague.
        self._timed = len(set(self._times)) == frames and first.pts == self._times[0]
        self._ordinals = {pts: index for index, pts in enumerate(self._times)} if self._timed else {}
        self._times = self._times if self._timed else tuple(range(frames))
        self._time_base = stream.time_base if self._timed else 1 / stream.rate
        turned = self._look.turn[0] == 0
        self._pixel_aspect = 1 / stream.pixel_aspect if turned else stream.pixel_aspect
        width, height = reversed(self._coded_size) if turned else self._coded_size
        self.info = FilmInfo(
            path=path,
            kind="video",
            width=width,
            height=height,
            frames=frames,
            numbers=tuple(range(frames)),
            rate=stream.rate,
            alpha=self._look.alpha,
            bits=16 if self._look.depth > 8 else 8,
            audio=stream.audio,
            notes=(*notes, *self._timing_notes(stream)),
        )

    @property
    def times(self) -> tuple[int, ...]:
        """When each frame is shown, in units of ``time_base``, as the container says."""
        return self._times

    @property
    def time_base(self) -> Fraction:
        """Seconds that one unit of ``times`` lasts."""
        return self._time_base

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a pixel over its height."""
        return self._pixel_aspect

    def name(self, index: int) -> str:
        """Return ``frame_000000`` and so on."""
        return f"frame_{index:06d}"

    def read(self, span: FrameRange | None = None) -> Iterator[Picture]:
        """Yield the frames of ``span`` in order; see :class:`Film`."""
        return self._pictures(self._span(span), _pixels)

    def small(self, side: int) -> Iterator[Picture]:
        """Yield the film small, scaled while it is converted; see :class:`Film`."""
        if self._look.alpha:
            return super().small(side)
        return self._pictures(self._span(None), partial(_small_pixels, side=side), rough=True)

    def _pictures(
        self, span: FrameRange, convert: Callable[[Any, _Look, Any], Pixels], rough: bool = False
    ) -> Iterator[Picture]:
        reformatter, expected = VideoReformatter(), span.start
        if not span:
            return
        for ordinal, frame in self._frames(span, rough):
            if ordinal != expected:
                raise self._missing(expected)
            if (frame.width, frame.height) != self._coded_size:
                sizes = f"{frame.width}x{frame.height}, frame 0 is {self._coded_size[0]}x{self._coded_size[1]}"
                raise AnicolorError(f"{self._path}: frame {ordinal} is {sizes}: frames of one film have one size")
            yield Picture(_turned(convert(frame, self._look, reformatter), self._look.turn))
            expected += 1
            if expected == span.stop:
                return
        if expected < span.stop:
            raise self._missing(expected)

    def _frames(self, span: FrameRange, rough: bool = False) -> Iterator[tuple[int, Any]]:
        """Yield (ordinal, frame) from ``span.start`` on; ``rough`` ones may show the edges of coded blocks."""
        # Matroska seeks by the times of showing, MP4 by those of decoding: either may land too late or early.
        for point in self._points_before(span.start):
            with _opened(self._path) as (container, video):
                # Frame threads would decode far ahead of the few frames that are wanted.
                video.thread_type = "SLICE"
                container.seek(point, stream=video)
                numbered = self._numbered(_decoded(self._path, container, video))
                first = next(numbered, None)
                if first is not None and first[0] <= span.start:
                    yield from (pair for pair in chain([first], numbered) if pair[0] >= span.start)
                    return
        with _opened(self._path) as (container, video):
            video.thread_type = "AUTO"
            if rough:
                video.codec_context.options = _ROUGH
            for pair in self._numbered(_decoded(self._path, container, video)):
                if pair[0] >= span.start:
                    yield pair

    def _points_before(self, ordinal: int) -> list[int]:
        """Where to seek so that frame ``ordinal`` can be decoded, best first; none: at the start."""
        points: list[int] = []
        if not self._timed or ordinal == 0:
            return points
        for packet in self._packets:
            if packet.key and packet.pts is not None and packet.pts <= self._times[ordinal]:
                points = [packet.pts] if packet.dts is None else [packet.pts, packet.dts]
            if packet.pts == self._times[ordinal]:
                break
        return points

    def _numbered(self, frames: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        if not self._timed:
            yield from enumerate(frames)
            return
        for frame in frames:
            if frame.pts in self._ordinals:
                yield self._ordinals[frame.pts], frame

    def _missing(self, ordinal: int) -> AnicolorError:
        return AnicolorError(
            f"{self._path}: truncated or damaged: expected {self.info.frames} frames, frame {ordinal} "
            "does not decode: export it again"
        )

    def _timing_notes(self, stream: _Stream) -> Iterator[str]:
        steps = {after - before for before, after in pairwise(self._times)}
        if steps and max(steps) - min(steps) > 1:
            yield "variable frame rate: each frame keeps its own time"
        if stream.others:
            yield f"{stream.others} more video streams left out: the first is used"


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Yield the container and its first real video stream."""
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as error:
        raise AnicolorError(f"{path}: not a video that can be read ({_reason(error)}): export it again") from error
    with container:
        name = container.format.name
        if name in _NOT_FILMS or name.endswith("_pipe"):
            raise InputError(f"{path}: not a film: expected a video or a folder of numbered images")
        videos = _videos(container)
        if not videos:
            raise AnicolorError(f"{path}: no video stream in it: expected a video or a folder of numbered images")
        yield container, videos[0]


def _videos(container: Any) -> list[Any]:
    # The cover of a song is a video stream of one picture.
    covers = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & covers]


def _scan(path: Path) -> _Stream:
    """Read every packet without decoding: the only count that all containers tell truly."""
    _check_whole(path)
    with _opened(path) as (container, video):
        found = _demuxed(path, container, video)
        rate = video.average_rate or video.guessed_rate or Fraction(24)
        stream = _Stream(
            packets=tuple(found),
            shown=tuple(packet.pts for packet in found),
            rate=Fraction(rate),
            time_base=Fraction(video.time_base),
            pixel_aspect=Fraction(video.sample_aspect_ratio or 1),
            audio=bool(container.streams.audio),
            others=len(_videos(container)) - 1,
        )
        hidden = video.codec_context.codec.canonical_name in _HIDDEN_FRAMES
    return _shown(path, stream) if hidden else stream


def _shown(path: Path, stream: _Stream) -> _Stream:
    with _opened(path) as (container, video):
        shown = tuple(frame.pts for frame in _decoded(path, container, video))
    return _Stream(**{**vars(stream), "shown": shown})


def _demuxed(path: Path, container: Any, video: Any) -> list[_Packet]:
    found, total = [], 0
    try:
        for packet in container.demux(video):
            if not packet.size:
                continue
            if packet.is_corrupt:
                raise AnicolorError(f"{path}: truncated or damaged at frame {total}: export it again")
            total += 1
            if not packet.is_discard:
                found.append(_Packet(packet.pts, packet.dts, packet.is_keyframe))
    except av.error.FFmpegError as error:
        raise AnicolorError(f"{path}: unreadable at frame {total} ({_reason(error)}): export it again") from error
    if total < video.frames and "mov" in container.format.name:
        raise AnicolorError(f"{path}: truncated: expected {video.frames} frames, got {total}: export it again")
    if not found:
        raise AnicolorError(f"{path}: a video without frames: export it again")
    return found


def _check_whole(path: Path) -> None:
    """Compare the size that Matroska and AVI files declare with the real one: demuxers forgive a cut."""
    with path.open("rb") as file:
        start = file.read(256)
    declared = _declared_size(start)
    size = path.stat().st_size
    if declared is not None and size < declared:
        raise AnicolorError(f"{path}: truncated: expected {declared} bytes, got {size}: export or copy it again")


def _declared_size(start: bytes) -> int | None:
    if len(start) < _HEAD:
        return None  # too short for any header: the demuxer says so
    if start[:4] == b"RIFF":
        return 8 + int(struct.unpack_from("<I", start, 4)[0])
    if start[:4] != b"\x1a\x45\xdf\xa3":
        return None
    header, place = _ebml_size(start, 4)
    place += header or 0
    if start[place : place + 4] != b"\x18\x53\x80\x67":
        return None
    segment, place = _ebml_size(start, place + 4)
    return None if segment is None else place + segment


def _ebml_size(data: bytes, place: int) -> tuple[int | None, int]:
    """Read an EBML size (RFC 8794, section 4): the size, None for "unknown", and the place after it."""
    length = 9 - data[place].bit_length()
    field = int.from_bytes(data[place : place + length], "big") & ((1 << (7 * length)) - 1)
    unknown = field == (1 << (7 * length)) - 1
    return None if unknown else field, place + length


def _decoded(path: Path, container: Any, video: Any) -> Iterator[Any]:
    try:
        for frame in container.decode(video):
            if frame.is_corrupt:
                raise AnicolorError(f"{path}: damaged at {frame.time} s: export it again")
            yield frame
    except av.error.FFmpegError as error:
        raise AnicolorError(f"{path}: a frame cannot be decoded ({_reason(error)}): export it again") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _look(frame: Any, matrix: Matrix | None) -> tuple[_Look, list[str]]:
    """Decide once how the film's frames become RGB, and what to tell about it."""
    components = frame.format.components
    gray = len([c for c in components if not c.is_alpha]) == 1
    yuv = not (frame.format.is_rgb or gray or frame.format.has_palette)
    (colorspace, notes) = _matrix(frame, matrix) if yuv else (None, [])
    if int(frame.color_trc) in _HIGH_DYNAMIC_RANGE:
        notes.append("high dynamic range (PQ or HLG): its values are taken as they are")
    look = _Look(
        depth=max(component.bits for component in components),
        alpha=any(component.is_alpha for component in components),
        yuv=yuv,
        colorspace=colorspace,
        full_range=not yuv or int(frame.color_range) == ColorRange.JPEG or frame.format.name.startswith("yuvj"),
        turn=_turn(frame, notes),
    )
    return look, notes


def _matrix(frame: Any, wanted: Matrix | None) -> tuple[Any, list[str]]:
    tagged = _TAGGED.get(int(frame.colorspace))
    if tagged is not None:
        ignored = wanted is not None and _MATRICES[wanted] != tagged
        return tagged[1], [f"colour is tagged {tagged[0]}: {wanted} is not used"] if ignored else []
    if wanted is not None:
        return _MATRICES[wanted][1], []
    name, colorspace = _MATRICES["bt709" if frame.height >= 720 else "bt601"]
    return colorspace, [f"untagged colour: {name} assumed; --matrix names another"]


def _turn(frame: Any, notes: list[str]) -> tuple[int, int, int, int]:
    """Signs (a, b, c, d) of the display matrix: x' = a x + c y, y' = b x + d y, with y downward."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return (1, 0, 0, 1)
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data)[:36])
    if min(abs(a), abs(b)) > 0.01 * max(abs(a), abs(b)):
        notes.append("turned by other than quarter turns: left as stored")
        return (1, 0, 0, 1)
    if abs(a) > abs(b):
        return (_sign(a), 0, 0, _sign(d))
    return (0, _sign(b), _sign(c), 0)


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _turned(pixels: Pixels, turn: tuple[int, int, int, int]) -> Pixels:
    a, b, c, d = turn
    upright = pixels if a else pixels.swapaxes(0, 1)
    return np.ascontiguousarray(upright[:: b + d, :: a + c])


def _pixels(frame: Any, look: _Look, reformatter: Any) -> Pixels:
    # Planar RGB: the packed formats go through a shorter way that turns 10-bit white into 253.
    target = ("gbrap" if look.alpha else "gbrp") + ("16le" if look.depth > 8 else "")
    source_range = ColorRange.JPEG if look.full_range else ColorRange.MPEG
    converted = reformatter.reformat(
        frame,
        format=target,
        interpolation=SCALING,
        src_colorspace=look.colorspace,
        src_color_range=source_range,
        dst_color_range=ColorRange.JPEG,
    )
    pixels: Pixels = converted.to_ndarray()
    return _widened(pixels, look) if look.depth > 8 else pixels


def _small_pixels(frame: Any, look: _Look, reformatter: Any, side: int) -> Pixels:
    if look.yuv and frame.format.name in _EIGHT_BIT_PLANES:
        planes = [_shrunk(_plane(frame.planes[index]), side) for index in range(3)]
        return _rgb(cv2.merge(planes), look)
    converted = reformatter.reformat(
        frame,
        width=side,
        height=side,
        format="rgb24",
        interpolation=Interpolation.AREA,
        src_colorspace=look.colorspace,
        src_color_range=ColorRange.JPEG if look.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    )
    pixels: Pixels = converted.to_ndarray()
    return pixels


def _plane(plane: Any) -> Pixels:
    pixels: Pixels = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return pixels[:, : plane.width]


def _shrunk(plane: Pixels, side: int) -> Pixels:
    """Return ``plane`` small, by halves: means of other sizes take OpenCV 20 times longer."""
    while min(plane.shape) >= 2 * side:
        height, width = plane.shape[0] // 2, plane.shape[1] // 2
        plane = cv2.resize(plane[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(plane, (side, side), interpolation=cv2.INTER_LINEAR))


def _rgb(yuv: Pixels, look: _Look) -> Pixels:
    """Return uint8 YUV ``[H, W, 3]`` as RGB."""
    return np.asarray(cv2.transform(yuv, _from_yuv(*_LUMA[look.colorspace], look.full_range)))


@cache
def _from_yuv(red: float, blue: float, full_range: bool) -> Pixels:
    """Return the matrix ``[3, 4]`` from YUV levels and 1 to RGB (ITU-R BT.709 and BT.601, section 3)."""
    green = 1 - red - blue
    black, luma, chroma = (0, 255, 255) if full_range else (16, 219, 224)
    to_rgb = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    scaled = to_rgb * (255 / np.array([luma, chroma, chroma]))
    return np.column_stack([scaled, -scaled @ np.array([black, 128, 128])])


def _widened(pixels: Pixels, look: _Look) -> Pixels:
    """Bring swscale's 16-bit levels to the full 0 ... 65535: it shifts n bits up and leaves white short."""
    own = pixels.astype(np.uint32) >> (16 - look.depth)
    top = (1 << look.depth) - 1
    levels = (own * 65535 + top // 2) // top
    if look.yuv:
        colour = pixels[..., :3].astype(np.uint32)
        levels[..., :3] = np.minimum((colour * 65535 + YUV_WHITE // 2) // YUV_WHITE, 65535)
    return levels.astype(np.uint16)
