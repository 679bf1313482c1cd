"""Blocks that at least two papers use, each with its source."""
