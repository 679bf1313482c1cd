"""Windows between keyframes: pad, resize, window, stitch and clamp, once for every colorizer."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.diffusion.noise import FrameNoise
from anicolor.frames import FrameRange
from anicolor.models.cache import PaintCache
from anicolor.models.colorizer import Colorizer, Colours, Reference, Request, Traits
from anicolor.models.lineflow.flow import shipped
from anicolor.models.tracks import GapTracks

__all__ = ["DTYPES", "Precision", "Window", "anchors_of", "fit", "network_size", "pad", "paint", "plan", "square"]

Precision = Literal["float32", "bfloat16", "float16"]

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Window:
    """One request: the frames handed over, those of them that are new, and its keyframes' indices.

    Everything counts from the shot. ``frames`` and ``new`` differ only for models of a fixed length; ``gap`` is the
    whole run of frames without a keyframe that the new ones are part of.
    """

    frames: FrameRange
    new: FrameRange
    gap: FrameRange
    anchors: tuple[int, ...]


def plan(length: int, keyframes: Sequence[int], traits: Traits) -> tuple[Window, ...]:
    """Return the windows that paint a shot of ``length`` frames, in order; keyframes themselves are not painted.

    ``keyframes`` are sorted indices; borrowed ones lie outside ``0:length``. Models with two anchors work between
    keyframes; models of a fixed length get their last window shifted back rather than shortened.

    Raises:
        ValueError: there is no keyframe.
    """
    if not keyframes:
        raise ValueError("a shot needs at least one keyframe")
    borders = [-1, *(k for k in keyframes if 0 <= k < length), length]
    windows = []
    for before, after in pairwise(borders):
        gap = FrameRange(before + 1, after)
        start = gap.start
        while start < gap.stop:
            new = _new(FrameRange(start, min(start + traits.window, gap.stop)), keyframes, traits)
            windows.append(Window(_handed(new, length, traits), new, gap, anchors_of(new, keyframes, traits)))
            start = new.stop
    return tuple(windows)


def network_size(height: int, width: int, longer: int) -> tuple[int, int]:
    """Return (height, width) with the longer side at most ``longer``: the aspect is kept, nothing is enlarged."""
    scale = min(1.0, longer / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def fit(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``pictures`` ``[T, C, H, W]`` resized to ``size`` (height, width), antialiased."""
    if tuple(pictures.shape[-2:]) == size:
        return pictures
    return F.interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)


def pad(pictures: Tensor, multiple: int, *, paper: bool) -> Tensor:
    """Return ``pictures`` ``[T, C, H, W]`` with both sizes a multiple: more ``paper`` (1), or of the pixels there."""
    height, width = pictures.shape[-2:]
    sides = (0, -width % multiple, 0, -height % multiple)
    return F.pad(pictures, sides, value=1.0) if paper else F.pad(pictures, sides, mode="replicate")


def square(pictures: Tensor, side: int, *, paper: bool) -> Tensor:
    """Return ``pictures`` ``[N, C, H, W]`` resized to fit a square of ``side`` pixels, and padded to fill it."""
    height, width = pictures.shape[-2:]
    scale = side / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    fitted = fit(pictures, size)
    sides = (0, side - size[1], 0, side - size[0])
    return F.pad(fitted, sides, value=1.0) if paper else F.pad(fitted, sides, mode="replicate")


