"""The types of events on a run's transcript, and what each carries."""

from __future__ import annotations

EVENT_TYPES: dict[str, str] = {
    "run.queued": "The run was accepted: {spec, plan}.",
    "run.started": "An attempt began: {attempt, kind}.",
    "run.waiting": "The run waits: {for: [interrupt_id …]}.",
    "run.retried": "A failed or cancelled run was queued again: {after}.",
    "run.resumed": "A waiting run was queued again: {reason}.",
    "run.cancel-requested": "Somebody asked for the run to stop.",
    "run.succeeded": "The run ended well: {outputs}.",
    "run.failed": "The run failed: {error}.",
    "run.cancelled": "The run was stopped.",
    "run.drained": "The server stopped; the run goes on when it is back.",
    "step.started": "A try of a step began: {verb, try}.",
    "step.succeeded": "A step has a result: {seconds, goto?}.",
    "step.failed": "A step failed for good: {error}.",
    "step.retrying": "A try failed, another follows: {error, try, wait_seconds}.",
    "step.crashed": "The server died during a try: {try}.",
    "step.skipped": "A step of a DAG is not run: {reason}.",
    "step.cancelled": "A step was stopped, or how a try of it ended could not be recorded.",
    "step.asked": "A person is asked: {interrupt_id, title, assignees, expires_at}.",
    "step.answered": "The answer was taken: {interrupt_id, by?}.",
    "signal.received": "A signal came, and was taken by a wait or kept for one: {name, key, is_kept}.",
    "luigi.expanded": "A luigi step turned into tasks: {digest, tasks, complete}.",
    "luigi.task-started": "A Luigi task began: {task, name}.",
    "luigi.task-progress": "A Luigi task tells how far it is: {task, name, percentage?, message?}.",
    "luigi.task-succeeded": "A Luigi task is complete: {task, name, seconds}.",
    "luigi.task-skipped": "A Luigi task was complete already: {task, name}.",
    "luigi.task-failed": "A Luigi task failed: {task, name, error}.",
    "artifact.stored": "Bytes are kept: {path, bytes, sha256}.",
    "source.changed": "A stage or tool is not the source that the plan was bound to: {entry, planned, found}.",
}
