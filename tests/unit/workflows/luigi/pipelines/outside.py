"""Tasks that need what nobody builds; each tells `runs.log` in its working directory that it ran."""

# written as users write their tasks

import time

import luigi


class Step(luigi.Task):
    def output(self):
        return luigi.LocalTarget(f"{type(self).__name__}.txt")

    def run(self):
        with open("runs.log", "a", encoding="utf-8") as file:
            file.write(type(self).__name__ + "\n")
        with self.output().open("w") as file:
            file.write(type(self).__name__)


class Delivery(luigi.ExternalTask):
    name = luigi.Parameter(default="delivery")

    def output(self):
        return luigi.LocalTarget(f"{self.name}.csv")


class Ground(Step):
    pass


class Unpack(Step):
    def requires(self):
        return [Delivery(), Ground()]


class Beside(Step):
    def requires(self):
        return Ground()


class Both(Step):
    """Need what waits, and what does not."""

    def requires(self):
        return [Unpack(), Beside()]


class Bad(Step):
    def run(self):
        raise RuntimeError("bad luck")


class WaitingAndBad(Step):
    def requires(self):
        return [Unpack(), Bad()]


class Asks(Step):
    """Ask for what nobody builds while it runs."""

    def run(self):
        target = yield Delivery(name="asked")
        with self.output().open("w") as file:
            file.write(target.path)


class Kills(Step):
    """Wait, then need what kills the server in a test."""

    def requires(self):
        return Delivery()

    def run(self):

        with open("at-work", "w", encoding="utf-8"):
            pass
        time.sleep(600)
