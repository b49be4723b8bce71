"""What checks collect: problems with the place in the document that each points at."""

from typing import TypeAlias

from translator.language.document import Document, Position, join_pointer
from translator.language.problems import MAX_PROBLEMS, Problem, problem_at

# Where a check stands: the keys from the root, linked from the innermost outwards, since most places never need a text.
Place: TypeAlias = "tuple[Place, str | int] | None"
ROOT: Place = None


def pointer_of(place: Place) -> str:
    """Return the JSON pointer of a place."""
    keys: list[str | int] = []
    while place is not None:
        place, key = place
        keys.append(key)
    return join_pointer("", *reversed(keys))


ENOUGH = 4 * MAX_PROBLEMS  # more than are shown, since checks don't go strictly in the order of the text


class EnoughError(Exception):
    """So many problems are found that looking for more helps nobody, and costs time."""


class Findings:
    """The problems of one document, each shown at a key, at a value, or at what lacks something.

    Reporting raises EnoughError when there are far more than are shown.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def at_key(self, place: Place, name: str, message: str, suggestion: str | None = None) -> None:
        """Report a key that is wrong, at the key."""
        pointer = pointer_of(place)
        self._add(self.document.key_position(pointer), name, message, pointer, suggestion)

    def at_value(self, place: Place, name: str, message: str, suggestion: str | None = None) -> None:
        """Report a value that is wrong, at its first character."""
        pointer = pointer_of(place)
        self._add(self.document.value_position(pointer), name, message, pointer, suggestion)

    def lacking(self, place: Place, name: str, message: str, suggestion: str | None = None) -> None:
        """Report that the mapping or list at `place` lacks something, at its own key."""
        pointer = pointer_of(place)
        self._add(self.document.place(pointer), name, message, pointer, suggestion)

    def _add(self, position: Position, name: str, message: str, pointer: str, suggestion: str | None) -> None:
        self.problems.append(problem_at(position, name, message, pointer, suggestion))
        if len(self.problems) >= ENOUGH:
            raise EnoughError
