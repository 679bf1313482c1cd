"""PSNR, SSIM, MS-SSIM, QSSIM and LPIPS against other libraries and against formulas worked by hand."""

import itertools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure
from torchmetrics.functional.image import peak_signal_noise_ratio as torchmetrics_psnr
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
from torchvision.models import alexnet

from anicolor.errors import AnicolorError, InputError
from anicolor.evaluation.image import Lpips, ms_ssim, psnr, qssim, ssim
from anicolor.pretrained import ALEXNET

Quaternion = tuple[float, float, float, float]

MASKED = [psnr, ssim, qssim]
EVERY = [*MASKED, ms_ssim]


def scene(frames: int = 2, height: int = 40, width: int = 52, seed: int = 0) -> Tensor:
    """A textured pattern that moves, and a flat disc in front of it that moves the other way."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    pitch, phase, disc = draw.uniform(0.1, 0.6, (3, 2)), draw.uniform(0, 6, 3), draw.uniform(0.1, 0.9, 3)
    pictures = np.empty((frames, 3, height, width))
    for t in range(frames):
        for c in range(3):
            pictures[t, c] = 0.5 + 0.3 * np.sin(pitch[c, 0] * (x - 2 * t) + phase[c]) * np.cos(pitch[c, 1] * y)
        inside = (x - width / 2 + t) ** 2 + (y - height / 3) ** 2 < (min(height, width) / 4) ** 2
        pictures[t][:, inside] = disc[:, None]
    return torch.from_numpy(pictures).float()


def painted(truth: Tensor, seed: int = 1) -> Tensor:
    """The scene painted badly: another disc colour, a border too soft, noise."""
    draw = torch.Generator().manual_seed(seed)
    soft = torch.nn.functional.avg_pool2d(truth, 3, stride=1, padding=1, count_include_pad=False)
    gains = torch.tensor([1.1, 0.8, 0.95]).view(1, 3, 1, 1)
    return (gains * soft + 0.05 * torch.randn(truth.shape, generator=draw)).clamp(0, 1)


def arrays(frames: Tensor) -> list[NDArray[np.float64]]:
    return list(frames.double().permute(0, 2, 3, 1).numpy())


def scikit_ssim(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(
        structural_similarity(
            a, b, gaussian_weights=True, use_sample_covariance=False, sigma=1.5, data_range=1.0, channel_axis=-1
        )
    )


def scikit_map(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(
        structural_similarity(
            a, b, gaussian_weights=True, use_sample_covariance=False, sigma=1.5, data_range=1.0, channel_axis=-1,
            full=True,
        )[1]
    )  # fmt: skip


def times(p: Quaternion, q: Quaternion) -> Quaternion:
    (a, b, c, d), (e, f, g, h) = p, q
    return (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )


def conjugate(q: Quaternion) -> Quaternion:
    return (q[0], -q[1], -q[2], -q[3])


def combine(terms: Sequence[tuple[float, Quaternion]]) -> Quaternion:
    return tuple(sum(weight * q[n] for weight, q in terms) for n in range(4))  # type: ignore[return-value]


def modulus(q: Quaternion) -> float:
    return math.sqrt(sum(part * part for part in q))


def slow_qssim_map(a: Tensor, b: Tensor) -> list[list[float]]:
    """Kolaman and Yadid-Pecht's formula, window by window, tap by tap, of one frame ``[3, H, W]``."""
    gauss = [math.exp(-(n**2) / (2 * 1.5**2)) for n in range(-5, 6)]
    weights = [[u * v / sum(gauss) ** 2 for v in gauss] for u in gauss]
    height, width = a.shape[-2:]
    c1: Quaternion = (0.01**2, 0, 0, 0)
    c2: Quaternion = (0.03**2, 0, 0, 0)

    def pixels(frame: Tensor, y: int, x: int) -> list[tuple[float, Quaternion]]:
        taps = itertools.product(range(11), range(11))
        return [(weights[i][j], (0.0, *frame[:, y + i, x + j].double().tolist())) for i, j in taps]

    def covariance(p: list[tuple[float, Quaternion]], q: list[tuple[float, Quaternion]]) -> Quaternion:
        products = [(w, times(one, conjugate(two))) for (w, one), (_, two) in zip(p, q, strict=True)]
        return combine([*products, (-1, times(combine(p), conjugate(combine(q))))])

    def value(y: int, x: int) -> float:
        p, q = pixels(a, y, x), pixels(b, y, x)
        means = times(combine(p), conjugate(combine(q)))
        upper = modulus(combine([(2, means), (1, c1)])) * modulus(combine([(2, covariance(p, q)), (1, c2)]))
        variances = covariance(p, p)[0] + covariance(q, q)[0]
        return upper / ((modulus(combine(p)) ** 2 + modulus(combine(q)) ** 2 + c1[0]) * (variances + c2[0]))

    return [[value(y, x) for x in range(width - 10)] for y in range(height - 10)]


