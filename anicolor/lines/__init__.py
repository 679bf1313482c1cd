"""Line art: lines taken from finished frames, and distance fields of lines."""
