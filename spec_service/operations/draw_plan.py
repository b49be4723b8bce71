"""Draw a stored plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from anyio import to_thread

from spec_service.services import Services
from translator.planning.plan import Plan

Drawing = Literal["mermaid", "dot", "svg"]
DRAWINGS: tuple[Drawing, ...] = ("mermaid", "dot", "svg")


async def draw_plan(services: Services, digest: str, drawing: Drawing) -> str:
    """Return a plan as text of Mermaid, of Graphviz, or as SVG; raises `UnknownPlan`."""
    plan = await services.plans.get(digest)
    return await to_thread.run_sync(drawn, plan, drawing)  # a big one takes half a second


def drawn(plan: Plan, drawing: Drawing) -> str:
    """Draw a plan."""
    return _drawers()[drawing](plan)


def _drawers() -> Mapping[Drawing, Callable[[Plan], str]]:
    from spec_service.drawing.svg import draw_svg  # noqa: PLC0415 - only for those who want to see something
    from translator.planning.dot import draw_dot  # noqa: PLC0415
    from translator.planning.mermaid import draw  # noqa: PLC0415

    return {"mermaid": draw, "dot": draw_dot, "svg": draw_svg}
