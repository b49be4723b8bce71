"""What callers send along with a question, read strictly: unknown and misshapen fields are problems with a path."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from spec_service.errors import BadQuery, Refused
from spec_service.publishing import is_author, is_spec_path
from translator.language.document import Document, join_pointer
from translator.language.problems import Problem, did_you_mean, ordered, problem_at

Json = Any
Media = Literal["yaml", "json"]
ReadForm = Literal["json", "text"]
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
_KEY = re.compile(r"[!-~]{1,255}")
_SIGNAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_MAX_SIGNAL_KEY = 512
_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
)
_MAX_MESSAGE = 4000
_MAX_LABELS = 32
_MAX_LABEL_VALUE = 256
_MAX_PRIORITY = 1000
_MAX_TIMEOUT = 3650 * 86_400  # seconds, as of the durations of specs


@dataclass(frozen=True, slots=True)
class ExecuteRequest:
    """What a run is started with; without a `plan`, the spec is planned now."""

    inputs: Mapping[str, Json] = field(default_factory=dict[str, Json])
    plan: str | None = None  # digest
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    priority: int = 0
    traceparent: str | None = None  # of the caller's span

    @classmethod
    def read(cls, document: Document) -> ExecuteRequest:
        """Read a body; raises `Refused`."""
        body = Body(document, ("inputs", "plan", "labels", "priority"))
        inputs = body.mapping("inputs")
        plan = body.text("plan")
        labels = _labels(body)
        priority = body.integer("priority", _MAX_PRIORITY)
        body.refuse()
        return cls(inputs, plan, labels, priority)


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a spec is planned with: inputs, to see what its stages would build with them."""

    inputs: Mapping[str, Json] | None = None  # None: no preview is wanted

    @classmethod
    def read(cls, document: Document) -> PlanRequest:
        """Read a body, which may be empty; raises `Refused`."""
        if not document.value:
            return cls()
        body = Body(document, ("inputs",))
        inputs = body.mapping("inputs")
        body.refuse()
        return cls(inputs)


@dataclass(frozen=True, slots=True)
class StageRunRequest:
    """What a stage is run with, alone; what is left out is as the stage says it."""

    stage: str  # its name, or the name of its agent
    inputs: Mapping[str, Json] = field(default_factory=dict[str, Json])
    timeout_seconds: float | None = None
    read: ReadForm | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    priority: int = 0
    inputs_key: str = "inputs"  # how the body called them

    @classmethod
    def read_body(cls, document: Document, stage: str | None, *, is_short: bool = False) -> StageRunRequest:
        """Read a body, of a short door with `is_short`; without `stage` the body names it. Raises `Refused`."""
        known = ("inputs", "timeout_seconds", "idempotency_key", "read", "labels", "priority")
        also = ("parameters", "params") if is_short else ()  # as clients of such doors call them
        body = Body(document, (*(() if stage else ("task_name",)), *known, *also))
        name = stage or body.text("task_name")
        if name is None and not body.problems:
            body.wrong("", "missing-field", "the body says with `task_name` what to run")
        given = [key for key in ("inputs", *also) if key in body.value]
        if len(given) > 1:
            body.wrong(f"/{given[1]}", "unknown-field", f"`{given[0]}` has the parameters already")
        read = body.text("read")
        if read not in (None, "json", "text"):
            body.wrong("/read", "out-of-range", "`read` is `json` or `text`")
        body.text("idempotency_key")  # read with the headers
        inputs_key = given[0] if given else "inputs"
        inputs, timeout = body.mapping(inputs_key), _timeout(body)
        labels, priority = _labels(body), body.integer("priority", _MAX_PRIORITY)
        body.refuse()
        return cls(name or "", inputs, timeout, cast("ReadForm | None", read), labels, priority, inputs_key)


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """An answer to a person's question, or none; `interrupt_id` is needed when a run asks several."""

    answer: Json = None
    interrupt_id: str | None = None
    has_answer: bool = True  # null is an answer, too

    @classmethod
    def read(cls, document: Document) -> ResumeRequest:
        """Read a body; raises `Refused`."""
        body = Body(document, ("answer", "interrupt_id"))
        interrupt_id, has_answer = body.text("interrupt_id"), "answer" in body.value
        if interrupt_id is not None and not has_answer:
            body.wrong("", "missing-field", "the body names a question with `interrupt_id`, and no `answer`")
        body.refuse()
        return cls(body.value.get("answer"), interrupt_id, has_answer)


