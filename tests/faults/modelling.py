"""What a run may do, told in the fewest words: the model against which the journals are held."""

from __future__ import annotations

from dataclasses import dataclass, field

MOVES = {  # written down once more: a model that imported the table would agree with any mistake in it
    "queued": {"running", "cancelled", "failed"},
    "running": {"waiting", "succeeded", "failed", "cancelled", "queued"},
    "waiting": {"queued", "cancelled", "failed"},
}


@dataclass
class ModelRun:
    """One run; each method returns whether the journal must accept it, and changes the run only then."""

    status: str = "queued"
    attempt: int = 0
    events: int = 1
    is_cancel_wanted: bool = False
    retried_after: int = 0
    questions: dict[str, str] = field(default_factory=dict)  # open, answered, expired or taken (answers only)

    def move(self, to: str, only_from: str | None = None) -> bool:
        if to not in MOVES.get(self.status, set()) or only_from not in {None, self.status}:
            return False
        self.status, self.events = to, self.events + 1
        return True

    def start(self) -> None:
        self.attempt, self.events = self.attempt + 1, self.events + 1

    def wait(self) -> bool:
        return not {"answered", "expired"} & set(self.questions.values()) and self.move("waiting")

    def ask(self, name: str) -> None:
        self.questions.setdefault(name, "open")
        self.events += 1

    def close(self, name: str, how: str) -> bool:
        if self.questions.get(name) != "open":
            return False
        self.questions[name] = how
        self.move("queued", only_from="waiting")
        return True

    def take(self, name: str) -> None:
        self.events += 1
        if name in self.questions:
            self.questions[name] = f"taken {self.questions[name]}"

    def cancel(self) -> bool:
        if self.status not in MOVES:
            return False
        self.is_cancel_wanted, self.events = True, self.events + 1
        return True

    def retry(self) -> bool:
        if self.status not in {"failed", "cancelled"}:
            return False
        self.status, self.events, self.retried_after = "queued", self.events + 1, self.attempt
        self.is_cancel_wanted = False
        self.questions = {name: how for name, how in self.questions.items() if "expired" not in how}
        return True
