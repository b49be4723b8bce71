"""Names and what they refer to: nodes, channels, secrets, and the workflow itself."""

from collections.abc import Iterable, Iterator

from translator.language.problems import Problem
from translator.planning.calls import auth_of
from translator.planning.channels import caught_writes_of
from translator.planning.draft import Draft, DraftNode, NodeMap
from translator.planning.plan import END


def check_names(draft: Draft) -> list[Problem]:
    """Check every name that the text alone explains."""
    return [
        *(problem for one in draft.maps for problem in _targets(draft, one)),
        *(problem for node in draft.every_node() for problem in (*_channels(draft, node), *_secrets(draft, node))),
        *_self_calls(draft),
    ]


def _targets(draft: Draft, one: NodeMap) -> Iterator[Problem]:
    choices = [*one.members, END] if one.kind == "flow" else list(one.members)
    if one.kind == "flow" and one.start is not None and one.start not in one.members:
        yield _unknown(draft, one.start_path, one.start, list(one.members))
    known = set(choices)
    for way in one.ways:
        if way.word not in known:
            yield _unknown(draft, way.path, way.word, choices)
    if one.kind == "dag":
        yield from (_unknown(draft, path, word, choices) for path, word in _chosen(one) if word not in known)


def _chosen(one: NodeMap) -> Iterator[tuple[str, str]]:
    """Walk through what the decisions of a map choose from."""
    for node in one.members.values():
        among = node.node.decide.among if node.node.decide else ()
        yield from ((node.at("decide", "among", number), name) for number, name in enumerate(among))


def _unknown(draft: Draft, path: str, word: str, choices: list[str]) -> Problem:
    if word in draft.nodes:
        message = "this node stands in another map; a node leads to, or needs, only nodes of its own map"
        return draft.at_value(path, "not-a-sibling", message, _of_map(choices))
    suggestion = draft.did_you_mean(word, choices) or _of_map(choices)
    return draft.at_value(path, "unknown-node", "no node of this map has this name", suggestion)


def _of_map(choices: list[str]) -> str:
    shown = ", ".join(choices[:5])
    return f"nodes of this map: {shown}{' and more' if len(choices) > 5 else ''}"  # noqa: PLR2004 - enough to show


def _channels(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    keys: list[tuple[str, str]] = [(one.at("save", name), name) for name in one.node.save]
    keys += [(one.at("set", name), name) for name in one.node.set or ()]
    keys += [(path, name) for name, path, _ in caught_writes_of(one)]
    keys += [(one.at("reset", number), name) for number, name in enumerate(one.node.reset)]
    for path, name in keys:
        if name not in draft.spec.state:
            suggestion = draft.did_you_mean(name, draft.spec.state) or _declared("channels", "state", draft.spec.state)
            yield draft.at_key(path, "unknown-channel", "`state` declares no such channel", suggestion)


def _secrets(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    declared = draft.spec.secrets
    for path, name in auth_of(one):
        if name not in declared:
            suggestion = draft.did_you_mean(name, declared) or _declared("secrets", "secrets", declared)
            yield draft.at_value(path, "unknown-secret", "`secrets` does not declare this name", suggestion)


def _declared(what: str, key: str, names: Iterable[str]) -> str:
    shown = ", ".join(list(names)[:5])
    return f"declared {what}: {shown}" if shown else f"declare it under `{key}:`"


def _self_calls(draft: Draft) -> Iterator[Problem]:
    for node in draft.every_node():
        called = (node.node.workflow or "").partition("@")[0]
        if called and called == draft.spec.metadata.name:
            message = "a workflow that calls itself would never end"
            yield draft.at_value(node.at("workflow"), "workflow-cycle", message, "use a bounded cycle of `next`")
