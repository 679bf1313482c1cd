"""How ColorizeDiffusion samples, and where its pretrained parts come from."""

import json
from dataclasses import asdict, replace
from operator import attrgetter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from anicolor.diffusion.noise import FrameNoise
from anicolor.errors import AnicolorError, InputError
from anicolor.models import catalog
from anicolor.models.catalog import CATALOG, entry
from anicolor.models.colorizediffusion import colorizer as module
from anicolor.models.colorizediffusion.colorizer import PRESETS, TINY, LatentColorizer, build, guided
from anicolor.models.colorizediffusion.network import LatentSettings
from anicolor.models.colorizer import Reference, Request
from anicolor.models.weights import load_colorizer, save_weights

NAME = "colorizediffusion"
SIDE = 32


def stirred(settings: LatentSettings = TINY[NAME]) -> LatentColorizer:
    torch.manual_seed(0)
    made = LatentColorizer(settings)
    with torch.no_grad():
        for network in made.networks.values():
            for parameter in network.parameters():
                parameter += 0.05 * torch.randn_like(parameter)
    return made


def request(frames: int = 3, keyframes: int = 2) -> Request:
    draw = torch.Generator().manual_seed(0)
    lines = torch.rand(frames, 1, SIDE, SIDE, generator=draw).round()
    references = tuple(Reference(10 * n, torch.rand(3, SIDE, SIDE, generator=draw), lines[0]) for n in range(keyframes))
    return Request(lines, references, 1, tuple(range(1, frames + 1)), torch.zeros(0, 3, SIDE, SIDE))


class Told(torch.nn.Module):
    """A network that predicts what it was told: 10 with a sketch, 1 with a reference."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, noisy: Tensor, time: Tensor, features: list[Tensor], tokens: Tensor) -> Tensor:
        self.calls += 1
        return torch.zeros_like(noisy) + 10.0 * features[0].any() + 1.0 * tokens.any() + 0.1 * int(time[0])


@pytest.mark.parametrize(
    ("reference", "sketch", "expected", "calls"),
    [(1, 1, 11, 1), (5, 1, 11 + 4 * 1, 2), (1, 3, 11 + 2 * 10, 2), (5, 3, 11 + 4 * 1 + 2 * 10, 3), (0, 1, 10, 1)],
)
def test_guidance_pushes_away_from_what_is_told_without(
    reference: float, sketch: float, expected: float, calls: int
) -> None:
    network = Told()
    features, tokens = [torch.ones(2, 8, 4, 4), torch.ones(2, 8, 2, 2)], torch.ones(2, 5, 8)
    made = guided(network, features, tokens, reference, sketch)(torch.zeros(2, 4, 4, 4), torch.tensor([1, 1]))
    assert torch.allclose(made, torch.full((2, 4, 4, 4), expected + 0.1))
    assert network.calls == calls


def test_the_published_one_is_guided_by_the_reference_in_20_steps() -> None:
    settings = PRESETS[NAME]
    assert (settings.steps, settings.reference_guidance, settings.sketch_guidance) == (20, 5.0, 1.0)


@pytest.mark.parametrize("changed", ["reference_guidance", "sketch_guidance"])
def test_guidance_changes_the_picture(changed: str) -> None:
    frames = [
        stirred(replace(TINY[NAME], **{"reference_guidance": 1.0, changed: scale})).colorize(request(), FrameNoise(0))
        for scale in (1.0, 4.0)
    ]
    assert not torch.allclose(frames[0].frames, frames[1].frames, atol=1e-3)


def test_a_frame_is_the_same_in_any_batch_and_at_any_number_of_steps() -> None:
    made, asked = stirred(), request()
    for steps in (1, 7):
        together = made.colorize(asked, FrameNoise(0), steps).frames
        for number in (2, 0):
            alone = replace(asked, lines=asked.lines[number : number + 1], seeds=asked.seeds[number : number + 1])
            assert torch.allclose(made.colorize(alone, FrameNoise(0), steps).frames[0], together[number], atol=1e-5)
    assert not torch.allclose(made.colorize(asked, FrameNoise(0), 1).frames, together, atol=1e-3)


def test_references_are_looked_at_once_for_all_frames() -> None:
    made, seen = stirred(), []
    made.vision.register_forward_hook(lambda _module, given, told: seen.append((given[0].shape, told.shape)))
    made.colorize(request(), FrameNoise(0))
    assert seen == [((2, 3, SIDE, SIDE), (2, 16, 8))]


def test_both_keyframes_count() -> None:
    made, asked = stirred(), request(1)
    frames = made.colorize(asked, FrameNoise(0)).frames
    for kept in (asked.references[:1], asked.references[1:]):
        assert not torch.allclose(
            made.colorize(replace(asked, references=kept), FrameNoise(0)).frames, frames, atol=1e-4
        )


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LatentSettings:
    """Folders as diffusers and transformers write them, and settings that name them; no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    written = stirred()
    written.vae.model.save_pretrained(tmp_path / "vae")
    written.vision.model.save_pretrained(tmp_path / "vision")
    written.network.unet.save_pretrained(tmp_path / "unet")
    tiny = TINY[NAME]
    return replace(
        tiny,
        vae=replace(tiny.vae, source=str(tmp_path / "vae")),
        vision=replace(tiny.vision, source=str(tmp_path / "vision")),
        unet=str(tmp_path / "unet"),
    )


