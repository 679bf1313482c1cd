"""Weights files: safetensors with the model's name, settings, source and scores in the metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from anicolor.errors import AnicolorError, InputError
from anicolor.media.atomic import write_bytes
from anicolor.models.catalog import CATALOG, Entry, entry

if TYPE_CHECKING:
    from anicolor.models.colorizer import Colorizer

__all__ = ["load_colorizer", "load_weights", "read_header", "save_weights"]


class _Networked(Protocol):
    @property
    def networks(self) -> Mapping[str, nn.Module]: ...


_Built = TypeVar("_Built", bound=_Networked)


def save_weights(
    path: Path, model: str, settings: object, networks: Mapping[str, nn.Module], facts: Mapping[str, object]
) -> None:
    """Write the networks' weights in half precision; ``facts`` (source, steps, scores) go into the metadata."""
    tensors = {
        f"{name}.{key}": value.detach().to("cpu", torch.float16).contiguous()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    if not is_dataclass(settings) or isinstance(settings, type):
        raise TypeError(f"settings must be a dataclass, got {settings!r}")
    header = {"model": model, "settings": json.dumps(asdict(settings)), "facts": json.dumps(dict(facts))}
    write_bytes(path, save(tensors, metadata=header))


def read_header(path: Path) -> dict[str, str]:
    """Return the metadata of a weights file.

    Raises:
        InputError: there is no such file.
        AnicolorError: it is no weights file of anicolor's, or damaged.
    """
    return _read(path)[0]


def load_colorizer(model: str, weights: Path | None = None, device: str = "cpu") -> Colorizer:
    """Return colorizer ``model`` with its shipped weights, or those of ``weights``, on ``device``.

    Raises:
        InputError: no such model or file, a model that ships no weights, or weights for one that learns nothing.
        AnicolorError: damaged weights, or weights of another model.
    """
    known = entry(model)
    if not known.learned:
        return _unlearned(known, weights).to(device)
    build = known.part("colorizer").build
    colorizer: Colorizer = load_weights(weights or _shipped(known), model, build)
    try:
        return colorizer.to(device)
    except torch.OutOfMemoryError as error:
        raise AnicolorError(
            f"{device}: no memory left for the weights of {model}: free some, or try --device cpu"
        ) from error


def load_weights(path: Path, model: str, build: Callable[[str, dict[str, object]], _Built]) -> _Built:
    """Return what ``build`` makes of ``model`` and the settings in the weights file ``path``, with its weights.

    Raises:
        InputError: there is no such file.
        AnicolorError: damaged weights, or weights of another model.
    """
    header, tensors = _read(path)
    if header.get("model") != model:
        found = header.get("model")
        both = {model, found} <= {known.name for known in CATALOG}
        cure = f"use --model {found} or other weights" if both else "take other weights"
        raise AnicolorError(f"{path}: expected weights of {model}, found those of {found}: {cure}")
    try:
        built = build(model, json.loads(header["settings"]))
    except (TypeError, ValueError) as error:
        raise AnicolorError(
            f"{path}: settings that this version does not know ({error}): take weights of this version"
        ) from error
    for name, network in built.networks.items():
        prefix = f"{name}."
        state = {k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)}
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise AnicolorError(f"{path}: the weights do not fit their own settings: take a whole copy") from error
    return built


def _unlearned(known: Entry, weights: Path | None) -> Colorizer:
    if weights is not None:
        raise InputError(f"{weights}: {known.name} learns nothing and takes no weights: leave --weights out")
    colorizer: Colorizer = known.part("colorizer").build(known.name)
    return colorizer


def _shipped(known: Entry) -> Path:
    if known.shipped is None:
        raise InputError(
            f"{known.name} ships without weights: give --weights FILE, or train them with 'anicolor train {known.name}'"
        )
    return known.shipped


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    if not path.is_file():
        raise InputError(f"{path}: no such weights file: expected a .safetensors file written by anicolor train")
    try:
        with safe_open(path, framework="pt") as file:
            header, tensors = file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise AnicolorError(f"{path}: damaged weights, or no safetensors file ({error}): take a whole copy") from error
    if not {"model", "settings"} <= header.keys():
        raise AnicolorError(f"{path}: expected weights written by anicolor train, found other safetensors")
    return header, tensors
