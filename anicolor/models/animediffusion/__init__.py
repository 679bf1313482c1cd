"""Cao, Meng, Mok, Liu, Lee and Li, "AnimeDiffusion: Anime Face Line Drawing Colorization via Diffusion Models".

arXiv:2303.11137. Licence: Apache 2.0. Written from the paper; the counts of parameters of its public code were checked
against, none of its code is used.

What differs, and why:

- The paper paints faces from a distorted copy of the painted picture itself; a cut is painted from its nearest
  keyframe. ``animediffusion`` is trained as the paper says, on copies; ``animediffusion-small`` on keyframes and on
  lines as they are drawn, because that is what it will see.
- The deterministic inversion starts from the reference (section 4.3.2, in words), not from the true picture (algorithm
  1): when a film is painted there is no true picture. Its published code does not pass the time step in the inversion;
  ``timeless`` does the same. What else is odd there is not repeated: it begins with random noise in place of the
  network's, and cuts pictures off at white and black on the way.
- ``animediffusion-small`` folds 2 x 2 pixels into channels and paints in 4 steps: what two CPU cores can train.
- The two points that distort a copy lie where the published code has them and go as far, but in any direction, not
  along the diagonal alone, since figures turn in all directions; what comes from outside the frame is paper, not black.
- Gradients are clipped, the rate rises and falls, and the weights that are kept are a moving average: the loop of all
  five papers. The paper keeps its rate.
- No attention but in the bottleneck, as in the published configuration of 52.3 million parameters.
- Its ``betas`` end with alpha bar at 0.0066: 8 % of the picture's amplitude is still there, and painting from pure
  noise begins a little off.
"""
