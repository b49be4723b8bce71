"""Whether values of one JSON Schema are acceptable where another is wanted, as far as that is known beforehand."""

from typing import NamedTuple

from translator.language.expressions import JsonSchema


class Fit(NamedTuple):
    """Tell whether a schema fits; `reason` says why it does not. Truthy when it fits."""

    is_fitting: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.is_fitting


def fits(actual: JsonSchema, wanted: JsonSchema) -> Fit:
    """Refuse only what is certainly wrong: what is unknown fits, `integer` fits `number`."""
    raise NotImplementedError
