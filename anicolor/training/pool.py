"""Examples that are drawn once, kept on disk, and learned from again and again."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from anicolor.data.clips import Example
from anicolor.media.atomic import write_bytes, write_errors
from anicolor.models.tracks import example_tracks

__all__ = ["Pool"]

_PICTURES = ("target", "references", "paint", "reference_paint", "drawings")


class Pool:
    """``count`` examples in ``folder``: for models whose examples take longer to draw than to learn from.

    Pictures are kept in the 8 bits that they come in; of ``tracked`` models the tracks too, in half precision.
    """

    def __init__(self, folder: Path, count: int, *, tracked: bool) -> None:
        self.folder, self.count, self.tracked = folder, count, tracked

    def example(self, number: int, draw: Callable[[int], Example]) -> Example:
        """Return example ``number`` of an endless series that goes through the pool; what is not there is drawn.

        Raises:
            AnicolorError: the disk is full.
        """
        path = self.folder / f"{number % self.count:06d}.example"
        kept = _recalled(path, self.tracked)
        if kept is None:
            example = draw(number % self.count)
            kept = replace(example, tracks=example_tracks(example).half().float() if self.tracked else None)
            with write_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
            write_bytes(path, _packed(kept))
        return kept

    def clear(self) -> None:
        """Delete all that is kept."""
        rmtree(self.folder, ignore_errors=True)


def _packed(example: Example) -> bytes:
    parts = {name: (getattr(example, name) * 255).round().byte() for name in _PICTURES}
    if example.tracks is not None:
        parts["tracks"] = example.tracks.half()
    parts["places"] = torch.tensor(example.places)
    return zlib.compress(save({name: part.contiguous() for name, part in parts.items()}), level=1)


def _recalled(path: Path, tracked: bool) -> Example | None:
    """Return what is kept there; None: nothing, or something damaged."""
    try:
        found = load(zlib.decompress(path.read_bytes()))
    except (OSError, SafetensorError, zlib.error):
        return None
    if found.keys() != {*_PICTURES, "places", *(("tracks",) if tracked else ())}:
        return None
    pictures: dict[str, Tensor] = {name: found[name].float() / 255 for name in _PICTURES}
    tracks = found["tracks"].float() if tracked else None
    return Example(**pictures, places=tuple(found["places"].tolist()), tracks=tracks)
