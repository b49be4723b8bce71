"""The commands about runs: run, runs, watch, approve, resume, signal, retry, cancel."""
# ruff: noqa: PLC0415 - a command loads what it needs when it is called, so that --help is quick
# ruff: noqa: PLR0913, PLR0917 - a command has a parameter for each of its options

from __future__ import annotations

from typing import Annotated

import typer

from spec_service.cli.options import AsJson, Catalog, Data, Inputs, InputsFile, RunName, Server, SpecFile

Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what Luigi tasks print, too.")]
Detach = Annotated[bool, typer.Option("--detach", help="Start the run on a server and do not follow it.")]
Quiet = Annotated[bool, typer.Option("--no-follow", help="Do not follow the run afterwards.")]
Answers = Annotated[
    list[str] | None,
    typer.Option("--answer", "-a", metavar="FIELD=VALUE", help="A field of the answer. Repeat."),
]
Comment = Annotated[str | None, typer.Option(metavar="TEXT", help="Short for --answer comment=TEXT.")]
AnswerJson = Annotated[str | None, typer.Option(metavar="JSON", help="The whole answer, as JSON.")]
Question = Annotated[
    str | None, typer.Option(metavar="NODE", help="Which question, when the run asks several: its node.")
]
Status = Annotated[str | None, typer.Option(metavar="STATUS", help="queued running waiting succeeded failed cancelled")]
Spec = Annotated[str | None, typer.Option(metavar="NAME", help="Only runs of this spec.")]
Parent = Annotated[str | None, typer.Option(metavar="RUN", help="Only runs that an agent of this run has started.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many runs to list.")]
SignalName = Annotated[str, typer.Argument(metavar="NAME", help="The name that a `wait` has under `signal`.")]
SignalData = Annotated[str | None, typer.Option("--data-json", metavar="JSON", help="What the wait gets; none: null.")]
SignalKey = Annotated[str | None, typer.Option(metavar="KEY", help="For a wait with a `key`: the same text.")]
MaybeRun = Annotated[str | None, typer.Argument(metavar="[RUN]", help="The id of a run: show it. None: list runs.")]


def run(
    file: SpecFile,
    inputs: Inputs = None,
    inputs_file: InputsFile = None,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    detach: Detach = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> int:
    """Run a spec and show each step as it happens; no server needed.

    When the run waits for a person it asks here, or, where nobody sits at a terminal, prints the command that
    answers, and exits with 0. With --json: one event a line, and the run itself as the last line.
    """
    from spec_service.cli import running

    wanted = running.Wanted(file, tuple(inputs or ()), inputs_file, is_detached=detach, is_verbose=verbose)
    return running.run(wanted, running.Place(data, catalog, server), as_json=as_json)


def runs(
    run_id: MaybeRun = None,
    status: Status = None,
    spec: Spec = None,
    limit: Limit = 20,
    parent: Parent = None,
    data: Data = None,
    server: Server = None,
    *,
    as_json: AsJson = False,
) -> int:
    """List runs, or show one with its steps, outputs and artifacts."""
    from spec_service.cli import listing, running

    place = running.Place(data, None, server)
    if run_id is not None:
        return listing.show_run(run_id, place, as_json=as_json)
    return listing.list_runs(listing.Wanted(status, spec, limit, parent), place, as_json=as_json)


def watch(
    run_id: RunName, data: Data = None, server: Server = None, *, verbose: Verbose = False, as_json: AsJson = False
) -> int:
    """Follow a run from its beginning until it ends or waits."""
    from spec_service.cli import running

    return running.watch(run_id, running.Place(data, None, server), as_json=as_json, is_verbose=verbose)


def approve(
    run_id: RunName,
    answer: Answers = None,
    comment: Comment = None,
    question: Question = None,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    no_follow: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Answer what a run asks, with yes unless told otherwise, and follow it to its end.

    Without --answer the positive choice is taken: the word of an enum that says so (approve, accept, yes …), or true.
    """
    from spec_service.cli import running

    given = running.Approval(tuple(answer or ()), comment, question)
    return running.approve(run_id, given, running.Place(data, catalog, server), follow=not no_follow, as_json=as_json)


def resume(
    run_id: RunName,
    answer_json: AnswerJson = None,
    question: Question = None,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    no_follow: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Go on with a run that was interrupted, or that waits for an answer."""
    from spec_service.cli import running

    given = running.Answer(answer_json, question)
    return running.resume(run_id, given, running.Place(data, catalog, server), follow=not no_follow, as_json=as_json)


def signal(
    run_id: RunName,
    name: SignalName,
    data_json: SignalData = None,
    key: SignalKey = None,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    no_follow: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Send a signal to a run that waits for it, and follow the run.

    One that comes early is kept until the run waits for it.
    """
    from spec_service.cli import running, signalling
    from spec_service.requests import SignalRequest

    request = SignalRequest(signalling.read_data(data_json), key)
    place = running.Place(data, catalog, server)
    return signalling.signal(run_id, name, request, place, follow=not no_follow, as_json=as_json)


def message(
    run_id: RunName,
    task: Annotated[str, typer.Argument(metavar="TASK", help="The name or key of a Luigi task of the run.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What it is told.")],
    payload_json: Annotated[str | None, typer.Option(metavar="JSON", help="What else there is to say.")] = None,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
) -> int:
    """Tell a running Luigi task something, if it accepts messages.

    One that does not run yet hears it when it does.
    """
    from spec_service.cli import messaging, running
    from spec_service.requests import MessageRequest

    request = MessageRequest(task, text, messaging.read_payload(payload_json))
    return messaging.message(run_id, request, running.Place(data, catalog, server))


def retry(
    run_id: RunName,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    no_follow: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Try again what failed in a run that failed or was cancelled, and follow it to its end.

    What succeeded is not run again; what failed gets all its tries anew.
    """
    from spec_service.cli import running

    return running.retry(run_id, running.Place(data, catalog, server), follow=not no_follow, as_json=as_json)


def rerun(
    run_id: RunName,
    start: Annotated[str, typer.Option("--from", metavar="NODE", help="A node, or the name or key of a Luigi task.")],
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    no_follow: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Run a node or task of a finished run again, and what follows from it.

    `specloom runs rerun` is the same. All the rest is walked over. Targets of Luigi tasks that run again are set
    aside, never deleted.
    """
    from spec_service.cli import running

    place = running.Place(data, catalog, server)
    return running.rerun(run_id, start, place, follow=not no_follow, as_json=as_json)


def cancel(run_id: RunName, data: Data = None, server: Server = None, *, as_json: AsJson = False) -> int:
    """Stop a run for good."""
    from spec_service.cli import running

    return running.cancel(run_id, running.Place(data, None, server), as_json=as_json)
