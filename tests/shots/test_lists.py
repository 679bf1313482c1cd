"""The JSON that other programs read."""

import json
from fractions import Fraction
from pathlib import Path

from anicolor.frames import FrameRange, Shot
from anicolor.media.film import FilmInfo
from anicolor.shots.lists import shots_json


def test_shots_json() -> None:
    info = FilmInfo(Path("cut.mov"), "video", 64, 48, 10, tuple(range(10)), Fraction(24000, 1001), False, 8, False)
    document = shots_json(info, [Shot(FrameRange(0, 4)), Shot(FrameRange(4, 10), 0.5)])
    assert json.loads(json.dumps(document)) == {
        "schema_version": 1,
        "input": "cut.mov",
        "rate": "24000/1001",
        "frames": 10,
        "shots": [
            {"index": 0, "start": 0, "stop": 4, "score": 0.0},
            {"index": 1, "start": 4, "stop": 10, "score": 0.5},
        ],
    }
