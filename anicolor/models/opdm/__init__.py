"""Zhu, Cao, Zhang, Lai and Rosin, "Line Art Colorization with Offset Prior-based Diffusion Model" (OPDM).

Licence: Apache 2.0. Written from the paper alone; none of its authors' code is used.

Where the paper is silent, this is chosen:

- Betas are linear from 0.1 / T to 20 / T, so that the last of the T = 500 steps is almost pure noise; DDIM takes the
  trailing steps and no randomness.
- The denoising U-Net has no attention, two residual blocks a level and widths of 128, 256, 512 and 832, which comes
  within 2 % of the paper's 205.58 M parameters. The norm is over the channels of each pixel: the same for a training
  crop and for a whole frame.
- Reference and offset features are added after the first residual block of each encoder level.
- The offset estimator gets line art and reference as two pyramids of 52 channels, and five bottlenecks at each level.
- In the first stage each level has its own deformable convolution to 3 channels; it serves that stage only.
- A single keyframe is given to both branches.
- Gradients are clipped, the rate rises and falls, and the weights that are kept are a moving average.

What ``opdm-small`` adds, all off in ``opdm``: docs/decisions/0002-opdm-small.md.
"""
