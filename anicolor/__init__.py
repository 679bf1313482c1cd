"""anicolor paints line-art animation from a few painted keyframes."""

__version__ = "0.1.0"
