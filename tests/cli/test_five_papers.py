"""Every paper from the command line: trained, resumed, scored, and painting line art and finished film."""

from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
from tiny_cuts import cut, files_in, save

from anicolor.data.clips import FolderClips, draw_clips
from anicolor.data.synthetic import DrawnSettings
from anicolor.training import loop

PAPERS = (
    "opdm-small",
    "deepcolorization-small",
    "animediffusion-small",
    "animediffusion",
    "pscdiffusion-small",
    "pscdiffusion",
    "colorizediffusion-small",
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    list(draw_clips(folder, 1, DrawnSettings(frames=4, size=64)))
    return folder


@pytest.mark.usefixtures("quick_tracks")
@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_is_trained_and_paints(name, anicolor, clips, film, keyframes, tmp_path, monkeypatch):
    module = import_module(f"anicolor.models.{name.removesuffix('-small')}.colorizer")
    monkeypatch.setitem(module.PRESETS, name, module.TINY[name])
    monkeypatch.setattr(loop, "VALIDATION", FolderClips(clips))
    monkeypatch.setattr(loop, "validate", partial(loop.validate, examples=1))
    monkeypatch.setattr(loop, "samples", partial(loop.samples, examples=1))

    run, tiny = tmp_path / "run", ("--device", "cpu", "--quiet")
    order = ("--data", clips, "--steps", 2, "--batch", 2, "--crop", 32, "--workers", 0, *tiny)
    assert anicolor("train", name, "--out", run, *order).code == 0
    assert anicolor("train", name, "--out", run, "--resume", "--workers", 0, *tiny).code == 0
    weights = run / "best.safetensors"

    painting = ("--model", name, "--weights", weights, "--size", 64, *tiny)
    scored = anicolor("eval", *painting, "--data", clips, "--psnr")
    assert scored.code == 0
    assert "psnr" in scored.out
    painted = ("--no-report", "--no-cache", *painting)
    assert anicolor("colorize", film, "--keyframes", keyframes, "-o", tmp_path / "out", *painted).code == 0
    assert len(files_in(tmp_path / "out")) == 4
    finished = save(tmp_path / "finished", [drawing.colours for drawing in cut()], range(1, 5))
    reference = next(keyframes.iterdir())
    assert anicolor("recolor", finished, "--reference", reference, "-o", tmp_path / "new", *painted).code == 0
    assert len(files_in(tmp_path / "new")) == 4
