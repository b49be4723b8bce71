"""Advice: what is allowed, and yet probably not what was meant."""

import re
from collections.abc import Iterator

from translator.language.document import join_pointer
from translator.language.problems import Problem
from translator.planning.calls import auth_of, call_of
from translator.planning.channels import writes_of
from translator.planning.draft import Draft
from translator.planning.literals import strings

_SECRET = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{30,}|xox[abeprs]-[A-Za-z0-9-]{10,}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.|[a-z]{2,12}://[^\s/:@]{1,64}:[^\s/@]{3,128}@"
)
_MARKS = ("sk-", "gh", "glpat-", "AKIA", "ASIA", "AIza", "xox", "PRIVATE KEY", "eyJ", "://")  # one is in each of them
_SECRET_KEY = re.compile(r"(?i)(?:^|[_-])(?:password|passwd|token|secret|api[_-]?key|credentials?)$")
_REFERENCE = re.compile(r"#/defs/([^/]+)")
_SHORTEST = 8  # characters of a literal under a telling key


def looks_secret(text: str, key: str = "") -> bool:
    """Tell whether a literal has the form of a well-known secret, or stands under a key that tells of one."""
    if _SECRET.search(text):
        return True
    return "${" not in text and len(text) >= _SHORTEST and _SECRET_KEY.search(key) is not None


def advise(draft: Draft) -> list[Problem]:
    """Point at what nothing uses, at literals that look like secrets, and at directories that runs share."""
    return [*_unused(draft), *_unused_definitions(draft), *_secrets(draft), *_shared(draft)]


def _unused(draft: Draft) -> Iterator[Problem]:
    spec = draft.spec
    read = {path[:2] for reading in draft.readings for path in reading.references}
    if ("inputs",) not in read:
        for name in spec.inputs:
            if ("inputs", name) not in read:
                path = join_pointer("/inputs", name)
                yield draft.at_key(path, "unused-input", "no expression reads this input", "take it out, or use it")
    written = {name for node in draft.every_node() for name, _, _ in writes_of(node)}
    if ("state",) not in read:
        for name in spec.state:
            if ("state", name) not in read and name not in written:
                path = join_pointer("/state", name)
                message = "nothing saves into this channel, and no expression reads it"
                yield draft.at_key(path, "unused-channel", message, "take it out, or use it")
    handed = {secret for node in draft.every_node() for _, secret in auth_of(node)}
    for number, secret in enumerate(spec.secrets):
        if secret not in handed:
            path = join_pointer("/secrets", number)
            message = "no `auth` names this secret"
            yield draft.at_value(path, "unused-secret", message, "take it out: what is not declared cannot leak")


def _unused_definitions(draft: Draft) -> Iterator[Problem]:
    if not draft.spec.defs:
        return
    used = {
        match.group(1).replace("~1", "/").replace("~0", "~")
        for path, text in strings("", draft.document.value)
        if path.endswith("/$ref") and (match := _REFERENCE.match(text))
    }
    for name in draft.spec.defs:
        if name not in used:
            path = join_pointer("/defs", name)
            yield draft.at_key(path, "unused-definition", "no schema refers to this definition", "take it out")


def _secrets(draft: Draft) -> Iterator[Problem]:
    """Report literals of well-known forms anywhere, and literals under telling keys among arguments."""
    found: list[str] = []
    text = draft.document.text
    if not text or (any(mark in text for mark in _MARKS) and _SECRET.search(text)):
        found += [path for path, text in strings("", draft.document.value) if _SECRET.search(text)]
    for node in draft.every_node():
        for name, value in node.node.with_.items():
            if isinstance(value, str) and looks_secret(value, name):
                found.append(node.at("with", name))
    for path in dict.fromkeys(found):
        message = "this looks like a secret, and everybody who may read the spec can read it"
        suggestion = "declare its name under `secrets:`, hand it over with `auth:`, and replace the key that was shown"
        yield draft.at_value(path, "secret-like-literal", message, suggestion)


def _shared(draft: Draft) -> Iterator[Problem]:
    """Point at the first stage of each group whose stages work in one directory for all runs."""
    told: set[str] = set()
    for node in draft.every_node():
        entry, called = draft.entries.get(node.id), call_of(node)
        group = entry.name.rpartition(".")[0] if entry else ""
        if entry is None or called is None or not entry.is_shared or group in told:
            continue
        told.add(group)
        message = "its group has a fixed `workdir`: two runs at a time would write the same files"
        yield draft.at_value(called.path, "shared-workdir", message, "let one run end before the next, or use `run`")
