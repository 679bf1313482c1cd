"""What is on disk: video through PyAV and numbered image sequences, read and written frame-exact."""
