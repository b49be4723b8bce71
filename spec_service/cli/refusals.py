"""What to say about errors of the other rooms: what happened, and what to do next."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

from spec_service.cli.complaints import Complaint, innermost
from spec_service.errors import Refused
from translator.errors import SpecloomError

ADVICE: Mapping[str, tuple[str, ...]] = {
    "data-in-use": ("specloom dev serves several commands at once; run it, and these commands find it",),
    "unknown-run": ("specloom runs lists the runs; --data DIR looks into another data directory",),
    "not-waiting": ("specloom runs RUN shows where the run stands",),
    "run-ended": ("specloom runs RUN shows how it ended",),
    "not-retryable": ("specloom runs RUN shows where the run stands",),
    "not-forkable": ("specloom runs RUN shows where the run stands",),
    "version-exists": ("raise metadata.version in the spec, or leave it out as long as you are working on it",),
    "several-questions": ("--question NODE says which one is answered; specloom runs RUN lists them",),
    "server-unreachable": ("specloom dev starts a server; without --server none is needed",),
    "unauthenticated": ("set SPECLOOM_TOKEN to the token of the server",),
    "catalog-file-invalid": ("examples/README.md shows a catalog; specloom init writes one",),
}


def explained(error: BaseException) -> Complaint:
    """Return what a person is told about an error; one that we do not know is a mistake of ours, and says so."""
    error = innermost(error)
    if isinstance(error, Complaint):
        return error
    if isinstance(error, Refused):
        return Complaint("refused", *(f"{one.path or '/'}: {one.name}: {one.message}" for one in error.problems))
    if isinstance(error, SpecloomError):
        return Complaint(f"{error.name}: {error.message}", *ADVICE.get(error.name, ()))
    if isinstance(error, OSError):
        return Complaint(f"{error.filename or 'the system'}: {error.strerror or error}")
    return Complaint(f"a mistake of Specloom's own: {type(error).__name__}: {error}", *_where(error))


def _where(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return [f"in {frame.name}, {frame.filename}:{frame.lineno}" for frame in reversed(frames)] + [
        "please report it with these lines; specloom doctor checks the installation"
    ]
