"""Delaval and Koïta, "Sketch Colorization Using Diffusion Models and Photo-Sketch Correspondence".

A report of École Polytechnique and Télécom Paris. Written from the paper; every row of its tables I and II was checked
against, none of its code is used.

What differs, and why:

- The second stage of training, which the report names as what is missing (section 5.3), is there: AnimeDiffusion's,
  starting from the *warped* reference, which is nearer to the picture than the reference is.
- The time step is passed, and the network sees the warped reference: the published code ignores the one and shows a
  picture of the flow in place of the other, which explains its scores.
- The report warps by a frozen correspondence network. ``pscdiffusion`` does if its weights are there. Else, and always
  in ``pscdiffusion-small``, references follow ``tracks`` (lineflow's and optical flow's) through the drawings between,
  and distorted copies, between which and the frame there are none, lineflow at once; a training says so.
- "Progressive" patch shuffle: the report does not say over what. Patches of 32, 16 or 8 pixels are shuffled, or none,
  by chance for each example; when a film is painted nothing is shuffled.
- Several references: their tokens lie side by side in the cross-attention, and each place of the warped picture comes
  from the one whose lines fit best.
- Distorted copies, clipping, rate and moving average are as ``animediffusion`` has them.
- No rate is given for the dropout of the residual blocks: there is none. CBAM lies in two blocks of each level of the
  decoder, which is what the count of table II comes to; which two is our choice. The projection of the reference's
  features to 64 numbers is in the total of table II, and in none of its rows.
- ``pscdiffusion-small`` folds 2 x 2 pixels into channels, paints in 4 steps, and sees keyframes and lines as they are
  drawn: what two CPU cores can train.
"""
