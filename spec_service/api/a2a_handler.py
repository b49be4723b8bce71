"""What the Agent2Agent protocol asks for, answered by the operations: a message starts a run, a task is a run.

Nothing is kept here: our rows are the tasks, so that they outlive the server as runs do.
"""
# ruff: noqa: ARG002 - the protocol's methods

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar, cast

from a2a.server.context import ServerCallContext
from a2a.server.events import Event
from a2a.server.request_handlers.request_handler import RequestHandler
from a2a.server.request_handlers.request_handler import validate_request_params as _validated  # pyright: ignore[reportUnknownVariableType]
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import (
    A2AError,
    ExtendedAgentCardNotConfiguredError,
    InternalError,
    InvalidParamsError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from google.protobuf.json_format import MessageToDict

from spec_service import operations
from spec_service.api.a2a_views import (
    CONTEXT_LABEL,
    DOOR,
    FINAL,
    LABEL,
    artifact_update,
    status_update,
    task_of,
    waits_for_people,
)
from spec_service.api.problems import status_of
from spec_service.errors import AlreadyFinal, Refused
from spec_service.exposing import Exposed, exposed
from spec_service.keys import RunAnswer
from spec_service.ports import RunFilter
from spec_service.queueing import answer_when_it_stops
from spec_service.requests import ExecuteRequest, RequestKey, ResumeRequest
from spec_service.services import Services
from spec_service.views import RunView
from translator.errors import SpecloomError
from workflows.errors import UnknownRun
from workflows.run import RunStatus

Json = Any
SKILL = "skill"  # in the metadata of a message: which workflow is meant
_CANCEL_SECONDS = 5.0  # for a run to stop before it is told as it is
_MOST_LISTED = 100
_CHANGES = frozenset({"run.started", "run.waiting", "run.resumed", "run.succeeded", "run.failed", "run.cancelled"})
_BY_STATE = {
    pb.TASK_STATE_SUBMITTED: RunStatus.QUEUED,
    pb.TASK_STATE_WORKING: RunStatus.RUNNING,
    pb.TASK_STATE_INPUT_REQUIRED: RunStatus.WAITING,
    pb.TASK_STATE_COMPLETED: RunStatus.SUCCEEDED,
    pb.TASK_STATE_FAILED: RunStatus.FAILED,
    pb.TASK_STATE_CANCELED: RunStatus.CANCELLED,
}
_Method = TypeVar("_Method", bound=Callable[..., Any])


def validated(method: _Method) -> _Method:
    """Have the SDK check the request before a method is called."""
    return cast("_Method", _validated(method))


class RunsAsTasks(RequestHandler):
    """Answers from the services of one process."""

    def __init__(self, services: Services) -> None:
        self._services = services

    # --- tasks -----------------------------------------------------------------------------------------------------

    @validated
    async def on_get_task(self, params: pb.GetTaskRequest, context: ServerCallContext) -> pb.Task | None:
        """Return a run as it stands; raises `TaskNotFoundError`."""
        return task_of(await self._run(params.id))

    @validated
    async def on_list_tasks(self, params: pb.ListTasksRequest, context: ServerCallContext) -> pb.ListTasksResponse:
        """Return runs of skills, the newest first, a page at a time."""
        labels = {LABEL: "true", **({CONTEXT_LABEL: params.context_id} if params.context_id else {})}
        wanted = RunFilter(status=_BY_STATE.get(params.status), labels=labels)
        size = min(params.page_size or 50, _MOST_LISTED)
        with _errors():
            page = await operations.list_runs(self._services, wanted, params.page_token or None, size)
            runs = [await operations.get_run(self._services, one.id) for one in page.items]
        tasks = [task_of(one) for one in runs]
        return pb.ListTasksResponse(tasks=tasks, next_page_token=page.next or "", page_size=size)

    @validated
    async def on_cancel_task(self, params: pb.CancelTaskRequest, context: ServerCallContext) -> pb.Task | None:
        """Stop a run; raises `TaskNotCancelableError` for one that is over."""
        await self._run(params.id)
        with _errors():
            told = await operations.cancel_run(self._services, params.id)
            return task_of((await answer_when_it_stops(self._services, told, _CANCEL_SECONDS)).run)

    # --- messages --------------------------------------------------------------------------------------------------

    @validated
    async def on_message_send(self, params: pb.SendMessageRequest, context: ServerCallContext) -> pb.Task | pb.Message:
        """Start a run, or answer one that waits; return it when it stops, or at once where that is asked for."""
        run = await self._sent(params)
        if params.configuration.return_immediately:
            return task_of(run)
        return task_of(await self._stopped(run))

    @validated
    async def on_message_send_stream(
        self, params: pb.SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """Do the same, and tell of every change of its status until it is over or waits for somebody."""
        run = await self._sent(params)
        async for event in self._followed(run):
            yield event

    @validated
    async def on_subscribe_to_task(
        self, params: pb.SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """Tell of every change of a run's status; raises `UnsupportedOperationError` for one that is over."""
        run = await self._run(params.id)
        if run.status in FINAL:
            raise UnsupportedOperationError("the task is over: get it instead")
        async for event in self._followed(run):
            yield event

    async def _sent(self, params: pb.SendMessageRequest) -> RunView:
        message = params.message
        key = RequestKey.read([f"a2a/{message.message_id}"], DOOR, message.SerializeToString(deterministic=True))
        with _errors():
            if message.task_id:
                await self._run(message.task_id)
                answer = ResumeRequest(_answer(message), None, has_answer=True)
                return (await operations.resume_run(self._services, message.task_id, answer, key)).run
            skill = await self._skill(params)
            labels = {CONTEXT_LABEL: message.context_id} if message.context_id else {}
            request = ExecuteRequest(inputs=_inputs(message, skill), labels=labels)
            return (await operations.execute_spec(self._services, skill.stored.id, request, key=key)).run

    async def _stopped(self, run: RunView) -> RunView:
        seconds = self._services.settings.max_wait_seconds
        return (await answer_when_it_stops(self._services, RunAnswer(run), seconds)).run

    async def _followed(self, run: RunView) -> AsyncGenerator[Event]:
        yield task_of(run)
        told = run.status
        async with aclosing(operations.follow_events(self._services, run.id)) as events:
            async for event in events:
                if event.type not in _CHANGES:
                    continue
                run = await operations.get_run(self._services, run.id)
                if run.status == "succeeded":
                    yield artifact_update(run)
                if run.status != told:
                    yield status_update(run)
                told = run.status
                if run.status in FINAL or waits_for_people(run):
                    return

    async def _skill(self, params: pb.SendMessageRequest) -> Exposed:
        skills = await exposed(self._services, LABEL)
        named = MessageToDict(params.message.metadata) or MessageToDict(params.metadata)
        name = named.get(SKILL)
        found = [one for one in skills if name is None or name in {one.name, one.stored.name}]
        if len(found) == 1:
            return found[0]
        names = ", ".join(one.name for one in skills) or "none"
        raise InvalidParamsError(f"say which skill is meant, as `{SKILL}` in the message's metadata: {names}")

    async def _run(self, run_id: str) -> RunView:
        with _errors():
            run = await operations.get_run(self._services, run_id)
        if run.labels.get(LABEL) != "true":
            raise TaskNotFoundError
        return run

    # --- what there is not -----------------------------------------------------------------------------------------

    async def on_create_task_push_notification_config(
        self, params: pb.TaskPushNotificationConfig, context: ServerCallContext
    ) -> pb.TaskPushNotificationConfig:
        """Refuse: nothing is pushed."""
        raise PushNotificationNotSupportedError

    async def on_get_task_push_notification_config(
        self, params: pb.GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> pb.TaskPushNotificationConfig:
        """Refuse: nothing is pushed."""
        raise PushNotificationNotSupportedError

    async def on_list_task_push_notification_configs(
        self, params: pb.ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> pb.ListTaskPushNotificationConfigsResponse:
        """Refuse: nothing is pushed."""
        raise PushNotificationNotSupportedError

    async def on_delete_task_push_notification_config(
        self, params: pb.DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        """Refuse: nothing is pushed."""
        raise PushNotificationNotSupportedError

    async def on_get_extended_agent_card(
        self, params: pb.GetExtendedAgentCardRequest, context: ServerCallContext
    ) -> pb.AgentCard:
        """Refuse: the card at the door says everything."""
        raise ExtendedAgentCardNotConfiguredError


def _inputs(message: pb.Message, skill: Exposed) -> dict[str, Json]:
    """Return the inputs that a message holds: its data part, JSON text, or the text as the one input that there is."""
    for value in _data(message):
        if isinstance(value, dict):
            return cast("dict[str, Json]", value)
    text = _text(message)
    known = cast("dict[str, Json]", skill.inputs.get("properties", {}))
    needed = [name for name in known if name in skill.inputs.get("required", [])] or list(known)
    if not known or (not text and not skill.inputs.get("required")):
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return cast("dict[str, Json]", found)
    if len(needed) == 1:
        return {needed[0]: text}
    raise InvalidParamsError(f"send a data part with the inputs of {skill.name}: {', '.join(known) or 'none'}")


def _answer(message: pb.Message) -> Json:
    """Return an answer to a question: a data part, or a text, read as JSON where it is an object."""
    for value in _data(message):
        return value
    text = _text(message)
    try:
        found: Json = json.loads(text)
    except ValueError:
        return text
    return cast("Json", found) if isinstance(found, dict) else text


def _data(message: pb.Message) -> list[Json]:
    return [MessageToDict(one.data) for one in message.parts if one.HasField("data")]


def _text(message: pb.Message) -> str:
    return "\n".join(one.text for one in message.parts if one.HasField("text")).strip()


@contextmanager
def _errors() -> Generator[None]:
    """Turn our errors into those of the protocol."""
    try:
        yield
    except UnknownRun as error:
        raise TaskNotFoundError from error
    except AlreadyFinal as error:
        raise TaskNotCancelableError(error.message) from error
    except Refused as error:
        raise InvalidParamsError(error.message, {"problems": [one.as_dict() for one in error.problems]}) from error
    except SpecloomError as error:
        kind: type[A2AError] = InvalidParamsError if status_of(error) < 500 else InternalError  # noqa: PLR2004
        raise kind(error.message if kind is InvalidParamsError else None, {"name": error.name}) from error
