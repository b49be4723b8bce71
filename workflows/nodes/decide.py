"""The verb `decide`: a tool of the catalog, or an agent, chooses among nodes and says why."""

from __future__ import annotations

from typing import Any, cast

from workflows.errors import StepError
from workflows.nodes.call import NodeCall

Json = Any


async def decide(call: NodeCall) -> Json:
    """Return `{next: [...], reason}`; raises `invalid-result` when something else was chosen."""
    step = call.program.step
    answer = await call.nodes["agent" if step.agent is not None else "tool"](call)
    return chosen(answer, step.among, is_one=call.frame.program.member_of_flow(step))


def chosen(answer: Json, among: tuple[str, ...], *, is_one: bool) -> dict[str, Json]:
    """Return a decision in its one form; raises `StepError` for what cannot be chosen."""
    reason = None
    if isinstance(answer, dict):
        answered = cast("dict[str, Json]", answer)
        answer, reason = answered.get("next"), answered.get("reason")
    names = [answer] if isinstance(answer, str) else cast("list[Json]", answer) if isinstance(answer, list) else []
    if not names or any(name not in among for name in names):
        text = f"the decision is none of: {', '.join(among)}"
        raise StepError(text, error_name="invalid-result")
    if is_one and len(names) > 1:
        raise StepError("in a flow, exactly one node is chosen", error_name="invalid-result")
    return {"next": list(dict.fromkeys(cast("list[str]", names))), "reason": None if reason is None else str(reason)}
