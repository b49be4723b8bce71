"""The identity of a spec."""

import json

import pytest

from translator.language.digest import canonical_json, spec_digest
from translator.language.document import Document
from translator.language.reading import read

SPEC = """
apiVersion: specloom/v1
kind: Workflow
metadata: {name: a, version: 1.0.0}
inputs: {x: {type: number, default: 1.5}, y: {type: string, default: "é😀"}}
nodes: {n: {set: {a: 1, b: null, c: [true, no]}}}
"""


def value_of(text: str) -> dict:
    document = read(text.encode(), "yaml")
    assert isinstance(document, Document)
    return document.value


def test_canonical_json_is_sorted_tight_and_utf8() -> None:
    assert canonical_json({"b": [1, 1.0, None, True], "a": "é\n"}) == '{"a":"é\\n","b":[1,1.0,null,true]}'.encode()


def test_numbers_that_json_cannot_say_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


def test_comments_order_dress_labels_and_tests_change_nothing() -> None:
    value = value_of(SPEC)
    digest = spec_digest(value)
    assert len(digest) == 64
    dressed = read(json.dumps(dict(reversed(value.items()))).encode(), "json")
    assert isinstance(dressed, Document)
    assert spec_digest(dressed.value) == digest
    assert spec_digest(value_of("# a comment\n" + SPEC)) == digest
    value["tests"] = [{"name": "t"}]
    value["metadata"] = {"version": "1.0.0", "labels": {"a": "b"}, "description": "d", "name": "a"}
    assert spec_digest(value) == digest


def test_whatever_runs_differently_has_another_digest() -> None:
    digests = {
        spec_digest(value_of(SPEC)),
        spec_digest(value_of(SPEC.replace("version: 1.0.0", "version: 1.0.1"))),
        spec_digest(value_of(SPEC.replace("name: a", "name: b"))),
        spec_digest(value_of(SPEC.replace("1.5", "1.0"))),
        spec_digest(value_of(SPEC.replace("1.5", "1"))),
        spec_digest(value_of(SPEC.replace("true", "'true'"))),
    }
    assert len(digests) == 6


def test_a_document_that_is_no_mapping_has_a_digest_too() -> None:
    assert spec_digest([1]) != spec_digest([2])
