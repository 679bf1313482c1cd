"""A training run on disk: settings, log, checkpoint and best weights in one folder, resumable at any step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim import Optimizer

from anicolor.errors import AnicolorError, InputError, OverwriteError
from anicolor.media.atomic import write_bytes, write_errors
from anicolor.media.images import encode_png
from anicolor.media.picture import Picture

__all__ = ["Position", "Run"]


@dataclass(frozen=True)
class Position:
    """Where a run stands: the stage, its optimizer steps done, and the best validation score so far (dB)."""

    stage: str
    step: int
    best: float


class Run:
    """The folder of a run: ``run.json``, ``log.jsonl``, ``state.safetensors``, ``best.safetensors``, ``samples/``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.best = folder / "best.safetensors"
        self._state, self._settings, self._log = (
            folder / name for name in ("state.safetensors", "run.json", "log.jsonl")
        )

    def start(self, settings: dict[str, object]) -> None:
        """Make the folder and write what the run was asked for, in place of a run that never began.

        Raises:
            OverwriteError: the folder holds a run already.
        """
        if self._log.exists():
            raise OverwriteError(f"{self.folder}: holds a run already: --resume goes on with it, --out names another")
        with write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_bytes(self._settings, json.dumps(settings, indent=2).encode())

    def begin(self) -> None:
        """Note that all is there that the training needs: from here on the folder holds a run."""
        with write_errors(self._log):
            self._log.touch()

    def settings(self) -> dict[str, object]:
        """Return what the run was asked for.

        Raises:
            InputError: the folder holds no run.
        """
        if not self._settings.is_file():
            raise InputError(f"{self.folder}: expected a run to resume, found no run.json: start without --resume")
        found: dict[str, object] = json.loads(self._settings.read_text())
        return found

    def log(self, **facts: object) -> None:
        """Append one JSON line to the log."""
        with write_errors(self._log), self._log.open("a") as file:
            file.write(json.dumps(facts) + "\n")

    def picture(self, stage: str, step: int, picture: Picture) -> None:
        """Write what the weights of ``step`` paint as ``samples/STAGE-STEP.png``."""
        folder = self.folder / "samples"
        with write_errors(folder):
            folder.mkdir(exist_ok=True)
        write_bytes(folder / f"{stage}-{step:06d}.png", encode_png(picture))

    def save(self, position: Position, modules: dict[str, nn.Module], optimizers: dict[str, Optimizer]) -> None:
        """Write all that the next step depends on: weights, optimizers, position."""
        tensors = {
            f"module/{name}/{key}": value.detach().clone()
            for name, module in modules.items()
            for key, value in module.state_dict().items()
        }
        for name, optimizer in optimizers.items():
            for number, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{name}/{number}/{key}": value.clone() for key, value in state.items()}
        where = {"stage": position.stage, "step": str(position.step), "best": repr(position.best)}
        write_bytes(self._state, save({k: v.cpu().contiguous() for k, v in tensors.items()}, metadata=where))

    def position(self) -> Position | None:
        """Return where the run stands, or None before its first checkpoint."""
        if not self._state.is_file():
            return None
        from safetensors import safe_open

        with safe_open(self._state, framework="pt") as file:
            found = file.metadata()
        return Position(found["stage"], int(found["step"]), float(found["best"]))

    def restore(self, modules: dict[str, nn.Module], optimizers: dict[str, Optimizer]) -> None:
        """Load the checkpoint into ``modules`` and ``optimizers``."""
        tensors = load_file(self._state)
        for name, module in modules.items():
            prefix = f"module/{name}/"
            try:
                module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
            except RuntimeError as error:
                raise AnicolorError(
                    f"{self._state}: the checkpoint is of another network: start a new run with --out"
                ) from error
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(
                {**optimizer.state_dict(), "state": _optimizer_state(tensors, f"optimizer/{name}/")}
            )


def _optimizer_state(tensors: dict[str, Tensor], prefix: str) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(prefix):
            number, name = key.removeprefix(prefix).split("/")
            state.setdefault(int(number), {})[name] = value
    return state
