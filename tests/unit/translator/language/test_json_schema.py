"""The JSON Schema of the language."""

from pathlib import Path

from jsonschema import Draft202012Validator

from translator.language.document import Document
from translator.language.json_schema import spec_json_schema, spec_json_schema_text
from translator.language.reading import read

FILE = Path(__file__).parents[4] / "specs" / "schema" / "specloom-v1.schema.json"


def test_the_file_is_fresh() -> None:
    assert FILE.read_text() == spec_json_schema_text(), "run: specloom schema > specs/schema/specloom-v1.schema.json"


def test_it_is_a_schema_and_describes_every_field() -> None:
    schema = spec_json_schema()
    Draft202012Validator.check_schema(schema)
    parts = {**schema["$defs"], "Spec": schema}
    for name, part in parts.items():
        for key, field in part["properties"].items():
            assert field.get("description"), f"{name}.{key}"


def test_it_takes_a_spec_and_refuses_slips() -> None:
    validator = Draft202012Validator(spec_json_schema())
    text = (
        "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: a}\nstart: n\n"
        "nodes: {n: {tool: a.b@^1, timeout: 5m, next: [{when: '${ true }', to: n}, {else: end}]}}\n"
    )
    document = read(text.encode(), "yaml")
    assert isinstance(document, Document)
    assert validator.is_valid(document.value)
    for slip in ({"timeout": "5 minutes"}, {"luigi": "a.B@1"}, {"retri": {}}, {"next": None}, {"tool": "no-dot"}):
        value = {**document.value, "nodes": {"n": {**document.value["nodes"]["n"], **slip}}}
        assert not validator.is_valid(value), slip
