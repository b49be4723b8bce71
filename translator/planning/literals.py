"""Values that are written out in a spec, checked against the schema of the place where they stand."""

from collections.abc import Mapping
from typing import Any

from translator.language.expressions import JsonSchema
from translator.language.fitting import fits


def literal_faults(value: Any, schema: JsonSchema, defs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with a value: pointers within it and reasons, none of which repeats the value."""
    del defs
    fit = fits({"const": value}, schema)
    return [] if fit else [("", fit.reason)]
