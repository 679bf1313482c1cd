"""Clips to train on, and how examples are drawn from them: any example follows from its number alone."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.data.augment import Passage, augment, degrade
from anicolor.data.motion import DrawnMotion, MotionPair
from anicolor.data.synthetic import DrawnScene, DrawnSettings
from anicolor.errors import InputError
from anicolor.lines.distance import without_ink
from anicolor.media.atomic import write_bytes
from anicolor.media.images import encode_png
from anicolor.media.picture import Picture
from anicolor.media.sequence import list_numbered, picture_size, read_picture

__all__ = [
    "ClipFolder",
    "ClipSource",
    "DrawnClips",
    "Example",
    "FolderClips",
    "MixedClips",
    "Pixels",
    "Stretch",
    "clip_source",
    "draw_clips",
    "find_clips",
]

Pixels = np.ndarray
"""uint8 pictures: colours ``[N, H, W, 3]``, lines ``[N, H, W]``."""

GAPS = (2, 24)
"""Fewest and most drawings between two keyframes."""

_PACES = (17, 25, 33, 49)  # frames of a scene whose motion is asked for: the fewer, the faster
_NEIGHBOURS = 0.5  # share of its pairs that lie side by side
_APART = 12  # drawings, at most

_UNLINED = 0.3  # of the figures to learn from have fills without a line around; those to be judged on have not

_HELD_BACK = 5  # one frame in so many, where a training is judged on its own clips


@dataclass(frozen=True, eq=False)
class Example:
    """One frame to paint and its references in time order, in [0, 1].

    ``target`` ``[3, H, W]`` and ``references`` ``[K, 3, H, W]``; ``paint`` and ``reference_paint`` are both without
    their ink. ``drawings`` ``[N, 1, H, W]`` is the line art of every frame from the first reference to the last (from a
    single one to the target at least), and ``places`` tells which of them the references are, and then the target.
    Where somebody has followed the target to its references, ``tracks`` ``[1, K, 3, H, W]`` say where.
    """

    target: Tensor
    references: Tensor
    paint: Tensor
    reference_paint: Tensor
    drawings: Tensor
    places: tuple[int, ...]
    tracks: Tensor | None = None

    @property
    def lines(self) -> Tensor:
        """The target's line art ``[1, H, W]``."""
        return self.drawings[self.places[-1]]

    @property
    def reference_lines(self) -> Tensor:
        """The references' line art ``[K, 1, H, W]``."""
        return self.drawings[list(self.places[:-1])]

    def at_least(self, side: int) -> Example:
        """Return the example padded to ``side`` pixels both ways, as frames to paint are: crops must have one size."""
        height, width = self.lines.shape[-2:]
        sides = (0, max(0, side - width), 0, max(0, side - height))
        return Example(
            target=F.pad(self.target, sides, mode="replicate"),
            references=F.pad(self.references, sides, mode="replicate"),
            paint=F.pad(self.paint, sides, mode="replicate"),
            reference_paint=F.pad(self.reference_paint, sides, mode="replicate"),
            drawings=F.pad(self.drawings, sides, value=1.0),
            places=self.places,
            tracks=None if self.tracks is None else F.pad(self.tracks, sides),
        )


@dataclass(frozen=True, eq=False)
class Stretch:
    """Frames in a row to paint, and their references in time order, in [0, 1]: ``number`` of a series.

    ``targets`` ``[T, 3, H, W]`` and ``references`` ``[K, 3, H, W]``. ``drawings`` ``[N, 1, H, W]`` is as an example's,
    and ``places`` tells which of them the references are, and then the targets.
    """

    number: int
    targets: Tensor
    references: Tensor
    drawings: Tensor
    places: tuple[int, ...]


