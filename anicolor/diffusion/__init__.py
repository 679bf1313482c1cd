"""Schedules and samplers on diffusers' schedulers, and noise that belongs to a frame."""
