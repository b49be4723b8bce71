"""Nodes that think: agents around a model, and agents that are programs of their own."""
