"""Thirty tasks that leave a mark each, copied into the folder of a test like the tools."""

import os
import time
from pathlib import Path

import luigi
from marking import mark


class Leaf(luigi.Task):
    """Leaves a mark and a file."""

    effects = luigi.Parameter()
    run_id = luigi.Parameter()
    number = luigi.IntParameter()
    seconds = luigi.FloatParameter(default=0.0)

    def output(self):
        return luigi.LocalTarget(f"{type(self).__name__.lower()}-{self.number}.txt")

    def run(self):
        label = f"{self.run_id}/{type(self).__name__}-{self.number}"
        mark(self.effects, label, os.environ["SPECLOOM_IDEMPOTENCY_KEY"])
        time.sleep(self.seconds)
        Path(self.output().path).write_text(label)  # in place, as many real tasks do


class Branch(Leaf):
    """Needs five leaves; the last one four."""

    def requires(self):
        mine = range(5 * self.number, min(5 * self.number + 5, 24))
        return [Leaf(self.effects, self.run_id, number, self.seconds) for number in mine]


class Tree(Leaf):
    """Thirty tasks: 24 leaves, five branches and itself."""

    def requires(self):
        return [Branch(self.effects, self.run_id, number, self.seconds) for number in range(5)]
