"""The language as a JSON Schema, made from the models: for editors that complete and check while one types.

It says what JSON Schema can say; `check_shape` says more, and says it better.
"""

import json
from typing import Any

from translator.language.document import is_list, is_mapping
from translator.language.model import VERBS, Spec

SCHEMA_ID = "urn:specloom:schema:v1"


def spec_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a whole document of `specloom/v1`."""
    made = _tidied(Spec.model_json_schema(by_alias=True))
    node = made["$defs"]["Node"]
    node["oneOf"] = [{"required": [verb]} for verb in VERBS]
    branch = made["$defs"]["Branch"]
    branch["oneOf"] = [{"required": ["when", "to"]}, {"required": ["else"]}]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Specloom workflow, specloom/v1",
    }
    return {**head, **made}


def spec_json_schema_text() -> str:
    """Return the text of the schema file."""
    return json.dumps(spec_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidied(part: Any) -> Any:
    """Return a schema without the titles that only repeat names, and without null where a key may be left out."""
    if is_list(part):
        return [_tidied(item) for item in part]
    if not is_mapping(part):
        return part
    made = {key: _tidied(value) for key, value in part.items() if not (key == "title" and isinstance(value, str))}
    choices = made.get("anyOf")
    if is_list(choices) and {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        del made["anyOf"]
        made.update(rest[0] if len(rest) == 1 else {"anyOf": rest})
    if made.get("default", ...) is None:
        del made["default"]
    return made
