"""Planning: a spec walks through the passes below, in this order, and comes out as a plan or as a list of problems."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from translator.language.digest import spec_digest
from translator.language.document import Document
from translator.language.expressions import ExpressionEngine
from translator.language.garbage import collector_paused
from translator.language.model import Spec
from translator.language.problems import Problem, ordered
from translator.planning.advice import advise
from translator.planning.agents import bind_agents
from translator.planning.assembling import assemble
from translator.planning.availability import check_availability
from translator.planning.binding import bind_to_catalog
from translator.planning.bounding import bound_cycles
from translator.planning.catalog import Catalog
from translator.planning.channels import check_channels
from translator.planning.draft import Draft, draft
from translator.planning.expressions import check_expressions
from translator.planning.names import check_names
from translator.planning.order import check_order
from translator.planning.plan import Plan
from translator.planning.results import know_results
from translator.planning.structure import check_structure
from translator.planning.workflows import Calls, Planned, StoredSpec, Workflows

Pass = Callable[[Draft], list[Problem]]

CATALOG_PASSES: tuple[Pass, ...] = (
    check_availability,  # verbs and keys of later versions
    bind_to_catalog,  # stages, tools, their versions and parameters
)
AGENT_PASSES: tuple[Pass, ...] = (
    bind_agents,  # models, prompts, and the tools of agents, workflows among them
)
TEXT_PASSES: tuple[Pass, ...] = (
    check_names,  # nodes, channels, secrets
    check_structure,  # flow or DAG; reached, ending, not waiting for itself
    know_results,  # the schema of every result
    check_expressions,  # in their scopes: names, types, fit
    check_order,  # no result is read before its node can have run
    bound_cycles,  # every cycle has a bound
    check_channels,  # reducers, and races in DAGs
    advise,  # what is allowed, and probably not meant
)


def plan(
    spec: Spec, document: Document, catalog: Catalog, engine: ExpressionEngine, workflows: Workflows | None = None
) -> Plan | list[Problem]:
    """Resolve a spec against a catalog: the plan, or every problem that refuses it, in the order of the text.

    Pure and deterministic: the same spec, catalog and stored specs give the same bytes. Advice stands in the plan's
    `warnings`. Without `workflows` calls of workflows are bound to nothing.
    """
    maker = _Maker(catalog, engine)
    calls = Calls(workflows, maker.made, (spec.metadata.name,)) if workflows else None
    with collector_paused():
        made = maker.planned(spec, document, calls)
    return made if isinstance(made, list) else made.plan


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes plans against one catalog."""

    catalog: Catalog
    engine: ExpressionEngine

    def made(self, stored: StoredSpec, calls: Calls) -> Planned | list[Problem]:
        """Plan what is called."""
        return self.planned(stored.spec, stored.document, calls)

    def planned(self, spec: Spec, document: Document, calls: Calls | None) -> Planned | list[Problem]:
        """Plan a spec with all that it calls."""
        drafted = draft(spec, document, self.engine, self.catalog)
        binding = (calls.bind,) if calls else ()
        refusals, advice = _walk(drafted, (*CATALOG_PASSES, *binding, *AGENT_PASSES, *TEXT_PASSES))
        return refusals or Planned(assemble(drafted, spec_digest(document.value), advice), drafted.outputs)


def check_text(spec: Spec, document: Document, engine: ExpressionEngine) -> list[Problem]:
    """Return what the text alone tells: problems that refuse the spec, or, if there are none, advice about it.

    Names that only the catalog knows and verbs that this version cannot run yet are left to `plan`.
    """
    with collector_paused():
        refusals, advice = _walk(draft(spec, document, engine, None), TEXT_PASSES)
        return refusals or advice


def _walk(drafted: Draft, passes: Iterable[Pass]) -> tuple[list[Problem], list[Problem]]:
    """Return what refuses the spec, and what is only advice."""
    found = [problem for one in passes for problem in one(drafted)]
    return ordered(one for one in found if not one.is_advice), ordered(one for one in found if one.is_advice)