class ClipSource(ABC):
    """Where frames come from: draws a passage (keyframe, frames between, keyframe) for a random state."""

    augmented: bool = True

    @abstractmethod
    def draw(self, rng: np.random.Generator, references: int = 2, targets: int = 1) -> Passage:
        """Return a passage with ``references`` keyframes and some of the frames between them picked to be painted.

        These are ``targets`` frames in a row, between the same two keyframes.
        """

    @property
    def longest(self) -> int:
        """Frames of the longest clip."""
        return sys.maxsize

    def check(self, references: int, targets: int = 1) -> None:
        """Check that there are clips with room for so many keyframes, and frames to paint between two of them.

        Raises:
            InputError: there are none.
        """
        needed = _shortest(references, targets)
        if self.longest < needed:
            between = "a frame" if targets == 1 else f"{targets} frames"
            raise InputError(
                f"clips of {self.longest} frames at most: {references} keyframes and {between} between need {needed}"
            )

    def example(self, seed: int, number: int, references: int = 2) -> Example:
        """Return example ``number`` of the endless series ``seed``, changed at random if ``augmented``."""
        rng = np.random.default_rng((seed, number))
        colour, clean, places = self._drawn(rng, references, 1)
        paint = without_ink(colour, _lines(clean[list(places)]))
        lines = _lines(degrade(clean, rng) if self.augmented else clean)
        return Example(colour[-1], colour[:-1], paint[-1], paint[:-1], lines, places)

    def stretch(self, seed: int, number: int, references: int = 2, targets: int = 8) -> Stretch:
        """Return stretch ``number`` of the endless series ``seed``, changed at random if ``augmented``."""
        rng = np.random.default_rng((seed, number))
        colour, clean, places = self._drawn(rng, references, targets)
        lines = _lines(degrade(clean, rng) if self.augmented else clean)
        return Stretch(number, colour[references:], colour[:references], lines, places)

    def motion(self, seed: int, number: int) -> MotionPair:  # noqa: ARG002
        """Return pair ``number`` of the endless series ``seed``: two frames, and how all in them moves.

        Raises:
            InputError: nobody knows how these clips move.
        """
        raise InputError("how clips in folders move is not known: only --data drawn tells it")

    def _drawn(self, rng: np.random.Generator, references: int, targets: int) -> tuple[Tensor, Pixels, tuple[int, ...]]:
        passage = self.draw(rng, references, targets)
        colours, clean, places = augment(passage, rng, targets) if self.augmented else passage
        return torch.from_numpy(colours).permute(0, 3, 1, 2).float() / 255, clean, places

    def parted(self, references: int = 2, targets: int = 1) -> tuple[ClipSource, ClipSource | None]:  # noqa: ARG002
        """Return the source without the frames that are held back, and these alone, as they are, if there are any.

        Of a clip enough frames are held back for ``references`` keyframes with ``targets`` between, or none.
        """
        return self, None


