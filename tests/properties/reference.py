"""Random specs, and what they mean: an interpreter of a page that has no graph, no rows and no processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Json = Any
Saves = dict[str, Json]


@dataclass
class Interpreter:
    """Walks through a spec; `log` is the way that was taken, in the order in which saves land."""

    inputs: list[int]

    def flow(self, start: str, nodes: Json, state: Saves, item: int) -> list[Saves]:
        found: list[Saves] = []
        name = start
        while name != "end":
            saves, caught = self.node(nodes[name], state, item)
            found += saves
            state = applied(state, saves)
            way = nodes[name]["next"] if caught is None else caught
            name = way if isinstance(way, str) else next(_target(one) for one in way if _holds(one, state))
        return found

    def dag(self, nodes: Json, state: Saves, item: int) -> list[Saves]:
        found: list[Saves] = []
        for node in nodes.values():  # needs lead backwards only, so the text is an order
            if "when" in node and not _holds({"when": node["when"]}, state):
                continue
            found += self.node(node, state, item)[0]
        return found

    def node(self, node: Json, state: Saves, item: int) -> tuple[list[Saves], str | None]:
        """Return what a node saves, and where its catch leads when that took an error."""
        if "map" in node:
            inside = [saves for one in self.inputs for saves in self.verb(node, state, one)[0]]
            return [*inside, node["save"]], None
        saves, failed = self.verb(node, state, item)
        if failed:
            return [*saves, node["catch"][0]["save"]], node["catch"][0].get("to")
        return [*saves, node.get("save") or node.get("set") or {}], None

    def verb(self, node: Json, state: Saves, item: int) -> tuple[list[Saves], bool]:
        if "dag" in node:
            return self.dag(node["dag"], state, item), False
        if "flow" in node:
            return self.flow(node["flow"]["start"], node["flow"]["nodes"], state, item), False
        return [], node.get("tool") == "t.bad"


def applied(state: Saves, changes: list[Saves]) -> Saves:
    after = {"n": state["n"], "log": list(state["log"])}
    for saves in changes:
        after["n"] += saves.get("n", 0)
        after["log"] += [saves["log"]] if "log" in saves else []
    return after


def _holds(branch: Json, state: Saves) -> bool:
    if "else" in branch:
        return True
    words = branch["when"].strip("${} ").split()
    return state["n"] < int(words[2]) if words[1] == "<" else state["n"] % int(words[2]) == 0


def _target(branch: Json) -> str:
    return branch.get("to") or branch["else"]


# --- random specs ---------------------------------------------------------------------------------------------------


@dataclass
class Writer:
    """Draws specs whose node ids are unique, whose loops end, and whose nodes are all reached."""

    draw: st.DrawFn
    names: list[str] = field(default_factory=list)

    def spec(self) -> Json:
        head = {"apiVersion": "specloom/v1", "kind": "Workflow", "metadata": {"name": "random"}}
        state = {
            "n": {"type": "integer", "reduce": "sum", "default": 0},
            "log": {"type": "array", "reduce": "append", "default": []},
        }
        inputs = {"items": {"type": "array", "items": {"type": "integer"}, "default": []}}
        outputs = {"n": "${ state.n }", "log": "${ state.log }"}
        body = self.flow(2) if self.draw(st.booleans()) else {"nodes": self.dag(2)}
        return head | {"inputs": inputs, "state": state, "outputs": outputs, "limits": {"steps": 5000}} | body

    def name(self) -> str:
        self.names.append(f"n{len(self.names)}")
        return self.names[-1]

    def flow(self, depth: int) -> Json:
        names = [self.name() for _ in range(self.draw(st.integers(1, 3)))]
        nodes = {}
        for at, name in enumerate(names):
            following = names[at + 1] if at + 1 < len(names) else "end"
            ways: list[Json] = []
            if self.draw(st.integers(0, 3)) == 0:
                back = self.draw(st.sampled_from(names[: at + 1]))
                ways.append({"when": f"${{ state.n < {self.draw(st.integers(1, 6))} }}", "to": back})
            if self.draw(st.booleans()):
                later = self.draw(st.sampled_from([*names[at + 1 :], "end"]))
                ways.append({"when": f"${{ state.n % {self.draw(st.integers(2, 4))} == 0 }}", "to": later})
            nodes[name] = self.node(name, depth, caught_to=following) | {"next": [*ways, {"else": following}]}
        return {"start": names[0], "nodes": nodes}

    def dag(self, depth: int) -> Json:
        names = [self.name() for _ in range(self.draw(st.integers(1, 3)))]
        nodes = {}
        for at, name in enumerate(names):
            node = self.node(name, depth, caught_to=None)
            if needs := self.draw(st.lists(st.sampled_from(names[:at]), unique=True)) if at else []:
                node["needs"] = needs
            if self.draw(st.integers(0, 3)) == 0:
                node["when"] = f"${{ state.n % {self.draw(st.integers(2, 3))} == 0 }}"
            nodes[name] = node
        return nodes

    def node(self, name: str, depth: int, *, caught_to: str | None) -> Json:
        verbs = ["tool", "tool", "set", "bad", *(["dag", "flow", "map", "map-dag"] if depth else [])]
        verb = self.draw(st.sampled_from(verbs))
        saves: Json = {"save": {"n": 1, "log": name}}
        over = {"map": {"each": f"x{name}", "in": "${ inputs.items }"}} if verb.startswith("map") else {}
        if verb == "set":
            return {"set": saves["save"]}
        if verb == "bad":
            caught = {"errors": ["any"], "save": {"n": 1, "log": f"{name}!"}} | ({"to": caught_to} if caught_to else {})
            return {"tool": "t.bad", "with": {}, "catch": [caught]} | saves
        if verb.endswith("dag"):
            return over | {"dag": self.dag(depth - 1)} | saves
        if verb == "flow":
            return {"flow": self.flow(depth - 1)} | saves
        seen = {"x": f"${{ x{name} }}"} if over else {"log": "${ state.log }"}
        return over | {"tool": "t.ok", "with": seen} | saves


@st.composite
def specs(draw: st.DrawFn) -> Json:
    """Draw a valid spec whose runs end."""
    return Writer(draw).spec()
