"""Sparse matching: keypoints, descriptors, mutual nearest neighbours, a robust fit (the paper's figure 6)."""
