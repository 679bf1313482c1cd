"""Open whatever carries a film."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from anicolor.errors import InputError
from anicolor.media.film import Film, Matrix
from anicolor.media.sequence import IMAGE_SUFFIXES, SequenceFilm
from anicolor.media.video import VideoFilm

__all__ = ["open_film"]


def open_film(path: str | Path, *, rate: Fraction | None = None, matrix: Matrix | None = None) -> Film:
    """Open a video file, a folder of numbered images, or a pattern such as ``A.%04d.png``.

    ``rate`` is the frame rate of a sequence (24 without one); ``matrix`` the colour matrix of a video that
    does not name its own.

    Raises:
        InputError: nothing is there, or it is not one film: a single image, several series, a number twice,
            frames of different sizes; or an option that this kind of film does not take.
        AnicolorError: the file is not a video that can be read.
    """
    path = Path(path)
    pattern = re.search(r"%(0\d+)?d", path.name) is not None
    if path.is_dir() or (pattern and not path.exists()):
        if matrix is not None:
            raise InputError(f"{path}: images have no colour matrix: leave {matrix} out")
        return SequenceFilm(path, rate or Fraction(24))
    if not path.exists():
        raise InputError(f"{path}: no such file or folder: check the name")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise InputError(f"{path}: a single image is no film: name its folder, or a pattern like A.%04d.png")
    if rate is not None:
        raise InputError(f"{path}: a video has its own frame rate: leave {rate} out")
    return VideoFilm(path, matrix)
