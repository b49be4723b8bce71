"""What a process of a host may use at the most, as the operator's catalog says."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

_SIZE = re.compile(r"(\d+)\s*([kKMGT]i?B|B)?")
_UNITS = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BINARY_UNITS = {"KiB": 2**10, "kiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Limits of one process, but `processes`, which is of a host; None is no limit."""

    cpu_seconds: int | None = None  # of processor time, for one call
    memory: int | None = None  # bytes that are its own: heap, stacks, private mappings; shared ones do not count
    file_size: int | None = None  # bytes of any file that it writes, its log too
    processes: int | None = None  # that it has started and that live, their children too

    def as_json(self) -> dict[str, int | None]:
        """Return what the child side is told."""
        return asdict(self)

    def exceeded(self, name: str) -> str:
        """Return the sentence for a limit that was reached: which one, and what to do."""
        text = {
            "cpu_seconds": f"it used more than {self.cpu_seconds} s of processor time",
            "memory": f"it wanted more than {spelled(self.memory or 0)} of memory",
            "file_size": f"it wrote more than {spelled(self.file_size or 0)} into one file",
            "processes": f"it had more than {self.processes} processes at a time",
        }[name]
        return f"{text}: raise `{name}` under `limits` of its group in the catalog, or let it use less"


NO_LIMITS = HostLimits()


def parsed_size(text: str) -> int | None:
    """Return the bytes of a size such as `2GiB` or `500 MB`; None when it is none."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return None
    return int(found[1]) * (_UNITS | _BINARY_UNITS)[found[2] or "B"]


def spelled(size: int) -> str:
    """Return bytes as people write them, exactly: `2 GiB`, `1500 kB`, `7 bytes`."""
    units = [*reversed(_BINARY_UNITS.items()), *reversed(_UNITS.items())]
    for name, factor in units:
        if size and size % factor == 0 and factor > 1 and name not in {"kiB", "KB"}:
            return f"{size // factor} {name}"
    return f"{size} bytes"
