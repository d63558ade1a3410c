"""Networks, their checkpoints, and features from images."""
