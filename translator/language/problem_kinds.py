"""The kinds of problems: name, code, and what `specloom explain` says about each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of problem: stable `name` and `code` (None for doors and runs), a title, and an explanation (Markdown)."""

    name: str
    code: str | None
    title: str
    explanation: str


_FAMILIES = {
    "E1": (
        "syntax-error bad-encoding control-character duplicate-key key-not-text tag-not-allowed alias-not-allowed "
        "merge-key-not-allowed multiple-documents empty-document too-deep too-many-values scalar-too-long "
        "number-out-of-range non-finite-number body-too-large unsupported-media-type"
    ),
    "E2": (
        "unknown-field missing-field wrong-type unknown-value unsupported-version bad-name bad-duration out-of-range "
        "no-verb several-verbs unknown-verb missing-else bad-default bad-schema schema-remote-ref schema-recursive "
        "schema-unknown-ref schema-pattern"
    ),
    "E3": (
        "unknown-tool unknown-stage unknown-workflow unknown-node not-a-sibling unknown-version unknown-parameter "
        "missing-parameter unknown-channel unknown-secret not-available-yet"
    ),
    "E4": (
        "expression-syntax expression-too-large expression-too-costly expression-failed unknown-variable "
        "unknown-function no-such-operation type-mismatch secret-in-expression"
    ),
    "E5": (
        "mixed-flow-and-dag unbounded-cycle never-ends unreachable-node needs-cycle missing-reducer workflow-cycle "
        "not-yet-run"
    ),
    "W6": "unused-input unused-channel unused-secret secret-like-literal may-not-have-run unused-definition",
}


def _kinds() -> dict[str, ProblemKind]:
    return {
        name: ProblemKind(name, f"{family}{number:02}", name.replace("-", " "), "")
        for family, names in _FAMILIES.items()
        for number, name in enumerate(names.split(), 1)
    }


KINDS = _kinds()


def explain(code_or_name: str) -> ProblemKind | None:
    """Return the kind that has this code (E304, any case) or name (unknown-node), or None."""
    wanted = code_or_name.strip()
    if wanted.lower() in KINDS:
        return KINDS[wanted.lower()]
    return next((kind for kind in KINDS.values() if kind.code == wanted.upper()), None)
