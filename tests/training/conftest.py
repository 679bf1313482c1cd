"""Trainings of tiny networks on a tiny clip."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import pytest

from anicolor.data.clips import FolderClips
from anicolor.data.synthetic import DrawnScene, DrawnSettings
from anicolor.models.deepcolorization import colorizer as deepcolorization
from anicolor.models.opdm import colorizer as opdm
from anicolor.training import loop


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one drawn clip of four frames of 64 pixels."""
    root = tmp_path_factory.mktemp("clips")
    scene = DrawnScene(3, DrawnSettings(frames=4, size=64))
    for kind in ("color", "line"):
        (root / "one" / kind).mkdir(parents=True)
    for frame in range(4):
        colour, line = scene.draw(frame)
        cv2.imwrite(str(root / "one" / "color" / f"{frame}.png"), colour[..., ::-1])
        cv2.imwrite(str(root / "one" / "line" / f"{frame}.png"), line)
    return root


@pytest.fixture(scope="module", autouse=True)
def _tiny(clips: Path, quick_tracks: None) -> Iterator[None]:  # noqa: ARG001
    """The models that are trained by name are the tiny ones, validated on the clip."""
    with pytest.MonkeyPatch.context() as patch:
        for paper in (opdm, deepcolorization):
            for name, settings in paper.TINY.items():
                patch.setitem(paper.PRESETS, name, settings)
        patch.setattr(loop, "VALIDATION", FolderClips(clips))
        patch.setattr(loop, "validate", partial(loop.validate, examples=1))
        patch.setattr(loop, "samples", partial(loop.samples, examples=2))
        yield
