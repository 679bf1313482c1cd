"""``anicolor models``: what can paint, and how large it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from anicolor.cli import console, options
from anicolor.models.catalog import CATALOG, Entry, entry

__all__ = ["command"]


@click.command("models")
@options.as_json
def command(as_json: bool) -> None:
    """List the models: paper, licence, size, weights.

    Refiners make the frames of any of them agree in time; line flow is what keyframes are followed by.
    """
    facts, refiners, flow = [_facts(known) for known in CATALOG], _refiners(), _line_flow()
    if as_json:
        console.print_json({"schema_version": 1, "models": facts, "refiners": refiners, "lineflow": flow})
        return
    rows = [
        (
            f["name"],
            f["paper"],
            _size(f) if known.learned else "0",
            f["licence"],
            f"not installed: {known.cure}" if known.cure else known.supply,
        )
        for known, f in zip(CATALOG, facts, strict=True)
    ]
    rows += [
        (r["name"], f"refiner: {r['paper']}", f"{r['parameters'] / 1e6:.2f} M", r["licence"], r["supply"])
        for r in refiners
    ]
    rows.append(
        (flow["name"], "what keyframes are followed by", f"{flow['parameters'] / 1e6:.2f} M", "Apache-2.0", "shipped")
    )
    console.print_table(("model", "paper", "parameters", "licence", "weights"), rows)


def _refiners() -> list[dict[str, Any]]:
    import torch

    from anicolor.temporal.refiner import PRESETS, REFINER, SHIPPED, build

    deep = entry("deepcolorization")
    found = []
    for name in PRESETS:
        with torch.device("meta"):
            refiner = build(name)
        found.append(
            {
                "name": name,
                "paper": deep.paper,
                "licence": deep.licence,
                "parameters": sum(p.numel() for p in refiner.network.parameters()),
                "supply": "shipped" if name == REFINER and SHIPPED else "none",
            }
        )
    return found


def _line_flow() -> dict[str, Any]:
    import torch

    from anicolor.models.lineflow.flow import NAME, build

    with torch.device("meta"):
        flow = build(NAME)
    return {"name": NAME, "parameters": sum(p.numel() for p in flow.network.parameters()), "weights": "shipped"}


def _size(facts: dict[str, Any]) -> str:
    return f"{facts['parameters']['total'] / 1e6:.2f} M" if facts["parameters"] else "unknown"


def _facts(known: Entry) -> dict[str, Any]:
    """Return what is known of a model; of one whose packages are not installed, how to install them."""
    listed = {
        "name": known.name,
        "paper": known.paper,
        "licence": known.licence,
        "learned": known.learned,
        "weights": known.weights,
        "missing": known.cure,
    }
    if known.cure:
        return {**listed, "parameters": None, "traits": None}
    import torch

    with torch.device("meta"):
        colorizer = known.part("colorizer").build(known.name)
    counts = {
        f"{name}.{part}": sum(p.numel() for p in module.parameters())
        for name, network in colorizer.networks.items()
        for part, module in network.named_children()
    }
    return {**listed, "parameters": {"total": sum(counts.values()), **counts}, "traits": asdict(colorizer.traits)}
