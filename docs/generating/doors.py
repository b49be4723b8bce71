"""The reference of the HTTP API: every door and every shape of its OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from docs.generating.markdown import anchor, code, fenced, joined, table
from spec_service.app import create_app
from spec_service.settings import Settings

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
    return create_app(Settings()).openapi()


def doors() -> str:
    """Return an index, a section for each door, and the shapes of what goes in and out."""
    document = openapi()
    found = [
        (method.upper(), path, item[method])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    rows = [[f"[`{method} {path}`](#{_anchor(method, path)})", door.get("summary", "")] for method, path, door in found]
    sections = [_door(method, path, door) for method, path, door in found]
    shapes = [_shape(name, schema) for name, schema in document.get("components", {}).get("schemas", {}).items()]
    return joined([table(("door", "what for"), rows), *sections, "## Shapes", *(shape for shape in shapes if shape)])


def _heading(method: str, path: str) -> str:
    return f"`{method} {path}`"


def _anchor(method: str, path: str) -> str:
    return anchor(_heading(method, path))


def _door(method: str, path: str, door: dict[str, Any]) -> str:
    return joined(
        [
            f"### {_heading(method, path)}",
            door.get("description") or door.get("summary", ""),
            _parameters(door.get("parameters", [])),
            _body(door.get("requestBody")),
            _answers(door.get("responses", {})),
        ]
    )


def _parameters(parameters: list[dict[str, Any]]) -> str:
    rows = [
        [code(one["name"]), one["in"], _type(one.get("schema", {})), one.get("description", "") or "–"]
        for one in parameters
    ]
    return table(("parameter", "in", "type", "meaning"), rows) if rows else ""


def _body(body: dict[str, Any] | None) -> str:
    if not body:
        return ""
    media = ", ".join(
        f"{code(kind)}{_of(content.get('schema', {}))}" for kind, content in body.get("content", {}).items()
    )
    need = "required" if body.get("required") else "optional"
    return joined([f"Body ({need}): {media}", body.get("description", ""), *_examples(body.get("content", {}))])


def _of(schema: dict[str, Any]) -> str:
    return f" of {_type(schema)}" if schema.get("$ref") or schema.get("type") == "array" else ""


def _answers(answers: dict[str, Any]) -> str:
    rows = [[code(status), answer.get("description", "") or "–", _content(answer)] for status, answer in answers.items()]
    return table(("status", "when", "body"), rows) if rows else ""


def _content(answer: dict[str, Any]) -> str:
    found = [f"{code(kind)}{_of(content.get('schema', {}))}" for kind, content in answer.get("content", {}).items()]
    return ", ".join(found) or "–"


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
    properties = schema.get("properties", {})
    if not properties:
        return ""
    required = schema.get("required", [])
    rows = [
        [code(key), _type(inner), "always" if key in required else "–", inner.get("description", "") or "–"]
        for key, inner in properties.items()
    ]
    about = (schema.get("description") or "").strip().partition("\n\n")[0]
    return joined([f"### {name}", about, table(("field", "type", "there", "meaning"), rows)])


def _type(schema: Any) -> str:
    """Return what a schema says of a value, in a few words."""
    if not isinstance(schema, dict) or not schema:
        return "any"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{anchor(name)})"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[key]))
    if "enum" in schema or "const" in schema:
        return ", ".join(code(json.dumps(one)) for one in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    bounds = [f"{sign}{schema[key]:,}" for key, sign in _KEYWORDS.items() if key in schema]
    words = [str(kind) if not isinstance(kind, list) else " or ".join(kind), schema.get("format", ""), *bounds]
    return " ".join(word for word in words if word)
