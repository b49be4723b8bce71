"""Whether the JSON Schemas of a spec are schemas, refer to nothing outside, end, and match in linear time."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeGuard

from translator.language.document import Document, is_list, is_mapping, join_pointer, split_pointer
from translator.language.findings import ROOT, EnoughError, Findings, Place
from translator.language.patterns import PatternError, compile_pattern
from translator.language.problems import Problem, nearest
from translator.language.schema_keywords import (
    ANY,
    DEMANDS,
    IN_PLACE,
    KEYWORDS,
    MANY,
    NAMED,
    ONE,
    UNSUPPORTED,
    SchemaIndex,
    inner_schemas,
    target_of,
)

# words of OpenAPI and others that look like a slip, and are none
_FOREIGN = frozenset(("example", "discriminator", "xml", "nullable", "externalDocs", "id", "definition", "reduce"))

_Home = tuple[str, SchemaIndex]  # the pointer of a schema's root in the document, and what is in it
_Spot = tuple[str, str]  # a home, and a pointer inside it
_Step = tuple[_Spot, str]  # where validation goes on with the same value, and the pointer of the $ref that says so


def check_schema(schema: Any, document: Document, pointer: str, defs: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with the schema that stands at `pointer` of a document with these `defs`."""
    findings = Findings(document)
    checker = SchemaChecker(defs, findings)
    with suppress(EnoughError):
        checker.add(schema, pointer)
        checker.check_refs()
    return findings.problems


class SchemaChecker:
    """Checks schemas one by one, and then what their refs lead to, all together."""

    def __init__(self, defs: Mapping[str, Any], findings: Findings) -> None:
        self._findings = findings
        self._defs = {name: (join_pointer("/defs", name), SchemaIndex.of(schema)) for name, schema in defs.items()}
        self._homes: list[_Home] = []

    def add(self, schema: Any, pointer: str) -> None:
        """Report what is wrong with one schema, its refs apart."""
        index = SchemaIndex.of(schema)
        self._homes.append((pointer, index))
        place = _below(ROOT, pointer)
        for inner, part in index.schemas.items():
            self._check_part(part, _below(place, inner))

    def check_refs(self) -> None:
        """Report refs that lead outside, to nothing, or back to themselves."""
        edges: dict[_Spot, list[_Step]] = {}
        own = dict(self._homes)
        for home in {**dict(self._defs.values()), **own}.items():
            is_own = home[0] in own
            for inner, part in home[1].schemas.items():
                edges[home[0], inner] = list(self._steps_in_place(part, inner, home, is_reported=is_own))
        self._report_circles(edges)

    def _check_part(self, part: Any, place: Place) -> None:
        if isinstance(part, bool):
            return
        if not is_mapping(part):
            self._findings.at_value(place, "bad-schema", "a schema is a mapping, or true or false")
            return
        for keyword, value in part.items():
            self._check_keyword(keyword, value, (place, keyword))

    def _check_keyword(self, keyword: str, value: Any, place: Place) -> None:
        fault: str | None = None
        if keyword in DEMANDS:
            is_met, demand = DEMANDS[keyword]
            fault = None if is_met(value) else f"`{keyword}` must be {demand}"
        elif keyword in MANY:
            fault = None if is_list(value) and value else f"`{keyword}` must be a list of schemas"
        elif keyword in NAMED:
            fault = None if is_mapping(value) else f"`{keyword}` must be a mapping from names to schemas"
        elif keyword in UNSUPPORTED:
            fault = f"`{keyword}` is not taken here"
        elif keyword not in ANY and keyword not in ONE:
            self._unknown(keyword, place)
        if fault is not None:
            self._findings.at_value(place, "bad-schema", fault, "see JSON Schema, draft 2020-12")
        elif keyword == "pattern":
            self._check_pattern(str(value), place, is_key=False)
        elif keyword == "patternProperties":
            for pattern in dict[str, Any](value):
                self._check_pattern(pattern, (place, pattern), is_key=True)

    def _unknown(self, keyword: str, place: Place) -> None:
        """Report a keyword that is probably a slip; JSON Schema lets any other pass, and so do we."""
        if keyword in _FOREIGN or keyword.startswith(("x-", "$")):
            return
        meant = nearest(keyword, KEYWORDS)
        if meant is not None:
            message = "no keyword of JSON Schema, so it would be ignored"
            self._findings.at_key(place, "unknown-field", message, f"did you mean {meant}?")

    def _check_pattern(self, pattern: str, place: Place, *, is_key: bool) -> None:
        try:
            compile_pattern(pattern)
        except PatternError:
            report = self._findings.at_key if is_key else self._findings.at_value
            message = "a pattern that cannot be matched in linear time, or is none"
            suggestion = "use the syntax of RE2: no lookaround, no backreferences, repetitions up to 1000"
            report(place, "schema-pattern", message, suggestion)

    def _steps_in_place(self, part: Any, inner: str, home: _Home, *, is_reported: bool) -> Iterator[_Step]:
        """Yield where validation goes on with the same value, with the pointer of the ref or schema that says so."""
        if not is_mapping(part):
            return
        for keys, _ in inner_schemas(part):
            if keys[0] in IN_PLACE:
                yield (home[0], join_pointer(inner, *keys)), ""
        ref: Any = part.get("$ref")
        if isinstance(ref, str):
            spot = self._resolved(ref, home, join_pointer(home[0] + inner, "$ref"), is_reported=is_reported)
            if spot is not None:
                yield spot, join_pointer(home[0] + inner, "$ref")

    def _resolved(self, ref: str, home: _Home, pointer: str, *, is_reported: bool) -> _Spot | None:
        if not ref.startswith("#"):
            if is_reported:
                message = "a $ref to something outside this document, which is never fetched"
                self._report(pointer, "schema-remote-ref", message, "copy the schema into `defs`: $ref: '#/defs/…'")
            return None
        target = target_of(ref, home[1])
        found = home if target is None or target.definition is None else self._defs.get(target.definition)
        if target is None or found is None or target.pointer not in found[1].schemas:
            if is_reported:
                known = ", ".join(f"#/defs/{name}" for name in list(self._defs)[:5])
                suggestion = f"there are {known}" if known else "`#` is the schema itself, `#/defs/N` one of `defs`"
                self._report(pointer, "schema-unknown-ref", "a $ref to a place where there is no schema", suggestion)
            return None
        return found[0], target.pointer

    def _report_circles(self, edges: dict[_Spot, list[_Step]]) -> None:
        """Report refs that close a circle without going down into the data, by a depth-first walk without recursion."""
        done: set[_Spot] = set()
        for start, first_steps in edges.items():
            trail: dict[_Spot, tuple[Iterator[_Step], str]] = {}  # in order: what is left to try, the ref that led here
            if start not in done:
                trail[start] = (iter(first_steps), "")
            while trail:
                spot, (steps, _) = next(reversed(trail.items()))
                following, ref = next(steps, (None, ""))
                if following is None:
                    del trail[spot]
                    done.add(spot)
                elif following in trail:
                    self._report_circle(following, ref, trail)
                elif following not in done:
                    trail[following] = (iter(edges.get(following, [])), ref)

    def _report_circle(self, closed: _Spot, ref: str, trail: dict[_Spot, tuple[Iterator[_Step], str]]) -> None:
        """Report the last ref of the circle that ends where `trail` passed `closed`."""
        for spot, (_, led_here) in reversed(trail.items()):
            if ref or spot == closed:
                break
            ref = led_here
        if any(ref.startswith(f"{home}/") for home, _ in self._homes):
            message = "a $ref that leads back to itself without going down into the data"
            self._report(ref, "schema-recursive", message, "refer to itself inside properties or items")

    def _report(self, pointer: str, name: str, message: str, suggestion: str) -> None:
        self._findings.at_value(_below(ROOT, pointer), name, message, suggestion)


