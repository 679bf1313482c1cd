"""Shi et al.'s network as a colorizer: as many keyframes as it is built for."""

from dataclasses import replace

import torch
from three_keyframes import check_each_has_its_say

from anicolor.models.deepcolorization.colorizer import TINY, DeepColorizer


def test_three_keyframes_have_their_say_in_any_batch() -> None:
    torch.manual_seed(0)
    check_each_has_its_say(DeepColorizer(replace(TINY["deepcolorization"], references=3)), side=32)
