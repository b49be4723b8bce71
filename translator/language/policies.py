"""Policies, the operator's documents: whom they are for, how high limits may be, and rules that are looked at in runs.

They are read like specs: by the same readers, with the same problems at the same kind of places.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from translator.language.digest import canonical_json
from translator.language.document import Document, is_list, is_mapping
from translator.language.durations import seconds
from translator.language.expressions import ExpressionEngine, ExpressionProblem, JsonSchema, Scope
from translator.language.figures import USAGE
from translator.language.findings import ROOT, EnoughError, Findings, Place
from translator.language.fitting import fits
from translator.language.model import NoProgress
from translator.language.problems import Problem, ordered, problem_at
from translator.language.reading import read
from translator.language.shapes import PartShape, ShapeMaker, check_shape_of
from translator.language.templates import Template, compile_template
from translator.language.verbs import Part
from translator.language.words import Condition, Duration, ErrorName, VersionText, WorkflowName

RuleScope: TypeAlias = Literal["step", "run", "spec", "tenant"]
RuleAction: TypeAlias = Literal["reject", "pause", "abort"]
_DAY = 86_400.0
_ACROSS_RUNS = ("spec", "tenant")
_MARK = "${"


class PolicyMetadata(Part):
    """What the policy is called."""

    name: WorkflowName = Field(description="Name of the policy, unique on a server. Example: `budget`.")
    version: VersionText | None = Field(None, description="Version of the policy, semver. Example: `1.0.0`.")
    description: str | None = Field(None, description="What the policy is for, in a sentence or two.")


class Selector(Part):
    """Whom the policy is for."""

    matchLabels: dict[str, str] = Field(  # noqa: N815 - as in the document
        default_factory=dict,
        description="Labels that a run must have, of its own or its spec's; none: every run. Example: `{tier: gold}`.",
    )


class Ceilings(Part):
    """How high limits may be: a spec can lower one, never raise it."""

    steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(None, description="Most steps of a run.")
    duration: Duration | None = Field(None, description="Longest time from start to end of a run, waiting included.")
    tokens: Annotated[int, Field(ge=1)] | None = Field(None, description="Most tokens of models, input and output.")
    cost_usd: Annotated[float, Field(gt=0)] | None = Field(None, description="Most that models may cost, in USD.")
    tool_calls: Annotated[int, Field(ge=1)] | None = Field(None, description="Most calls of tools.")
    artifacts_bytes: Annotated[int, Field(ge=1)] | None = Field(None, description="Most bytes kept as artifacts.")
    no_progress: NoProgress | None = Field(
        None, description="How often a node may be given the same input in the same state."
    )
    on_exceed: Literal["abort", "pause"] = Field(
        "abort", description="`abort` (default): the run fails; `pause`: it waits for a person who allows more."
    )


class Rule(Part):
    """Something that must not hold, and what is done when it does."""

    name: ErrorName = Field(description="Name of the rule, unique in the policy. Example: `dear-step`.")
    scope: RuleScope = Field(
        description="Whose usage `usage` is: that of the `step` at this visit, of the `run`, of all runs of its "
        "`spec`, or of the `tenant`."
    )
    when: Condition = Field(
        description="A condition over `usage`, `run`, `step` and `result`. Example: `usage.cost_usd > 2.0`."
    )
    action: RuleAction = Field(
        description="`reject`: the step fails; `pause`: the run waits for a person; `abort`: the run ends."
    )
    message: str = Field("", description="What people are told.")
    window: Duration | None = Field(
        None, description="Of scopes `spec` and `tenant`: how far back usage is summed up. Default 1d."
    )

    @property
    def window_seconds(self) -> float:
        """Return how far back usage of other runs counts."""
        return seconds(self.window) if self.window else _DAY


class Policy(Part):
    """A whole document of an operator."""

    apiVersion: Literal["specloom/v1"] = Field(description="The language of the document: `specloom/v1`.")  # noqa: N815 - as in the document
    kind: Literal["Policy"] = Field(description="What the document is: `Policy`.")
    metadata: PolicyMetadata = Field(description="What the policy is called.")
    selector: Selector = Field(Selector.model_validate({}), description="Whom the policy is for; none: every run.")
    ceilings: Ceilings = Field(Ceilings.model_validate({}), description="How high limits may be.")
    rules: tuple[Rule, ...] = Field((), description="What must not hold, each looked at in every step.")


@dataclass(frozen=True, slots=True)
class PolicyText:
    """A policy as it was read; its digest ignores order, comments and description, like that of a spec."""

    policy: Policy
    document: Document
    digest: str


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule, ready to be looked at any number of times."""

    rule: Rule
    when: Template

    @property
    def reads_result(self) -> bool:
        """Tell whether there is nothing to look at before the step has a result."""
        return any(path[0] == "result" for path in self.when.references)

    @property
    def reads_usage(self) -> bool:
        """Tell whether it may hold only because something more was used."""
        return any(path[0] == "usage" or path[:2] == ("step", "usage") for path in self.when.references)


