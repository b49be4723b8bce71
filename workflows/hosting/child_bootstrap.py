"""The bootstrap of a group: a callable of the user's that runs once in every host, before anything else does.

Part of the child side of hosts: standard library only, Python 3.8.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import traceback
from typing import Any


class BootstrapFailed(Exception):
    """The callable is not there, or raised; its traceback has been printed."""


def import_early(name: str) -> None:
    """Import the module of a bootstrap once for all hosts; where that fails, each host will tell."""
    if name:
        with contextlib.suppress(BaseException):
            importlib.import_module(name.partition(":")[0])


def run_bootstrap(name: str) -> None:
    """Call `module:callable`; raises `BootstrapFailed`."""
    if not name:
        return
    module, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        functools.reduce(getattr, attribute.split("."), found)()
    except BaseException as error:
        traceback.print_exc()
        raise BootstrapFailed(f"the bootstrap {name} failed: {type(error).__name__}: {str(error)[:500]}") from error
