"""Figures: what Specloom takes, beside what bounds it from below. `python -m benchmarks` prints the table."""
