"""Luigi stages: the registry, expansions, the adapter that builds them, what runs in a host (`stage_*.py`)."""