def test_pretrained_parts_are_read_frozen_and_left_out_of_the_weights(
    sources: LatentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.PRESETS, NAME, sources)
    written, made = stirred(), build(NAME)
    for part in (
        "vae.model.encoder.conv_in.weight",
        "vision.model.visual_projection.weight",
        "network.unet.conv_in.weight",
    ):
        assert torch.equal(attrgetter(part)(made), attrgetter(part)(written)), part
        assert attrgetter(part)(made).requires_grad == part.startswith("network")
    assert made.vae.deviation.tolist() == pytest.approx([1 / 0.18215] * 4)
    assert not made.vision.normed
    for parameter in made.network.parameters():
        parameter.data = parameter.data.half().float()
    save_weights(tmp_path / "w.safetensors", NAME, made.settings, made.networks, {})
    kept = load_file(tmp_path / "w.safetensors")
    assert {key.split(".")[1] for key in kept} == {"unet", "sketch"}
    again = load_colorizer(NAME, tmp_path / "w.safetensors")
    assert torch.equal(again.colorize(request(), FrameNoise(0)).frames, made.colorize(request(), FrameNoise(0)).frames)


def test_the_environment_says_where_parts_lie(sources: LatentSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = replace(
        sources,
        vae=replace(sources.vae, source="nobody/nothing"),
        vision=replace(sources.vision, source="/no/such/folder"),
        unet="nobody/nothing/unet",
    )
    monkeypatch.setitem(module.PRESETS, NAME, elsewhere)
    for variable, place in (
        ("ANICOLOR_VAE", sources.vae.source),
        ("ANICOLOR_VISION", sources.vision.source),
        ("ANICOLOR_UNET", sources.unet),
    ):
        with pytest.raises(InputError, match=f"{variable}=FOLDER"):
            build(NAME)
        monkeypatch.setenv(variable, str(place))
    made, told = build(NAME), LatentColorizer(sources)
    assert made.settings == elsewhere, "a weights file names no folder of whoever trained it"
    for part in ("vae", "vision"):
        assert all(map(torch.equal, getattr(made, part).parameters(), getattr(told, part).parameters()))
    assert set(made.frozen) == {"vae", "vision"}
    monkeypatch.setenv("ANICOLOR_VAE", "mistyped/vae")
    with pytest.raises(InputError, match=r"^mistyped/vae: no such folder: expected .*VAE, as ANICOLOR_VAE says"):
        build(NAME)
    monkeypatch.delenv("ANICOLOR_VAE")
    small = build("colorizediffusion-small", _json(TINY["colorizediffusion-small"]))
    assert small.settings.vae.source is None  # what is trained here lies nowhere


def _json(settings: LatentSettings) -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps(asdict(settings)))
    return found


def test_settings_survive_json() -> None:
    for name, settings in TINY.items():
        assert build(name, _json(settings)).settings == settings


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "/no/such",
            r"^/no/such: no such folder: expected the weights of .*VAE: give a folder with it: ANICOLOR_VAE=FOLDER$",
        ),
        (
            "nobody/nothing/vae",
            r"^nobody/nothing/vae: .*found nothing that can be loaded: go online once, it comes from hugg",
        ),
        ("a name?", r"^a name\?: expected .*, found nothing that can be loaded: go online once"),
    ],
)
def test_what_is_not_there_is_named_with_the_cure(sources: LatentSettings, source: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as raised:
        LatentColorizer(replace(sources, vae=replace(sources.vae, source=source)))
    assert "\n" not in str(raised.value)


def test_an_empty_folder_is_no_part(sources: LatentSettings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for part in ("vae", "vision"):
        with pytest.raises(
            InputError, match=r"empty: expected the weights of .*, found nothing that can be loaded: give"
        ):
            LatentColorizer(replace(sources, **{part: replace(getattr(sources, part), source=str(tmp_path / "empty"))}))


@pytest.mark.parametrize("change", [{"layers": 2}, {"tokens": 16}, {"width": 16}])
def test_parts_of_another_size_are_refused(sources: LatentSettings, change: dict[str, int]) -> None:
    with pytest.raises(
        AnicolorError, match="vision: expected the weights of OpenCLIP's ViT-H/14, found those of another"
    ):
        LatentColorizer(replace(sources, vision=replace(sources.vision, **change)))


def test_damaged_parts_are_refused(sources: LatentSettings) -> None:
    (file,) = Path(str(sources.vision.source)).glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(AnicolorError, match="vision: damaged, or not the weights of OpenCLIP's ViT-H/14"):
        LatentColorizer(sources)


def test_without_the_extra_the_model_is_listed_and_says_what_to_install(
    anicolor, monkeypatch: pytest.MonkeyPatch, film: Path, keyframes: Path, out: Path
) -> None:
    find = catalog.find_spec
    monkeypatch.setattr(catalog, "find_spec", lambda name: None if name == "transformers" else find(name))
    monkeypatch.setattr("anicolor.cli.models.CATALOG", tuple(known for known in CATALOG if known.name in PRESETS))
    assert entry("opdm-small").cure is None
    cure = "pip install 'anicolor[latent]'"
    rows = [line.split("\t") for line in anicolor("models").out.splitlines()]
    told = {row[0]: (row[2], row[4]) for row in rows}
    for name in PRESETS:
        assert told[name] == ("unknown", f"not installed: {cure}")
    for command in (
        ("colorize", film, "--keyframes", keyframes, "-o", out, "--model", "colorizediffusion-small"),
        ("train", "colorizediffusion-small", "--out", out, "--device", "cpu"),
    ):
        outcome = anicolor(*command)
        assert outcome.code == 2
        assert outcome.err.splitlines()[-1].endswith(f"needs transformers, not installed here: {cure}")
