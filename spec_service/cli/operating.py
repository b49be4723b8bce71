"""What the operator asks: what was used, which policies are in force, and what one would have stopped."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel
from rich.table import Table

from spec_service.api.queries import read_usage_query
from spec_service.cli.client import Client
from spec_service.cli.complaints import FINE, wrong_usage
from spec_service.cli.configuring import Place
from spec_service.cli.printable import moment, one_line
from spec_service.cli.problem_text import SpecRefused
from spec_service.cli.reaching import reach, run_async
from spec_service.cli.screens import table_console
from spec_service.cli.spec_files import SpecText, read_spec
from spec_service.errors import BadQuery, Refused
from spec_service.views import PolicyTrial, PolicyView, Usages

T = TypeVar("T")
_NEEDS = {"apply": "a FILE", "test": "a FILE", "show": "a NAME", "retire": "a NAME"}


def show_usage(group_by: str, period: tuple[str | None, str | None], place: Place, *, as_json: bool) -> int:
    """Print totals by groups; returns the exit code."""
    try:
        query = read_usage_query(group_by, *period)
    except BadQuery as error:
        raise wrong_usage(error.message.replace("`group_by`", "--by"), "specloom usage --by spec") from None
    found = _asked(place, lambda client: client.sum_usage(query))
    if as_json:
        sys.stdout.write("".join(f"{one.model_dump_json()}\n" for one in found.items))
    elif found.items:
        table_console().print(_usage_table(found))
    else:
        sys.stdout.write("nothing that counts was used: no model and no tool was called\n")
    return FINE


def policy(action: str, what: tuple[str, ...], place: Place, *, as_json: bool) -> int:
    """Do what is asked about policies; returns the exit code."""
    if action in _NEEDS and not what:
        raise wrong_usage(f"policy {action} takes {_NEEDS[action]}", "specloom policy --help shows all of it")
    if len(what) > (0 if action == "list" else 1) and action != "test":
        raise wrong_usage(f"policy {action} takes no more than that", "specloom policy --help shows all of it")
    if action in {"apply", "test"}:
        text = read_spec(what[0], place.settings().max_spec_bytes)
        try:
            return _apply(text, place, as_json=as_json) if action == "apply" else _test(text, what[1:], place, as_json)
        except Refused as refused:
            raise SpecRefused(text, refused.problems) from None
    if action == "list":
        return _list(place, as_json=as_json)
    return _show(what[0], place, as_json=as_json) if action == "show" else _retire(what[0], place, as_json=as_json)


def _apply(text: SpecText, place: Place, *, as_json: bool) -> int:
    stored = _asked(place, lambda client: client.create_policy(text.data, text.media))
    return _said(stored, f"{stored.id} is in force\n", as_json=as_json)


def _test(text: SpecText, runs: tuple[str, ...], place: Place, as_json: bool) -> int:  # noqa: FBT001
    trial = _asked(place, lambda client: client.try_policy(text.data, text.media, runs))
    _said(trial, _trial_text(trial), as_json=as_json)
    return FINE


def _trial_text(trial: PolicyTrial) -> str:
    lines = [f"{trial.policy}: {trial.runs} runs looked at, it is for {trial.selected} of them"]
    if not trial.verdicts:
        return f"{lines[0]}; it would have stopped nothing\n"
    for one in trial.verdicts:
        when = {"before": "before it started", "usage": "while it ran", "result": "before its result was recorded"}
        figure = f" ({one.figure} > {one.limit})" if isinstance(one.figure, int | float) else ""
        lines.append(f"  {one.run}  {one.step}, try {one.try_number}, {when[one.moment]}: {one.action} by {one.rule}")
        lines.append(f"      {one_line(one.message, 100)}{figure}")
    return "\n".join(lines) + "\n"


def _list(place: Place, *, as_json: bool) -> int:
    found = _asked(place, lambda client: client.list_policies()).items
    if as_json:
        sys.stdout.write("".join(f"{one.model_dump_json()}\n" for one in found))
        return FINE
    lines = [f"{one.id}  since {moment(one.created_at)}\n" for one in found]
    sys.stdout.write("".join(lines) or "no policy is in force. specloom policy apply FILE puts one in force\n")
    return FINE


def _show(name: str, place: Place, *, as_json: bool) -> int:
    found = _asked(place, lambda client: client.get_policy(name))
    return _said(found, found.text, as_json=as_json)


def _retire(name: str, place: Place, *, as_json: bool) -> int:
    found: PolicyView = _asked(place, lambda client: client.retire_policy(name))
    return _said(found, f"{found.name} is in force no longer\n", as_json=as_json)


def _said(view: BaseModel, text: str, *, as_json: bool) -> int:
    sys.stdout.write(f"{view.model_dump_json()}\n" if as_json else text)
    return FINE


def _asked(place: Place, question: Callable[[Client], Awaitable[T]]) -> T:
    async def work() -> T:
        async with reach(place, is_new=True) as client:
            return await question(client)

    return run_async(work)


def _usage_table(found: Usages) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (found.group_by.upper(), "RUNS", "TRIES", "TOKENS IN", "OUT", "CACHED", "TOOL CALLS", "USD"):
        table.add_column(heading, justify="left" if heading == found.group_by.upper() else "right", overflow="fold")
    for one in found.items:
        figures = one.usage
        counts = (one.runs, one.tries, *(figures[name] for name in ("tokens_in", "tokens_out", "cached_tokens")))
        cells = [f"{count:,}" for count in (*counts, figures["tool_calls"])]
        table.add_row(one_line(one.key, 60) or "(none)", *cells, f"{figures['cost_usd']:.6f}")
    return table
