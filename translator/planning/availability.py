"""What of the language this version of the server can run; all the rest is refused, each at its own key."""

from collections.abc import Iterator

from pydantic import BaseModel

from translator.language.document import join_pointer
from translator.language.model import VERBS
from translator.language.problems import Problem
from translator.planning.draft import Draft, DraftNode

AVAILABLE_VERBS = VERBS

_LATER_KEYS_OF_NODES = ("compensate",)


def check_availability(draft: Draft) -> list[Problem]:
    """Refuse verbs and keys that the language has and this version cannot run."""
    paths = [path for node in draft.every_node() for path in _of_node(node)]
    message = "the language has this, but this version of the server cannot run it yet"
    return [draft.at_key(path, "not-available-yet", message, _instead(path)) for path in paths]


def _instead(path: str) -> str:
    if path.rpartition("/")[2] in VERBS:
        return "verbs that it can run: " + ", ".join(AVAILABLE_VERBS)
    return "leave it out for now"


def _of_node(one: DraftNode) -> Iterator[str]:
    if one.verb not in AVAILABLE_VERBS:
        yield one.at(one.verb)
    yield from _set_keys(one.node, one.path, _LATER_KEYS_OF_NODES)


def _set_keys(part: BaseModel, path: str, keys: tuple[str, ...]) -> Iterator[str]:
    """Walk through those of the keys that say something; an empty list or `false` asks for nothing."""
    given = part.model_fields_set
    for key in keys:
        if key in given and getattr(part, key):
            yield join_pointer(path, key)
