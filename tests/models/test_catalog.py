"""The table of colorizers: complete, and free of torch."""

import subprocess
import sys
from dataclasses import asdict, replace

import pytest
import torch

from anicolor.errors import InputError
from anicolor.models.catalog import CATALOG, DEFAULT, Entry, entry
from anicolor.temporal import refiner
from anicolor.training.recipe import RECIPES, recipes

EACH = pytest.mark.parametrize("known", CATALOG, ids=lambda known: known.name)
LEARNED = pytest.mark.parametrize("known", [e for e in CATALOG if e.learned], ids=lambda known: known.name)
UNLEARNED = pytest.mark.parametrize("known", [e for e in CATALOG if not e.learned], ids=lambda known: known.name)


def test_names_are_unique_and_the_default_is_one_of_them() -> None:
    names = [known.name for known in CATALOG]
    assert len(set(names)) == len(names)
    assert entry(DEFAULT).weights is not None


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"no model named 'nope': expected one of .*opdm-small"):
        entry("nope")


def test_the_table_imports_no_torch() -> None:
    asked = "import sys, anicolor.models.catalog, anicolor.training.recipe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


@EACH
def test_the_tiny_form_differs_in_size_only(known: Entry) -> None:
    part = known.part("colorizer")
    preset, tiny = part.PRESETS[known.name], part.TINY[known.name]
    flags = {key: value for key, value in asdict(preset).items() if isinstance(value, (bool, str))}
    assert replace(tiny, **flags) == tiny
    colorizer = part.build(known.name, asdict(tiny))
    assert sum(p.numel() for n in colorizer.networks.values() for p in n.parameters()) < 200_000


@LEARNED
def test_every_model_that_learns_can_be_trained(known: Entry) -> None:
    part = known.part("colorizer")
    rows = recipes(known.name)
    assert rows[-1].unroll > 0  # the last stage paints: it is validated, and gives the best weights
    for row in rows:
        assert row.side % part.PRESETS[known.name].size_multiple == 0
        assert min(row.steps, row.batch, row.rate) > 0
        assert row.section


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("opdm", 10),
        ("animediffusion", 10),
        ("animediffusion-small", 4),
        ("pscdiffusion", 10),
        ("pscdiffusion-small", 4),
    ],
)
def test_as_many_steps_paint_as_were_unrolled_in_training(name: str, steps: int) -> None:
    assert entry(name).part("colorizer").PRESETS[name].steps == steps
    assert [row.unroll for row in recipes(name)] == [0, steps, steps]


def test_the_small_forms_are_of_about_one_size() -> None:
    pytest.importorskip("transformers")
    sizes = []
    for known in CATALOG:
        if known.name.endswith("-small"):
            with torch.device("meta"):
                networks = known.part("colorizer").build(known.name).networks
            sizes.append(sum(p.numel() for network in networks.values() for p in network.parameters()))
    assert len(sizes) == 5
    assert max(sizes) <= 1.3 * min(sizes)


@UNLEARNED
def test_what_learns_nothing_has_no_weights_and_no_recipe(known: Entry) -> None:
    assert known.weights is None
    assert known.supply == "none needed"
    assert not known.part("colorizer").build(known.name).networks
    with pytest.raises(InputError, match=f"no recipe trains '{known.name}': expected one of opdm"):
        recipes(known.name)


def test_every_recipe_trains_a_model() -> None:
    assert {row.model for row in RECIPES} <= {known.name for known in CATALOG} | refiner.PRESETS.keys() | {"lineflow"}
    with pytest.raises(InputError, match="no recipe trains 'nope'"):
        recipes("nope")