def slow_ms_ssim(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Wang 2003 on ``[H, W, 3]``; the last scale counts a reflected border, as torchmetrics does."""

    def blur(picture: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(gaussian_filter(picture, (1.5, 1.5, 0), truncate=3.5, mode="mirror"))

    def half(picture: NDArray[np.float64]) -> NDArray[np.float64]:
        h, w = picture.shape[0] // 2, picture.shape[1] // 2
        return np.asarray(picture[: 2 * h, : 2 * w].reshape(h, 2, w, 2, 3).mean((1, 3)))

    total = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mean_a, mean_b = blur(a), blur(b)
        var = blur(a * a) + blur(b * b) - mean_a**2 - mean_b**2
        contrast = (2 * (blur(a * b) - mean_a * mean_b) + 0.03**2) / (var + 0.03**2)
        luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        term = (luminance * contrast).mean() if scale == 4 else contrast[5:-5, 5:-5].mean()
        total *= max(0.0, float(term)) ** weight
        a, b = half(a), half(b)
    return total


# Against other libraries


def test_psnr_is_that_of_scikit_image_and_of_torchmetrics() -> None:
    truth = scene()
    result = painted(truth)
    theirs = [peak_signal_noise_ratio(b, a, data_range=1.0) for a, b in zip(arrays(result), arrays(truth), strict=True)]
    assert psnr(result, truth).tolist() == pytest.approx(theirs, abs=1e-6)
    ours = torchmetrics_psnr(result, truth, data_range=1.0, reduction="none", dim=(1, 2, 3))
    assert psnr(result, truth).tolist() == pytest.approx(ours.tolist(), abs=1e-4)


@pytest.mark.parametrize("size", [(11, 11), (11, 40), (40, 52), (97, 64), (131, 173)])
def test_ssim_is_that_of_scikit_image(size: tuple[int, int]) -> None:
    truth = scene(2, *size)
    result = painted(truth)
    theirs = [scikit_ssim(a, b) for a, b in zip(arrays(result), arrays(truth), strict=True)]
    assert ssim(result, truth).tolist() == pytest.approx(theirs, abs=1e-9)


def test_ssim_of_a_picture_one_pixel_off_is_that_of_scikit_image() -> None:
    truth = scene(1, 60, 60)
    result = truth.roll(1, dims=-1)
    value = ssim(result, truth).item()
    assert value == pytest.approx(scikit_ssim(arrays(result)[0], arrays(truth)[0]), abs=1e-9)
    assert 0.3 < value < 0.99


def test_ssim_keeps_its_digits_on_pale_flat_fills() -> None:
    truth = torch.full((1, 3, 20, 20), 0.999)
    truth[..., 10:] -= 1e-3
    result = truth.clone()
    result[..., 5:12, :] -= 2e-3
    assert ssim(result, truth).item() == pytest.approx(scikit_ssim(arrays(result)[0], arrays(truth)[0]), abs=1e-9)


@pytest.mark.parametrize("size", [(176, 176), (181, 203)])
def test_ms_ssim_is_that_of_torchmetrics_and_of_its_formula(size: tuple[int, int]) -> None:
    truth = scene(2, *size)
    result = painted(truth)
    doubles = (result.double(), truth.double())
    theirs = multiscale_structural_similarity_index_measure(*doubles, data_range=1.0, reduction="none")
    by_hand = [slow_ms_ssim(a, b) for a, b in zip(arrays(result), arrays(truth), strict=True)]
    assert ms_ssim(result, truth).tolist() == pytest.approx(theirs.tolist(), abs=1e-7)
    assert ms_ssim(result, truth).tolist() == pytest.approx(by_hand, abs=1e-9)


def test_ms_ssim_of_frames_too_small_for_torchmetrics_is_close_to_that_of_larger_ones() -> None:
    truth = scene(1, 176, 176)
    result = painted(truth)
    larger = ms_ssim(result, truth).item()
    for side, off in ((175, 0.005), (161, 0.02)):
        assert ms_ssim(result[..., :side, :side], truth[..., :side, :side]).item() == pytest.approx(larger, abs=off)


def test_ms_ssim_keeps_its_digits_on_pale_flat_fills() -> None:
    truth = torch.full((1, 3, 176, 176), 0.99)
    truth[..., 80:] = 0.2
    result = truth.clone()
    result[..., 30:60, :] -= 0.004
    assert ms_ssim(result, truth).item() == pytest.approx(slow_ms_ssim(arrays(result)[0], arrays(truth)[0]), abs=1e-9)


def test_ms_ssim_of_opposed_pictures_is_zero_and_a_number() -> None:
    truth = scene(1, 176, 176)
    assert ms_ssim(1 - truth, truth).item() == slow_ms_ssim(arrays(1 - truth)[0], arrays(truth)[0]) == 0


# QSSIM by hand


def test_qssim_is_the_papers_formula_quaternion_by_quaternion() -> None:
    truth = scene(2, 13, 14)
    result = painted(truth)
    by_hand = [float(np.mean(slow_qssim_map(a, b))) for a, b in zip(result, truth, strict=True)]
    assert qssim(result, truth).tolist() == pytest.approx(by_hand, abs=1e-9)
    assert max(by_hand) < 0.95


def test_qssim_of_grey_pictures_is_the_modulus_of_a_grey_ssim() -> None:
    truth = scene(1, 13, 14)[:, :1]
    result = painted(truth.expand(-1, 3, -1, -1))[:, :1]
    # three times each product, so a third of each constant
    gauss = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window = np.outer(gauss, gauss) / gauss.sum() ** 2
    a, b = (picture[0, 0].double().unfold(0, 11, 1).unfold(1, 11, 1).numpy() for picture in (result, truth))
    mean_a, mean_b = (a * window).sum((-1, -2)), (b * window).sum((-1, -2))
    var = ((a * a + b * b) * window).sum((-1, -2)) - mean_a**2 - mean_b**2
    cov = (a * b * window).sum((-1, -2)) - mean_a * mean_b
    c1, c2 = 0.01**2 / 3, 0.03**2 / 3
    grey = (2 * mean_a * mean_b + c1) * (2 * cov + c2) / ((mean_a**2 + mean_b**2 + c1) * (var + c2))
    value = qssim(result.expand(-1, 3, -1, -1), truth.expand(-1, 3, -1, -1)).item()
    assert value == pytest.approx(np.abs(grey).mean(), abs=1e-9)


def test_qssim_sees_a_turn_of_hue() -> None:
    truth = scene(1)
    assert qssim(truth.roll(1, dims=1), truth).item() < 0.9


# Cases with a known answer


@pytest.mark.parametrize("metric", EVERY)
def test_identical_frames_are_the_best_there_is(metric: Callable[[Tensor, Tensor], Tensor]) -> None:
    truth = scene(2, 180, 180)
    best = math.inf if metric is psnr else 1
    assert metric(truth, truth.clone()).tolist() == pytest.approx([best, best], abs=1e-9)


def test_black_against_white() -> None:
    black, white = torch.zeros(1, 3, 176, 180), torch.ones(1, 3, 176, 180)
    c1 = 0.01**2
    assert psnr(black, white).item() == pytest.approx(0, abs=1e-9)
    assert ssim(black, white).item() == pytest.approx(c1 / (1 + c1), abs=1e-9)
    assert qssim(black, white).item() == pytest.approx(c1 / (3 + c1), abs=1e-9)
    assert ms_ssim(black, white).item() == pytest.approx((c1 / (1 + c1)) ** 0.1333, abs=1e-6)


def test_one_pixel_by_hand() -> None:
    truth = torch.zeros(1, 3, 12, 15)
    result = truth.clone()
    result[0, 1, 3, 4] = 0.5
    assert psnr(result, truth).item() == pytest.approx(10 * math.log10(3 * 12 * 15 / 0.25), abs=1e-9)


@pytest.mark.parametrize("metric", EVERY)
def test_each_frame_has_its_own_value(metric: Callable[[Tensor, Tensor], Tensor]) -> None:
    truth = scene(3, 176, 176)
    result = painted(truth)
    together = metric(result, truth)
    alone = [metric(a[None], b[None]).item() for a, b in zip(result, truth, strict=True)]
    assert together.shape == (3,)
    assert together.tolist() == alone


# Masks


@pytest.fixture
def masked() -> tuple[Tensor, Tensor, Tensor]:
    truth = scene(2, 13, 14)
    return painted(truth), truth, torch.rand(2, 1, 13, 14, generator=torch.Generator().manual_seed(3)) < 0.4


def test_psnr_inside_a_mask(masked: tuple[Tensor, Tensor, Tensor]) -> None:
    result, truth, mask = masked
    inside = [(a - b)[:, m[0]].double() for a, b, m in zip(result, truth, mask, strict=True)]
    by_hand = [-10 * math.log10(float((d**2).mean())) for d in inside]
    assert psnr(result, truth, mask).tolist() == pytest.approx(by_hand, abs=1e-6)


def test_ssim_inside_a_mask(masked: tuple[Tensor, Tensor, Tensor]) -> None:
    result, truth, mask = masked
    maps = [scikit_map(a, b)[5:-5, 5:-5].mean(-1) for a, b in zip(arrays(result), arrays(truth), strict=True)]
    by_hand = [values[m[0, 5:-5, 5:-5].numpy()].mean() for values, m in zip(maps, mask, strict=True)]
    assert ssim(result, truth, mask).tolist() == pytest.approx(by_hand, abs=1e-9)


def test_qssim_inside_a_mask(masked: tuple[Tensor, Tensor, Tensor]) -> None:
    result, truth, mask = masked
    maps = [np.array(slow_qssim_map(a, b)) for a, b in zip(result, truth, strict=True)]
    by_hand = [values[m[0, 5:-5, 5:-5].numpy()].mean() for values, m in zip(maps, mask, strict=True)]
    assert qssim(result, truth, mask).tolist() == pytest.approx(by_hand, abs=1e-9)


@pytest.mark.parametrize("metric", MASKED)
def test_a_full_mask_changes_nothing_and_an_empty_one_leaves_no_value(metric: Callable[..., Tensor]) -> None:
    truth = scene(2)
    result = painted(truth)
    mask = torch.ones(2, 1, *truth.shape[-2:], dtype=torch.bool)
    assert metric(result, truth, mask).tolist() == pytest.approx(metric(result, truth).tolist(), abs=1e-9)
    mask[1] = False
    values = metric(result, truth, mask).tolist()
    assert values[0] == pytest.approx(metric(result, truth)[0].item(), abs=1e-9)
    assert math.isnan(values[1])


def test_a_mask_in_the_border_alone_leaves_no_ssim() -> None:
    truth = scene(1)
    mask = torch.zeros(1, 1, *truth.shape[-2:], dtype=torch.bool)
    mask[..., :5, :] = True
    assert math.isnan(ssim(truth, truth, mask).item())
    assert psnr(truth, truth, mask).item() == math.inf


# Properties

seeds, sides = st.integers(0, 10_000), st.integers(11, 24)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, height=sides, width=sides)
def test_symmetry_and_range(seed: int, height: int, width: int) -> None:
    truth = scene(1, height, width, seed)
    result = torch.rand(truth.shape, generator=torch.Generator().manual_seed(seed))
    for metric, lowest, highest in ((psnr, 0, math.inf), (ssim, -1, 1), (qssim, 0, 1)):
        value = metric(result, truth).item()
        assert value == pytest.approx(metric(truth, result).item(), abs=1e-9)
        assert lowest <= value <= highest


@settings(max_examples=25, deadline=None)
@given(seed=seeds, height=sides, width=sides)
def test_ssim_is_scikit_images_at_any_size(seed: int, height: int, width: int) -> None:
    truth = scene(1, height, width, seed)
    result = painted(truth, seed)
    assert ssim(result, truth).item() == pytest.approx(scikit_ssim(arrays(result)[0], arrays(truth)[0]), abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_more_noise_is_worse(seed: int) -> None:
    truth = 0.25 + scene(1, 32, 32, seed) / 2
    noise = torch.rand(truth.shape, generator=torch.Generator().manual_seed(seed)) - 0.5
    for metric in MASKED:
        values = [metric((truth + amount * noise).clamp(0, 1), truth).item() for amount in (0, 0.05, 0.15, 0.4)]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 4


# Bad input


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize(
    ("result", "message"),
    [
        (torch.zeros(1, 3, 176, 177), "one size"),
        (torch.zeros(2, 3, 176, 176), "one size"),
        (torch.zeros(1, 1, 176, 176), "expected float [T, 3, H, W]"),
        (torch.zeros(3, 176, 176), "expected float [T, 3, H, W]"),
        (torch.zeros(1, 3, 176, 176, dtype=torch.uint8), "expected float [T, 3, H, W]"),
        (torch.full((1, 3, 176, 176), math.nan), "NaN"),
        (torch.full((1, 3, 176, 176), 255.0), "values in [0, 1], got 255 to 255"),
        (torch.full((1, 3, 176, 176), -0.5), "values in [0, 1], got -0.5 to -0.5"),
    ],
)
def test_bad_input_is_one_clear_line(metric: Callable[[Tensor, Tensor], Tensor], result: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        metric(result, torch.zeros(1, 3, 176, 176))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("metric", EVERY)
def test_no_frame_is_an_error(metric: Callable[[Tensor, Tensor], Tensor]) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        metric(torch.zeros(0, 3, 176, 176), torch.zeros(0, 3, 176, 176))


@pytest.mark.parametrize("metric", MASKED)
@pytest.mark.parametrize(
    "mask", [torch.ones(1, 1, 20, 20), torch.ones(1, 20, 20) > 0, torch.ones(1, 1, 20, 21) > 0], ids=str
)
def test_a_mask_that_does_not_fit_is_an_error(metric: Callable[..., Tensor], mask: Tensor) -> None:
    with pytest.raises(ValueError, match=r"mask: expected bool \[1, 1, 20, 20\]"):
        metric(torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 20), mask)


@pytest.mark.parametrize(
    ("metric", "side", "message"),
    [
        (ssim, 10, "SSIM: expected frames of at least 11 px a side, got 40x10"),
        (qssim, 10, "QSSIM: expected frames of at least 11 px a side, got 40x10"),
        (ms_ssim, 160, "MS-SSIM: expected frames of at least 161 px a side, got 190x160: enlarge both with --resize"),
    ],
)
def test_frames_too_small_are_an_error(metric: Callable[[Tensor, Tensor], Tensor], side: int, message: str) -> None:
    small = torch.zeros(1, 3, side, side + 30)
    with pytest.raises(ValueError, match=re.escape(message)):
        metric(small, small)
    assert metric(*[torch.zeros(1, 3, side + 1, side + 30)] * 2).item() == pytest.approx(1)


# LPIPS


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Torch hub's folder, with an AlexNet of random weights (its classifier, which LPIPS has no use for, all zero)."""
    torch.manual_seed(0)
    state = alexnet().state_dict()
    flat = {name: torch.zeros(1).expand(value.shape) for name, value in state.items() if "classifier" in name}
    folder = tmp_path_factory.mktemp("torch") / "hub"
    (folder / "checkpoints").mkdir(parents=True)
    torch.save({**state, **flat}, folder / "checkpoints" / ALEXNET.file)
    return folder


@pytest.fixture(scope="module")
def lpips(hub: Path) -> Lpips:
    return Lpips(hub / "checkpoints" / ALEXNET.file)


def test_lpips_is_that_of_torchmetrics(lpips: Lpips, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(hub))
    truth = scene(2, 48, 64)
    result = painted(truth)
    theirs = LearnedPerceptualImagePatchSimilarity(net_type="alex", reduction="none", normalize=True)(result, truth)
    assert lpips(result, truth).tolist() == pytest.approx(theirs.tolist(), rel=1e-5)
    assert Lpips()(result, truth).tolist() == lpips(result, truth).tolist()


def test_only_identical_frames_have_no_lpips(lpips: Lpips) -> None:
    truth = scene(2, 31, 40)
    assert lpips(truth, truth.clone()).tolist() == [0, 0]
    assert lpips(painted(truth), truth).min() > 1e-4


def test_lpips_checks_what_it_is_given(lpips: Lpips) -> None:
    truth = scene(1)
    with pytest.raises(ValueError, match=re.escape("values in [0, 1]")):
        lpips(255 * truth, truth)
    with pytest.raises(ValueError, match="LPIPS: expected frames of at least 31 px a side, got 52x30"):
        lpips(truth[..., :30, :], truth[..., :30, :])


def test_missing_weights_name_the_file_its_source_and_both_cures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    cures = ("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", "--lpips-weights", "checkpoints")
    for path in (None, tmp_path / "none.pth"):
        with pytest.raises(InputError) as error:
            Lpips(path)
        assert all(cure in str(error.value) for cure in cures)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["text", "other network", "other sizes", "list"])
def test_a_wrong_file_of_weights_is_one_line(kind: str, hub: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.pth"
    if kind == "text":
        path.write_text("no weights")
    else:
        names = torch.load(hub / "checkpoints" / ALEXNET.file, weights_only=True, mmap=True)
        small = {name: torch.zeros(1) for name in names}
        torch.save({"other network": {"conv1.weight": torch.zeros(1)}, "other sizes": small, "list": [1]}[kind], path)
    with pytest.raises(AnicolorError, match="AlexNet's ImageNet weights") as error:
        Lpips(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
