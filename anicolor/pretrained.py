"""Weights that others trained: found by path or in torch hub's cache, never downloaded, never unpickled."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from anicolor.errors import AnicolorError, InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "ALEXNET",
    "INCEPTION",
    "PSC",
    "RAFT",
    "VGG19",
    "Pretrained",
    "find_pretrained",
    "load_pretrained",
    "read_pretrained",
    "weightless",
]


@dataclass(frozen=True)
class Pretrained:
    """A file of weights: what it is, its name in torch hub's cache, where it comes from, and what names another place.

    That is an ``option`` of a command, or a ``variable`` of the environment.
    """

    what: str
    file: str
    source: str
    option: str = ""
    variable: str = ""


_TORCH = "https://download.pytorch.org/models/"
VGG19 = Pretrained("VGG19's ImageNet weights", "vgg19-dcbb9e9d.pth", _TORCH, "--vgg")
ALEXNET = Pretrained("AlexNet's ImageNet weights", "alexnet-owt-7be5be79.pth", _TORCH, "--lpips-weights")
RAFT = Pretrained("RAFT's weights", "raft_large_C_T_SKHT_V2-ff5fadd5.pth", _TORCH, "--raft-weights")
INCEPTION = Pretrained(
    "Inception's weights",
    "weights-inception-2015-12-05-6726825d.pth",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/",
    "--fid-weights",
)

PSC = Pretrained(
    "the weights of photo-sketch correspondence, with a ResNet-101",
    "psc_resnet101.pth.tar",
    "https://photo-sketch-correspondence-6k.s3.amazonaws.com/",
    variable="ANICOLOR_PSC",
)

_Network = TypeVar("_Network", bound="nn.Module")


def find_pretrained(weights: Pretrained, path: Path | None = None) -> Path:
    """Return ``path``, or the file of ``weights`` that the environment names, or the one in torch hub's cache.

    Raises:
        InputError: it is not there; the message names the file, its source and the cure.
    """
    from torch import hub

    cached = Path(hub.get_dir()) / "checkpoints" / weights.file
    told = os.environ.get(weights.variable) if weights.variable else None
    found = path or (Path(told) if told else cached)
    if not found.is_file():
        way = f"give it with {weights.option}" if weights.option else f"name it in {weights.variable}"
        raise InputError(
            f"{found}: no such file: expected {weights.what}: get {weights.source}{weights.file}"
            f" and {way}, or put it into {cached.parent}"
        )
    return found


def read_pretrained(weights: Pretrained, path: Path | None = None) -> dict[str, Tensor]:
    """Return the tensors of ``weights``: of the file, or of its ``state_dict`` where a training left more in it.

    Raises:
        InputError: as :func:`find_pretrained`.
        AnicolorError: the file is no state dict of tensors.
    """
    import torch

    found = find_pretrained(weights, path)
    try:
        state = torch.load(found, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's unpickler raises whatever the damage comes to: KeyError, IndexError ...
        raise AnicolorError(f"{found}: damaged, or not {weights.what}: take a whole copy") from error
    if isinstance(state, dict):
        state = state.get("state_dict", state)
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise AnicolorError(f"{found}: expected a state dict with {weights.what}, found something else")
    return state


def weightless() -> bool:
    """Whether networks are built on the meta device, where they are only counted."""
    import torch

    return torch.get_default_device().type == "meta"


def load_pretrained(network: _Network, weights: Pretrained, path: Path | None = None) -> _Network:
    """Return ``network`` with ``weights`` loaded.

    Raises:
        InputError: as :func:`find_pretrained`.
        AnicolorError: the file is damaged, or its weights are of another network.
    """
    state = read_pretrained(weights, path)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        found = path or weights.file
        raise AnicolorError(f"{found}: expected {weights.what}, found those of another network") from error
    return network
