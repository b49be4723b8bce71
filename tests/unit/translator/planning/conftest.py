"""What the tests of planning share: specs as text, a small catalog, and the real engine."""

import pytest

from translator.language.cel import CelEngine
from translator.language.reading import read
from translator.language.shape import check_shape
from translator.planning.catalog import CatalogEntry, FixedCatalog
from translator.planning.plan import Plan
from translator.planning.planning import check_text, plan

TEXT = {"type": "string"}
HEAD = "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: tried, version: 1.0.0}\n"


def takes(**parameters):
    required = [name for name, schema in parameters.items() if "default" not in schema]
    return {"type": "object", "properties": parameters, "required": required, "additionalProperties": False}


ENTRIES = [
    CatalogEntry(kind="tool", name="cases.echo", version="1.0.0", source_digest="aa", parameters=takes(text=TEXT)),
    CatalogEntry(
        kind="tool",
        name="text.count",
        version="1.2.0",
        source_digest="bb",
        parameters=takes(text=TEXT, least={"type": "integer", "minimum": 0, "default": 0}),
        result={"type": "object", "properties": {"words": {"type": "integer"}}, "required": ["words"]},
    ),
    CatalogEntry(kind="tool", name="text.count", version="2.0.0", source_digest="cc", parameters=takes(text=TEXT)),
    CatalogEntry(
        kind="tool",
        name="web.search",
        version="1.0.0",
        source_digest="dd",
        parameters=takes(query=TEXT, token=TEXT),
        secrets=("SEARCH_KEY",),
    ),
    CatalogEntry(kind="tool", name="free.form", version="1.0.0", source_digest="ee"),
    CatalogEntry(kind="stage", name="cases.Copy", version="1.0.0", source_digest="ff", parameters=takes(text=TEXT)),
]


class Desk:
    """Reads specs, checks and plans them."""

    def __init__(self):
        self.engine = CelEngine()
        self.catalog = FixedCatalog(ENTRIES)

    def read(self, text, media="yaml"):
        document = read(text.encode(), media)
        if isinstance(document, list):
            return None, None, document
        spec, problems = check_shape(document)
        return spec, document, problems

    def plan(self, text):
        spec, document, problems = self.read(text)
        return problems or plan(spec, document, self.catalog, self.engine)

    def check(self, text):
        spec, document, problems = self.read(text)
        return problems or check_text(spec, document, self.engine)

    def planned(self, body):
        """Plan what must have no problems; `body` goes on after the head."""
        found = self.plan(HEAD + body)
        assert isinstance(found, Plan), found
        return found

    def refused(self, body):
        """Return the problems of what must have some, as (name, path)."""
        return [(one.name, one.path) for one in self.problems(body)]

    def problems(self, body):
        found = self.plan(HEAD + body)
        assert isinstance(found, list), "it was planned"
        return found

    def advised(self, body):
        return [(one.name, one.path) for one in self.planned(body).warnings]


@pytest.fixture(scope="session")
def desk():
    return Desk()
