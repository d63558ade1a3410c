"""CAPS (Wang et al., ECCV 2020): descriptors learned from relative camera poses alone."""
