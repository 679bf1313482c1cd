"""Recipes as rows: what each stage of each paper is trained with."""

from __future__ import annotations

from dataclasses import dataclass

from anicolor.errors import InputError

__all__ = ["ADAPT", "RECIPES", "Recipe", "recipes"]

ADAPT = "adapt"
"""The stage that goes on from trained weights, with a few sequences of another style."""


@dataclass(frozen=True)
class Recipe:
    """One stage: optimizer steps, learning rate, batch, crop side in pixels, unrolled DDIM steps, source.

    ``unroll`` is 1 for networks that paint in one pass or learn one step at a time, and 0 for stages whose pictures are
    not to be judged yet.
    """

    model: str
    stage: str
    steps: int
    rate: float
    batch: int
    side: int
    unroll: int
    section: str


RECIPES = (
    # model         stage      steps    rate  batch side unroll  source
    Recipe("opdm", "offsets", 39_000, 1e-4, 10, 224, 0, "section 4.1: 80 epochs of 4,881 sequences, batch 10"),
    Recipe("opdm", "joint", 150_000, 1e-5, 1, 224, 10, "section 4.1"),
    Recipe("opdm", ADAPT, 2_000, 5e-6, 1, 224, 10, "ours"),
    Recipe("opdm-small", "offsets", 50, 1e-3, 8, 128, 0, "ours: two CPU cores"),
    Recipe("opdm-small", "joint", 2_150, 6e-4, 8, 128, 2, "ours: two CPU cores"),
    Recipe("opdm-small", "choice", 1_000, 1.5e-3, 8, 128, 1, "ours: two CPU cores"),
    Recipe("opdm-small", ADAPT, 200, 1e-4, 8, 128, 2, "ours: two CPU cores"),
    Recipe("deepcolorization", "colours", 56_200, 1e-4, 4, 256, 1, "section 4.1: 40 epochs of 5,620 frames, batch 4"),
    Recipe("deepcolorization", ADAPT, 6_480, 1e-4, 4, 256, 1, "section 4.5: 30 epochs of 32 sequences of 27 frames"),
    Recipe("deepcolorization-small", "colours", 2_000, 4e-4, 8, 128, 1, "ours: two CPU cores"),
    Recipe("deepcolorization-small", ADAPT, 200, 1e-4, 8, 128, 1, "ours: two CPU cores"),
    Recipe("animediffusion", "noise", 297_150, 1e-5, 32, 256, 0, "section 5.2: 300 epochs of 31,696 pictures"),
    Recipe("animediffusion", "picture", 7_924, 1e-5, 4, 256, 10, "section 5.2: 1 epoch of 31,696 pictures"),
    Recipe("animediffusion", ADAPT, 2_000, 5e-6, 4, 256, 10, "ours"),
    Recipe("animediffusion-small", "noise", 1_000, 4e-4, 8, 128, 0, "ours: two CPU cores"),
    Recipe("animediffusion-small", "picture", 200, 1e-4, 4, 128, 4, "ours: two CPU cores"),
    Recipe("animediffusion-small", ADAPT, 100, 5e-5, 4, 128, 4, "ours: two CPU cores"),
    Recipe("pscdiffusion", "noise", 297_150, 1e-5, 32, 256, 0, "section 5.1 gives 199 epochs alone: as animediffusion"),
    Recipe("pscdiffusion", "picture", 7_924, 1e-5, 4, 256, 10, "section 5.3: as animediffusion"),
    Recipe("pscdiffusion", ADAPT, 2_000, 5e-6, 4, 256, 10, "ours"),
    Recipe("pscdiffusion-small", "noise", 1_000, 4e-4, 8, 128, 0, "ours: two CPU cores"),
    Recipe("pscdiffusion-small", "picture", 200, 1e-4, 4, 128, 4, "ours: two CPU cores"),
    Recipe("pscdiffusion-small", ADAPT, 100, 5e-5, 4, 128, 4, "ours: two CPU cores"),
    Recipe(
        "colorizediffusion", "noisy", 375_000, 1e-5, 64, 512, 0, "section 3.3: 5 epochs of 4.8 M pictures; batch ours"
    ),
    Recipe("colorizediffusion", "refine", 150_000, 1e-5, 64, 512, 1, "section 3.3: 2 epochs; batch ours"),
    Recipe("colorizediffusion", ADAPT, 2_000, 5e-6, 64, 512, 1, "ours"),
    Recipe("colorizediffusion-small", "autoencoder", 1_500, 1e-3, 8, 128, 0, "ours: two CPU cores"),
    Recipe("colorizediffusion-small", "noisy", 1_500, 4e-4, 8, 128, 0, "ours: two CPU cores"),
    Recipe("colorizediffusion-small", "refine", 500, 2e-4, 8, 128, 1, "ours: two CPU cores"),
    Recipe("colorizediffusion-small", ADAPT, 100, 1e-4, 8, 128, 1, "ours: two CPU cores"),
    Recipe("lineflow", "flow", 2_800, 6e-4, 8, 192, 1, "ours: two CPU cores"),
    Recipe("lineflow", ADAPT, 200, 1e-4, 8, 192, 1, "ours: two CPU cores"),
    Recipe("refiner", "time", 14_050, 1e-4, 4, 256, 1, "section 4.1: 10 epochs of 5,620 frames, batch 4"),
    Recipe("refiner", ADAPT, 1_620, 1e-4, 4, 256, 1, "ours: as many epochs, of the sequences of section 4.5"),
    Recipe("refiner-small", "time", 3_000, 1e-3, 1, 192, 1, "ours: two CPU cores"),
    Recipe("refiner-small", ADAPT, 100, 1e-4, 1, 192, 1, "ours: two CPU cores"),
)


def recipes(model: str) -> tuple[Recipe, ...]:
    """Return the stages of ``model`` in order.

    Raises:
        InputError: no recipe trains this model.
    """
    rows = tuple(row for row in RECIPES if row.model == model)
    if not rows:
        known = ", ".join(dict.fromkeys(row.model for row in RECIPES))
        raise InputError(f"no recipe trains {model!r}: expected one of {known}")
    return rows
