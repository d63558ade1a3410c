"""Making keyframe maps from recordings."""
