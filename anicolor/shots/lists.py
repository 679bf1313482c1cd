"""Lists of shots for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anicolor.frames import Shot
from anicolor.media.film import FilmInfo

__all__ = ["shots_json"]


def shots_json(info: FilmInfo, shots: Sequence[Shot]) -> dict[str, Any]:
    """Return the shots as JSON-ready data; ``start`` and ``stop`` are half-open frame ordinals."""
    return {
        "schema_version": 1,
        "input": str(info.path),
        "rate": f"{info.rate.numerator}/{info.rate.denominator}",
        "frames": info.frames,
        "shots": [
            {"index": index, "start": shot.frames.start, "stop": shot.frames.stop, "score": shot.score}
            for index, shot in enumerate(shots)
        ],
    }
