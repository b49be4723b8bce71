"""Writes every generated part anew: `bin/generate`, or `python -m docs.generating` from the root of the repository."""

import sys

from docs.generating.contents import PARTS
from docs.generating.parts import write

for part in PARTS:
    if write(part):
        sys.stdout.write(f"{part.path}: {part.name or 'the whole file'}\n")
