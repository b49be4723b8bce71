"""Leaving a mark for each effect: what it was for, its idempotency key, and the process."""

import json
import os
import time


def mark(effects, label, key):
    """Write one line, whole even when several processes write."""
    line = json.dumps({"label": label, "key": key, "pid": os.getpid(), "at": time.time()}) + "\n"
    number = os.open(effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(number, line.encode())
    finally:
        os.close(number)
