"""What was painted before: the same drawings, keyframes and weights give the same colours, and are not painted again.

A corrected frame goes in as a keyframe, and only the frames that depend on it change.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from anicolor.errors import AnicolorError
from anicolor.media.atomic import write_bytes
from anicolor.models.colorizer import Colours, Reference

__all__ = ["PaintCache", "default_folder", "digest_of"]

_VERSION = b"anicolor paint 2"
_MOST = 4 * 2**30  # bytes
_ROOM = 0.8  # of the most: so much is left when there is too much
_EACH = 64  # frames written between two looks at the size


def default_folder() -> Path:
    """Return where the cache is without a wish: ``$XDG_CACHE_HOME/anicolor``, or ``~/.cache/anicolor``."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "anicolor"


class _Maker(Protocol):
    @property
    def settings(self) -> object: ...

    @property
    def networks(self) -> Mapping[str, nn.Module]: ...

    @property
    def frozen(self) -> Mapping[str, nn.Module]: ...


def digest_of(maker: _Maker, *facts: object) -> bytes:
    """Return a digest of the form and weights of what makes frames, and of ``facts`` that they depend on as well."""
    digest = hashlib.sha256(_VERSION)
    digest.update(repr((type(maker).__name__, maker.settings, torch.__version__, facts)).encode())
    for name, network in sorted({**maker.networks, **maker.frozen}.items()):
        for key, value in network.state_dict().items():
            digest.update(f"{name} {key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.digest()


class PaintCache:
    """Colours of frames on disk, by the content of all that they depend on.

    Args:
        folder: made when the first frame is kept; its files may be deleted at any time.
        identity: of the colorizer and of how it is used; see :func:`digest_of`.
        most: bytes; when there are more, the frames that were not used for longest go.

    A folder that cannot be written keeps nothing, and a damaged file is painted again: neither is an error.
    """

    def __init__(self, folder: Path, identity: bytes, most: int = _MOST) -> None:
        self._folder, self._identity, self._most = folder, identity, most
        self._written = 0

    def gap(self, lines: Iterable[Tensor], references: Iterable[Reference], first: int) -> bytes:
        """Return the key of a run of frames: their ``lines`` one by one, its ``references``, its first frame."""
        digest = hashlib.sha256(self._identity)
        for reference in references:
            digest.update(f"{reference.index - first} {tuple(reference.image.shape)}".encode())
            digest.update(_bytes(reference.image))
            digest.update(_bytes(reference.lines))
        for drawing in lines:
            digest.update(_bytes(drawing))
        return digest.digest()

    def get(self, gap: bytes, frame: int, seed: int) -> Colours | None:
        """Return the colours of a frame, ``[1, 3, H, W]``, as they were kept; None: they were not."""
        path = self._path(gap, frame, seed)
        try:
            kept = load(zlib.decompress(path.read_bytes()))
            colours = Colours(kept["frames"], kept.get("confidence"))
        except (OSError, KeyError, SafetensorError, zlib.error):
            return None
        with suppress(OSError):
            os.utime(path)
        return colours

    def put(self, gap: bytes, frame: int, seed: int, colours: Colours) -> None:
        """Keep the colours ``[1, 3, H, W]`` of a frame."""
        parts = {"frames": colours.frames, "confidence": colours.confidence}
        whole = {name: part.contiguous() for name, part in parts.items() if part is not None}
        path = self._path(gap, frame, seed)
        with suppress(OSError, AnicolorError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, zlib.compress(save(whole), level=1))
        if self._written % _EACH == 0:
            self._prune()
        self._written += 1

    def _path(self, gap: bytes, frame: int, seed: int) -> Path:
        key = hashlib.sha256(gap + f"{frame} {seed}".encode()).hexdigest()
        return self._folder / key[:2] / f"{key}.paint"

    def _prune(self) -> None:
        """Delete what was not used for longest, if there is too much."""
        with suppress(OSError):
            files = sorted(
                (facts.st_mtime, facts.st_size, path)
                for path in self._folder.glob("??/*.paint")
                for facts in [path.stat()]
            )
            held = sum(size for _, size, _ in files)
            if held <= self._most:
                return
            for _, size, path in files:
                path.unlink(missing_ok=True)
                held -= size
                if held <= _ROOM * self._most:
                    return


def _bytes(picture: Tensor) -> bytes:
    return f"{tuple(picture.shape)}".encode() + picture.contiguous().numpy().tobytes()
