"""Binding of agents: which model, prompt and harness they mean, and what exactly they may call, each pinned."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from translator.language.document import join_pointer
from translator.language.problems import Problem
from translator.language.verbs import AgentTask, AgentTool
from translator.planning import plan
from translator.planning.binding import entry_of, unknown_entry
from translator.planning.calls import agent_of
from translator.planning.catalog import Catalog, CatalogEntry, EntryKind
from translator.planning.delegation import DELEGATION, delegation_tools
from translator.planning.draft import Draft, DraftNode
from translator.planning.plan import AgentBinding, Binding

RESULT = "final_result"
"""The name under which a model gives its result, where it does so by calling a tool."""

_LONGEST = 60  # of a tool's name: providers take 64 characters
_OTHERS = re.compile(r"[^A-Za-z0-9_-]")


def bind_agents(draft: Draft) -> list[Problem]:
    """Find everything that the agents of a spec name, and keep what they are bound to."""
    if draft.catalog is None:
        return []
    found: list[Problem] = []
    for one in draft.every_node():
        agent = agent_of(one)
        if agent is not None:
            binder = _Binder(draft, draft.catalog, one, *agent)
            draft.agents.setdefault(one.id, binder.bound())
            found += binder.problems
    return found


@dataclass
class _Binder:
    """Binds one agent; what is wrong is collected."""

    draft: Draft
    catalog: Catalog
    node: DraftNode
    agent: AgentTask
    path: str
    problems: list[Problem] = field(default_factory=list[Problem])

    def bound(self) -> AgentBinding:
        """Return the binding, as far as names are known."""
        agent = self.agent
        model = self._named("model", agent.model)
        self.problems += _without_price(self.draft, model, join_pointer(self.path, "model"))
        prompt = self._referred("prompt", agent.prompt, join_pointer(self.path, "prompt")) if agent.prompt else None
        delegates = tuple(self._delegates())
        return AgentBinding(
            model=_binding(model),
            instructions=agent.instructions,
            prompt=_binding(prompt),
            prompt_text=prompt.text if prompt else "",
            tools=self._tools(delegates),
            max_turns=agent.max_turns,
            response=agent.response or "tool",
            memory=agent.memory,
            temperature=agent.temperature,
            delegates=tuple(_pinned(one) for one in delegates),
            harness=_binding(self._named("harness", agent.harness)),
        )

    def _named(self, kind: EntryKind, name: str | None) -> CatalogEntry | None:
        """Return an entry that has no group and is known by its name alone."""
        if name is None:
            return None
        versions = self.catalog.versions(kind, name)
        if versions:
            return versions[0]
        self.problems.append(unknown_entry(self.draft, self.catalog, kind, name, join_pointer(self.path, kind)))
        return None

    def _referred(self, kind: EntryKind, reference: str, path: str) -> CatalogEntry | None:
        return self._known(entry_of(self.draft, self.catalog, kind, reference, path))

    def _known(self, found: CatalogEntry | Problem | None) -> CatalogEntry | None:
        if isinstance(found, Problem):
            self.problems.append(found)
            return None
        return found

    def _workflow(self, reference: str, path: str) -> CatalogEntry | None:
        """Return a stored workflow; without stored ones, as when a file is checked alone, it is bound to nothing."""
        found = self.draft.granted.get(reference)
        if isinstance(found, Problem):
            found = self.draft.at_value(path, found.name, found.message, found.suggestion)
        return self._known(found)

    def _delegates(self) -> Iterator[CatalogEntry]:
        for number, reference in enumerate(self.agent.delegates):
            entry = self._workflow(reference, join_pointer(self.path, "delegates", number))
            if entry is not None:
                yield entry

    # --- tools -----------------------------------------------------------------------------------------------------

    def _tools(self, delegates: tuple[CatalogEntry, ...]) -> tuple[plan.AgentTool, ...]:
        entries: list[tuple[CatalogEntry, str]] = []
        for number, tool in enumerate(self.agent.tools):
            entry = self._tool(tool, join_pointer(self.path, "tools", number))
            if entry is not None:
                entries.append((entry, entry.name))
        self._check_auth([entry for entry, _ in entries])
        own = DELEGATION if self.agent.delegates else ()
        self._check_approvals([*(name for _, name in entries), *own])
        names: set[str] = {RESULT, *own}
        bound = tuple(self._bound_tool(entry, names) for entry, _ in entries)
        return (*bound, *delegation_tools(delegates, self._wanting_approval)) if delegates else bound

    def _tool(self, tool: str | AgentTool, path: str) -> CatalogEntry | None:
        if isinstance(tool, str):
            return self._referred("tool", tool, path)
        if tool.luigi is not None:
            return self._referred("stage", tool.luigi, join_pointer(path, "luigi"))
        return self._workflow(tool.workflow or "", join_pointer(path, "workflow"))

    def _bound_tool(self, entry: CatalogEntry, taken: set[str]) -> plan.AgentTool:
        name = _name_for(entry.name, taken)
        taken.add(name)
        known = entry.parameters.get("properties", {})
        auth = {
            parameter: secret
            for parameter, secret in self.node.node.auth.items()
            if parameter in known and secret in entry.secrets
        }
        waits = entry.requires_approval or entry.name in self._wanting_approval
        binding = _pinned(entry)
        return plan.AgentTool(
            name=name, call=binding, description=entry.description, auth=auth, requires_approval=waits
        )

    @property
    def _wanting_approval(self) -> set[str]:
        return {one.partition("@")[0] for one in self.agent.requires_approval}

    def _check_approvals(self, names: list[str]) -> None:
        for number, written in enumerate(self.agent.requires_approval):
            if written.partition("@")[0] not in names:
                path = join_pointer(self.path, "requires_approval", number)
                suggestion = self.draft.did_you_mean(written, names) or f"its tools: {', '.join(names) or 'none'}"
                message = "this agent has no such tool"
                self.problems.append(self.draft.at_value(path, "unknown-tool", message, suggestion))

    def _check_auth(self, entries: list[CatalogEntry]) -> None:
        """Report secrets that go to none of the tools, or to none that may have them."""
        for parameter, secret in self.node.node.auth.items():
            path = self.node.at("auth", parameter)
            takers = [one for one in entries if parameter in one.parameters.get("properties", {})]
            if not takers:
                message = "no tool of this agent takes such an argument"
                self.problems.append(self.draft.at_key(path, "unknown-parameter", message, "take it out"))
            elif secret in self.draft.spec.secrets and not any(secret in one.secrets for one in takers):
                message = "the catalog lets none of the tools that take it have the secret"
                allowed = sorted({name for one in takers for name in one.secrets})
                suggestion = "secrets that they may have: " + (", ".join(allowed) or "none")
                self.problems.append(self.draft.at_value(path, "unknown-secret", message, suggestion))


def _binding(entry: CatalogEntry | None) -> Binding | None:
    return _pinned(entry) if entry else None


def _pinned(entry: CatalogEntry) -> Binding:
    return Binding(**entry.model_dump(include=set(Binding.model_fields)))


def _name_for(name: str, taken: set[str]) -> str:
    """Return a name as providers take it: letters, digits, `_` and `-`; no two alike."""
    plain = _OTHERS.sub("_", name)[:_LONGEST]
    found, number = plain, 2
    while found in taken:
        found, number = f"{plain}_{number}", number + 1
    return found


def _without_price(draft: Draft, model: CatalogEntry | None, path: str) -> Iterator[Problem]:
    limits = draft.spec.limits
    if model is not None and not model.has_price and limits is not None and limits.cost_usd is not None:
        message = "`limits.cost_usd` counts this model as free: the catalog has no price of it"
        suggestion = "add `price_in` and `price_out` to its table in the catalog"
        yield draft.at_value(path, "model-without-price", message, suggestion)
