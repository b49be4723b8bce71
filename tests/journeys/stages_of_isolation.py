"""Stages that misbehave, or look whether others do."""

import os
import signal
import subprocess
import sys
import time

import luigi

CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class Note(luigi.Task):
    """Write who one is, wait a moment, and read it again: another run's file would show."""

    text = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget("note.txt")

    def run(self):
        with open("scratch.txt", "w") as file:
            file.write(self.text)
        time.sleep(0.3)
        with open("scratch.txt") as file, self.output().open("w") as target:
            target.write(file.read())


class Stubborn(luigi.Task):
    """Ignore SIGTERM, start a child that ignores it too, and never end."""

    pids = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget("never.txt")

    def run(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", CHILD])
        with open(self.pids, "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        while True:
            time.sleep(1)
