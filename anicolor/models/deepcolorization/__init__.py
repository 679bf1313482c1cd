"""Shi, Zhang, Chen, Gao, Lai and Zhang, "Deep Line Art Video Colorization with a Few References".

Licence: Apache 2.0. Written from the paper alone; none of its authors' code is used. This is its colour transform
network (sections 3.2 to 3.4).

Where the paper is silent, this is chosen, and the last three differ from it:

- Widths of 64, 128 and 256 channels; the style is a vector of 256 numbers.
- The masks m and n have all channels of the features that they select.
- What is matched is brought back from C / 8 to C channels by a 1x1 convolution (as figure 3 has it).
- The embedder's convolutions have strides of 2, and its features are averaged over the page, then over the references.
- Latent decoders work at a quarter of the size, and are compared with the target at that size.
- The distance field goes in as exp(-d / reach), which saturates far from the lines.
- A generator wants its pictures to be taken for real (the non-saturating form of equation 10).
- Equation 5 is a mean over K references.
- Examples are whole frames, as large as fit into a square.
- Lines are learned as they are drawn, in the styles of the data, and not as SketchKeras extracts them.
- Gradients are clipped, the rates rise and fall, and the weights that are kept are a moving average.
- The perceptual and the style loss need VGG's weights (``--vgg``): without them they are off, and a training says so.

``deepcolorization-small`` has additions, all off in ``deepcolorization`` (docs/decisions/0016-deep-tracks.md): what the
masks m and n weigh at a place is what its tracks lead to, its picture is chosen from that and the decoder's colours,
and it is taught paint without ink, on parts of frames at their own size.
"""
