"""Yan, Yuan, Wu, Nishioka, Fujishiro and Saito, "ColorizeDiffusion: Improving Reference-based Sketch Colorization".

In full, "... with Latent Diffusion Model"; an earlier form is arXiv:2401.01456. Licence: Apache 2.0. Written from the
paper alone; none of its authors' code is used. The U-Net (865.9 million parameters) and the autoencoder are diffusers',
the vision tower is that of transformers, which ``pip install 'anicolor[latent]'`` brings. Weights of the pretrained
parts are under licences of their own.

What differs, or where the paper is silent, and why:

- The U-Net starts from Stable Diffusion 2.1-base, not from Waifu Diffusion 1.4: of the same shape, and in diffusers'
  form. ANICOLOR_UNET names a folder in its place; ANICOLOR_VAE and ANICOLOR_VISION those of the frozen parts.
- The sketch encoder: three strided convolutions to the latents' size, a residual block for each level, and at five
  levels a 1 x 1 convolution that is zero at first, so that training starts from what the U-Net knows. Its 64.2 million
  parameters come within 1 % of the published 64.0. Features are added behind the first convolution and each level.
- The local tokens go through the tower's last norm and its projection, which makes them as wide as the U-Net's
  cross-attention is: no layer between has to be trained. References keep their aspect, padded to a square.
- The noise on the tokens is weighed as that on the latents is, by the roots of alpha bar and of what it lacks of 1.
- Dropped references are tokens of zero, dropped sketches features of zero. The paper guides by the reference alone;
  here the sketch has a scale of its own, off by default.
- How much of a sketch its centre crop leaves is not told: here from half of each side to all of it, paper around.
- Latents are the mode of the posterior, without the noise of a draw.
- Adam for AdamW, gradients clipped, a rate that rises and falls, and a moving average of the weights: the loop's own.
- Tokens of several keyframes stand in one row. ``colorizediffusion`` learns from one reference, the picture itself
  without deformation (section 4.1), and paints from up to two keyframes.

``colorizediffusion-small`` is what two CPU cores can train, with nothing from elsewhere. A stage before the others
trains a tiny autoencoder, whose latents are brought to mean 0 and deviation 1 as they were measured there. The vision
tower learns with the U-Net, its tokens normed once more, lest they outgrow the noise. It learns from keyframes and
whole sketches, because that is what it will see. The finest level has no attention, and betas end with alpha bar at
0.0002. It predicts the velocity, not the noise: at high noise, where the colours are settled, the noise is nearly all
that is there and teaches little (after 240 steps of either, 1.3 dB less). 10 steps paint, without guidance.
"""