GO_ON = ResumeRequest(has_answer=False)
"""Asks a run to go on that nobody executes."""


@dataclass(frozen=True, slots=True)
class RerunRequest:
    """From where on a run is to be run again: a node's id, or a Luigi task's name or key."""

    from_: str

    @classmethod
    def read(cls, document: Document) -> RerunRequest:
        """Read a body; raises `Refused`."""
        body = Body(document, ("from",))
        name = body.text("from")
        if name is None:
            body.wrong("", "missing-field", "`from` says from which node or task on")
        body.refuse()
        return cls(name or "")


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """What a Luigi task is told while it runs: its name or key, a text, and what else there is to say."""

    task: str
    content: str
    payload: dict[str, Json]

    @classmethod
    def read(cls, document: Document) -> MessageRequest:
        """Read a body; raises `Refused`."""
        body = Body(document, ("task", "content", "payload"))
        task, content, payload = body.text("task"), body.text("content"), body.mapping("payload")
        for name, value in (("task", task), ("content", content)):
            if value is None:
                body.wrong("", "missing-field", f"`{name}` is missing here")
        body.refuse()
        return cls(task or "", content or "", payload)


@dataclass(frozen=True, slots=True)
class SignalRequest:
    """What a signal carries."""

    data: Json = None
    key: str | None = None  # tells signals of one name apart

    @classmethod
    def read(cls, document: Document, *, needs_key: bool = False) -> SignalRequest:
        """Read a body; raises `Refused`."""
        body = Body(document, ("data", "key"))
        key = body.text("key")
        if key is not None and not 1 <= len(key) <= _MAX_SIGNAL_KEY:
            body.wrong("/key", "out-of-range", f"`key` has 1 to {_MAX_SIGNAL_KEY} characters")
        if key is None and needs_key and not body.problems:
            body.wrong("", "missing-field", "a signal that is sent to no run needs a `key`")
        body.refuse()
        return cls(body.value.get("data"), key)


def read_signal_name(name: str) -> str:
    """Return the name of a signal; raises `Refused` for what is none."""
    if not _SIGNAL.fullmatch(name):
        message = "the name of a signal is letters, digits and _, no digit first, at most 63 characters"
        raise Refused([Problem("bad-name", message)])
    return name


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """How a spec is to be published; what is left out is as it was the last time, or as the operator configured it."""

    base: str | None = None  # digest of what the caller believes to be published; null: nothing
    has_base: bool = False
    path: str | None = None
    message: str | None = None
    author: str | None = None

    @classmethod
    def read(cls, document: Document) -> PublishRequest:
        """Read a body; raises `Refused`."""
        body = Body(document, ("base", "path", "message", "author"))
        base, path, message, author = (body.text(key) for key in ("base", "path", "message", "author"))
        if base is not None and not _DIGEST.fullmatch(base):
            body.wrong("/base", "bad-name", "`base` is a digest: 64 hexadecimal digits, or null for no file")
        if path is not None and not is_spec_path(path):
            body.wrong("/path", "bad-name", "`path` is like `team/report.yaml`: letters, digits, `.`, `_`, `-`, `/`")
        if message is not None and (not message.strip() or len(message) > _MAX_MESSAGE or "\x00" in message):
            body.wrong("/message", "out-of-range", f"`message` has 1 to {_MAX_MESSAGE} characters")
        if author is not None and not is_author(author):
            body.wrong("/author", "bad-name", "`author` is like `Ann Other <ann@example.org>`")
        body.refuse()
        digest = base.removeprefix("sha256:") if base else None
        return cls(digest, "base" in body.value, path, message, author)


def read_traceparent(given: Sequence[str]) -> str | None:
    """Return the header of this name as W3C Trace Context wants it; None for what cannot be understood."""
    text = given[0].strip().lower() if len(given) == 1 else ""
    found = _TRACEPARENT.match(text)
    is_known = found is not None and found["version"] != "ff" and (found["version"] != "00" or text == found[0])
    return f"00-{found['trace']}-{found['span']}-{found['flags']}" if found and is_known else None


