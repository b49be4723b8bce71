"""Agents that are programs of their own: what is said to them, where they run, and what they may do."""
