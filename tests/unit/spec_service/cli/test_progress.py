from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from spec_service.cli.event_lines import EventLines
from spec_service.cli.listing import step_lines
from spec_service.cli.progress import Progress
from spec_service.cli.tree_drawing import draw_tree
from spec_service.views import EventView
from translator.planning.plan import Step
from workflows.events import EVENT_TYPES

AT = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
TASKS = [{"task": f"k{n}", "name": f"m.Fetch(day={n})", "needs": []} for n in (1, 2)] + [
    {"task": "s", "name": "m.Sum(x=1)", "needs": ["k1", "k2"]}
]
SILENT = {"luigi.task-output", "run.queued", "run.resumed"}  # what follows at once says it better


def events(*told: tuple[str, str | None, dict[str, Any]]) -> list[EventView]:
    return [
        EventView(seq=number, type=kind, at=AT, node=node, attempt=1, data=data)
        for number, (kind, node, data) in enumerate(told, 1)
    ]


def after(*told: tuple[str, str | None, dict[str, Any]], steps: str = "a b") -> Progress:
    progress = Progress(Step(id=name, verb="tool", path=f"/nodes/{name}") for name in steps.split())
    for event in events(*told):
        progress.take(event)
    return progress


def drawn(progress: Progress, height: int = 40) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(draw_tree("title", progress, height))
        return console.export_text()


def test_a_step_goes_from_pending_to_done():
    progress = after(("step.started", "a", {"verb": "tool", "try": 1}))
    assert [row.status for row in progress.rows.values()] == ["running", "pending"]
    progress = after(("step.started", "a", {"try": 1}), ("step.succeeded", "a", {"seconds": 1.5, "goto": "b"}))
    assert (progress.rows["a"].status, progress.rows["a"].seconds) == ("succeeded", 1.5)
    assert progress.last_seq == 2


def test_rounds_and_tries_are_counted_apart():
    error = {"error": {"name": "timeout", "message": "took long"}}
    progress = after(
        ("step.started", "a", {"try": 1}),
        ("step.retrying", "a", {**error, "try": 1, "wait_seconds": 0.5}),
        ("step.started", "a", {"try": 2}),
        ("step.succeeded", "a", {"seconds": 1}),
        ("step.started", "a", {"try": 1}),
    )
    row = progress.rows["a"]
    assert (row.visits, row.try_number, row.status) == (2, 1, "running")
    assert "round 2" in drawn(progress)


def test_tasks_of_a_luigi_step_have_short_names_that_tell_them_apart():
    progress = after(
        ("step.started", "a", {"verb": "luigi", "try": 1}),
        ("luigi.expanded", "a", {"tasks": TASKS, "complete": 1}),
        ("luigi.task-skipped", "a", {"task": "k1", "name": "m.Fetch(day=1)"}),
        ("luigi.task-started", "a", {"task": "k2", "name": "m.Fetch(day=2)"}),
        ("luigi.task-progress", "a", {"task": "k2", "name": "m.Fetch(day=2)", "percentage": 40, "message": "half"}),
    )
    row = progress.rows["a"]
    assert [task.name for task in row.tasks.values()] == ["m.Fetch(day=1)", "m.Fetch(day=2)", "m.Sum"]
    assert row.tasks_done == 1
    text = drawn(progress)
    assert "1/3 tasks" in text
    assert "m.Fetch(day=2)  40 % half" in text
    assert "m.Fetch(day=1)" not in text


def test_a_question_and_its_answer():
    asked = ("step.asked", "a", {"title": "Publish?", "interrupt_id": "i", "assignees": [], "expires_at": None})
    assert after(asked).rows["a"].status == "waiting"
    assert "Publish?" in drawn(after(asked))
    answered = ("step.answered", "a", {"interrupt_id": "i", "expired": False})
    assert after(asked, answered).rows["a"].status == "running"


def test_when_the_run_ends_nothing_is_shown_as_running():
    progress = after(("step.started", "a", {"try": 1}), ("run.cancelled", None, {}))
    assert progress.rows["a"].status == "cancelled"


def test_a_large_run_fits_the_terminal_and_keeps_what_matters():
    names = " ".join(f"n{number}" for number in range(200))
    told = [("step.succeeded", f"n{number}", {"seconds": 0.1}) for number in range(100)]
    failed = ("step.failed", "n3", {"error": {"name": "tool-failed", "message": "no"}})
    text = drawn(after(*told, failed, ("step.started", "n150", {"try": 1}), steps=names), height=20)
    assert len(text.splitlines()) <= 22
    assert "n150" in text
    assert "n3 " in text
    assert "100 of 200 steps done" in text