def read_nothing(document: Document) -> None:
    """Read the body of a door that takes none; raises `Refused` for one that has fields."""
    Body(document, ()).refuse()


@dataclass(frozen=True, slots=True)
class RequestKey:
    """An `Idempotency-Key`, and the request that it came with."""

    text: str
    door: str  # the path
    body_digest: str

    @classmethod
    def read(cls, given: Sequence[str], door: str, body: bytes) -> RequestKey | None:
        """Read the headers of this name; None when there is none. Raises `BadQuery`."""
        if not given:
            return None
        if len(given) > 1 or not _KEY.fullmatch(given[0]):
            raise BadQuery("`Idempotency-Key` is one text of 1 to 255 visible ASCII characters")
        return cls(given[0], door, hashlib.sha256(body).hexdigest())


class Body:
    """A mapping at the top of a document, and the problems found in it so far."""

    def __init__(self, document: Document, known: tuple[str, ...]) -> None:
        self.document = document
        self.problems: list[Problem] = []
        is_mapping = isinstance(document.value, dict)
        self.value: dict[str, Json] = cast("dict[str, Json]", document.value) if is_mapping else {}
        if not is_mapping:
            self.wrong("", "wrong-type", "the body is no mapping")
            return
        for key in self.value:
            if key not in known:
                place = document.key_position(join_pointer("", key))
                path, hint = join_pointer("", key), did_you_mean(key, known)
                self.problems.append(problem_at(place, "unknown-field", "the body has no such field", path, hint))

    def wrong(self, pointer: str, name: str, message: str) -> None:
        """Take note of a problem with a value."""
        self.problems.append(problem_at(self.document.value_position(pointer), name, message, pointer))

    def mapping(self, key: str) -> dict[str, Json]:
        """Return a mapping; empty when it is left out."""
        value = self.value.get(key, {})
        if isinstance(value, dict):
            return cast("dict[str, Json]", value)
        self.wrong(f"/{key}", "wrong-type", f"`{key}` is a mapping")
        return {}

    def text(self, key: str) -> str | None:
        """Return a text; None when it is left out or null."""
        value = self.value.get(key)
        if value is None or isinstance(value, str):
            return value
        self.wrong(f"/{key}", "wrong-type", f"`{key}` is a text")
        return None

    def integer(self, key: str, most: int) -> int:
        """Return an integer from `-most` to `most`; 0 when it is left out."""
        value = self.value.get(key, 0)
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong(f"/{key}", "wrong-type", f"`{key}` is an integer")
            return 0
        if abs(value) > most:
            self.wrong(f"/{key}", "out-of-range", f"`{key}` is at least {-most} and at most {most}")
            return 0
        return value

    def refuse(self) -> None:
        """Raise `Refused` if anything is wrong."""
        if self.problems:
            raise Refused(ordered(self.problems))


def _labels(body: Body) -> dict[str, str]:
    found = body.mapping("labels")
    if len(found) > _MAX_LABELS:
        body.wrong("/labels", "out-of-range", f"at most {_MAX_LABELS} labels")
        return {}
    for key, value in found.items():
        pointer = join_pointer("/labels", key)
        if not _LABEL.fullmatch(key):
            body.wrong(pointer, "bad-name", "a label is letters, digits, `.`, `_`, `/` and `-`, at most 63")
        if not isinstance(value, str):
            body.wrong(pointer, "wrong-type", "the value of a label is a text")
        elif len(value) > _MAX_LABEL_VALUE:
            body.wrong(pointer, "out-of-range", f"the value of a label has at most {_MAX_LABEL_VALUE} characters")
    return cast("dict[str, str]", found)


def _timeout(body: Body) -> float | None:
    value = body.value.get("timeout_seconds")
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        body.wrong("/timeout_seconds", "wrong-type", "`timeout_seconds` is a number of seconds")
        return None
    if not 0 < value <= _MAX_TIMEOUT:
        body.wrong("/timeout_seconds", "out-of-range", f"`timeout_seconds` is more than 0 and at most {_MAX_TIMEOUT}")
        return None
    return value
