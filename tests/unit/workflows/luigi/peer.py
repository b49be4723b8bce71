"""Luigi's own `build`, in a process that imports Luigi once and forks for each DAG: what it ran, and how it ended.

Run as a script: each line of the input is JSON `{path, module, task, arguments, directory}`; each line of the output
`{status, summary}`.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import warnings
from typing import Any

import luigi


def build(asked: dict[str, Any]) -> dict[str, str]:
    """Build a task in a directory."""
    os.chdir(asked["directory"])
    sys.path.insert(0, asked["path"])
    kind = getattr(importlib.import_module(asked["module"]), asked["task"])
    result: Any = luigi.build(
        [kind.from_str_params({name: str(value) for name, value in asked["arguments"].items()})],
        local_scheduler=True,
        no_lock=True,
        detailed_summary=True,
        **asked.get("options", {}),
    )
    return {"status": result.status.name, "summary": result.summary_text}


def main() -> None:
    """Answer line by line."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        if os.fork() == 0:
            quiet = os.open(os.devnull, os.O_WRONLY)
            answers = os.dup(1)
            os.dup2(quiet, 1)
            answer = build(json.loads(line))
            os.write(answers, json.dumps(answer).encode() + b"\n")
            os._exit(0)
        _, status = os.wait()
        if status:
            os.write(1, b"{}\n")


if __name__ == "__main__":
    main()