def read_policy(data: bytes, media: Literal["yaml", "json"], engine: ExpressionEngine) -> PolicyText | list[Problem]:
    """Return the policy that a text is, or all that is wrong with it, in the order of the text."""
    document = read(data, media)
    if isinstance(document, list):
        return document
    findings = Findings(document)
    with suppress(EnoughError):
        check_shape_of(_shape(), document.value, ROOT, findings)
    if findings.problems:
        return ordered(findings.problems)
    policy = Policy.model_validate(document.value)
    if problems := list(_faults(policy, document, engine)):
        return ordered(problems)
    return PolicyText(policy, document, policy_digest(document.value))


def policy_digest(value: Any) -> str:
    """Return the identity of a policy, sha256 in hex: of the document with metadata cut to name and version."""
    kept = {key: value["metadata"][key] for key in ("name", "version") if key in value["metadata"]}
    return sha256(canonical_json({**value, "metadata": kept})).hexdigest()


def compiled_rules(policy: Policy, engine: ExpressionEngine) -> tuple[CompiledRule, ...]:
    """Return the rules of a policy that was read before; raises ValueError for one that does not compile any more."""
    found: list[CompiledRule] = []
    for rule in policy.rules:
        made = compile_template(_as_template(rule.when), rule_scope(), engine)
        if not isinstance(made, Template):
            raise ValueError(f"the rule {rule.name} does not compile: {made[0].message}")  # noqa: TRY004 - see above
        found.append(CompiledRule(rule, made))
    return tuple(found)


@cache
def rule_scope() -> Scope:
    """Return what the condition of a rule sees."""
    run: JsonSchema = _fields(
        id="string", spec="string", labels="object", attempt="integer", created_at="string", seconds="number"
    )
    step = dict(_fields(id="string", verb="string", name="string", visits="integer", try_number="integer"))
    step["properties"] = {**step["properties"], "usage": USAGE}
    step["required"] = [*step["required"], "usage"]
    return Scope({"usage": USAGE, "run": run, "step": step, "result": {}})


def _fields(**types: str) -> JsonSchema:
    properties = {name: {"type": kind} for name, kind in types.items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


@cache
def _shape() -> PartShape:
    return ShapeMaker({Policy: (_says_something,), Rule: (_window_across_runs,)}).part(Policy)


def _says_something(policy: dict[str, Any], place: Place, findings: Findings) -> None:
    """Report a policy without a ceiling and a rule, and rules of the same name."""
    ceilings, rules = policy.get("ceilings"), policy.get("rules")
    if not ceilings and not rules:
        message = "a policy without ceilings and rules does nothing"
        findings.lacking(place, "missing-field", message, "add `ceilings: {…}` or `rules: [{…}]`")
    seen: set[Any] = set()
    for index, rule in enumerate(rules if is_list(rules) else ()):
        name = rule.get("name") if is_mapping(rule) else None
        if isinstance(name, str) and name in seen:
            message = "another rule of this policy has this name already"
            findings.at_value((((place, "rules"), index), "name"), "bad-name", message, "choose another name")
        seen.add(name if isinstance(name, str) else None)


def _window_across_runs(rule: dict[str, Any], place: Place, findings: Findings) -> None:
    if "window" in rule and rule.get("scope") not in _ACROSS_RUNS:
        message = "only the scopes `spec` and `tenant` have a window"
        findings.at_key((place, "window"), "unknown-field", message, "remove it")


def _as_template(when: str | bool) -> str:  # noqa: FBT001 - as it stands in the document
    if isinstance(when, bool):
        return "${ true }" if when else "${ false }"
    return when if _MARK in when else f"{_MARK}{when}}}"


def _faults(policy: Policy, document: Document, engine: ExpressionEngine) -> Iterator[Problem]:
    """Yield what is wrong with the conditions, where it stands in them."""
    for index, rule in enumerate(policy.rules):
        path, text = f"/rules/{index}/when", _as_template(rule.when)
        added = 0 if text == rule.when else len(_MARK)
        made = compile_template(text, rule_scope(), engine)
        if isinstance(made, Template):
            if not made.is_expression or not fits(made.schema, {"type": "boolean"}):
                position = document.value_position(path)
                yield problem_at(position, "type-mismatch", "a condition is true or false", path, "compare: `> 1.0`")
            continue
        for problem in made:
            yield _placed(problem, document, path, added)


def _placed(problem: ExpressionProblem, document: Document, path: str, added: int) -> Problem:
    position = document.position_in(path, max(0, problem.offset - added))
    return problem_at(position, problem.name, problem.message, path, problem.suggestion)
