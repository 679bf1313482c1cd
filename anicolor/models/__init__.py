"""The contract of a colorizer, the catalog, windows between keyframes, weights files; one folder a paper."""
