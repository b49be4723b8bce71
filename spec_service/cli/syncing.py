"""A folder of specs against a server: what is different, and making the server like the folder."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from spec_service.called_specs import ComingSpec
from spec_service.cli.client import Client
from spec_service.cli.complaints import FINE, PROBLEMS, Complaint
from spec_service.cli.configuring import Place
from spec_service.cli.diff_text import diff_lines, write_marked
from spec_service.cli.problem_text import counted, learn_more, problem_lines
from spec_service.cli.reaching import reach, run_async
from spec_service.cli.spec_files import SpecText
from spec_service.cli.spec_folders import FolderSpec, SpecFolder, read_folder
from spec_service.errors import Refused
from spec_service.requests import PublishRequest
from spec_service.views import PlanView, Published, SpecView
from translator.errors import SpecloomError
from translator.language.problems import Problem

Json = Any
Action = Literal["create", "update", "reword", "keep", "retire", "leave"]
_SHOWN: dict[Action, tuple[str, str]] = {
    "create": ("+", ""),
    "update": ("~", ""),
    "reword": ("~", "only labels, description, tests or comments"),
    "keep": ("=", ""),
    "retire": ("-", "is in no file any more"),
    "leave": (" ", "was not applied from files, and stays"),
}
_Refusal = tuple[SpecText, tuple[Problem, ...]]
CHANGES = 2  # of `--detailed-exitcode`
_LATER = frozenset({"unknown-workflow", "unknown-version"})
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """What a command is to do."""

    folder: Path
    prune: bool = False
    dry_run: bool = False
    detailed: bool = False  # exit with 2 when there are changes


@dataclass(frozen=True, slots=True)
class Item:
    """What is to be done about one name."""

    action: Action
    name: str
    spec: FolderSpec | None = None
    plan: PlanView | None = None

    @property
    def is_change(self) -> bool:
        """Tell whether applying does something."""
        return self.action not in ("keep", "leave")

    def line(self) -> str:
        """Return the line that shows it."""
        mark, note = _SHOWN[self.action]
        place = f"  {self.spec.text.label}" if self.spec else ""
        return f"{mark} {self.name}{place}{f'  ({note})' if note else ''}"

    def as_json(self) -> Json:
        """Return the form for machines."""
        file, digest = (self.spec.text.label, self.spec.digest) if self.spec else (None, None)
        return {"action": self.action, "name": self.name, "file": file, "digest": digest}


def validate_folder(wish: Wish, place: Place, *, as_json: bool) -> int:
    """Check every spec of a folder against the server's catalog."""
    return _with_items(wish, place, _Report(as_json=as_json, verb="validate"))


def plan_folder(wish: Wish, place: Place, *, as_json: bool) -> int:
    """Show what applying a folder would do, step by step."""
    return _with_items(wish, place, _Report(as_json=as_json, verb="plan"))


def diff_folder(wish: Wish, place: Place, *, as_json: bool) -> int:
    """Show what is different between a folder and the server."""
    return _with_items(wish, place, _Report(as_json=as_json, verb="diff"))


def apply_folder(wish: Wish, place: Place, *, as_json: bool) -> int:
    """Make the server like the folder, once everything in it is fine."""
    return _with_items(wish, place, _Report(as_json=as_json, verb="apply"))


def publish(spec_id: str, request: PublishRequest, place: Place, *, as_json: bool) -> int:
    """Have a spec committed; returns the exit code."""

    async def asked() -> Published:
        async with reach(place) as client:
            return await client.publish_spec(spec_id, request)

    told = run_async(asked)
    if as_json:
        sys.stdout.write(f"{told.model_dump_json(indent=2)}\n")
        return FINE
    done = "committed:" if told.is_new else "was there already:"
    sys.stdout.write(f"{told.spec} {done} {told.path} on {told.branch}, {told.commit}\n")
    return FINE


@dataclass(frozen=True, slots=True)
class _Report:
    """How a command tells what it found."""

    as_json: bool
    verb: Literal["validate", "plan", "diff", "apply"]

    def write(self, items: Sequence[Item], skipped: Sequence[str]) -> None:
        """Show what is to be done."""
        if self.as_json:
            told = [item.as_json() | self._changes(item) for item in items]
            sys.stdout.write(f"{json.dumps({'items': told, 'skipped': list(skipped)}, ensure_ascii=False, indent=2)}\n")
            return
        lines = [f"  skipped {name}: no spec" for name in skipped]
        if self.verb == "validate":
            lines += [f"{item.spec.text.label}: fine: {item.name}" for item in items if item.spec]
        else:
            lines += [line for item in items for line in self._lines(item)]
            lines += ["", _summary(items)]
        write_marked(lines)

    def _lines(self, item: Item) -> list[str]:
        changes = item.plan.changes if item.plan and self.verb == "plan" and item.action == "update" else None
        return [item.line(), *(f"    {line}" for line in (diff_lines(changes) if changes else []))]

    def _changes(self, item: Item) -> dict[str, Json]:
        if self.verb != "plan" or item.plan is None:
            return {}
        return {"changes": item.plan.changes.model_dump(mode="json") if item.plan.changes else None}


def _with_items(wish: Wish, place: Place, report: _Report) -> int:
    settings = place.settings()
    folder = read_folder(wish.folder, settings.max_spec_bytes)
    return run_async(lambda: _work(wish, place, report, folder))


