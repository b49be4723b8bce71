"""What a spec is: readers with positions, the model, checks that report all problems at once, digest and JSON Schema.

The way through: `read` bytes into a `Document`, `check_shape` it into a `Spec`; whatever is wrong is a `Problem`. The
names below are loaded when first used, so that importing this room costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translator.language.digest import spec_digest
    from translator.language.document import Document, Position
    from translator.language.model import Spec
    from translator.language.problem_kinds import explain
    from translator.language.problems import Problem
    from translator.language.reading import read, read_json
    from translator.language.shape import check_shape

__all__ = ["Document", "Position", "Problem", "Spec", "check_shape", "explain", "read", "read_json", "spec_digest"]

_HOMES = {
    "Document": "document",
    "Position": "document",
    "Problem": "problems",
    "Spec": "model",
    "check_shape": "shape",
    "explain": "problem_kinds",
    "read": "reading",
    "read_json": "reading",
    "spec_digest": "digest",
}


def __getattr__(name: str) -> Any:
    """Load one of the names above from its file."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
