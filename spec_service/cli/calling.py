"""How a person calls this program again: by its name where that is found, else by the path that was used."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

NAME = "specloom"


def program() -> str:
    """Return the word to begin a command with, ready for a shell."""
    used = Path(sys.argv[0]) if sys.argv else Path(NAME)
    found = shutil.which(NAME)
    if used.name != NAME or (found and Path(found).resolve() == used.resolve()):
        return NAME
    near = os.path.relpath(used)
    return shlex.quote(str(used) if near.startswith("..") else near)
