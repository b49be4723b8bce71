"""Servers and commands that start in a moment: forks of one process that has imported what they do, and done nothing.

Hundreds are started and killed here, and most of a start is imports. A fork of it is a process like any other: its
memory is its own, `main` reads its own arguments and environment, and SIGKILL ends it as it ends any process.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Json = Any
MODULES = (
    "spec_service.cli.app",
    "spec_service.cli.serving",
    "spec_service.bootstrap",
    "spec_service.app",
    "spec_service.storage.checkpoints",
    "spec_service.storage.checkpoint_board",
    "translator.language.cel",
    "translator.language.schemas",
    "uvicorn.protocols.http.auto",
    "uvicorn.loops.auto",
    "workflows.engine",
    "workflows.hosting.evaluation",
    "workflows.luigi.stages",
    "langchain_core.tools",
    "jsonschema",
    "rich.markdown",
)


def main() -> None:
    """Obey lines of JSON until there are no more: `start` a server, `poll` one."""
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"  # read once, when langgraph is imported
    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()
    started: set[int] = set()
    tell({"ready": len(list(Path("/proc/self/task").iterdir()))})
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            pid = fork(order["start"])
            started.add(pid)
            tell({"pid": pid})
        else:
            code = reap(order["poll"])
            if code is not None:
                started.discard(order["poll"])
            tell({"code": code})
    for pid in started:
        os.kill(pid, signal.SIGKILL)


def tell(answer: Json) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def reap(pid: int) -> int | None:
    """Return the exit code of a child, or minus a signal; None while it lives."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def fork(order: Mapping[str, Json]) -> int:
    """Start a server and return its process."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = become(order)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def become(order: Mapping[str, Json]) -> int:
    """Be the command line in another folder, with another environment; return the exit code."""
    from spec_service.cli import main as specloom  # noqa: PLC0415 - after the imports

    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    errors = os.open(order["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, target in ((nothing, 0), (log, 1), (errors, 2)):
        os.dup2(number, target)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["specloom", *order["arguments"]]
    sys.path[:] = [place for place in sys.path if place != str(Path(__file__).parent)]
    try:
        specloom()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    main()
