"""Long runs: drives in all weathers, hours of frames, broken messages and killed writers, counted."""
