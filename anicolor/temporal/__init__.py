"""Colours through the time of a shot."""
