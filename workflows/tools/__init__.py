"""The tools of the catalog: describing them, calling them, and the secrets that they are given."""
