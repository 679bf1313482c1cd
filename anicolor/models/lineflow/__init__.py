"""Where the lines of one drawing are in another: correspondence learned on drawn scenes, whose motion is known.

No paper of the five, and no colorizer: what colorizers follow keyframes by (docs/decisions/0013-lineflow.md). Put
together from Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow" (ECCV 2020: updates by a
gated unit, convex upsampling), Sun et al., "PWC-Net" (CVPR 2018: costs of warped features on a pyramid) and van den
Oord et al., "Representation Learning with Contrastive Predictive Coding" (2018: the contrast that features learn by).
"""