def _is_schema(value: Any) -> TypeGuard[dict[str, Any] | bool]:
    return isinstance(value, dict | bool)


def _below(place: Place, pointer: str) -> Place:
    for key in split_pointer(pointer):
        place = (place, key)
    return place


def check_schemas(document: Document, findings: Findings) -> None:
    """Report what is wrong with the schemas of a spec: inputs, channels, definitions, results; and with their defaults.

    What is no schema by its type is passed over: its shape is reported already.
    """
    spec: dict[str, Any] = document.value
    defs = {name: schema for name, schema in _entries(spec.get("defs")) if _is_schema(schema)}
    before = len(findings.problems)
    checker = SchemaChecker(defs, findings)
    homes = [(pointer, schema) for pointer, schema in _schemas_of(spec) if _is_schema(schema)]
    for pointer, schema in homes:
        checker.add(schema, pointer)
    checker.check_refs()
    if len(findings.problems) == before:
        _check_defaults(homes, defs, findings)


def _check_defaults(homes: list[tuple[str, Any]], defs: dict[str, Any], findings: Findings) -> None:
    """Report defaults that break their own schema; a channel's may be null, which is how it is when unset."""
    for pointer, schema in homes:
        if not is_mapping(schema) or "default" not in schema:
            continue
        if schema["default"] is None and pointer.startswith("/state/"):
            continue
        from translator.language.schemas import Validator  # noqa: PLC0415 - jsonschema loads slowly, and few need it

        default = join_pointer(pointer, "default")
        for violation in Validator(schema, defs).problems(schema["default"], default):
            place = _below(ROOT, violation.path)
            # the keyword only: what the schema demands is a value of the document, too
            message = f"this default breaks its own schema: `{violation.keyword}` does not hold"
            findings.at_value(place, "bad-default", message, "change the default or the schema")


def _schemas_of(spec: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the schemas of a spec with their pointers."""
    for key in ("inputs", "defs"):
        for name, schema in _entries(spec.get(key)):
            yield join_pointer("", key, name), schema
    for name, channel in _entries(spec.get("state")):
        if is_mapping(channel):
            schema: dict[str, Any] = {key: value for key, value in channel.items() if key != "reduce"}
            yield join_pointer("/state", name), schema
    waiting: list[tuple[str, Any]] = [("/nodes", spec.get("nodes")), ("/finally", spec.get("finally"))]
    while waiting:
        pointer, nodes = waiting.pop()
        for name, node in _entries(nodes):
            if not is_mapping(node):
                continue
            below = join_pointer(pointer, name)
            flow = node.get("flow")
            waiting.append((f"{below}/dag", node.get("dag")))
            waiting.append((f"{below}/flow/nodes", flow.get("nodes") if is_mapping(flow) else None))
            if "result" in node:
                yield f"{below}/result", node["result"]


def _entries(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if is_mapping(value) else []
