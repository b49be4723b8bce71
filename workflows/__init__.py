"""What happens while a workflow runs: the engine, its ports, and the nodes that call stages, tools and people."""
