"""A film's sound, passed on packet by packet: bit for bit, never decoded."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from math import inf
from types import TracebackType
from typing import Any, Self

import av

from anicolor.errors import InputError
from anicolor.media.film import Film

__all__ = ["Excerpt", "SoundCopy", "Soundtrack", "check_audio"]

_APART = Fraction(2)  # seconds: how far a film's own order of packets may be from that of time


def check_audio(
    film: Film, suffix: str, containers: Mapping[str, str], otherwise: str = "write a folder of images"
) -> None:
    """Check that a container (``containers``: suffix to format) holds the film's audio as it is.

    Raises:
        InputError: it does not; the message names the suffixes that do, or ``otherwise`` if there are none.
    """
    if not film.info.audio:
        return
    with av.open(str(film.info.path)) as source:
        streams = source.streams.audio
        codecs = {stream.codec_context.name for stream in streams}
        fitting = [one for one, name in containers.items() if _holds(name, streams)]
    if suffix not in fitting:
        cure = f"use {' or '.join(fitting)}" if fitting else otherwise
        raise InputError(f"a {suffix} file cannot hold the {', '.join(sorted(codecs))} audio as it is: {cure}")


class Soundtrack:
    """The audio packets of a film, read once from front to back; none where the film has no audio."""

    def __init__(self, film: Film) -> None:
        self._cleanup = ExitStack()
        self.streams: Sequence[Any] = ()
        self._packets: Iterator[Any] = iter(())
        self._waiting: list[tuple[Fraction, Any]] = []
        self._read: Fraction | float = -inf  # where the last packet that was read starts
        if film.info.audio:
            source = self._cleanup.enter_context(av.open(str(film.info.path)))
            self.streams = source.streams.audio
            # The last packet of each stream is empty: a decoder's flush.
            self._packets = (packet for packet in source.demux(*self.streams) if packet.size)

    def take(self, stop: Fraction | float) -> Iterator[Any]:
        """Yield the packets that start before ``stop`` (seconds) and were not taken yet, in the file's order."""
        waiting, self._waiting = self._waiting, []
        for start, packet in chain(waiting, self._fresh(stop + _APART)):
            if start < stop:
                yield packet
            else:
                self._waiting.append((start, packet))

    def next_start(self) -> Fraction | None:
        """Return when the next packet starts, in seconds; None after the last."""
        if not self._waiting:
            self._waiting.extend(islice(self._fresh(inf), 1))
        return min((start for start, _ in self._waiting), default=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _fresh(self, stop: Fraction | float) -> Iterator[tuple[Fraction, Any]]:
        while self._read < stop and (packet := next(self._packets, None)) is not None:
            self._read = start = _starts(packet)
            yield start, packet


@dataclass(frozen=True)
class Excerpt:
    """The sound of a film from ``start`` to ``stop`` (seconds of the film), with ``start`` as its time 0.

    It is the packets that start in between, as they are: the sound begins and ends up to a packet late (AAC at 48 kHz:
    21 ms, and its decoder swings in over the first; FLAC: 96 ms), and stays in step with the picture. Of excerpts that
    meet, each packet is in one. Without ``start`` the film's own times are kept, those before 0 too.
    """

    track: Soundtrack
    start: Fraction | None = None
    stop: Fraction | float = inf


class SoundCopy:
    """Passes the packets of an excerpt on, none far ahead of the picture it belongs to."""

    def __init__(self, sound: Excerpt, target: Any) -> None:
        self._sound, self._target, self._shift = sound, target, sound.start or Fraction(0)
        self._streams = {stream.index: target.add_stream_from_template(stream) for stream in sound.track.streams}
        if sound.start is not None:
            for _ in sound.track.take(sound.start):
                pass  # the picture comes first: it begins the file, at 0
        self.start = (sound.track.next_start() or self._shift) - self._shift
        """When the first packet starts, in seconds of the copy; 0 without one."""

    def until(self, seconds: Fraction | float) -> None:
        """Pass on every packet that starts before ``seconds`` of the copy; ``inf``: all that are left."""
        for packet in self._sound.track.take(min(seconds + self._shift, self._sound.stop)):
            ticks = round(self._shift / Fraction(packet.time_base))
            packet.pts = None if packet.pts is None else packet.pts - ticks
            packet.dts = None if packet.dts is None else packet.dts - ticks
            packet.stream = self._streams[packet.stream.index]
            self._target.mux(packet)


def _starts(packet: Any) -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if ticks is None else ticks * Fraction(packet.time_base)


def _holds(container: str, streams: Sequence[Any]) -> bool:
    """Try it: the muxers' own lists of codecs promise more than their headers take."""
    try:
        with av.open(io.BytesIO(), mode="w", format=container) as target:
            for stream in streams:
                target.add_stream_from_template(stream)
            target.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
