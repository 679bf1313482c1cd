"""``anicolor models``: what can paint, and how large it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from anicolor.cli import console, options
from anicolor.models.catalog import CATALOG, Entry

__all__ = ["command"]


@click.command("models")
@options.as_json
def command(as_json: bool) -> None:
    """List the models: paper, licence, size, weights."""
    facts = [_facts(entry) for entry in CATALOG]
    if as_json:
        console.print_json({"schema_version": 1, "models": facts})
        return
    rows = [
        (
            f["name"],
            f["paper"],
            f"{f['parameters']['total'] / 1e6:.2f} M" if entry.learned else "0",
            f["licence"],
            entry.supply,
        )
        for entry, f in zip(CATALOG, facts, strict=True)
    ]
    console.print_table(("model", "paper", "parameters", "licence", "weights"), rows)


def _facts(entry: Entry) -> dict[str, Any]:
    import torch

    with torch.device("meta"):
        colorizer = entry.part("colorizer").build(entry.name)
    counts = {
        f"{name}.{part}": sum(p.numel() for p in module.parameters())
        for name, network in colorizer.networks.items()
        for part, module in network.named_children()
    }
    return {
        "name": entry.name,
        "paper": entry.paper,
        "licence": entry.licence,
        "parameters": {"total": sum(counts.values()), **counts},
        "learned": entry.learned,
        "weights": entry.weights,
        "traits": asdict(colorizer.traits),
    }
