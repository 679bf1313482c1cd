"""Devices by name."""

import pytest
import torch

from anicolor.errors import InputError
from anicolor.models.device import pick_device


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("gpus", "name", "device"),
    [(0, "auto", "cpu"), (0, "cpu", "cpu"), (2, "auto", "cuda:0"), (2, "cuda:1", "cuda:1"), (2, "cuda", "cuda")],
    indirect=["gpus"],
)
def test_names(gpus: None, name: str, device: str) -> None:  # noqa: ARG001
    assert pick_device(name) == torch.device(device)


@pytest.mark.parametrize(
    ("gpus", "name"), [(0, "cuda"), (0, "cuda:0"), (1, "cuda:1"), (1, "mps"), (0, "gpu")], indirect=["gpus"]
)
def test_no_such_device(gpus: None, name: str) -> None:  # noqa: ARG001
    with pytest.raises(InputError, match=f"no device '{name}' here: expected auto or one of .*cpu"):
        pick_device(name)
