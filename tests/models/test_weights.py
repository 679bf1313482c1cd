"""Weights files keep what they were written with, and refuse what they are not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from anicolor.errors import AnicolorError, InputError
from anicolor.models.catalog import CATALOG
from anicolor.models.opdm.colorizer import PRESETS, TINY, OpdmColorizer
from anicolor.models.weights import load_colorizer, read_header, save_weights

SETTINGS = replace(TINY["opdm-small"], steps=PRESETS["opdm-small"].steps, adapter_blocks=2)
FACTS = {"data": ["drawn"], "steps": 12, "validation_psnr": 27.5}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    made = tmp_path / "tiny.safetensors"
    save_weights(made, "opdm-small", SETTINGS, OpdmColorizer(SETTINGS).networks, FACTS)
    return made


def rewrite(path: Path, tensors: dict[str, torch.Tensor] | None = None, **header: str) -> None:
    with safe_open(path, framework="pt") as file:
        kept = file.metadata()
    save_file(load_file(path) if tensors is None else tensors, path, {**kept, **header})


def test_model_settings_and_facts_are_kept(path: Path) -> None:
    header = read_header(path)
    assert header["model"] == "opdm-small"
    assert json.loads(header["facts"]) == FACTS
    assert load_colorizer("opdm-small", path).settings == SETTINGS


def test_the_file_holds_half_precision_and_loads_as_single(path: Path) -> None:
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}
    networks = load_colorizer("opdm-small", path).networks.values()
    assert {parameter.dtype for network in networks for parameter in network.parameters()} == {torch.float32}


def test_weights_of_another_model_name_the_model_to_ask_for(path: Path) -> None:
    with pytest.raises(
        AnicolorError, match="expected weights of opdm, found those of opdm-small: use --model opdm-small"
    ):
        load_colorizer("opdm", path)


@pytest.mark.parametrize("kept", [0, 4, 500, -1], ids=lambda n: f"[:{n}]")
def test_a_truncated_file_is_damaged(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(AnicolorError, match="damaged weights") as error:
        load_colorizer("opdm-small", path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_tensors_are_told_in_one_line(path: Path) -> None:
    rewrite(path, dict(list(load_file(path).items())[1:]))
    with pytest.raises(AnicolorError, match="the weights do not fit their own settings") as error:
        load_colorizer("opdm-small", path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("settings", ['{"hats": 3}', '{"widths": 8}', "no json"])
def test_settings_that_are_not_known(path: Path, settings: str) -> None:
    rewrite(path, settings=settings)
    with pytest.raises(AnicolorError, match="settings that this version does not know"):
        load_colorizer("opdm-small", path)


def test_other_safetensors_are_not_weights(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(AnicolorError, match="expected weights written by anicolor train"):
        load_colorizer("opdm-small", tmp_path / "other.safetensors")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such weights file"):
        load_colorizer("opdm-small", tmp_path / "none.safetensors")


def test_a_model_that_ships_without_weights_says_what_to_do() -> None:
    (bare, *_) = (known.name for known in CATALOG if known.weights is None)
    with pytest.raises(InputError, match=f"{bare} ships without weights: give --weights FILE, or train"):
        load_colorizer(bare)


def test_settings_must_be_a_dataclass(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="settings must be a dataclass"):
        save_weights(tmp_path / "x.safetensors", "opdm-small", {"widths": 8}, {}, {})


@pytest.mark.parametrize("name", [known.name for known in CATALOG if not known.learned])
def test_what_learns_nothing_needs_no_file_and_takes_none(path: Path, name: str) -> None:
    assert load_colorizer(name).networks == {}
    with pytest.raises(InputError, match=f"{name} learns nothing and takes no weights: leave --weights out"):
        load_colorizer(name, path)
