"""From colours at the network's size to painted frames at full size, with the artist's own lines."""
