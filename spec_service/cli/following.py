"""Follows a run until it ends or waits for somebody who is not here, and asks whoever is."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from spec_service.cli.calling import program
from spec_service.cli.client import Client
from spec_service.cli.complaints import Complaint, Interrupted
from spec_service.cli.configuring import Place
from spec_service.cli.inputs import input_lines
from spec_service.cli.printable import one_line
from spec_service.cli.screens import Screen
from spec_service.errors import NotWaiting, Refused
from spec_service.requests import ResumeRequest
from spec_service.views import EventView, PlanView, RunView
from translator.errors import SpecloomError
from workflows.errors import UnknownRun
from workflows.run import RunStatus

FINAL = frozenset(status.value for status in RunStatus if status.is_final)
PAGE = 500


@dataclass(slots=True)
class Follower:
    """One run that is followed on one screen."""

    client: Client
    screen: Screen
    place: Place
    run: RunView
    seq: int = 0  # of the last event that was shown

    async def skip_past(self) -> list[EventView]:
        """Return what has happened so far, and go on after it."""
        past = await all_events(self.client, self.run.id)
        self.seq = past[-1].seq if past else 0
        return past

    async def to_the_end(self, plan: PlanView | None, past: list[EventView]) -> RunView:
        """Show the run until it is final or waits for somebody who is not here; raises `Interrupted`."""
        self.screen.begin(self.run, plan, past)
        try:
            while not await self._shown_until_it_stops():
                if not self.screen.may_ask or not await self._answered():
                    break
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise self._interrupted() from None
        finally:
            self.screen.end()
        return self.run

    async def _shown_until_it_stops(self) -> bool:
        """Show events; True when the run is over, False when it waits."""
        async with aclosing(self.client.follow_events(self.run.id, self.seq)) as events:
            async for event in events:
                self.screen.show(event)
                self.seq = event.seq
                is_waiting = event.type == "run.waiting" and await self._still_waits_for(event)
                if is_waiting and waits_for_somebody(self.run):
                    return False
                if (is_waiting or event.type == "agent.task-waits") and await self._waits_for_a_run_that_waits():
                    return False
        self.run = await self.client.get_run(self.run.id)
        return True

    async def _still_waits_for(self, event: EventView) -> bool:
        self.run = await self.client.get_run(self.run.id)
        open_now = {one.interrupt_id for one in self.run.waiting_for}
        return self.run.status == RunStatus.WAITING and open_now == set(event.data.get("for", ()))

    async def _waits_for_a_run_that_waits(self) -> bool:
        """Tell whether the run waits for another one, for which in turn somebody has to do something."""
        self.run = run = await self.client.get_run(self.run.id)
        while run.status == RunStatus.WAITING:
            if run.id != self.run.id and waits_for_somebody(run):
                return True
            below = next((one.run for one in run.waiting_for if one.run is not None), None)
            if below is None:
                return False
            run = await self.client.get_run(below)
        return False

    async def _answered(self) -> bool:
        """Ask the first question; False when the person wants to answer later."""
        from spec_service.cli.asking import Asker, Later, is_too_late  # noqa: PLC0415 - only at a terminal

        self.screen.pause()
        question = next((one for one in self.run.waiting_for if one.is_for_people), None)
        if question is None:
            return False
        asker = Asker()
        while True:
            try:
                answer = asker.ask(question)
            except Later:
                return False
            if is_too_late(question):
                asker.tell("nobody waits for this answer any more")
                return True
            try:
                await self.client.resume(self.run.id, ResumeRequest(answer, question.interrupt_id))
            except Refused as refused:
                asker.tell("this does not fit:", *input_lines(refused.problems))
            except SpecloomError as error:
                if error.name != NotWaiting.name:
                    raise
                asker.tell("somebody else has answered")
                return True
            else:
                return True

    def _interrupted(self) -> Interrupted:
        options, run_id = self.place.options(with_catalog=True), self.run.id
        if self.run.status == RunStatus.WAITING:
            if waits_for_somebody(self.run):
                return Interrupted(f"the run waits for an answer: {program()} resume {run_id}{options}")
            return Interrupted(f"the run goes on when it is time, with: {program()} resume {run_id}{options}")
        if self.client.place:
            follow = self.place.options()
            return Interrupted(
                f"the run goes on at {self.client.place}: {program()} watch {run_id}{follow}",
                f"{program()} cancel {run_id}{follow} stops it",
            )
        return Interrupted(f"the run goes on from where it stands with: {program()} resume {run_id}{options}")


def waits_for_somebody(run: RunView) -> bool:
    """Tell whether somebody has to answer or to send a signal; what only waits for a time goes on by itself."""
    return any(one.is_for_people or one.kind == "signal" for one in run.waiting_for)


async def find_run(client: Client, run_id: str, place: Place) -> RunView:
    """Return a run; raises `Complaint` when there is none of that name here."""
    try:
        return await client.get_run(run_id)
    except SpecloomError as error:
        if error.name != UnknownRun.name:
            raise
        where = f"at {client.place}" if client.place else f"in {place.settings().data.absolute()}"
        advice = f"specloom runs{place.options()} lists them; --data DIR looks into another data directory"
        raise Complaint(f"there is no run {one_line(run_id, 60)} {where}", advice) from None


async def all_events(client: Client, run_id: str) -> list[EventView]:
    """Return all events of a run that are recorded."""
    found: list[EventView] = []
    while True:
        page = await client.page_events(run_id, found[-1].seq if found else 0, PAGE)
        found += page.items
        if page.next is None or not page.items:
            return found
