"""The reference of the HTTP API: every door and every shape of its OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from docs.generating.markdown import NOTHING, anchor, code, fenced, joined, table
from spec_service.api.problems import STATUSES
from spec_service.app import make_doors
from translator.language.problem_kinds import KINDS

_METHODS = ("get", "post", "put", "patch", "delete")
_KEYWORDS = {
    "minimum": "≥ ",
    "maximum": "≤ ",
    "exclusiveMinimum": "> ",
    "exclusiveMaximum": "< ",
    "minLength": "length ≥ ",
    "maxLength": "length ≤ ",
}


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of the service."""
    return make_doors().openapi()


def doors() -> str:
    """Return an index, a section for each door, and the shapes of what goes in and out."""
    document = openapi()
    found = [
        (method.upper(), path, item[method])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    rows = [[f"[`{method} {path}`](#{_anchor(method, path)})", _about(door)] for method, path, door in found]
    sections = [_door(method, path, door) for method, path, door in found]
    shapes = [_shape(name, schema) for name, schema in document.get("components", {}).get("schemas", {}).items()]
    return joined(
        [table(("door", "what for"), rows), *sections, "## Shapes", *shapes, "## Names of refusals", _names()]
    )


def _names() -> str:
    """Return the table of refusals that have nothing to do with the text of a spec."""
    rows = [
        [code(str(status)), code(name), KINDS[name].title if name in KINDS else NOTHING]
        for name, status in sorted(STATUSES.items(), key=lambda one: (one[1], one[0]))
    ]
    about = "Problems of what was sent are 422, except for these:"
    return joined([about, table(("status", "name", "meaning"), rows)])


def _heading(method: str, path: str) -> str:
    return f"`{method} {path}`"


def _anchor(method: str, path: str) -> str:
    return anchor(_heading(method, path))


def _door(method: str, path: str, door: dict[str, Any]) -> str:
    return joined(
        [
            f"### {_heading(method, path)}",
            _about(door),
            _parameters(door.get("parameters", [])),
            _body(door.get("requestBody")),
            _answers(door.get("responses", {})),
        ]
    )


def _about(door: dict[str, Any]) -> str:
    return str(door.get("description") or door.get("summary", ""))


def _parameters(parameters: list[dict[str, Any]]) -> str:
    """Return the table of the parameters of query and headers; those of the path explain themselves."""
    rows = [[code(one["name"]), one.get("description", "") or NOTHING] for one in parameters if one["in"] != "path"]
    return table(("parameter", "meaning"), rows) if rows else ""


def _body(body: dict[str, Any] | None) -> str:
    if not body:
        return ""
    media = ", ".join(
        f"{code(kind)}{_of(content.get('schema', {}))}" for kind, content in body.get("content", {}).items()
    )
    need = "required" if body.get("required") else "optional"
    fields = [_fields(content.get("schema", {})) for content in body.get("content", {}).values()]
    shown = _examples(body.get("content", {}))
    return joined([f"Body ({need}): {media}", body.get("description", ""), *dict.fromkeys(fields), *shown])


def _of(schema: dict[str, Any]) -> str:
    return f" of {_type(schema)}" if schema.get("$ref") or schema.get("type") == "array" else ""


def _answers(answers: dict[str, Any]) -> str:
    rows = [[code(status), _content(answer)] for status, answer in answers.items() if status.startswith("2")]
    return table(("status", "body"), rows) if rows else ""


def _content(answer: dict[str, Any]) -> str:
    found = [f"{code(kind)}{_of(content.get('schema', {}))}" for kind, content in answer.get("content", {}).items()]
    return ", ".join(found) or NOTHING


def _examples(content: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for kind, one in content.items():
        examples = [given.get("value") for given in one.get("examples", {}).values()]
        examples += [one["example"]] if "example" in one else []
        found += [_shown(kind, value) for value in examples[:1]]
    return found


def _shown(kind: str, value: Any) -> str:
    if isinstance(value, str):
        return fenced(value, "yaml" if "yaml" in kind else "json" if "json" in kind else "text")
    return fenced(json.dumps(value, indent=2, ensure_ascii=False), "json")


def _shape(name: str, schema: dict[str, Any]) -> str:
    fields = _fields(schema)
    about = (schema.get("description") or "").strip().partition("\n\n")[0]
    return joined([f"### {_named(name)}", about, fields]) if fields else ""


def _named(name: str) -> str:
    """Return the name of a shape as people say it: `Page_RunView_` is a page of them."""
    kind, _, inner = name.strip("_").partition("_")
    return f"{kind} of {inner}" if inner else kind


def _fields(schema: dict[str, Any]) -> str:
    """Return the table of an object's fields; the column of meanings only where one of them has a description."""
    properties = schema.get("properties", {})
    is_described = any("description" in inner for inner in properties.values())
    rows = [
        [code(key), _type(inner), *([inner.get("description", "") or NOTHING] if is_described else [])]
        for key, inner in properties.items()
    ]
    return table(("field", "type", *(["meaning"] if is_described else [])), rows) if rows else ""


def _type(schema: dict[str, Any]) -> str:
    """Return what a schema says of a value, in a few words."""
    if "$ref" in schema:
        name = _named(schema["$ref"].rpartition("/")[2])
        return f"[{name}](#{anchor(name)})"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[key]))
    if "enum" in schema or "const" in schema:
        return ", ".join(code(json.dumps(one)) for one in schema.get("enum", [schema.get("const")]))
    return _plain(schema)


def _plain(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    bounds = [f"{sign}{schema[key]:,}" for key, sign in _KEYWORDS.items() if key in schema]
    return " ".join(word for word in (str(kind), schema.get("format", ""), *bounds) if word)
