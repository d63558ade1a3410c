"""From a place to a pose: keyframes with 3-D points, matched in a window, and PnP (docs/six_dof.md)."""