def test_every_type_of_event_has_a_line_or_is_left_out_on_purpose():
    error = {"name": "timeout", "message": "took long", "node": "a"}
    data = {
        "verb": "tool", "try": 1, "seconds": 1.0, "goto": "b", "error": error, "wait_seconds": 1.0, "reason": "when",
        "title": "Publish?", "tasks": TASKS, "complete": 0, "task": "s", "name": "m.Sum(x=1)", "percentage": 5,
        "path": "a.md", "bytes": 3, "entry": "m.Sum", "attempt": 1, "kind": "start", "content": "go", "answer": "yes",
        "by": "look", "run": "r2", "workflow": "w", "for": "x", "policies": [{"name": "p", "revision": 1}],
        "role": "assistant",
    }  # fmt: skip
    lines = EventLines(["a"])
    data |= {"text": "one\ntwo", "is_cut": True}
    printed = lines.printed(events(("luigi.task-output", "a", data))[0])
    assert [one.partition("| ")[2] for one in printed] == ["one", "two", "… (its log has the rest)"]
    shown = {kind: lines.line(events((kind, "a", data))[0]) for kind in EVENT_TYPES}
    assert {kind for kind, line in shown.items() if line is None} == SILENT
    assert all(line is None or "\n" not in line for line in shown.values())


def test_lines_have_time_node_and_what():
    lines = EventLines(["a", "longer"])
    (line,) = [lines.line(one) for one in events(("step.succeeded", "a", {"seconds": 2, "goto": "longer"}))]
    clock, node, text = line.split(maxsplit=2)
    assert (len(clock.split(":")), node, text) == (3, "a", "done in 2.0 s, then longer")
    assert line.index("done") == len(clock) + 2 + len("longer") + 2


def test_what_the_engine_keeps_for_itself_has_no_line():
    stored = events(("artifact.stored", "a", {"path": ".specloom/logs/a.log", "bytes": 3, "sha256": ""}))
    assert EventLines().line(stored[0]) is None


def test_a_run_that_is_over_lists_its_steps_with_their_tasks():
    progress = after(
        ("luigi.expanded", "a", {"tasks": TASKS, "complete": 0}),
        (
            "luigi.task-failed",
            "a",
            {"task": "s", "name": "m.Sum", "error": {"name": "stage-failed", "message": "boom"}},
        ),
        ("step.failed", "a", {"error": {"name": "stage-failed", "message": "boom"}}),
    )
    lines = step_lines(progress)
    assert lines[0].startswith("✘ a")
    assert "    ✘ m.Sum  stage-failed: boom" in lines
    assert lines[-1].startswith("· b")


USED = {"tokens_in": 1200, "tokens_out": 4, "cost_usd": 0.018}
SENDS = {"role": "assistant", "text": "One moment.", "tool_calls": [{"tool": "mail_send"}], "usage": USED}


def test_an_agents_turns_and_calls_stand_below_it():
    progress = after(
        ("step.started", "a", {"verb": "agent", "try": 1}),
        ("agent.message", "a", {"role": "user", "text": "Begin."}),
        ("agent.message", "a", SENDS),
        ("agent.tool-called", "a", {"tool": "mail.send"}),
        ("agent.tool-called", "a", {"tool": "mail.send"}),
        ("agent.tool-returned", "a", {"tool": "mail.send", "seconds": 0.5}),
        (
            "agent.tool-returned",
            "a",
            {"tool": "other", "seconds": 0, "error": {"name": "unknown-tool", "message": "?"}},
        ),
        ("agent.message", "a", {"role": "assistant", "text": "", "tool_calls": [{"tool": "final_result"}]}),
        ("step.succeeded", "a", {"seconds": 1}),
        steps="a",
    )
    assert step_lines(progress) == [
        "✔ a    tool   1.0 s",
        "    turn 1  [1,200 → 4 tokens, $0.018]  One moment.",
        "      ✔ mail.send  0.5 s",
        "      ● mail.send",
        "      ✘ other  0 ms  unknown-tool: ?",
        "    turn 2  gives its result",
    ]


def test_a_further_conversation_of_an_agent_counts_its_turns_anew():
    said = ("agent.message", "a", {"role": "assistant", "text": "Hm."})
    begins = ("agent.message", "a", {"role": "user", "text": "Begin."})
    started = ("step.started", "a", {"try": 1})
    again = ("step.started", "a", {"try": 2})
    progress = after(started, begins, said, said, again, begins, said, steps="a")
    assert [one.number for one in progress.rows["a"].turns] == [1, 2, 1]
    progress = after(started, begins, said, started, begins, said, steps="a")
    assert [one.number for one in progress.rows["a"].turns] == [1]


def test_a_call_that_a_crash_cut_off_has_one_line():
    told = events(
        ("step.started", "a", {"try": 1}),
        ("agent.message", "a", SENDS),
        ("agent.tool-called", "a", {"tool": "mail.send"}),
        ("agent.tool-called", "a", {"tool": "mail.send"}),
        ("agent.tool-returned", "a", {"tool": "mail.send", "seconds": 1}),
    )
    progress = after()
    for event in told[:3] + [one.model_copy(update={"attempt": 2}) for one in told[3:]]:
        progress.take(event)
    assert [(one.tool, one.status) for one in progress.rows["a"].turns[0].calls] == [("mail.send", "succeeded")]


def test_an_answer_without_usage_tells_no_tokens():
    lines = EventLines(["a"])
    (event,) = events(("agent.message", "a", {"role": "assistant", "text": "Hello", "usage": {}}))
    assert str(lines.line(event)).endswith("Hello")
    (event,) = events(("agent.message", "a", SENDS))
    assert str(lines.line(event)).endswith("One moment. calls mail_send [1,200 → 4 tokens, $0.018]")
