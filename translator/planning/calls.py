"""What a node calls: a stage, a tool or another workflow, with its arguments, wherever the text says so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from translator.language.document import join_pointer
from translator.language.verbs import AgentTask
from translator.planning.draft import Draft, DraftNode

CallKind = Literal["stage", "tool", "workflow"]


@dataclass(frozen=True, slots=True)
class Called:
    """A call as it is written: `path` leads to the reference, `with_path` and `auth_path` to what goes with it."""

    kind: CallKind
    reference: str
    path: str
    arguments: Mapping[str, Any]
    with_path: str
    auth: Mapping[str, str]
    auth_path: str
    has_arguments: bool  # whether `with` is written at all


def call_of(one: DraftNode) -> Called | None:
    """Return what running a node calls: its own verb, the tool of a decision, or what a wait polls."""
    node = one.node
    poll = node.wait.poll if node.wait else None
    if poll is not None:
        is_tool = poll.tool is not None
        reference, key = (poll.tool, "tool") if is_tool else (poll.luigi, "luigi")
        if reference is None:
            return None
        at = one.at("wait", "poll")
        given = "with_" in poll.model_fields_set
        places = (join_pointer(at, key), poll.with_, join_pointer(at, "with"), poll.auth, join_pointer(at, "auth"))
        return Called("tool" if is_tool else "stage", reference, *places, given)
    own = _own_reference(one)
    if own is None:
        return None
    kind, reference, path = own
    given = "with_" in node.model_fields_set
    return Called(kind, reference, path, node.with_, one.at("with"), node.auth, one.at("auth"), given)


def auth_of(one: DraftNode) -> Iterator[tuple[str, str]]:
    """Walk through the secrets that a node hands on, and what undoes it: pointer and name."""
    poll = one.node.wait.poll if one.node.wait else None
    given = [(one.at("auth"), one.node.auth)]
    given += [(one.at("wait", "poll", "auth"), poll.auth)] if poll else []
    given += [(one.at("compensate", "auth"), one.node.compensate.auth)] if one.node.compensate else []
    for at, auth in given:
        yield from ((join_pointer(at, parameter), name) for parameter, name in auth.items())


def agent_of(one: DraftNode) -> tuple[AgentTask, str] | None:
    """Return the agent of a node, which works or decides, and the pointer to it."""
    if one.node.agent is not None:
        return one.node.agent, one.at("agent")
    if one.node.decide is not None and one.node.decide.agent is not None:
        return one.node.decide.agent, one.at("decide", "agent")
    return None


def granted_to_agents(draft: Draft) -> tuple[str, ...]:
    """Return the references of all workflows that agents may call or start, each once."""
    found: dict[str, None] = {}
    for one in draft.every_node():
        agent = agent_of(one)
        for tool in agent[0].tools if agent else ():
            if not isinstance(tool, str) and tool.workflow is not None:
                found[tool.workflow] = None
        found |= dict.fromkeys(agent[0].delegates if agent else ())
    return tuple(found)


def _own_reference(one: DraftNode) -> tuple[CallKind, str, str] | None:
    node = one.node
    if node.luigi is not None:
        return "stage", node.luigi, one.at("luigi")
    if node.tool is not None:
        return "tool", node.tool, one.at("tool")
    if node.workflow is not None:
        return "workflow", node.workflow, one.at("workflow")
    if node.decide is not None and node.decide.tool is not None:
        return "tool", node.decide.tool, one.at("decide", "tool")
    return None
