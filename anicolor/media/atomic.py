"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from anicolor.errors import AnicolorError

__all__ = ["WholeFile", "write_bytes", "write_errors"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class WholeFile:
    """A file under a hidden temporary name beside ``path``, until :meth:`keep` gives it its name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self.file = self._part.open("wb")

    def keep(self) -> None:
        """Give the finished file its name, replacing what had it."""
        self.file.flush()
        os.fsync(self.file.fileno())  # a full disk on a network may show only here
        self.file.close()
        self._part.replace(self.path)

    def drop(self) -> None:
        """Remove what is not kept; after :meth:`keep` there is nothing left to remove."""
        with suppress(OSError):
            self.file.close()
        self._part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all.

    Raises:
        AnicolorError: the disk is full, or the place cannot be written.
    """
    with write_errors(path):
        whole = WholeFile(path)
        try:
            whole.file.write(data)
            whole.keep()
        finally:
            whole.drop()


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusals to write ``path`` into one line."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise AnicolorError(f"disk full: {path} cannot be written: make room, then run it again") from error
        raise AnicolorError(f"{path}: cannot be written ({error.strerror or error}): check the place") from error
