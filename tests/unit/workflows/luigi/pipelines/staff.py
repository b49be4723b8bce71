"""Tasks that say what agents need to know of them, and tasks that do not."""

import luigi
import shop
from luigi.util import requires
from specloom_client import agent_meta


@agent_meta(
    name="identify-risks",
    description="Finds the risks of a contract.",
    tools=["search"],
    outputs={"risks": {"type": "array"}},
    stage="analysis",
    tags=["legal"],
    timeout_seconds=120,
    max_retries=2,
)
class IdentifyRisks(luigi.Task):
    """Not what agents read."""

    contract = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget("risks.json")


class IdentifyMore(IdentifyRisks):
    """Look for more risks."""


@requires(IdentifyRisks)
class Rate(luigi.Task):
    def output(self):
        return {"rates": luigi.LocalTarget("rates.json"), "log": [luigi.LocalTarget("a"), self.input()]}


class Report(luigi.WrapperTask):
    def requires(self):
        return [self.clone(Rate), *(shop.Part(number) for number in range(3))]


class Odd(luigi.Task):
    def output(self):
        if self.requires():
            return []
        return luigi.LocalTarget("odd")


class Nothing(luigi.Task):
    pass


class Strange(luigi.Task):
    __specloom_agent__ = {"name": "strange", "tools": 3}  # noqa: RUF012 - as users write
