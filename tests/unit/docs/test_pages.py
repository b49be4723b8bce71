"""The pages: every spec in them is planned, every link leads somewhere."""

import os
import re

import pytest

from docs.generating.markdown import anchor
from docs.generating.parts import ROOT
from spec_service.settings import Settings
from spec_service.trying import open_trial
from translator.language import model
from translator.language.cel import CelEngine
from translator.language.findings import ROOT as START
from translator.language.findings import Findings
from translator.language.policies import read_policy
from translator.language.reading import read
from translator.language.shape import check_shape
from translator.language.shapes import ShapeMaker, check_shape_of
from translator.planning.catalog import CatalogEntry, FixedCatalog
from translator.planning.plan import Plan
from translator.planning.planning import check_text, plan
from workflows.catalog_file import read_catalog_file
from workflows.cataloging import open_catalog
from workflows.hosting.pool import HostPool
from workflows.testing import SpecTestRunner

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ROOMS = ("translator", "workflows", "spec_service")
POLICY = "\nkind: Policy\n"
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def entry(kind, name, version, *parameters, **fields):
    schema = {"type": "object", "properties": {one: {"type": "string"} for one in parameters}}
    return CatalogEntry(kind=kind, name=name, version=version, source_digest="", parameters=schema, **fields)


NOT_OURS = (  # what the pages' readers have: the pipeline and the tools of their own
    entry("stage", "market.CollectSources", "1.4.0", "topic"),
    entry("stage", "market.Publish", "1.4.0", "topic", "text"),
    entry("tool", "web.search", "1.0.0", "query", "token", secrets=("SEARCH_KEY",)),
    entry("model", "small", "0.0.0"),
)


def fences(language):
    return [
        (page.relative_to(ROOT), text[: match.start()].count("\n") + 1, match[2])
        for page in PAGES
        if page.name != "problems.md"  # its examples show mistakes
        and page.parent.name != "library"  # its specs are files, which have tests of their own
        for text in [page.read_text()]
        for match in FENCE.finditer(text)
        if match[1] == language
    ]


@pytest.fixture
async def catalog():
    """The repository's own catalog, as the server would fill it, and what belongs to readers."""
    pool = HostPool(environ=os.environ)
    try:
        loaded = await open_catalog(read_catalog_file(ROOT / "specloom.toml", is_named=True), pool)
    finally:
        await pool.aclose()
    assert loaded.failures == ()
    return FixedCatalog([*loaded.entries, *NOT_OURS])


@pytest.mark.anyio
async def test_every_whole_spec_of_the_pages_is_planned_without_a_problem(catalog):
    specs = [one for one in fences("yaml") if one[2].startswith("apiVersion:") and POLICY not in one[2]]
    engine = CelEngine()

    refused = [
        f"{page}:{line + problem.line}: {problem.name}: {problem.message}"
        for page, line, text in specs
        for problem in _refusals(text, catalog, engine)
    ]

    assert refused == []
    assert len(specs) >= 12


def test_every_policy_of_the_pages_is_read_without_a_problem():
    policies = [text for _, _, text in fences("yaml") if POLICY in text]

    assert [read_policy(text.encode(), "yaml", CelEngine()) for text in policies if _is_refused(text)] == []
    assert policies


def _is_refused(text):
    return isinstance(read_policy(text.encode(), "yaml", CelEngine()), list)


def _refusals(text, catalog, engine):
    document = read(text.encode(), "yaml")
    if isinstance(document, list):
        return document
    spec, problems = check_shape(document)
    if spec is None:
        return problems
    refusals = [one for one in check_text(spec, document, engine) if not one.is_advice]
    found = refusals or plan(spec, document, catalog, engine)
    return [] if isinstance(found, Plan) else found


def test_every_other_piece_of_yaml_is_what_its_keys_may_hold():
    pieces = [one for one in fences("yaml") if not one[2].startswith("apiVersion:")]

    wrong = [f"{page}:{line}: {why}" for page, line, text in pieces for why in _mistakes(text)]

    assert wrong == []
    assert len(pieces) >= 10


def _mistakes(text):
    """Check a piece of a spec as the keys of a node, or of the document, that it begins with."""
    document = read(text.encode(), "yaml")
    if isinstance(document, list):
        return [one.message for one in document]
    maker, findings = ShapeMaker({}), Findings(document)
    shapes = next((part for part in _parts(maker) if set(document.value) <= set(part)), None)
    if shapes is None:
        return [f"these are not keys of one thing: {', '.join(document.value)}"]
    for key, value in document.value.items():
        check_shape_of(shapes[key], value, (START, key), findings)
    return [f"{one.name}: {one.message}" for one in findings.problems]


def _parts(maker):
    return [maker.part(part).fields for part in (model.Node, model.Spec, model.MapClause, model.Branch)]


@pytest.mark.anyio
async def test_the_tests_of_specs_on_the_pages_pass():
    documents = [(page, read(text.encode(), "yaml")) for page, _, text in fences("yaml") if "\ntests:" in text]

    assert documents
    async with open_trial(Settings(catalog=ROOT / "specloom.toml"), [], may_call=False) as trial:
        for page, document in documents:
            checked = await trial.planner.check(document.text.encode(), "yaml")
            plan_of_page = await trial.planner.plan(checked)
            report = await SpecTestRunner(checked.spec, checked.document, plan_of_page, trial.workshop).run()
            assert {case.name: case.failures for case in report.cases if not case.is_passed} == {}, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_or_a_heading_leads_there(page):
    text = FENCE.sub("", page.read_text())

    lost = [target for target in LINK.findall(text) if not _leads_somewhere(page, target)]

    assert lost == []


def _leads_somewhere(page, target):
    if re.match(r"[a-z]+:", target):
        return True
    path, _, fragment = target.partition("#")
    file = (page.parent / path) if path else page
    if not fragment or not file.is_file():
        return file.exists()
    return fragment in {anchor(heading) for heading in HEADING.findall(FENCE.sub("", file.read_text()))}


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"])
def test_every_path_that_a_page_names_is_there(page):
    text = FENCE.sub("", (ROOT / page).read_text())

    named = set(re.findall(r"`((?:translator|workflows|spec_service|specs|tests|examples|docs|bin)/[\w./-]*)`", text))

    assert named
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_name_of_code_that_the_architecture_names_is_there():
    text = FENCE.sub("", (ROOT / "ARCHITECTURE.md").read_text())
    source = "".join(file.read_text() for room in ROOMS for file in (ROOT / room).rglob("*.py"))

    named = set(re.findall(r"`([A-Z][A-Za-z_]{3,})`", text)) - {"StateGraph"}

    assert {name for name in named if not re.search(rf"\b{name}\b", source)} == set()