async def _work(wish: Wish, place: Place, report: _Report, folder: SpecFolder) -> int:
    async with reach(place, is_new=report.verb == "apply") as client:
        items = await _items(client, folder, prune=wish.prune)
        if report.verb != "diff":
            items, refused = await _planned(client, items)
            refused = [*folder.unreadable, *refused]
        else:
            refused = list(folder.unreadable)
        if refused:
            return _refuse(refused, report)
        report.write(items, folder.skipped)
        if report.verb == "apply" and not wish.dry_run:
            await _apply(client, [item for item in items if item.is_change], report)
        return CHANGES if wish.detailed and any(item.is_change for item in items) else FINE


async def _items(client: Client, folder: SpecFolder, *, prune: bool) -> list[Item]:
    """Compare a folder with what is in use on the server, name by name."""
    there = {one.name: one for one in await _all_specs(client)}
    items = [Item(await _action(client, spec, there.get(spec.name)), spec.name, spec) for spec in folder.specs]
    here = {spec.name for spec in folder.specs}
    for name, view in there.items():
        if name not in here:
            items.append(Item("retire" if prune and view.source.kind != "api" else "leave", name))
    return items


async def _all_specs(client: Client) -> list[SpecView]:
    page = await client.list_specs(None, _PAGE)
    found = list(page.items)
    while page.next is not None:
        page = await client.list_specs(page.next, _PAGE)
        found += page.items
    return found


async def _action(client: Client, spec: FolderSpec, there: SpecView | None) -> Action:
    if there is None:
        return "create"
    if there.digest != spec.digest:
        return "update"
    stored = await client.get_spec(there.id)
    return "keep" if stored.text.encode() == spec.text.data else "reword"


async def _planned(client: Client, items: Sequence[Item]) -> tuple[list[Item], list[_Refusal]]:
    """Return the items with their plans, and every spec that the server would refuse."""
    coming = {item.name for item in items if item.action in ("create", "update")}
    specs = [_coming(item.spec) for item in items if item.spec]
    later = _LATER if client.place else frozenset[str]()
    planned: list[Item] = []
    refused: list[_Refusal] = []
    for item in items:
        spec = item.spec
        if spec is None:
            planned.append(item)
            continue
        try:
            plan = await client.preview_plan(spec.text.data, spec.text.media, specs)
        except Refused as error:
            # What it calls comes with the same folder, and is not there yet: it is looked up when it is.
            rest = [one for one in error.problems if not (spec.calls & coming and one.name in later)]
            plan = None
            if rest:
                refused.append((spec.text, tuple(rest)))
        if await _is_taken(client, item):
            message = f"version {spec.version} is stored already, with other contents"
            refused.append((spec.text, (Problem("version-exists", message, suggestion="raise metadata.version"),)))
        planned.append(replace(item, plan=plan))
    return planned, refused


def _coming(spec: FolderSpec) -> ComingSpec:
    return ComingSpec(spec.name, spec.version, spec.digest, spec.text.data, spec.text.media)


async def _is_taken(client: Client, item: Item) -> bool:
    """Tell whether the version that a spec declares is another one already."""
    spec = item.spec
    if spec is None or spec.version is None or item.action not in ("create", "update"):
        return False
    try:
        return (await client.get_spec(f"{spec.name}@{spec.version}")).digest != spec.digest
    except SpecloomError as error:
        if error.name == "unknown-spec":
            return False
        raise


def _refuse(refused: Sequence[_Refusal], report: _Report) -> int:
    """Show everything that is wrong; nothing was changed."""
    if report.as_json:
        told = [{"file": text.label, "problems": [one.as_dict() for one in problems]} for text, problems in refused]
        sys.stdout.write(f"{json.dumps({'refused': told}, ensure_ascii=False, indent=2)}\n")
        return PROBLEMS
    lines = [line for text, problems in refused for line in problem_lines(text, problems)]
    every = [one for _, problems in refused for one in problems]
    files = counted(len({text.label for text, _ in refused}), "file")
    lines += ["", f"{counted(len(every), 'problem')} in {files}; nothing was changed", *learn_more(every)]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return PROBLEMS


async def _apply(client: Client, items: Sequence[Item], report: _Report) -> None:
    """Do what was shown, in order; raises `Complaint` that tells how far it came."""
    done: list[str] = []
    for item in items:
        try:
            if item.spec is None:
                await client.retire_spec(item.name)
            else:
                view = await client.create_spec(item.spec.text.data, item.spec.text.media, item.spec.source)
                await client.plan_spec(view.id)
        except SpecloomError as error:
            left = [one.name for one in items[len(done) :]]
            why = "; ".join(one.message for one in error.problems) if isinstance(error, Refused) else error.message
            raise Complaint(
                f"{item.name}: {error.name}: {why}",
                f"applied: {', '.join(done) or 'nothing'}",
                f"not applied: {', '.join(left)}",
                "apply again once this is mended: what is applied already stays as it is",
            ) from error
        done.append(item.name)
    if done and not report.as_json:
        sys.stdout.write(f"Applied {counted(len(done), 'change')}.\n")


def _summary(items: Sequence[Item]) -> str:
    count = Counter(item.action for item in items)
    parts = [
        counted(count["create"], "new spec"),
        f"{count['update'] + count['reword']} changed",
        f"{count['retire']} to be retired",
        f"{count['keep']} as they are",
    ]
    return ", ".join(parts)
