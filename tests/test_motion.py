"""Warping against SciPy, and which way a flow points."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, map_coordinates
from torchvision.models.optical_flow import raft_large

from anicolor.errors import InputError
from anicolor.motion import DisFlow, RaftFlow, joined, occluded, pixel_grid, warp


def test_warping_is_linear_interpolation_clamped_to_the_border() -> None:
    rng = np.random.default_rng(0)
    source = rng.random((2, 3, 13, 17))
    flow = rng.uniform(-6, 6, (2, 2, 13, 17))  # (dx, dy), often out of the picture
    rows, columns = np.mgrid[:13, :17]
    expected = [
        [map_coordinates(plane, [rows + dy, columns + dx], order=1, mode="nearest") for plane in picture]
        for picture, (dx, dy) in zip(source, flow, strict=True)
    ]
    warped = warp(torch.from_numpy(source), torch.from_numpy(flow))
    assert np.allclose(warped.numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 1)])
def test_pictures_of_one_pixel_a_side_are_warped(size: tuple[int, int]) -> None:
    source = torch.rand(1, 2, *size)
    assert torch.allclose(warp(source, torch.zeros(1, 2, *size)), source)


def test_the_grid_holds_x_then_y() -> None:
    grid = pixel_grid(2, 3, torch.zeros(1, dtype=torch.float64))
    assert grid.dtype == torch.float64
    assert grid.tolist() == [[[[0, 1, 2], [0, 1, 2]], [[0, 0, 0], [1, 1, 1]]]]


def test_joined_flows_lead_where_one_leads_after_the_other() -> None:
    generator = torch.Generator().manual_seed(0)
    step = torch.nn.functional.interpolate(torch.randn(1, 2, 4, 4, generator=generator), (48, 48), mode="bicubic")
    onward = 2 * step.flip(-1)
    source = picture(48, 48)
    twice, once = warp(warp(source, onward), step), warp(source, joined(onward, step))
    assert (twice - once)[..., 6:-6, 6:-6].abs().max() < 0.02
    assert torch.equal(joined(torch.zeros_like(step), step), step)


def picture(height: int, width: int) -> torch.Tensor:
    smooth = gaussian_filter(np.random.default_rng(0).random((height, width)), 3)
    return torch.from_numpy((smooth - smooth.min()) / np.ptp(smooth)).float()[None, None]


def test_a_flow_leads_from_the_target_to_the_source() -> None:
    canvas = picture(80, 80)
    source, target = canvas[..., 8:72, 8:72], canvas[..., 6:70, 11:75]  # target(y, x) = source(y - 2, x + 3)
    flow = DisFlow().estimate(target, source)
    assert flow.shape == (1, 2, 64, 64)
    inside = flow[..., 12:-12, 12:-12]
    assert inside[:, 0].mean().item() == pytest.approx(3, abs=0.3)
    assert inside[:, 1].mean().item() == pytest.approx(-2, abs=0.3)
    error = (warp(source, flow) - target)[..., 12:-12, 12:-12].abs().mean()
    assert error < 0.1 * (source - target)[..., 12:-12, 12:-12].abs().mean()


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (8, 64), (12, 256), (64, 4)])
def test_pictures_smaller_than_the_search_have_a_flow(size: tuple[int, int]) -> None:
    still = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0))
    flow = DisFlow().estimate(still, still)
    assert flow.shape == (1, 2, *size)
    assert flow.abs().max() < 0.1  # nothing moved


def test_a_colour_picture_has_the_flow_of_its_luminance() -> None:
    rng = np.random.default_rng(0)
    grey = torch.from_numpy(gaussian_filter(rng.random((1, 1, 64, 64)), (0, 0, 2, 2)).astype(np.float32))
    moved = grey.roll(3, dims=-1)
    colour = (picture.expand(-1, 3, -1, -1) for picture in (grey, moved))
    assert torch.equal(DisFlow().estimate(*colour), DisFlow().estimate(grey, moved))


def test_what_moves_off_and_the_border_of_a_motion_are_occluded() -> None:
    """A block of 8x8 moves right by 4 over a still ground: what it covers next, and its rim, are not to be trusted."""
    forward, backward = torch.zeros(2, 1, 2, 32, 32).unbind()
    forward[0, 0, 12:20, 8:16] = 4
    backward[0, 0, 12:20, 12:20] = -4
    hidden = occluded(forward, backward)[0, 0]
    assert hidden[13:19, 16:20].all()  # ground that the block moves over
    assert hidden[12:20, 15].all()  # its right rim
    assert hidden[12:20, 7].all()  # the ground left of its left rim, by forward differences
    assert not hidden[13:19, 9:15].any()  # the block itself is seen again
    assert not hidden[:11].any()
    assert not hidden[22:].any()


def test_a_flow_that_its_way_back_undoes_hides_nothing() -> None:
    away = torch.full((1, 2, 16, 16), 2.5)
    assert not occluded(away, -away).any()
    assert occluded(away, away).all()


@pytest.fixture(scope="module")
def raft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("raft") / "raft.pth"
    torch.save(raft_large().state_dict(), path)
    return path


def test_raft_is_torchvisions_with_the_weights_of_the_file(raft: Path) -> None:
    torch.manual_seed(1)
    pictures = torch.rand(2, 1, 3, 128, 136)
    network = raft_large().eval()
    network.load_state_dict(torch.load(raft, weights_only=True))
    with torch.inference_mode():
        expected = network(*(2 * pictures - 1))[-1]
    assert torch.allclose(RaftFlow(raft).estimate(*pictures), expected, atol=1e-4)


@pytest.mark.parametrize("size", [(9, 30), (130, 129)])
def test_raft_takes_any_size_and_grey(raft: Path, size: tuple[int, int]) -> None:
    pictures = torch.rand(2, 1, 1, *size)
    flow = RaftFlow(raft).estimate(*pictures)
    assert flow.shape == (1, 2, *size)
    assert flow.isfinite().all()


def test_raft_without_weights_names_the_file_and_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match="raft_large_C_T_SKHT_V2-ff5fadd5"):
        RaftFlow()


def test_raft_is_taken_from_torch_hubs_cache(raft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    shutil.copy(raft, tmp_path / "hub" / "checkpoints" / "raft_large_C_T_SKHT_V2-ff5fadd5.pth")
    pictures = torch.rand(2, 1, 3, 128, 128)
    assert torch.equal(RaftFlow().estimate(*pictures), RaftFlow(raft).estimate(*pictures))
