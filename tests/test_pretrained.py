"""Weights of others: by path, from the cache, and what is said when they are not there or not what they should be."""

from pathlib import Path

import pytest
import torch
from torch import nn

from anicolor.errors import AnicolorError, InputError
from anicolor.pretrained import ALEXNET, find_pretrained, load_pretrained, read_pretrained


def test_they_are_found_by_path_and_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / ALEXNET.file
    with pytest.raises(InputError) as error:
        find_pretrained(ALEXNET)
    for told in (str(cached), ALEXNET.source + ALEXNET.file, "--lpips-weights"):
        assert told in str(error.value)
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert find_pretrained(ALEXNET) == cached
    (own := tmp_path / "own.pth").touch()
    assert find_pretrained(ALEXNET, own) == own
    with pytest.raises(InputError, match="none"):
        find_pretrained(ALEXNET, tmp_path / "none.pth")


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x80\x02not a pickle"])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (path := tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(AnicolorError, match=f"{path}: damaged") as error:
        read_pretrained(ALEXNET, path)
    assert "\n" not in str(error.value)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(AnicolorError, match="damaged"):
        read_pretrained(ALEXNET, tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_network_are_said(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 3).state_dict(), path := tmp_path / "linear.pth")
    assert load_pretrained(nn.Linear(2, 3), ALEXNET, path).weight.shape == (3, 2)
    with pytest.raises(AnicolorError, match="found those of another network"):
        load_pretrained(nn.Linear(5, 3), ALEXNET, path)
    torch.save([1, 2], path)
    with pytest.raises(AnicolorError, match="expected a state dict"):
        read_pretrained(ALEXNET, path)
