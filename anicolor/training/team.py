"""The processes that train together: one alone, or those that ``torchrun`` starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from accelerate import PartialState
from accelerate.utils import broadcast, reduce
from torch import Tensor, nn

__all__ = ["Team"]


class Team:
    """This process among those that train together; every one calls the same methods in the same order.

    Each works through its own part of a step's examples; gradients and losses are averaged over all, so that the step
    is the one that a single process makes of all the examples.

    Args:
        device: where to train; of several CUDA devices each process of this machine takes its own.
    """

    def __init__(self, device: torch.device) -> None:
        self._state = PartialState(cpu=device.type != "cuda")
        self.count: int = self._state.num_processes
        self.rank: int = self._state.process_index
        several = device.type == "cuda" and self.count > 1
        self.device = torch.device("cuda", self._state.local_process_index) if several else device

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all are here."""
        self._state.wait_for_everyone()

    def close(self) -> None:
        """Leave the team: nothing is shared any more."""
        if self.count > 1:
            self._state.destroy_process_group()

    def align(self, networks: Iterable[nn.Module]) -> None:
        """Give every process the weights of the first."""
        if self.count > 1:
            for network in networks:
                for tensor in network.state_dict().values():
                    tensor.copy_(broadcast(tensor))

    def average_gradients(self, network: nn.Module) -> None:
        """Replace the gradients of ``network`` by their mean over all processes."""
        if self.count == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        means = reduce(torch.cat([gradient.flatten() for gradient in gradients]), "mean")
        for gradient, mean in zip(gradients, means.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the mean of each of ``values`` over all processes."""
        if self.count == 1:
            return dict(values)
        means: Tensor = reduce(torch.tensor(list(values.values()), dtype=torch.float64, device=self.device), "mean")
        return dict(zip(values, means.tolist(), strict=True))
