"""Where the risk of a repository lies: a Luigi pipeline over its git history (see stages.py)."""
