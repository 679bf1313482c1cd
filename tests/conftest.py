"""Fixtures of the command line and the pipeline: a tiny model, tiny cuts, the command itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import torch
from tiny_cuts import cut, save

from anicolor.cli.main import main


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]

_CACHES = count()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep out of the user's cache folder: each test has its own, which is made when something is kept in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "caches" / str(next(_CACHES))))


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a network of a few thousand parameters, that passes for ``opdm-small``."""
    from anicolor.models.opdm.colorizer import OpdmColorizer
    from anicolor.models.opdm.network import OpdmSettings
    from anicolor.models.weights import save_weights

    torch.manual_seed(1)
    settings = OpdmSettings(
        widths=(8, 8, 8, 8),
        blocks=1,
        reference_blocks=1,
        adapter_width=8,
        adapter_blocks=1,
        patch=2,
        kernel=3,
        prediction="sample",
        aligned=True,
        matching=16,
        carried=True,
    )
    networks = OpdmColorizer(settings).networks
    with torch.no_grad():  # the branches that begin as zeros play their part too
        for parameter in networks["network"].parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, "opdm-small", settings, networks, {"source": "random"})
    return path


@pytest.fixture(scope="module")
def quick_tracks() -> Iterator[None]:
    """Tracks are found by a tiny network, five times as fast: for what needs some, whatever they are."""
    from anicolor.models.lineflow import flow

    with torch.random.fork_rng():
        torch.manual_seed(0)
        tiny = flow.LineFlow(flow.TINY[flow.NAME])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "load_weights", lambda *_: tiny)
        flow.shipped.cache_clear()
        yield
    flow.shipped.cache_clear()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser that pages are looked at with; tests without one are skipped."""
    found = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    if not found:
        pytest.skip("no Chromium here")
    return found[0]


@pytest.fixture
def anicolor(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process."""

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Outcome(stop.value.code, said.out, said.err)

    return run


@pytest.fixture
def colorize(anicolor: Run, weights: Path) -> Run:
    """Run ``colorize INPUT KEYFRAMES OUT`` with the tiny model, one step and the CPU, and no report."""

    def run(film: Path, keyframes: Path, out: Path, *more: object) -> Outcome:
        tiny = ("--weights", weights, "--steps", 1, "--size", 64, "--device", "cpu", "--no-report", "--no-cache")
        return anicolor("colorize", film, "--keyframes", keyframes, "-o", out, *tiny, *more)

    return run


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A cut of one shot: drawings 1 to 4."""
    return save(tmp_path / "cut", [drawing.lines for drawing in cut()], range(1, 5))


@pytest.fixture
def keyframes(tmp_path: Path) -> Path:
    """Its first and last drawing, painted."""
    drawings = cut()
    return save(tmp_path / "painted", [drawings[0].colours, drawings[3].colours], (1, 4))


@pytest.fixture
def long_film(tmp_path: Path) -> Path:
    """A cut of two shots: drawings 1 to 4 and 5 to 8."""
    return save(tmp_path / "long", [drawing.lines for drawing in cut(2)], range(1, 9))


@pytest.fixture
def long_keyframes(tmp_path: Path) -> Path:
    """The first drawing of each of the two shots, painted."""
    drawings = cut(2)
    return save(tmp_path / "long-painted", [drawings[0].colours, drawings[4].colours], (1, 5))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the painted frames go: not there yet."""
    return tmp_path / "out"
