"""The reference of the language holds every key, with an example that may stand there."""

import inspect

import pytest

from docs.generating import language
from docs.generating.markdown import anchor, table
from translator.language import model, verbs
from translator.language.document import Document
from translator.language.findings import ROOT, Findings
from translator.language.reading import read
from translator.language.shapes import ShapeMaker, check_shape_of
from translator.planning import availability


def keys():
    return [
        pytest.param(part, info.alias or name, info, id=f"{part.__name__}-{info.alias or name}")
        for part in language.PARTS
        for name, info in part.model_fields.items()
    ]


def test_every_part_of_the_language_has_a_table():
    parts = {
        one
        for room in (model, verbs)
        for _, one in inspect.getmembers(room, inspect.isclass)
        if issubclass(one, verbs.Part) and one is not verbs.Part
    }

    assert parts == set(language.PARTS)


@pytest.mark.parametrize(("part", "key", "info"), keys())
def test_the_example_of_a_key_may_stand_there(part, key, info):
    shown = language.example(part, key, info)

    assert shown, f"{part.__name__}.{key} has no example: add one to its description, or to docs/generating/language.py"
    document = read(f"{key}: {shown}\n".encode(), "yaml")
    assert isinstance(document, Document), document
    findings = Findings(document)
    check_shape_of(ShapeMaker({}).part(part).fields[key], document.value[key], (ROOT, key), findings)
    assert findings.problems == []


def test_every_example_that_is_listed_belongs_to_a_key():
    known = {(part.__name__, info.alias or name) for part in language.PARTS for name, info in part.model_fields.items()}

    assert set(language._EXAMPLES) <= known


def test_what_is_marked_as_not_available_is_what_planning_refuses():
    later = language.LATER

    assert set(later[model.Node]) == {
        *availability._LATER_KEYS_OF_NODES,
        *(set(model.VERBS) - set(availability.AVAILABLE_VERBS)),
    }


def test_links_lead_to_headings_as_github_names_them():
    assert anchor("A channel of `state`") == "a-channel-of-state"
    assert anchor("`POST /specs/{id}/plan`") == "post-specsidplan"


def test_a_bar_in_a_cell_does_not_end_it():
    assert table(("a",), [["x | y"]]).endswith("| x \\| y |")
