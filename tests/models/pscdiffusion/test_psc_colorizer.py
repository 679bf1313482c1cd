"""How references are warped and shuffled, how PSC samples, and what its two stages minimise."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from three_keyframes import check_each_has_its_say
from torch import Tensor

from anicolor.data.clips import DrawnClips
from anicolor.diffusion.noise import FrameNoise
from anicolor.errors import InputError
from anicolor.lines.xdog import XDoG, xdog
from anicolor.models.colorizer import Reference, Request
from anicolor.models.pscdiffusion import colorizer as painting
from anicolor.models.pscdiffusion import objective as module
from anicolor.models.pscdiffusion.colorizer import PRESETS, TINY, PscColorizer, build
from anicolor.models.pscdiffusion.network import PscSettings
from anicolor.models.pscdiffusion.objective import NoiseObjective, PictureObjective, patch_shuffle
from anicolor.models.pscdiffusion.warping import straight_flows, warp_references
from anicolor.motion import FlowEstimator

SIDE = 16


def colorizer(**changes: object) -> PscColorizer:
    torch.manual_seed(0)
    made = PscColorizer(replace(TINY["pscdiffusion-small"], **changes))  # type: ignore[arg-type]
    for network in made.networks.values():
        for parameter in network.parameters():
            with torch.no_grad():
                parameter += 0.05 * torch.randn_like(parameter)
    return made


def request(seed: int = 1, tracks: Tensor | None = None) -> Request:
    made = torch.Generator().manual_seed(0)
    images, lines = torch.rand(2, 3, SIDE, SIDE, generator=made), torch.rand(2, 1, SIDE, SIDE, generator=made)
    references = tuple(Reference(3 * n, images[n], lines[n]) for n in range(2))
    return Request(lines, references, 1, (seed, seed), torch.zeros(0, 3, SIDE, SIDE), tracks)


def box(left: int, side: int = 48) -> Tensor:
    """The outline of a square of 16 pixels."""
    lines = torch.ones(1, side, side)
    lines[:, 16:32, left : left + 16] = 0
    lines[:, 17:31, left + 1 : left + 15] = 1
    return lines


def test_a_reference_is_really_warped() -> None:
    frame, drawn = box(20)[None], box(14)[None]
    image = torch.zeros(1, 3, 48, 48)
    image[:, 0, 16:32, 14:30] = 1
    flows = torch.zeros(1, 1, 2, 48, 48)
    flows[:, :, 0] = -6
    warped = warp_references(image, drawn, frame, flows)
    assert torch.allclose(warped[0], image[0].roll(6, dims=2), atol=1e-4)


def test_each_place_comes_from_the_reference_whose_lines_fit() -> None:
    images = torch.stack((torch.full((3, 48, 48), 0.2), torch.full((3, 48, 48), 0.8)))
    frame = box(16)
    wrong_left, wrong_right = frame.clone(), frame.clone()
    wrong_left[..., 16:32, :20], wrong_right[..., 16:32, 28:] = 1, 1
    still = torch.zeros(1, 2, 2, 48, 48)
    warped = warp_references(images, torch.stack((wrong_right, wrong_left)), frame[None], still)
    assert warped[0, 0, 24, 16] == pytest.approx(0.2), "the first shows the left side as it is"
    assert warped[0, 0, 24, 31] == pytest.approx(0.8)


def test_without_tracks_line_flow_leads_to_the_references() -> None:
    flows = straight_flows(box(18)[None], torch.zeros(1, 3, 48, 48), box(16)[None])
    assert flows.shape == (1, 1, 2, 48, 48)
    assert flows[0, 0, 0, 18:30, 20:32].median().item() == pytest.approx(-2, abs=1)


def test_tracks_are_followed() -> None:
    made = colorizer()
    assert made.traits.tracked
    still, moved = torch.zeros(2, 2, 3, SIDE, SIDE), torch.full((2, 2, 3, SIDE, SIDE), 4.0)
    frames = [made.colorize(request(tracks=tracks), FrameNoise(0)).frames for tracks in (still, moved)]
    assert not torch.allclose(*frames, atol=1e-3)


class Moved(FlowEstimator):
    """Stands for the correspondence network: what it is shown lies four pixels off."""

    def __init__(self) -> None:
        self.shown: list[tuple[Tensor, Tensor]] = []

    def estimate(self, target: Tensor, source: Tensor) -> Tensor:
        self.shown.append((target, source))
        return torch.full((len(target), 2, *target.shape[-2:]), 4.0)


def test_the_correspondence_network_leads_from_lines_to_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painting, "CorrespondenceFlow", Moved)
    made, asked = colorizer(flow="correspondence"), request()
    frames = made.colorize(asked, FrameNoise(0)).frames
    tracks = torch.full((2, 2, 3, SIDE, SIDE), 4.0)
    assert torch.equal(frames, colorizer().colorize(request(tracks=tracks), FrameNoise(0)).frames)
    assert not torch.allclose(frames, colorizer().colorize(asked, FrameNoise(0)).frames, atol=1e-3)
    assert isinstance(made.flow, Moved)
    for reference, (lines, pictures) in zip(asked.references, made.flow.shown, strict=True):
        assert torch.equal(lines, asked.lines)
        assert torch.equal(pictures, reference.image.expand(2, -1, -1, -1))


@pytest.mark.parametrize("name", TINY)
def test_training_asks_the_correspondence_network_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painting, "CorrespondenceFlow", Moved)
    objective = NoiseObjective(PscColorizer(replace(TINY[name], flow="correspondence")), 64)
    objective.prepare(DrawnClips(sizes=(64, 64)).example(0, 0), np.random.default_rng(0))
    assert isinstance(objective.flow, Moved)
    assert len(objective.flow.shown) == 2, "once for each reference"


def test_given_lines_are_brought_to_the_style_that_was_trained() -> None:
    seen: list[Tensor] = []
    for extracted in (False, True):
        made = colorizer(extracted=extracted)
        made.denoiser.register_forward_pre_hook(lambda _, given: seen.append(given[2]))
        made.colorize(request(), FrameNoise(0), steps=1)
    lines = request().lines
    assert torch.equal(seen[0], 2 * lines - 1)
    assert torch.equal(seen[-1], 2 * xdog(lines.expand(-1, 3, -1, -1), XDoG(sigma=0.3)) - 1)


@pytest.mark.parametrize(("name", "steps"), [("pscdiffusion", 10), ("pscdiffusion-small", 4)])
def test_as_many_steps_lead_to_noise_as_back(name: str, steps: int) -> None:
    made, calls = colorizer(steps=PRESETS[name].steps), []
    made.denoiser.register_forward_hook(lambda *_: calls.append(1))
    made.colorize(request(), FrameNoise(0))
    assert len(calls) == 2 * steps


def test_three_keyframes_have_their_say_in_any_batch() -> None:
    made, seen = colorizer(references=3), []
    made.denoiser.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[4].shape[:2])))
    check_each_has_its_say(made, SIDE)
    assert set(seen) == {(2, 3), (1, 3)}, "features of all three"


def test_a_warped_reference_is_inverted_and_needs_no_noise() -> None:
    made = colorizer()
    assert not made.traits.stochastic
    assert torch.equal(*(made.colorize(request(), FrameNoise(seed)).frames for seed in (1, 5)))


def test_pure_noise_belongs_to_the_shot() -> None:
    made = colorizer(inverted=False)
    assert made.traits.stochastic
    one, again, other = (made.colorize(request(seed), FrameNoise(0)).frames for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other, atol=1e-4)


def test_features_of_keyframes_are_computed_once() -> None:
    made, calls = colorizer(), []
    made.reference.register_forward_hook(lambda *_: calls.append(1))
    asked = request()
    for _ in range(3):
        made.colorize(asked, FrameNoise(0))
    assert len(calls) == 1


@pytest.mark.parametrize("side", [4, 8])
def test_shuffled_patches_are_the_same_patches_elsewhere(side: int) -> None:
    picture = torch.arange(3 * 18 * 26).view(3, 18, 26).float()
    mixed = patch_shuffle(picture, side, np.random.default_rng(0))
    assert not torch.equal(mixed, picture)
    assert torch.equal(mixed[:, 18 // side * side :], picture[:, 18 // side * side :])

    def patches(of: Tensor) -> set[tuple[float, ...]]:
        rows, columns = 18 // side * side, 26 // side * side
        cut = of[:, :rows, :columns].unfold(1, side, side).unfold(2, side, side)
        return {tuple(patch.flatten().tolist()) for patch in cut.permute(1, 2, 0, 3, 4).flatten(0, 1)}

    assert patches(mixed) == patches(picture)


def rows(settings: PscSettings, count: int) -> list[dict[str, Tensor]]:
    objective, clips = NoiseObjective(PscColorizer(settings), 64), DrawnClips(sizes=(64, 64))
    return [objective.prepare(clips.example(0, n), np.random.default_rng(n)) for n in range(count)]


def test_references_are_shuffled_ever_finer_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = []
    monkeypatch.setattr(module, "patch_shuffle", lambda picture, side, _: (sides.append(side), picture)[1])
    monkeypatch.setattr(painting, "CorrespondenceFlow", Moved)  # which takes less time than tracks
    made = rows(replace(TINY["pscdiffusion-small"], flow="correspondence"), 16)
    assert set(sides) == {32, 16, 8}
    assert len(sides) < 2 * 16, "some are not"
    clip = DrawnClips(sizes=(64, 64)).example(0, 3)
    assert torch.allclose(made[3]["references"], 2 * clip.references - 1, atol=1e-5)


def test_a_warped_reference_is_nearer_to_the_frame_than_the_keyframe_is() -> None:
    made = rows(TINY["pscdiffusion-small"], 8)
    warped, given = (
        torch.stack([(row["target"] - picture).square().mean() for row, picture in pictures]).mean()
        for pictures in (
            [(row, row["warped"]) for row in made],
            [(row, row["references"][0]) for row in made],
        )
    )
    assert warped < 0.9 * given


def test_the_published_form_learns_from_copies_and_extracted_lines() -> None:
    for row in rows(TINY["pscdiffusion"], 3):
        assert set(row["lines"].unique().tolist()) <= {-1.0, 1.0}
        assert not torch.equal(row["references"][0], row["references"][1]), "each copy is distorted anew"


@pytest.mark.parametrize("inverted", [True, False])
def test_gradients_go_through_all_steps_and_none_through_the_inversion(inverted: bool) -> None:
    made = colorizer(inverted=inverted)
    objective = PictureObjective(made, 64, 3)
    graded: list[bool] = []
    made.denoiser.register_forward_hook(lambda _module, _given, out: graded.append(out.requires_grad))
    (row,) = rows(made.settings, 1)
    (turn,) = objective.turns({name: value[None] for name, value in row.items()})
    turn.loss.backward()
    assert graded == [False] * 3 * inverted + [True] * 3
    trained = [p for network in made.networks.values() for p in network.parameters()]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained)


def test_without_the_correspondence_weights_a_new_one_says_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("ANICOLOR_PSC", raising=False)
    monkeypatch.setitem(PRESETS, "pscdiffusion", TINY["pscdiffusion"])
    made = build("pscdiffusion")
    assert made.settings.flow == "tracks"
    monkeypatch.setenv("ANICOLOR_PSC", str(tmp_path / "typo.pth"))
    with pytest.raises(InputError, match=r"typo\.pth: no such file"):
        build("pscdiffusion")
    monkeypatch.delenv("ANICOLOR_PSC")
    (remark,) = made.remarks
    assert "along tracks" in remark
    assert "psc_resnet101.pth.tar" in remark
    with pytest.raises(
        InputError, match=r"psc_resnet101\.pth\.tar: no such file.*name it in ANICOLOR_PSC, or put it into"
    ):
        build("pscdiffusion", asdict(replace(made.settings, flow="correspondence")))
