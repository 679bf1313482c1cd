"""``--refine`` and ``--refiner``, as a user gives them."""

import json
from pathlib import Path

import pytest
import torch
from tiny_cuts import pixels_of

from anicolor.models.weights import save_weights
from anicolor.temporal import refiner as module
from anicolor.temporal.refiner import TINY, Refiner

USAGE, FAILED = 2, 1


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Weights of a refiner that changes a good deal."""
    torch.manual_seed(0)
    refiner = Refiner(TINY["refiner-small"])
    with torch.no_grad():
        refiner.network.leave.bias[3] = 6.0  # the gate is open
    path = tmp_path / "refiner.safetensors"
    save_weights(path, "refiner-small", refiner.settings, refiner.networks, {})
    return path


@pytest.fixture(autouse=True)
def _none_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHIPPED", None)


def test_a_film_is_refined_but_for_its_keyframes(colorize, film, keyframes, tmp_path, trained):
    plain, refined = tmp_path / "plain", tmp_path / "refined"
    assert colorize(film, keyframes, plain, "--finish", "raw").code == 0
    done = colorize(film, keyframes, refined, "--finish", "raw", "--refiner", trained, "--json")
    assert json.loads(done.out)["refiner"] == str(trained)
    same = [(a == b).all() for a, b in zip(pixels_of(plain), pixels_of(refined), strict=True)]
    assert same == [True, False, False, True]
    again = tmp_path / "again"
    assert colorize(film, keyframes, again, "--finish", "raw", "--refiner", trained, "--refine").code == 0
    assert all((a == b).all() for a, b in zip(pixels_of(refined), pixels_of(again), strict=True))


def test_shipped_weights_refine_unless_told_not_to(colorize, film, keyframes, tmp_path, trained, monkeypatch):
    monkeypatch.setattr(module, "SHIPPED", trained)
    for more, told in (((), "shipped"), (("--no-refine",), "none")):
        done = colorize(film, keyframes, tmp_path / told, "--json", *more)
        assert json.loads(done.out)["refiner"] == told
    plan = colorize(film, keyframes, tmp_path / "plan", "--dry-run").out
    assert "4 frames, opdm-small and a refiner at" in plan


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--refine",), ("refiner-small ships without weights", "--refiner FILE", "anicolor train refiner-small")),
        (("--refiner", "gone.safetensors"), ("gone.safetensors", "no such weights file")),
    ],
)
def test_weights_that_are_not_there(colorize, film, keyframes, out, more, words):
    done = colorize(film, keyframes, out, *more)
    assert (done.code, done.out) == (USAGE, "")
    (line,) = done.err.splitlines()
    assert all(word in line for word in words)
    assert not out.exists()


def test_weights_of_something_else(colorize, film, keyframes, out, trained, weights):
    done = colorize(film, keyframes, out, "--refiner", weights)
    assert done.code == FAILED
    assert "expected weights of refiner-small, found those of opdm-small" in done.err
    done = colorize(film, keyframes, out, "--refiner", trained, "--no-refine")
    assert done.code == USAGE
    assert "give one of them" in done.err


def test_what_is_scored_only_cannot_be_refined(anicolor, film, trained):
    done = anicolor("eval", film, "--cdc", "--refiner", trained)
    assert done.code == USAGE
    assert "give --model too" in done.err


def test_a_run_goes_on_with_the_same_refiner_only(colorize, monkeypatch, film, keyframes, out, trained):
    from anicolor.media.write import ImageSink

    write = ImageSink.write

    def stopped(self, index, picture):
        if index == 1:
            raise KeyboardInterrupt
        write(self, index, picture)

    with monkeypatch.context() as patch:
        patch.setattr(ImageSink, "write", stopped)
        assert colorize(film, keyframes, out, "--refiner", trained).code == 130
    done = colorize(film, keyframes, out, "--resume")
    assert done.code == USAGE
    assert "begun with other keyframes, settings or weights" in done.err
    assert colorize(film, keyframes, out, "--refiner", trained, "--resume").code == 0


def test_a_model_is_scored_with_a_refiner(anicolor, trained, monkeypatch):
    monkeypatch.setattr("anicolor.cli.eval._DRAWN_FRAMES", 9)
    monkeypatch.setattr("anicolor.cli.eval._DRAWN_SIZE", 64)
    asked = ["eval", "--model", "copy", "--data", "drawn", "--clips", 1, "--every", 8, "--psnr", "--json"]
    asked += ["--size", 32, "--resize", 64, "--finish", "raw", "--shots", "one", "--device", "cpu"]
    scores = []
    for more in ((), ("--refiner", trained)):
        found = json.loads(anicolor(*asked, *more).out)
        scores.append(next(row["mean"] for row in found["metrics"] if row["metric"] == "psnr"))
        assert found["settings"]["refiner"] == (str(trained) if more else "none")
    assert scores[0] != scores[1]
