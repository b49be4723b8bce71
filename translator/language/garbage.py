"""A pause of the garbage collector while a document is built.

Building allocates tens of thousands of mappings that all stay, and none of them in a circle; the collector would walk
through them again and again, which is half of the time. What is built is bounded, so the pause is, too.
"""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Generator[None]:
    """Pause the collector if it is on, and turn it on again afterwards."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
