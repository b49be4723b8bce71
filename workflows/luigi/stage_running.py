"""Running one task: its events, its dynamic requirements, and a note of the targets that it has not finished.

Part of the stage host: standard library and Luigi only, Python 3.8.
"""

# os.path is what Luigi speaks
# ruff: noqa: PTH105, PTH108, PTH116, PTH118, PTH120, PTH123
# Luigi is hardly typed
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false

from __future__ import annotations

import contextlib
import errno
import fcntl
import inspect
import json
import os
import queue
import time
import traceback
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import luigi
from luigi.task import flatten, getpaths

from .stage_expansion import check_requirements, checked_deps
from .stage_messages import Messages
from .stage_targets import local_paths, missing_targets
from .stage_tasks import MissingExternal, StageFailure, has_no_output, is_complete, is_external, key_of, name_of

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable

KEY_VARIABLE = "SPECLOOM_IDEMPOTENCY_KEY"


class Note:
    """A file that names the targets which a running task creates.

    Many tasks write their target in place. Whoever finds the file after a kill, be it of the server itself, knows
    which targets may be truncated.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._unfinished: dict[str, list[str]] = {}

    def lock_of(self, key: str) -> str | None:
        """Return the path of a file that stands for a task while it is built."""
        return os.path.join(os.path.dirname(self._path), key + ".busy") if self._path else None

    def begin(self, key: str, task: luigi.Task) -> None:
        """Write down those targets of a task that do not exist yet."""
        self._unfinished[key] = [path for path in local_paths(task) if not os.path.lexists(path)]
        self._write()

    def end(self, key: str) -> None:
        """Strike a task that is complete."""
        del self._unfinished[key]
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        paths = [path for own in self._unfinished.values() for path in own]
        if not paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
            return
        if not os.path.lexists(self._path):
            self._write_first(json.dumps(paths).encode("ascii"))
            return
        draft = self._path + ".new"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(paths, file)  # not synced: a kill loses nothing that was written, and a sync costs milliseconds
        os.replace(draft, self._path)

    def _write_first(self, content: bytes) -> None:
        """Write at once: nothing is lost if this stays empty, since no target has been begun."""
        number = os.open(str(self._path), os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(number, content)
        os.close(number)


@contextlib.contextmanager
def alone(path: str | None) -> Generator[None, None, None]:
    """Hold a lock by a file's name: a running task may ask for what another host of the step is building.

    Raises `StageFailure` when whoever holds it waits for what is held here: the system knows, for this kind of lock.
    """
    if path is None:
        yield
        return
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(number, fcntl.LOCK_EX)
        except OSError as error:
            os.close(number)
            if error.errno == errno.EDEADLK:
                raise StageFailure("while it runs it asks for a task that asks for it, so both would wait") from error
            raise
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(number), os.stat(path)):
                break
        os.close(number)  # its last holder has removed it in between
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.close(number)  # which unlocks it; processes that the task has forked hold nothing


class Builder:
    """Builds one task; what it asks for while it runs, too."""

    def __init__(
        self,
        send: Callable[[Any], None],
        note: Note,
        refusal: Callable[[type[luigi.Task]], str],
        *,
        looks_below: bool,
        mailbox: str | None = None,
    ) -> None:
        self._send = send
        self._mailbox = mailbox  # the folder that has a folder of messages for each task
        self._refusal = refusal  # why a class may not be asked for; empty: it may
        self._note = note
        self._looks_below = looks_below  # whether what a task requires must be there before it runs
        self._done: set[str] = set()
        self._building: list[str] = []
        self._failed: dict[str, Exception] = {}
        self._held: set[str] = set()  # what this host builds, and what that has asked for

    def build(self, task: luigi.Task) -> str:
        """Run a task unless it is complete; return "skipped" or "succeeded", raise what it raises."""
        key = key_of(task)
        if key in self._held:
            raise StageFailure("it asks for itself: " + name_of(task, None))
        self._held.add(key)
        try:
            with alone(self._note.lock_of(key)):
                return self._build(task)
        finally:
            self._held.discard(key)

    def _build(self, task: luigi.Task) -> str:
        if self._is_done(task):
            return "skipped"
        if is_external(task):
            raise MissingExternal(what_is_missing(task))
        if self._looks_below:
            check_requirements(task, frozenset(self._done))
        key = key_of(task)
        self._note.begin(key, task)
        self._run(task)
        self._done.add(key)
        self._note.end(key)
        return "succeeded"

    def _is_done(self, task: luigi.Task) -> bool:
        return key_of(task) in self._done or (not has_no_output(task) and is_complete(task))

    def _run(self, task: luigi.Task) -> None:
        """Do what Luigi's worker does around `run()`; it is not there to do it."""
        self._connect(task)
        task.trigger_event(luigi.Event.START, task)
        started = time.time()
        try:
            try:
                self._drive(task)
                self._check(task)
            except MissingExternal:  # not its failure: it starts again when that is there
                task.trigger_event(luigi.Event.DEPENDENCY_MISSING, task)
                raise
            finally:
                task.trigger_event(luigi.Event.PROCESSING_TIME, task, time.time() - started)
            task.on_success()
            task.trigger_event(luigi.Event.SUCCESS, task)
        except MissingExternal:
            raise
        except BaseException as error:
            traceback.print_exc()  # into the task's log
            task.trigger_event(luigi.Event.FAILURE, task, error)
            with contextlib.suppress(Exception):
                task.on_failure(error)
            raise

    def _connect(self, task: luigi.Task) -> None:
        name = name_of(task, None)

        def tell(**told: Any) -> None:
            self._send({"task": name, **told})

        reported: Any = task
        reported.set_status_message = lambda message: tell(message=str(message))
        reported.set_progress_percentage = lambda percentage: tell(percentage=float(percentage))
        reported.set_tracking_url = lambda url: tell(tracking_url=str(url))
        reported.decrease_running_resources = lambda less: tell(release={str(one): int(less[one]) for one in less})
        if task.accepts_messages:
            reported.scheduler_messages = self._messages_to(key_of(task), tell)

    def _messages_to(self, key: str, tell: Callable[..., None]) -> Any:
        if self._mailbox is None:
            return queue.Queue()  # nobody has said where there could be any
        return Messages(os.path.join(self._mailbox, key), lambda number, text: tell(answered=number, answer=text))

    def _drive(self, task: luigi.Task) -> None:
        """Run a task; where it is a generator, give it what it asks for and let it go on where it stands."""
        running: Any = task.run()
        if not isinstance(running, Generator):
            return
        answer = None
        while True:
            try:
                asked = running.send(answer)
            except StopIteration:
                return
            self._provide(asked)
            answer = getattr(asked, "paths", None) or getpaths(getattr(asked, "requirements", asked))

    def _provide(self, asked: Any) -> None:
        has_own_check = getattr(asked, "custom_complete", None) is not None
        if has_own_check and asked.complete(self._is_done):
            return
        wanted: list[Any] = flatten(getattr(asked, "requirements", asked))
        for one in wanted:
            if inspect.isclass(one):
                raise StageFailure(f"it yields the class {one.__name__}, which is no task: yield {one.__name__}(…)")
            if not isinstance(one, luigi.Task):
                raise StageFailure(f"it yields something that is no task, but a {type(one).__name__}")
            if refusal := self._refusal(type(one)):
                raise StageFailure(f"it yields {name_of(one, None)}, which {refusal}")
        self._build_all(wanted)

    def _build_all(self, tasks: list[luigi.Task]) -> None:
        """Build all that can be built, then raise the first failure if there was one."""
        troubles: list[Exception] = []
        for one in tasks:
            try:
                self._build_with_requirements(one)
            except Exception as error:  # noqa: BLE001 - the others are built nevertheless
                troubles.append(error)
        if troubles:
            raise next((one for one in troubles if not isinstance(one, MissingExternal)), troubles[0])

    def _build_with_requirements(self, task: luigi.Task) -> None:
        key = key_of(task)
        if key in self._building:
            raise StageFailure("it asks for itself: " + name_of(task, None))
        if key in self._failed:
            raise self._failed[key]
        if self._is_done(task):
            return
        self._building.append(key)
        try:
            if not is_external(task):
                self._build_all(checked_deps(task))
            with self._own_key(key):
                self._send({"task": name_of(task, None), "message": "asked for while running: " + self.build(task)})
        except Exception as error:
            self._failed[key] = error
            raise
        finally:
            self._building.pop()

    @contextlib.contextmanager
    def _own_key(self, key: str) -> Generator[None, None, None]:
        outer = os.environ.get(KEY_VARIABLE, "")
        os.environ[KEY_VARIABLE] = f"{outer}/{key}"
        try:
            yield
        finally:
            os.environ[KEY_VARIABLE] = outer

    def _check(self, task: luigi.Task) -> None:
        if has_no_output(task) or is_complete(task):
            return
        missing = ", ".join(missing_targets(task)[:5])
        reason = f"these targets do not exist: {missing}" if missing else "complete() says no"
        raise StageFailure("it ended, but is not complete: " + reason)


def what_is_missing(task: luigi.Task) -> str:
    """Return a task that nobody builds, with the targets of it that are not there."""
    missing = ", ".join(missing_targets(task)[:5])
    return name_of(task, None) + (" (" + missing + ")" if missing else "")