def paint(
    colorizer: Colorizer,
    length: int,
    lines: Callable[[FrameRange], Tensor],
    references: Mapping[int, Reference],
    noise: FrameNoise,
    *,
    shot: int = 0,
    steps: int | None = None,
    most: int | None = None,
    batch: int = 1,
    precision: Precision = "float32",
    cache: PaintCache | None = None,
) -> Iterator[tuple[FrameRange, Colours]]:
    """Yield the colours of every frame of a shot that is no keyframe, on the CPU: its range, ``[T, 3, H, W]``.

    ``lines`` returns the lines ``[T, 1, H, W]`` of a range; they and ``references`` have one size, any at all.
    ``shot`` names the shot for its noise (its first frame in the film): all its frames have the same, so that what is
    still stays so. ``most`` references are used for each, the nearest (None: as many as the model takes). ``batch``
    frames are painted at once by models that paint each on its own. With a ``precision`` below ``float32`` the
    networks calculate in it where torch's autocast does. Frames that ``cache`` has, of models that paint each on its
    own, are not painted again.
    """
    traits = colorizer.traits
    traits = replace(traits, keyframes=min(traits.keyframes, most or traits.keyframes))
    if traits.alone:
        traits = replace(traits, window=batch)
    multiple = traits.size_multiple
    height, width = next(iter(references.values())).image.shape[-2:]
    padded = {index: _pad_reference(reference, multiple) for index, reference in references.items()}
    painted: Tensor | None = None
    tracker: GapTracks | None = None
    tracked: tuple[int, ...] = ()
    known: _Gap | None = None
    stop = 0

    def drawn(frames: FrameRange) -> Tensor:
        return pad(lines(frames), multiple, paper=True)

    for window in plan(length, sorted(references), traits):
        anchors = tuple(padded[anchor] for anchor in window.anchors)
        if cache and traits.alone and (known is None or not known.holds(window)):
            known = _Gap(window, cache.gap(_one_by_one(lines, window.gap), anchors, window.gap.start))
        kept = known.recall(cache, window, shot) if cache and known else None
        if kept is not None:
            yield window.new, kept
            continue
        if traits.tracked and (window.new.start == window.gap.start or window.anchors != tracked):
            flow = shipped(str(colorizer.device))
            tracker, tracked = GapTracks(drawn, window.gap, anchors, flow), window.anchors
        art = drawn(window.frames)
        if painted is None or window.new.start != stop:
            painted = art.new_zeros(0, 3, *art.shape[-2:])
        request = Request(
            lines=art,
            references=anchors,
            first=window.frames.start,
            seeds=(shot,) * len(window.frames),
            painted=painted,
            tracks=tracker.to(window.frames, art) if tracker else None,
        )
        with torch.autocast(colorizer.device.type, DTYPES[precision], enabled=precision != "float32"):
            made = colorizer.colorize(request, noise, steps)
        at = window.new.start - window.frames.start
        new = slice(at, at + len(window.new))
        colours = made.frames[new].float().clamp(0, 1).cpu()
        confidence = None if made.confidence is None else made.confidence[new].float().clamp(0, 1).cpu()
        overlap = traits.overlap
        painted = torch.cat((painted, colours))[-overlap:] if overlap else None
        stop = window.new.stop
        cropped = ..., slice(height), slice(width)
        done = Colours(colours[cropped], None if confidence is None else confidence[cropped])
        if cache and known:
            known.keep(cache, window, shot, done)
        yield window.new, done


@dataclass(frozen=True)
class _Gap:
    """A run of frames between the same keyframes, and its key in the cache."""

    first: Window
    key: bytes

    def holds(self, window: Window) -> bool:
        return (window.gap, window.anchors) == (self.first.gap, self.first.anchors)

    def recall(self, cache: PaintCache, window: Window, seed: int) -> Colours | None:
        """Return the colours of the window's new frames, if all of them were kept."""
        found = [cache.get(self.key, frame - window.gap.start, seed) for frame in window.new]
        if any(one is None for one in found):
            return None
        frames = [one.frames for one in found if one]
        sure = [one.confidence for one in found if one and one.confidence is not None]
        return Colours(torch.cat(frames), torch.cat(sure) if sure else None)

    def keep(self, cache: PaintCache, window: Window, seed: int, colours: Colours) -> None:
        """Keep the colours of the window's new frames."""
        for place, frame in enumerate(window.new):
            one = slice(place, place + 1)
            sure = None if colours.confidence is None else colours.confidence[one]
            cache.put(self.key, frame - window.gap.start, seed, Colours(colours.frames[one], sure))


def _one_by_one(lines: Callable[[FrameRange], Tensor], frames: FrameRange) -> Iterator[Tensor]:
    return (lines(FrameRange(frame, frame + 1)) for frame in frames)


def _new(frames: FrameRange, keyframes: Sequence[int], traits: Traits) -> FrameRange:
    """Return as many of ``frames`` as go into one window: those that are painted alone keep their own anchors."""
    if not traits.alone:
        return frames
    anchors = [anchors_of(FrameRange(frame, frame + 1), keyframes, traits) for frame in frames]
    same = next((n for n, found in enumerate(anchors) if found != anchors[0]), len(anchors))
    return FrameRange(frames.start, frames.start + same)


def _handed(new: FrameRange, length: int, traits: Traits) -> FrameRange:
    if not traits.fixed or len(new) == traits.window:
        return new
    stop = min(length, max(new.stop, traits.window))
    return FrameRange(max(0, stop - traits.window), stop)


def anchors_of(new: FrameRange, keyframes: Sequence[int], traits: Traits) -> tuple[int, ...]:
    """Return which of the sorted ``keyframes`` a model with these ``traits`` is given for the frames ``new``."""
    after = bisect_left(keyframes, new.start)
    if traits.anchors == "between":
        keyframes = keyframes[max(after - 1, 0) : after + 1]
    middle = (new.start + new.stop - 1) / 2
    nearest = sorted(keyframes, key=lambda k: (abs(k - middle), k))[: traits.keyframes]
    return tuple(sorted(nearest))


def _pad_reference(reference: Reference, multiple: int) -> Reference:
    image = pad(reference.image[None], multiple, paper=False)[0]
    return Reference(reference.index, image, pad(reference.lines[None], multiple, paper=True)[0])
