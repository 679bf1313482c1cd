"""Scoring films as streams: flat memory, shots, several cuts, and weights that the test makes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from weakref import WeakSet

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import alexnet

from anicolor.errors import InputError
from anicolor.evaluation import evaluate
from anicolor.evaluation.distribution import Fid
from anicolor.evaluation.evaluate import Cut, Evaluator, Wish
from anicolor.evaluation.gallery import Gallery
from anicolor.frames import FrameRange, Shot
from anicolor.media.film import Film, FilmInfo
from anicolor.media.picture import Picture


class Painted(Film):
    """A film that is made while it is read: a block that wanders over a ramp, ``off`` levels too bright."""

    def __init__(self, frames: int, off: int = 0, height: int = 24, width: int = 32) -> None:
        self.off = off
        self.info = FilmInfo(
            Path("made"), "video", width, height, frames, tuple(range(frames)), Fraction(24), False, 8, False
        )

    def read(self, span: FrameRange | None = None) -> Iterator[Picture]:
        for index in self._span(span):
            ramp = np.linspace(20, 220, self.info.width)[None, :, None]
            pixels = np.broadcast_to(ramp, (self.info.height, self.info.width, 3)).astype(np.uint8)
            left = index % (self.info.width - 8)
            pixels[8:16, left : left + 8] = 40 + self.off
            yield Picture(pixels)

    def name(self, index: int) -> str:
        return f"{index:06d}.png"


def one(frames: int) -> list[Shot]:
    return [Shot(FrameRange(0, frames))]


@pytest.mark.parametrize("frames", [60, pytest.param(10_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_film(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: WeakSet[Tensor] = WeakSet()
    most = 0

    def to_frame(picture: Picture) -> Tensor:
        frame = torch.from_numpy(picture.pixels.transpose(2, 0, 1).copy()).float() / 255
        alive.add(frame)
        return frame

    monkeypatch.setattr(evaluate, "to_frame", to_frame)
    evaluator = Evaluator(Wish(), Gallery(worst=3))
    cut = Cut("made", Painted(frames, off=4), Painted(frames), Painted(frames))
    shots = [Shot(FrameRange(start, start + 20)) for start in range(0, frames, 20)]
    for done in evaluator.score(cut, shots):
        assert 1 <= done <= frames
        most = max(most, len(alive))
    assert most <= 3 * 3  # three films; this frame, the one before, and the next being read
    (found,) = evaluator.evaluations
    assert all(len(series.frames) == frames for series in found.series)


def test_the_mean_is_that_of_the_shots_of_all_cuts() -> None:
    evaluator = Evaluator(Wish(("psnr",)))
    for off, frames, shots in ((4, 6, [(0, 2), (2, 6)]), (10, 5, [(0, 5)])):
        cut = Cut(f"off by {off}", Painted(frames, off), Painted(frames))
        list(evaluator.score(cut, [Shot(FrameRange(*span)) for span in shots]))
    (total,) = evaluator.totals()
    share = 64 / (24 * 32)
    by_hand = [-10 * np.log10(share * (off / 255) ** 2) for off in (4, 4, 10)]
    assert total.shots == pytest.approx(by_hand)
    assert total.mean == pytest.approx(np.mean(by_hand))
    assert len(total.frames) == 11
    assert [evaluation.name for evaluation in evaluator.evaluations] == ["off by 4", "off by 10"]


def test_a_shot_too_short_is_left_out_of_cdc_and_said() -> None:
    evaluator = Evaluator(Wish(("cdc",)))
    shots = [Shot(FrameRange(0, 4)), Shot(FrameRange(4, 12))]
    list(evaluator.score(Cut("made", Painted(12)), shots))
    (found,) = evaluator.evaluations
    assert found.series[0].shots[0] is None
    assert found.series[0].mean == found.series[0].shots[1]
    assert found.notes == ("cdc: 1 of 2 shots are too short for it, and left out",)


def test_a_cut_between_two_shots_is_no_motion() -> None:
    evaluator = Evaluator(Wish(("warp-error", "cdc")))
    list(evaluator.score(Cut("made", Painted(12), Painted(12)), [Shot(FrameRange(0, 6)), Shot(FrameRange(6, 12))]))
    for series in evaluator.evaluations[0].series:
        assert [index for index, value in enumerate(series.frames) if value is None] == [0, 6]
        assert series.mean == series.truth


def test_the_worst_frames_go_to_the_gallery() -> None:
    class Worse(Painted):
        def read(self, span: FrameRange | None = None) -> Iterator[Picture]:
            for index, picture in enumerate(super().read(span)):
                yield Picture(picture.pixels // (1 + (index in (3, 7))))

    gallery = Gallery(worst=2)
    evaluator = Evaluator(Wish(("psnr", "cdc")), gallery)
    list(evaluator.score(Cut("made", Worse(10), Painted(10)), one(10)))
    assert sorted(frame.frame for frame in gallery.worst) == [3, 7]
    assert all(frame.truth is not None and frame.error is not None for frame in gallery.worst)


def test_lpips_by_weights_on_disk(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(alexnet().state_dict(), tmp_path / "alexnet.pth")
    wish = Wish(("lpips",), lpips_weights=tmp_path / "alexnet.pth")
    evaluator = Evaluator(wish)
    list(evaluator.score(Cut("made", Painted(2, 90, 40, 40), Painted(2, 0, 40, 40)), one(2)))
    (total,) = evaluator.totals()
    assert (total.metric, total.variant) == ("lpips", "alexnet")
    assert total.mean is not None
    assert total.mean > 0


def test_fid_is_of_all_frames_that_are_no_keyframes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Means(nn.Module):
        num_features = 3

        def forward(self, frames: Tensor) -> Tensor:
            return frames.float().mean(dim=(2, 3))

    monkeypatch.setattr(evaluate, "Fid", lambda path, device: Fid(path, device, Means()))
    (weights := tmp_path / "inception.pth").touch()
    evaluator = Evaluator(Wish(("fid",), fid_weights=weights))
    for name in ("one", "two"):
        cut = Cut(name, Painted(9, 60), Painted(9), keyframes=frozenset({0, 8}))
        list(evaluator.score(cut, one(9)))
    (total,) = evaluator.totals()
    assert (total.metric, total.variant) == ("fid", "inception, 14 images")
    assert total.mean == pytest.approx(3 * (64 / 768 * 60) ** 2, rel=0.01)  # three means, each as far apart


def test_a_metric_asked_for_that_needs_missing_weights_fails_before_any_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for wish in (Wish(("lpips",)), Wish(("fid",)), Wish(("warp-error",), flow="raft")):
        with pytest.raises(InputError, match=f"--{wish.groups[0]}: .*: no such file"):
            Evaluator(wish)
    assert Evaluator(Wish()).evaluations == []


def test_nothing_left_to_compute_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match="no metric can be computed"):
        list(Evaluator(Wish()).score(Cut("made", Painted(3)), one(3)))
