"""Every value with expressions, compiled where it stands: names, types, and whether it fits its place."""

from typing import Any, cast

from translator.language.document import split_pointer
from translator.language.expressions import JsonSchema, Scope
from translator.language.fitting import fits
from translator.language.model import Switch
from translator.language.problems import MAX_PROBLEMS, Problem, problem_at
from translator.language.schema_walk import element_of, simplified
from translator.language.templates import CompiledValue, compile_value, has_expression
from translator.planning.draft import Draft, Reading
from translator.planning.literals import literal_faults
from translator.planning.places import Place, places
from translator.planning.plan import case_of
from translator.planning.scopes import Scopes

_WRITTEN = "an expression is written `${ … }`"


def check_expressions(draft: Draft) -> list[Problem]:
    """Compile all expressions in the scope of their place; remember what each reads, for the passes that follow.

    Stops when there are more problems than anybody is shown: each costs a search for what was meant.
    """
    found: list[Problem] = []
    for place in places(draft):
        found += _checked(draft, draft.scopes, place)
        if len(found) > MAX_PROBLEMS:
            break
    return found


def _checked(draft: Draft, scopes: Scopes, place: Place) -> list[Problem]:
    if not has_expression(place.value):
        if place.role == "items":
            _know_items(draft, place, {})
        _know_output(draft, place, {"const": place.value})
        return _literal(draft, place)
    compiled = _compiled(draft, scopes, place)
    if place.role == "items":
        _know_items(draft, place, {} if compiled.problems else element_of(compiled.schema))
    _know_output(draft, place, {} if compiled.problems else compiled.schema)
    draft.readings.append(Reading(place.path, place.value, place.node, place.is_after, compiled.references))
    if compiled.problems:
        return _refused(draft, place, compiled)
    if place.role == "switch":
        return _uncovered(draft, place, compiled.schema)
    reasons = [fit.reason for schema in place.accepts if not (fit := fits(compiled.schema, schema))]
    if not place.accepts or len(reasons) < len(place.accepts):
        return []
    message = f"this does not fit its place: {reasons[0]}"
    return [draft.at_value(place.path, "type-mismatch", message, _hint(place))]


def _compiled(draft: Draft, scopes: Scopes, place: Place) -> CompiledValue:
    """Compile a value; the same text is compiled once for all places that see the same."""
    text = place.value
    scope = _scope(scopes, place)
    if not isinstance(text, str):
        return compile_value(text, scope, draft.engine)
    known = draft.compiled.get((text, id(scope)))
    if known is None:
        known = draft.compiled[text, id(scope)] = compile_value(text, scope, draft.engine)
    return known


def _know_items(draft: Draft, place: Place, schema: JsonSchema) -> None:
    if place.node:
        draft.items[place.node.id] = schema


def _know_output(draft: Draft, place: Place, schema: JsonSchema) -> None:
    if place.node is None:
        draft.outputs[split_pointer(place.path)[-1]] = schema


def _scope(scopes: Scopes, place: Place) -> Scope:
    """Return what an expression sees; where it does not say `result`, all nodes of a map share one scope."""
    if place.node is None:
        return scopes.for_outputs()
    stage = place.stage
    if stage in {"save", "next"} and isinstance(place.value, str) and "result" not in place.value:
        stage = "items"
    make = {
        "arguments": scopes.for_arguments,
        "items": scopes.for_items,
        "until": scopes.for_until,
        "save": scopes.for_save,
        "next": scopes.for_next,
        "catch": scopes.for_catch,
    }[stage]
    return make(place.node.id)


def _refused(draft: Draft, place: Place, compiled: CompiledValue) -> list[Problem]:
    found: list[Problem] = []
    for pointer, problem in compiled.problems:
        path = place.path + pointer
        position = draft.document.position_in(path, problem.offset)
        found.append(problem_at(position, problem.name, problem.message, path, problem.suggestion))
    return found


def _literal(draft: Draft, place: Place) -> list[Problem]:
    """Check a value that is written out against what its place accepts: it must fit one schema in every respect."""
    if place.role == "switch":
        return _uncovered(draft, place, {"const": place.value})
    faults = [literal_faults(place.value, schema, draft.spec.defs) for schema in place.accepts]
    if not all(faults):
        return []
    pointer, reason = faults[0][0] if faults else ("", "")
    suggestion = _WRITTEN if isinstance(place.value, str) else _hint(place)
    return [draft.at_value(place.path + pointer, "type-mismatch", reason, suggestion)] if faults else []


def _hint(place: Place) -> str | None:
    if place.role == "condition":
        return "a condition is true or false; compare with `==`, `<` or `!= null`"
    return None


def _uncovered(draft: Draft, place: Place, schema: JsonSchema) -> list[Problem]:
    """Check that a switch knows every value that may come, and no other."""
    transition = place.node.node.next if place.node else None
    if not isinstance(transition, Switch) or place.node is None:
        return []
    values = _enumerated(schema)
    if values is None:
        is_unknown = draft.catalog is None and not schema  # the catalog may know more
        if transition.default is not None or is_unknown:
            return []
        message = "any value may come here, and the cases do not cover it: `default` is missing"
        return [draft.lacking(place.node.at("next"), "missing-else", message, "add `default: end`, or a node")]
    found: list[Problem] = []
    missing = [value for value in values if value not in transition.cases]
    if missing and transition.default is None:
        message = f"the cases leave out {len(missing)} of the {len(values)} values that may come"
        suggestion = f"add a case for {missing[0]}, or a `default`"
        found.append(draft.lacking(place.node.at("next"), "missing-else", message, suggestion))
    for case in transition.cases:
        if case not in values:
            path = place.node.at("next", "cases", case)
            message = "this value never comes: the schema has an enum without it"
            found.append(draft.at_key(path, "type-mismatch", message, draft.did_you_mean(case, values)))
    return found


def _enumerated(schema: JsonSchema) -> list[str] | None:
    """Return the values of an enum as a switch compares them, as text; None where there is no end of values."""
    inner, _ = simplified(schema)
    if inner.get("type") == "boolean":
        return ["true", "false"]
    values: Any = [inner["const"]] if "const" in inner else inner.get("enum")
    if not isinstance(values, list):
        return None
    return [case_of(value) for value in cast("list[Any]", values)]
