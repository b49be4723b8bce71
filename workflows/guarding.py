"""What a run may use, enforced in one place: before a step, on its usage as it comes, before its result is recorded.

Limits are the author's, ceilings and rules the operator's. What is exceeded stops the step; with `pause` a person is
asked, as `limiting.py` does it for steps and visits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from translator.language.durations import seconds
from translator.language.expressions import ExpressionError
from translator.language.policies import CompiledRule, RuleScope
from translator.planning.plan import Limits, Step, UsageLimits
from workflows.asking import Asking
from workflows.attempt import Attempt
from workflows.caps import ERRORS, FIGURES, UNITS, WORDS, Cap, LimitReached, Moment, Overrun, caps
from workflows.errors import StepError
from workflows.limiting import Exceeded, ask_for_more, is_asked
from workflows.policies import PolicyInForce, Verdict, judged, run_values, step_values, unclear, verdict_of
from workflows.records import PoliciesApplied
from workflows.repeating import Repeats
from workflows.run import RunError
from workflows.spending import RUN, arrival_scope
from workflows.usage import NOTHING, Usage

Json = Any
REJECTED, ABORTED = "policy-rejected", "policy-aborted"
_ALIKE = {"agent": 10}  # how often a node may be given the same, where nobody says anything
_ALIKE_OTHERS = 100
LOOPS = frozenset({"agent", "decide", "tool", "luigi", "workflow"})  # what a loop without progress would repeat


@dataclass(frozen=True, slots=True)
class _Base:
    """What was used across runs when somebody looked last, and what this process had counted then."""

    used: Usage
    counted: Usage


class Guard:
    """What one attempt of a run may use; `stop` ends the run for good."""

    def __init__(self, attempt: Attempt, stop: Callable[[RunError], None] | None = None) -> None:
        self._attempt, self._stop = attempt, stop
        self._edition = 0
        self._policies: tuple[PolicyInForce, ...] = ()
        self._caps: dict[str, tuple[Cap, ...]] = {}  # by step
        self._bases: dict[tuple[str | None, float], _Base] = {}
        self._repeats = Repeats()
        self._told: set[tuple[str, str, int, str | None, str]] = set()
        self.shared: tuple[Cap, ...] = ()  # of the runs that started this one
        self._has_rules = False
        self.renew()

    def renew(self) -> None:
        """Take up the policies in force, if they are others than before."""
        book = self._attempt.ports.policies
        if book.edition == self._edition:
            return
        self._edition = book.edition
        before, self._policies = self._policies, book.selected(self._attempt.run.labels)
        self._caps.clear()
        self._has_rules = any(one.rules for one in self._policies)
        self._attempt.most_seconds = min(
            (seconds(one.policy.ceilings.duration) for one in self._policies if one.policy.ceilings.duration),
            default=None,
        )
        if self._policies != before:
            self._tell_policies()

    def _tell_policies(self) -> None:
        attempt = self._attempt
        found = [{"name": one.name, "revision": one.revision, "digest": one.digest} for one in self._policies]
        known = [one for one in attempt.run.policies if one not in found]
        if len(known) + len(found) == len(attempt.run.policies):
            return  # recorded by an earlier attempt
        attempt.run = replace(attempt.run, policies=(*known, *found))
        event = attempt.event("policy.applied", None, policies=found)
        attempt.append(PoliciesApplied(attempt.run.id, attempt.run.policies), event)

    # --- before a step ---------------------------------------------------------------------------------------------

    async def before(self, moment: Moment) -> None:
        """Return when a step may start; raises `StepError` when it may not, and `Quiet` when a person is asked."""
        self.renew()
        if not (self._has_rules or self._policies or self._caps_of(moment.id)):
            return
        self._raise_if_denied(moment)
        await self._look_across_runs()
        await self._passes(moment, lambda: self._check_start(moment))

    async def _passes(self, moment: Moment, check: Callable[[], None]) -> None:
        """Ask people for as long as a check pauses; raises `StepError` and `Quiet`."""
        while True:
            try:
                return check()
            except Overrun as over:
                await ask_for_more(Asking(self._attempt, moment.id, moment.visit), over.exceeded)

    def _check_start(self, moment: Moment) -> None:
        uses_model = moment.step.agent is not None
        calls_tool = moment.step.verb in {"tool", "decide"} and not uses_model
        for cap in self._caps_of(moment.id):
            is_meant = {"tool_calls": calls_tool, "artifacts_bytes": False}.get(cap.figure, uses_model)
            if (is_meant and cap.used >= cap.most) or cap.used > cap.most:
                self._exceeds(cap, moment, is_full=is_meant)
        self._check_ceilings(moment)
        for policy, rule in self._rules():
            if not rule.reads_result:
                self._act_on(judged(policy, rule, self._values(moment, rule)), moment, rule)

    def _check_ceilings(self, moment: Moment) -> None:
        """Check what is counted elsewhere, steps and time, against what policies allow of it."""
        attempt, run = self._attempt, self._attempt.run
        begun = run.retried_at or run.started_at or datetime.now(UTC)
        passed = (datetime.now(UTC) - begun).total_seconds()
        is_new = moment.visit.id not in attempt.visits.get(moment.id, set[str]())
        for one in self._policies:
            most, longest = one.policy.ceilings.steps, one.policy.ceilings.duration
            if most is not None and is_new and attempt.taken[RUN] >= most:
                text = f"the run has taken {most} steps, which is the ceiling of the policy {one.name}"
                self._fail(
                    Verdict(one.id, "ceilings.steps", "abort", attempt.taken[RUN], most, text), moment, "step-limit"
                )
            if longest is not None and passed > seconds(longest):
                text = f"the run took longer than the policy {one.name} allows"
                verdict = Verdict(one.id, "ceilings.duration", "abort", round(passed, 3), seconds(longest), text)
                self._fail(verdict, moment, "time-limit")

    # --- usage as it comes -----------------------------------------------------------------------------------------

    def allow(self, moment: Moment, *, is_tool_call: bool) -> None:
        """Raise `StepError` when no model, or no tool, may be called any more."""
        for cap in self._caps_of(moment.id):
            if (
                (cap.figure == "tool_calls") == is_tool_call
                and cap.figure != "artifacts_bytes"
                and cap.used >= cap.most
            ):
                self._exceeds(cap, moment, is_full=True)

    def used(self, moment: Moment) -> None:
        """Raise `StepError` when more is used than is allowed."""
        for cap in self._caps_of(moment.id):
            if cap.used > cap.most:
                self._exceeds(cap, moment)
        if self._has_rules:
            for policy, rule in self._rules():
                if rule.reads_usage and not rule.reads_result:
                    self._act_on(judged(policy, rule, self._values(moment, rule)), moment, rule)

    def keeps(self, moment: Moment, size: int) -> None:
        """Raise `StepError` when that many more bytes may not be kept as an artifact."""
        for cap in self._caps_of(moment.id):
            if cap.figure == "artifacts_bytes" and cap.used + size > cap.most:
                self._exceeds(cap, moment, coming=size)

    # --- before a result is recorded -------------------------------------------------------------------------------

    @property
    def looks_at_results(self) -> bool:
        """Tell whether a rule reads results."""
        return any(rule.reads_result for _, rule in self._rules())

    async def result(self, moment: Moment, result: Json, hold: Callable[[], None]) -> None:
        """Return when a result may be recorded; raises `StepError` when it may not, and `Quiet`.

        `hold` records it as one that waits for a person, before one is asked.
        """
        self.renew()
        self._raise_if_denied(moment)
        for policy, rule in self._rules():
            if not rule.reads_result:
                continue
            try:
                self._act_on(await self._judged(policy, rule, moment, result), moment, rule)
            except Overrun as over:
                hold()
                await ask_for_more(Asking(self._attempt, moment.id, moment.visit), over.exceeded)

    async def _judged(self, policy: PolicyInForce, rule: CompiledRule, moment: Moment, result: Json) -> Verdict | None:
        values = {**self._values(moment, rule), "result": result}
        try:
            held = await self._attempt.ports.evaluator.evaluate(rule.when, values)
        except ExpressionError as error:
            return unclear(policy, rule, error.message)
        return verdict_of(policy, rule, held, values)

    # --- loops -----------------------------------------------------------------------------------------------------

    def note_input(self, moment: Moment, given: Json, state: Json, own: Limits) -> None:
        """Raise `no-progress` when a node was given the same input in the same state too often."""
        times = self._repeats.note(moment.id, given, state, self._attempt.heard)
        if times == 1:
            return
        most = self._most_alike(moment.step, own)
        if most is not None and times >= most:
            message = (
                f"{moment.id} was given the same input in the same state {times} times: the loop makes no progress"
            )
            raise LimitReached(message, error_name="no-progress")

    def _most_alike(self, step: Step, own: Limits) -> int | None:
        said = (step.limits.no_progress if step.limits else None) or own.no_progress
        if said is None and step.max_visits is None:
            said = _ALIKE.get("agent" if step.agent else step.verb, _ALIKE_OTHERS)
        ceilings = [one.policy.ceilings.no_progress for one in self._policies]
        return min((most for most in (said, *ceilings) if most is not None), default=None)

    # --- what holds ------------------------------------------------------------------------------------------------

    def _caps_of(self, step: str) -> tuple[Cap, ...]:
        found = self._caps.get(step)
        if found is None:
            found = self._caps[step] = tuple(self._made_caps(step))
        return found

    def _made_caps(self, step: str) -> Iterator[Cap]:
        attempt = self._attempt
        for around in attempt.program.scopes_around(step):
            if around.limits is not None:
                yield from caps(around.limits, around.scope, attempt.spending, pauses=around.pauses)
        for one in self._policies:
            ceilings = one.policy.ceilings
            limits = UsageLimits(**{name: getattr(ceilings, name) for name in FIGURES})
            yield from caps(limits, RUN, attempt.spending, pauses=ceilings.on_exceed == "pause", policy=one.id)
        yield from self.shared

    def _rules(self) -> Iterator[tuple[PolicyInForce, CompiledRule]]:
        for policy in self._policies:
            for rule in policy.rules:
                yield policy, rule

    async def _look_across_runs(self) -> None:
        """Find out what other runs have used, for rules that ask for it."""
        totals, tally = self._attempt.ports.totals, self._attempt.tally
        for _, rule in self._rules() if totals else ():
            if rule.rule.scope in {"spec", "tenant"} and totals is not None:
                spec, window = self._spec_of(rule.rule.scope), rule.rule.window_seconds
                counted = tally.of(spec)
                used = await totals.used_since(datetime.now(UTC) - timedelta(seconds=window), spec)
                self._bases[spec, window] = _Base(used, counted)

    def _spec_of(self, scope: RuleScope) -> str | None:
        return self._attempt.run.spec_name if scope == "spec" else None

    def _usage(self, moment: Moment, rule: CompiledRule) -> Usage:
        spending, scope = self._attempt.spending, rule.rule.scope
        if scope in {"spec", "tenant"}:
            spec = self._spec_of(scope)
            base = self._bases.get((spec, rule.rule.window_seconds), _Base(NOTHING, NOTHING))
            return base.used + self._attempt.tally.of(spec).beyond(base.counted)
        return spending.of(RUN if scope == "run" else arrival_scope(moment.id, moment.visit.id.partition("#")[0]))

    def _values(self, moment: Moment, rule: CompiledRule) -> dict[str, Json]:
        attempt, step = self._attempt, moment.step
        roots = {path[0] for path in rule.when.references}
        values: dict[str, Json] = {"result": None}
        if "usage" in roots:
            values["usage"] = self._usage(moment, rule).figures()
        if "run" in roots:
            values["run"] = run_values(attempt.run, attempt.number, datetime.now(UTC))
        if "step" in roots:
            at_visit = attempt.spending.of(arrival_scope(moment.id, moment.visit.id.partition("#")[0]))
            values["step"] = step_values(step, moment.id, len(attempt.visits.get(moment.id, ())), moment.try_number)
            values["step"]["usage"] = at_visit.figures()
        return values

    # --- verdicts --------------------------------------------------------------------------------------------------

    def _exceeds(self, cap: Cap, moment: Moment, *, is_full: bool = False, coming: int = 0) -> None:
        """Raise what follows from a cap that is reached, unless people have allowed more."""
        most = cap.most if cap.is_shared else cap.most + self._attempt.raised(cap.key)
        used = cap.used + coming
        if used < most or (used == most and not is_full):
            return
        who = moment.id if cap.scope == moment.id else cap.scope.rstrip("/") or "the run"
        who = "the run that started this one" if cap.is_shared else who
        by = f"the ceiling of the policy {cap.policy.partition('@')[0]}" if cap.policy else "the limit"
        text = f"{who} has {WORDS[cap.figure].format(f'{used:,.10g}')}, {by} is {most:,.10g}"
        verdict = Verdict(cap.policy, cap.rule, "pause" if cap.pauses else "abort", used, most, text)
        error = StepError(text, error_name=ERRORS[cap.figure])
        if not cap.pauses:
            self._fail(verdict, moment, error.error_name)
        unit = UNITS[cap.figure]
        exceeded = Exceeded(cap.key, unit, most, max(cap.most, used - most), error)
        self._tell_once(verdict, moment, exceeded)
        raise Overrun(exceeded)

    def _act_on(self, verdict: Verdict | None, moment: Moment, rule: CompiledRule) -> None:
        """Raise what a rule's verdict demands."""
        if verdict is None or verdict.policy is None:
            return
        text = f"{verdict.policy.partition('@')[0]}/{verdict.rule}: {verdict.message}"
        if verdict.action != "pause":
            self._fail(verdict, moment, ABORTED if verdict.action == "abort" else REJECTED, text)
        where = (
            f" {arrival_scope(moment.id, moment.visit.id)}" if rule.rule.scope == "step" or rule.reads_result else ""
        )
        key = f"policy {verdict.policy.partition('@')[0]}/{verdict.rule}{where}"
        if self._attempt.raises(key):
            return  # a person has let it be
        exceeded = Exceeded(key, "", 0, None, StepError(text, error_name=REJECTED))
        self._tell_once(verdict, moment, exceeded)
        raise Overrun(exceeded)

    def _fail(self, verdict: Verdict, moment: Moment, error_name: str, text: str = "") -> None:
        """Record a verdict, and raise its error; an abort of a rule ends the run."""
        self._tell(verdict, moment)
        text = text or verdict.message
        if error_name == ABORTED and self._stop is not None:
            self._stop(RunError(ABORTED, text, node=moment.id, attempt=self._attempt.number))
        if error_name == REJECTED:
            raise StepError(text, error_name=error_name)
        raise LimitReached(text, error_name=error_name)

    def _tell_once(self, verdict: Verdict, moment: Moment, exceeded: Exceeded) -> None:
        """Record a verdict that asks a person, unless that person is asked already."""
        if not is_asked(self._attempt, exceeded):
            self._tell(verdict, moment)

    def _tell(self, verdict: Verdict, moment: Moment) -> None:
        """Record a verdict once for each try: whoever is stopped may still count what its call has used."""
        what = (moment.id, moment.visit.id, moment.try_number, verdict.policy, verdict.rule)
        if what not in self._told:
            self._told.add(what)
            self._attempt.append(self._attempt.event("policy.verdict", moment.id, **verdict.as_json()))

    def _raise_if_denied(self, moment: Moment) -> None:
        """Raise the error of a rule that a person was asked about here, and did not let be."""
        since = self._attempt.run.retried_at or self._attempt.run.created_at
        for one in self._attempt.questions.values():
            is_rule = one.kind == "limit" and (one.key or "").startswith("policy ")
            is_here = (one.step, one.visit) == (moment.id, moment.visit.id) and not one.is_open
            agreed = isinstance(one.answer, dict) and one.answer.get("go_on") is True
            if is_rule and is_here and not agreed and one.asked_at > since:
                text = one.title.removeprefix("Limit reached: ").removesuffix(". Go on?")
                raise StepError(text, error_name=REJECTED)
