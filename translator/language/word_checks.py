"""What each scalar type of the language must look like; no message repeats the text that it is about."""

import re
from collections.abc import Callable
from typing import Any

from translator.language import durations
from translator.language.findings import Findings, Place
from translator.language.versions import BadReferenceError, Version, parse_ref, parse_workflow_ref

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
WORKFLOW_NAME = re.compile(r"[a-z][a-z0-9._-]{0,62}", re.ASCII)
ERROR_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)
_SHARE = re.compile(r"(\d{1,3})%", re.ASCII)
_NAME_RULE = "letters, digits and _, not a digit first, at most 63 characters"

SEEN_BY_EXPRESSIONS = frozenset(("inputs", "state", "nodes", "result", "run", "usage"))


def check_word(kind: str, value: Any, place: Place, findings: Findings, *, is_key: bool = False) -> None:
    """Report what is wrong with a text of the language's type `kind`; keys are shown at the key."""
    check = _CHECKS.get(kind)
    fault = check(value) if check else None
    if fault is not None:
        report = findings.at_key if is_key else findings.at_value
        report(place, *fault)


Fault = tuple[str, str, str]  # name, message, suggestion


def _name(text: str) -> Fault | None:
    return None if NAME.fullmatch(text) else ("bad-name", "not a name of the language", f"use {_NAME_RULE}")


def _node_id(text: str) -> Fault | None:
    if text == "end":
        return "bad-name", "`end` is where runs end, so no node can have this name", "choose another name"
    if text.startswith("__"):
        return "bad-name", "names that begin with __ are taken", "choose another name"
    return _name(text)


def _target(text: str) -> Fault | None:
    return None if text == "end" else _node_id(text)


def _workflow_name(text: str) -> Fault | None:
    if WORKFLOW_NAME.fullmatch(text):
        return None
    suggestion = "use lower-case letters, digits, dots, hyphens and _, a letter first, at most 63 characters"
    return "bad-name", "not a name for a workflow", suggestion


def _error_name(text: str) -> Fault | None:
    if ERROR_NAME.fullmatch(text):
        return None
    return "bad-name", "not a name for an error or event", "use lower-case letters, digits and hyphens: no-sources"


def _version(text: str) -> Fault | None:
    if Version.parse(text) is not None:
        return None
    return "bad-name", "not a version", 'write three numbers with dots between them: "1.0.0"'


def _duration(text: str) -> Fault | None:
    if not durations.is_duration(text):
        return "bad-duration", "not a duration", "write a number with a unit, such as 30s, 5m, 2h or 3d"
    if durations.seconds(text) > durations.LONGEST:
        return "out-of-range", "a duration of more than ten years", "use at most 3650d"
    return None


def _period(text: str) -> Fault | None:
    fault = _duration(text)
    if fault is None and durations.seconds(text) <= 0:
        return "out-of-range", "a duration of nothing", "use at least 1ms"
    return fault


def _catalog_ref(text: str) -> Fault | None:
    try:
        parse_ref(text)
    except BadReferenceError as error:
        return "bad-name", str(error), "write group.name@range, such as web.fetch@^1"
    return None


def _workflow_ref(text: str) -> Fault | None:
    try:
        parse_workflow_ref(text)
    except BadReferenceError as error:
        return "bad-name", str(error), "write name@range, such as fact-check@^1"
    return None


def _share(value: int | str) -> Fault | None:
    if isinstance(value, int):
        return None if value >= 0 else ("out-of-range", "a negative count", "use 0 or more, or a share such as 20%")
    match = _SHARE.fullmatch(value)
    if match is None:
        return "unknown-value", "neither a count nor a share", "use a count, or a share such as 20%"
    largest = 100
    return None if int(match[1]) <= largest else ("out-of-range", "a share over 100%", "use 0% to 100%")


def _each(text: str) -> Fault | None:
    if text in SEEN_BY_EXPRESSIONS:
        return "bad-name", "expressions know something else by this name", "choose another name, such as item"
    return _name(text)


_CHECKS: dict[str, Callable[[Any], Fault | None]] = {
    "name": _name,
    "node-id": _node_id,
    "target": _target,
    "workflow-name": _workflow_name,
    "secret": _name,
    "error-name": _error_name,
    "version": _version,
    "duration": _period,
    "pause": _duration,
    "catalog-ref": _catalog_ref,
    "workflow-ref": _workflow_ref,
    "share": _share,
    "each": _each,
}
