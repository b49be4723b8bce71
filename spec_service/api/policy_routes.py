"""The doors of policies and of usage: the operator's."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from spec_service import operations
from spec_service.api.bodies import answer, read_body, services_of
from spec_service.api.examples import POLICY_BODY, PROBLEM_RESPONSES
from spec_service.api.queries import From, GroupBy, To, read_usage_query
from spec_service.views import Page, PolicyTrial, PolicyView, Usages

router = APIRouter(responses=PROBLEM_RESPONSES)
Runs = Annotated[list[str] | None, Query(alias="run", description="Ids of runs; none: the newest hundred.")]


@router.post("/policies", status_code=201, response_model=PolicyView, openapi_extra=POLICY_BODY, tags=["policies"])
async def create_policy(request: Request) -> Response:
    """Store a policy and put it in force: 201, or 200 when the same one is there already."""
    services = services_of(request)
    data, media = await read_body(request, services.settings.max_spec_bytes)
    view, is_new = await operations.create_policy(services, data, media)
    return answer(view, 201 if is_new else 200, {"Location": f"/policies/{quote(view.id)}"})


@router.get("/policies", response_model=Page[PolicyView], tags=["policies"])
async def list_policies(request: Request) -> Response:
    """List the policies that are in force."""
    return answer(await operations.list_policies(services_of(request)))


@router.post("/policies/test", response_model=PolicyTrial, openapi_extra=POLICY_BODY, tags=["policies"])
async def try_policy(request: Request, runs: Runs = None) -> Response:
    """Replay recorded runs against a policy, and store nothing: what would it have stopped, and where?"""
    services = services_of(request)
    data, media = await read_body(request, services.settings.max_spec_bytes)
    return answer(await operations.try_policy(services, data, media, runs or ()))


@router.get("/policies/{policy_id}", response_model=PolicyView, tags=["policies"])
async def get_policy(request: Request, policy_id: str) -> Response:
    """Look at a policy by name, name@version or name@rN."""
    return answer(await operations.get_policy(services_of(request), policy_id))


@router.delete("/policies/{name}", response_model=PolicyView, tags=["policies"])
async def retire_policy(request: Request, name: str) -> Response:
    """Take a policy out of force; runs that are under way see that from their next step on."""
    return answer(await operations.retire_policy(services_of(request), name))


@router.get("/usage", response_model=Usages, tags=["usage"])
async def sum_usage(request: Request, group_by: GroupBy = None, since: From = None, until: To = None) -> Response:
    """Sum up what runs have used, by step, run, spec, tenant, model or a label."""
    return answer(await operations.sum_usage(services_of(request), read_usage_query(group_by, since, until)))