def _gap(rng: np.random.Generator, frames: int, references: int, targets: int) -> int:
    """Return how many drawings further each keyframe is painted, in a clip of ``frames``."""
    return int(rng.integers(_least(targets), max(_least(targets), min(GAPS[1], (frames - 1) // _gaps(references))) + 1))


def _least(targets: int) -> int:
    """Return the fewest drawings from a keyframe to the next one that leave room for so many frames."""
    return GAPS[0] + targets - 1


def _gaps(references: int) -> int:
    return max(references - 1, 1)


def _shortest(references: int, targets: int = 1) -> int:
    return _gaps(references) * _least(targets) + 1


def _places(rng: np.random.Generator, gap: int, references: int, targets: int) -> tuple[int, ...]:
    """Return which drawings of a passage its keyframes are, one every ``gap``, and some between two of them."""
    before = int(rng.integers(references - 1)) * gap if references > 2 else 0
    first = before + int(rng.integers(1, gap - targets + 1))
    return *range(0, references * gap, gap), *range(first, first + targets)


def _lines(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels)[:, None].float() / 255


@dataclass(frozen=True)
class DrawnClips(ClipSource):
    """Animation drawn in code: scenes ``first`` to ``first + count``, so that validation can keep its own."""

    sizes: tuple[int, int] = (192, 320)
    first: int = 1_000_000
    count: int = 2**31
    unlined: float = 0.0

    def draw(self, rng: np.random.Generator, references: int = 2, targets: int = 1) -> Passage:
        size = int(rng.integers(self.sizes[0] // 32, self.sizes[1] // 32 + 1)) * 32
        gap = int(rng.integers(_least(targets), max(_least(targets), GAPS[1]) + 1))
        frames = _gaps(references) * gap + 1
        scene = self._scene(rng, frames, size)
        places = _places(rng, gap, references, targets)
        colours, lines = zip(*(scene.draw(t) for t in range(frames)), strict=True)
        return Passage(np.stack([colours[t] for t in places]), np.stack(lines), places)

    def motion(self, seed: int, number: int) -> MotionPair:
        """Return pair ``number`` of the endless series ``seed``, with lines degraded at random if ``augmented``."""
        rng = np.random.default_rng((seed, number))
        size = int(rng.integers(self.sizes[0] // 32, self.sizes[1] // 32 + 1)) * 32
        frames = int(rng.choice(_PACES))
        scene = self._scene(rng, frames, size)
        apart = 1 if rng.random() < _NEIGHBOURS else int(rng.integers(2, _APART + 1))
        start = int(rng.integers(frames - apart))
        way = list(range(start, start + apart + 1))[:: int(rng.choice([-1, 1]))]
        colours, clean = (np.stack(part) for part in zip(*(scene.draw(t) for t in way), strict=True))
        both = torch.from_numpy(colours[[0, -1]]).permute(0, 3, 1, 2).float() / 255
        paint = without_ink(both, _lines(clean[[0, -1]]))
        lines = _lines(degrade(clean, rng) if self.augmented else clean)
        return MotionPair(lines, both, paint, DrawnMotion(scene).between(way[0], way[-1]))

    def _scene(self, rng: np.random.Generator, frames: int, size: int) -> DrawnScene:
        settings = DrawnSettings(frames=frames, size=size, unlined=self.unlined)
        return DrawnScene(self.first + int(rng.integers(self.count)), settings)


@dataclass(frozen=True)
class ClipFolder:
    """A clip on disk: a folder with ``color/`` and ``line/``, numbered alike."""

    path: Path

    @property
    def color(self) -> Path:
        """The painted frames."""
        return self.path / "color"

    @property
    def line(self) -> Path:
        """The line art."""
        return self.path / "line"


def find_clips(root: Path) -> tuple[ClipFolder, ...]:
    """Return the clips in ``root`` and below it, by name.

    Raises:
        InputError: there is no such folder, or no clip in it.
    """
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder of clips, found no folder: give the path of one")
    clips = sorted(p.parent for p in root.rglob("color") if p.is_dir() and (p.parent / "line").is_dir())
    if not clips:
        raise InputError(f"{root}: no clip found: each clip is a folder with color/ and line/, numbered alike")
    return tuple(map(ClipFolder, clips))


def draw_clips(root: Path, count: int, settings: DrawnSettings) -> Iterator[ClipFolder]:
    """Draw the first ``count`` clips of seeds that training never sees into ``root``; yield each when it is there."""
    for seed in range(count):
        clip = ClipFolder(root / f"drawn-{seed:02d}")
        scene = DrawnScene(seed, settings)
        for folder in (clip.color, clip.line):
            folder.mkdir(parents=True)
        for t in range(settings.frames):
            color, line = scene.draw(t)
            write_bytes(clip.color / f"{t:04d}.png", encode_png(Picture(color)))
            write_bytes(clip.line / f"{t:04d}.png", encode_png(Picture(np.repeat(line[..., None], 3, axis=2))))
        yield clip


class FolderClips(ClipSource):
    """Clips on disk: every folder below ``root`` that holds ``color/`` and ``line/`` with the same numbers.

    Raises:
        InputError: there is no such folder, no clip of three frames in it, or a clip with frames of several sizes.
        AnicolorError: a frame is no image.
    """

    def __init__(self, root: Path) -> None:
        self.clips = [clip for clip in map(_paired, find_clips(root)) if len(clip) >= _shortest(2)]
        if not self.clips:
            raise InputError(f"{root}: no clip of three frames or more found")

    def draw(self, rng: np.random.Generator, references: int = 2, targets: int = 1) -> Passage:
        clips = [clip for clip in self.clips if len(clip) >= _shortest(references, targets)]
        clip = clips[rng.integers(len(clips))]
        gap = _gap(rng, len(clip), references, targets)
        frames = _gaps(references) * gap + 1
        start = int(rng.integers(len(clip) - frames + 1))
        places = _places(rng, gap, references, targets)
        run = clip[start : start + frames]
        colours = np.stack([read_picture(run[t][0]).rgb8() for t in places])
        return Passage(colours, np.stack([read_picture(line).rgb8().min(axis=-1) for _, line in run]), places)

    @property
    def longest(self) -> int:
        return max(map(len, self.clips))

    def parted(self, references: int = 2, targets: int = 1) -> tuple[ClipSource, ClipSource | None]:
        """Hold back the last fifth of each clip that is long enough: of 15 frames or more for two keyframes."""
        rest, held = copy(self), copy(self)
        counts = [_held(clip, references, targets) for clip in self.clips]
        rest.clips = [clip[: len(clip) - count] for clip, count in zip(self.clips, counts, strict=True)]
        held.clips = [clip[len(clip) - count :] for clip, count in zip(self.clips, counts, strict=True) if count]
        held.augmented = False
        return rest, held if held.clips else None


def _held(clip: Sequence[object], references: int, targets: int) -> int:
    count = len(clip) // _HELD_BACK
    return count if count >= _shortest(references, targets) else 0


@dataclass(frozen=True)
class MixedClips(ClipSource):
    """Several sources, each drawn from with its share."""

    sources: tuple[ClipSource, ...]
    shares: tuple[float, ...]
    augmented: bool = True

    def draw(self, rng: np.random.Generator, references: int = 2, targets: int = 1) -> Passage:
        shares = np.asarray(self.shares) / sum(self.shares)
        return self.sources[rng.choice(len(self.sources), p=shares)].draw(rng, references, targets)

    @property
    def longest(self) -> int:
        return min(source.longest for source in self.sources)

    def parted(self, references: int = 2, targets: int = 1) -> tuple[ClipSource, ClipSource | None]:
        """Hold back what the sources hold back."""
        rest, held = zip(*(source.parted(references, targets) for source in self.sources), strict=True)
        kept = {n: source for n, source in enumerate(held) if source is not None}
        unseen = MixedClips(tuple(kept.values()), tuple(self.shares[n] for n in kept), augmented=False)
        return MixedClips(rest, self.shares), unseen if kept else None


def clip_source(names: tuple[str, ...]) -> ClipSource:
    """Return the source that ``--data`` names: ``drawn``, a folder, or several, with shares as in ``drawn:0.6``."""
    named = [_share(name) for name in names]
    sources = tuple(DrawnClips(unlined=_UNLINED) if name == "drawn" else FolderClips(Path(name)) for name, _ in named)
    return sources[0] if len(sources) == 1 else MixedClips(sources, tuple(share for _, share in named))


def _share(name: str) -> tuple[str, float]:
    where, colon, share = name.rpartition(":")
    try:
        return (where, float(share)) if colon else (name, 1.0)
    except ValueError:
        return name, 1.0


def _paired(folder: ClipFolder) -> list[tuple[Path, Path]]:
    colours, lines = ({n.number: n.path for n in list_numbered(kind)} for kind in (folder.color, folder.line))
    clip = [(colours[number], lines[number]) for number in sorted(colours.keys() & lines.keys())]
    _check_sizes([path for pair in clip for path in pair])
    return clip


def _check_sizes(paths: list[Path]) -> None:
    sizes = [picture_size(path) for path in paths]
    for path, (width, height) in zip(paths, sizes, strict=True):
        if (width, height) != sizes[0]:
            raise InputError(
                f"{path}: expected {sizes[0][0]}x{sizes[0][1]} pixels like the rest of its clip,"
                f" found {width}x{height}: give every size a clip of its own"
            )
