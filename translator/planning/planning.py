"""Planning: a spec walks through the passes below, in this order, and comes out as a plan or as a list of problems."""

from translator.language.document import Document
from translator.language.expressions import ExpressionEngine
from translator.language.model import Spec
from translator.language.problems import Problem
from translator.planning.catalog import Catalog
from translator.planning.plan import Plan


def plan(spec: Spec, document: Document, catalog: Catalog, engine: ExpressionEngine) -> Plan | list[Problem]:
    """Resolve a spec against a catalog: the plan, or every problem that refuses it, in the order of the text.

    Pure and deterministic: the same spec and catalog give the same bytes. Advice stands in the plan's `warnings`.
    """
    raise NotImplementedError


def check_text(spec: Spec, document: Document, engine: ExpressionEngine) -> list[Problem]:
    """Return what the text alone tells: problems that refuse the spec, or, if there are none, advice about it.

    Names that only the catalog knows and verbs that this version cannot run yet are left to `plan`.
    """
    raise NotImplementedError
