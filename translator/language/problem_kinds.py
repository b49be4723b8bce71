"""The kinds of problems: name, code, and what `specloom explain` says about each.

Codes are stable: a kind keeps its number for ever, new ones are added at the end of their family. Kinds of doors and
runs have no code, unless they are one of a family as well.
"""

from dataclasses import dataclass

from translator.language.kinds import advice, doors, expressions, graphs, reading, references, runs, shape


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of problem: stable `name` and `code` (None for doors and runs), a title, and what there is to say.

    `bad` and `good` are small examples, in YAML where nothing else is said; kinds that no text can show have none.
    """

    name: str
    code: str | None
    title: str
    meaning: str
    reason: str
    remedy: str
    bad: str = ""
    good: str = ""

    @property
    def explanation(self) -> str:
        """The whole text in Markdown: what it means, why it is so, what to do, and an example."""
        parts = [self.meaning, f"**Why.** {self.reason}", f"**What to do.** {self.remedy}"]
        parts += [f"{label}:\n\n```yaml\n{text.strip()}\n```" for label, text in self._examples() if text]
        return "\n\n".join(parts)

    def _examples(self) -> tuple[tuple[str, str], tuple[str, str]]:
        return ("Refused" if self.code and self.code[0] == "E" else "Like this", self.bad), ("Better", self.good)


_FAMILIES = (
    ("E1", reading.TEXTS),
    ("E2", shape.TEXTS),
    ("E3", references.TEXTS),
    ("E4", expressions.TEXTS),
    ("E5", graphs.TEXTS),
    ("W6", advice.TEXTS),
    (None, doors.TEXTS),
    (None, runs.TEXTS),
)


def _kinds() -> dict[str, ProblemKind]:
    return {
        name: ProblemKind(name, f"{family}{number:02}" if family else None, *rest)
        for family, texts in _FAMILIES
        for number, (name, *rest) in enumerate(texts, 1)
    }


KINDS = _kinds()
"""All kinds by name, in the order of their codes."""


def explain(code_or_name: str) -> ProblemKind | None:
    """Return the kind that has this code (E304, any case) or name (unknown-node), or None."""
    wanted = code_or_name.strip()
    by_name = KINDS.get(wanted.lower())
    return by_name or next((kind for kind in KINDS.values() if kind.code == wanted.upper()), None)
