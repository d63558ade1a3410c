"""How well features recognise places across seasons: metrics, hand-made baselines, reports."""
