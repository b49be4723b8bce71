"""The command line: what a person at a terminal may ask, and how the answers look there.

This file, and all that `--help` loads, imports nothing but typer; each command loads what it needs when it is called.
"""

from spec_service.cli.entry import main

__all__ = ["main"]
