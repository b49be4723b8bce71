"""How a run is shown while it goes on: as a live tree on a terminal, as plain lines elsewhere, as JSON for machines."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Protocol

from rich.console import Console
from rich.status import Status

from spec_service.cli.event_lines import EventLines
from spec_service.cli.progress import Progress
from spec_service.views import EventView, PlanView, RunView

TABLE_WIDTH = 160  # columns where there is no terminal to say


class Screen(Protocol):
    """Where a run is shown."""

    @property
    def may_ask(self) -> bool:
        """Tell whether somebody sits there who can answer."""
        ...

    def prepare(self, doing: str) -> None:
        """Say what takes a moment before there is a run to show."""
        ...

    def begin(self, run: RunView, plan: PlanView | None, past: Iterable[EventView] = ()) -> None:
        """Show that a run is followed; `past` happened before and is only needed to know where it stands."""
        ...

    def show(self, event: EventView) -> None:
        """Show what happened."""
        ...

    def pause(self) -> None:
        """Leave the terminal to somebody else, until the next event."""
        ...

    def end(self) -> None:
        """Show nothing more."""
        ...


class LineScreen:
    """Plain lines: time, node, what."""

    may_ask = False

    def __init__(self, *, is_verbose: bool = False) -> None:
        self._lines = EventLines()
        self._is_verbose = is_verbose

    def prepare(self, doing: str) -> None:
        """Say nothing: lines are for what happened."""

    def begin(self, run: RunView, plan: PlanView | None, past: Iterable[EventView] = ()) -> None:
        """Say which run it is."""
        self._lines = EventLines(step.id for step in (plan.steps if plan else ()))
        for event in past:
            self._lines.line(event)
        _print(f"run {run.id} of {run.spec}")

    def show(self, event: EventView) -> None:
        """Print the line of an event that matters."""
        line = self._lines.line(event)
        if line is not None:
            _print(line)
        for one in self._lines.printed(event) if self._is_verbose else ():
            _print(one)

    def pause(self) -> None:
        """Do nothing: lines stand where they are."""

    def end(self) -> None:
        """Do nothing: lines stand where they are."""


class JsonScreen:
    """One event a line, as JSON."""

    may_ask = False

    def prepare(self, doing: str) -> None:
        """Print nothing."""

    def begin(self, run: RunView, plan: PlanView | None, past: Iterable[EventView] = ()) -> None:
        """Print nothing: every line is an event, and the last one the run."""

    def show(self, event: EventView) -> None:
        """Print an event."""
        _print(event.model_dump_json())

    def pause(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


class LiveScreen:
    """A tree that is drawn anew with every event."""

    def __init__(self, console: Console, *, may_ask: bool, is_verbose: bool = False) -> None:
        from rich.live import Live  # noqa: PLC0415 - only where there is a terminal

        self.may_ask = may_ask
        self._console = console
        self._live_type = Live
        self._live: Live | None = None
        self._status: Status | None = None
        self._progress = Progress()
        self._title = ""
        self._lines = EventLines() if is_verbose else None

    def prepare(self, doing: str) -> None:
        """Show that something moves until the run begins."""
        self._status = self._console.status(doing)
        self._status.start()

    def begin(self, run: RunView, plan: PlanView | None, past: Iterable[EventView] = ()) -> None:
        """Start to draw."""
        self.end()
        self._title = f"{run.spec}  run {run.id}"
        self._progress = Progress(plan.steps if plan else ())
        if self._lines:
            self._lines = EventLines(step.id for step in (plan.steps if plan else ()))
        for event in past:
            self._progress.take(event)
            self._print_above(event, is_past=True)
        self._draw()

    def show(self, event: EventView) -> None:
        """Draw the tree anew."""
        self._progress.take(event)
        self._print_above(event)
        self._draw()

    def _print_above(self, event: EventView, *, is_past: bool = False) -> None:
        """Print what tasks have printed, so that it scrolls away above the tree."""
        if self._lines is None:
            return
        self._lines.line(event)  # it learns the names of tasks
        for one in [] if is_past else self._lines.printed(event):
            self._console.print(one, markup=False, highlight=False, soft_wrap=True)

    def pause(self) -> None:
        """Leave the tree as it stands."""
        self.end()

    def end(self) -> None:
        """Leave the tree as it stands."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self) -> None:
        from spec_service.cli.tree_drawing import draw_tree  # noqa: PLC0415 - only where there is a terminal

        drawing = draw_tree(self._title, self._progress, self._console.height - 2)
        if self._live is None:
            self._live = self._live_type(drawing, console=self._console, refresh_per_second=8, redirect_stdout=False)
            self._live.start()
        else:
            self._live.update(drawing)


def screen_for(*, as_json: bool, is_verbose: bool = False) -> Screen:
    """Return the screen that fits what standard output is; a verbose one shows what tasks print, too."""
    if as_json:
        return JsonScreen()
    console = Console(highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveScreen(console, may_ask=sys.stdin.isatty(), is_verbose=is_verbose)
    return LineScreen(is_verbose=is_verbose)


def table_console() -> Console:
    """Return a console for tables: as wide as the terminal, or wide enough where there is none."""
    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=TABLE_WIDTH)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
