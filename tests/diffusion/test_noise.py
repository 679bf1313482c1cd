"""Noise belongs to a seed and a frame."""

import torch

from anicolor.diffusion.noise import FrameNoise

SHAPE = (3, 64, 64)


def test_a_frame_has_its_noise_in_any_batch() -> None:
    together = FrameNoise(4).draw([5, 6, 7], SHAPE)
    assert torch.equal(FrameNoise(4).draw([6], SHAPE)[0], together[1])
    assert torch.equal(FrameNoise(4).draw([7, 5], SHAPE), together[[2, 0]])


def test_frames_and_seeds_are_unrelated() -> None:
    noise = torch.cat([FrameNoise(seed).draw(range(6), SHAPE) for seed in (0, 1, 2)])
    related = torch.corrcoef(noise.flatten(1)) - torch.eye(len(noise))
    assert related.abs().max() < 5 / (3 * 64 * 64) ** 0.5  # five standard deviations of chance


def test_noise_is_standard_normal() -> None:
    noise = FrameNoise(0).draw(range(4), SHAPE)
    assert noise.dtype == torch.float32
    assert noise.device.type == "cpu"
    assert abs(noise.mean().item()) < 0.02
    assert abs(noise.std().item() - 1) < 0.02
