"""Tasks with a will of their own: urgent, greedy, stubborn, slow, disabled; `runs.log` says what happened."""

# written as users write their tasks
# ruff: noqa: PTH108, PTH110, PTH118, PTH202, PTH208

import os
import time
from datetime import date

import luigi
from luigi.util import copies, delegates, inherits, requires


def note(text):
    with open("runs.log", "a", encoding="utf-8") as file:
        file.write(text + "\n")


class Step(luigi.Task):
    def output(self):
        return luigi.LocalTarget(f"{self.task_id}.txt")

    def run(self):
        note(type(self).__name__)
        with self.output().open("w") as file:
            file.write("done")


class Numbered(Step):
    number = luigi.IntParameter()

    @property
    def priority(self):
        return self.number

    def run(self):
        note(f"Numbered {self.number}")
        super().run()


class Urgent(luigi.WrapperTask):
    def requires(self):
        return [Numbered(number=number) for number in (2, 9, 4)]


class Lowly(Step):
    """Low itself, but something urgent needs it."""

    priority = -5


class Pressing(Step):
    priority = 50

    def requires(self):
        return Lowly()


class Hurry(luigi.WrapperTask):
    def requires(self):
        return [Numbered(number=2), Pressing()]


class Holder(Step):
    """Fail when it is not alone with the resource as often as its amount says."""

    name = luigi.Parameter()
    amount = luigi.IntParameter(default=1)
    most = luigi.IntParameter(default=1)
    seconds = luigi.FloatParameter(default=0.05)
    place = luigi.Parameter(default=".")

    @property
    def resources(self):
        return {"db": self.amount}

    def run(self):
        mark = os.path.join(self.place, f"holds-{self.task_id}")
        with open(mark, "w", encoding="utf-8") as file:
            file.write("x" * self.amount)
        time.sleep(self.seconds)
        held = sum(os.path.getsize(os.path.join(self.place, one)) for one in os.listdir(self.place) if "holds-" in one)
        os.unlink(mark)
        note(f"held {held}")
        if held > self.most:
            raise RuntimeError(f"{held} held")
        super().run()


class Holders(luigi.WrapperTask):
    most = luigi.IntParameter(default=1)
    place = luigi.Parameter(default=".")
    names = luigi.Parameter(default="abcdef")

    def requires(self):
        return [Holder(name=name, most=self.most, place=self.place) for name in self.names]


class LetsGo(Step):
    """Give back what it holds, and wait until somebody else had it."""

    resources = {"db": 1}  # noqa: RUF012

    def run(self):
        self.decrease_running_resources({"db": 1})
        while not os.path.exists("had-it"):
            time.sleep(0.01)
        super().run()


class HadIt(Step):
    resources = {"db": 1}  # noqa: RUF012
    priority = -1

    def run(self):
        super().run()
        with open("had-it", "w", encoding="utf-8"):
            pass


class Passing(luigi.WrapperTask):
    def requires(self):
        return [LetsGo(), HadIt()]


class Flaky(Step):
    """Fail a number of times, then work."""

    failures = luigi.IntParameter()
    retry_count = 3

    def run(self):
        note("try")
        with open("runs.log", encoding="utf-8") as file:
            if file.read().count("try") <= self.failures:
                raise RuntimeError("not yet")
        super().run()


class Hasty(Flaky):
    disable_hard_timeout = 0


class Slow(Step):
    worker_timeout = 1

    def run(self):
        note("slow")
        time.sleep(600)


class Gone(Step):
    def run(self):
        note("gone")
        os._exit(3)


@luigi.Task.event_handler(luigi.Event.TIMEOUT)
def on_timeout(task, message):
    note(f"timeout event of {task.task_family}: {message}")


@luigi.Task.event_handler(luigi.Event.PROCESS_FAILURE)
def on_process_failure(task, message):
    note(f"process failure event of {task.task_family}: {message}")


class Watched(Step):
    word = luigi.Parameter(default="x")


def watch(event):
    @luigi.Task.event_handler(getattr(luigi.Event, event))
    def tell(task, *details):
        if type(task).__name__ in {"Family", "Odd", "Mute", "There", "Nobodys"}:
            told = [type(one).__name__ for one in details]
            note(" ".join([event, type(task).__name__, *told]))


for one in ("DEPENDENCY_DISCOVERED", "DEPENDENCY_MISSING", "DEPENDENCY_PRESENT", "BROKEN_TASK", "PROCESSING_TIME"):
    watch(one)


class There(Step):
    def complete(self):
        return True


class Nobodys(luigi.ExternalTask):
    def output(self):
        return luigi.LocalTarget("nobodys.txt")


class Odd(Step):
    def requires(self):
        raise KeyError("no such thing")


class Mute(Step):
    def complete(self):
        raise OSError("cannot say")


class Off(Step):
    disabled = True


class AfterOff(Step):
    def requires(self):
        return Off()


class Family(Step):
    def requires(self):
        return [There(), Nobodys(), Odd(), Mute(), Watched()]


class AfterOdd(Step):
    def requires(self):
        return [Odd(), Watched()]


class Tracked(Step):
    accepts_messages = True

    def run(self):
        self.set_tracking_url("http://example.org/job/7")
        assert self.scheduler_messages.empty()
        super().run()


class Settings(luigi.Config):
    colour = luigi.Parameter(default="blue")


class Source(Step):
    day = luigi.DateParameter()
    shade = luigi.Parameter(default="light")


@requires(Source)
class Required(Step):
    pass


@inherits(Source)
class Inherited(Step):
    def requires(self):
        return self.clone(Source)


@copies(Source)
class Copied(luigi.Task):
    """Copy what its source has written: Luigi's decorator brings `requires` and `run`."""

    def output(self):
        return luigi.LocalTarget("copied.txt")


@delegates
class Delegating(Step):
    def subtasks(self):
        return [Watched(word="sub")]

    def run(self):
        note(f"delegates to {[one.word for one in self.subtasks()]}")
        super().run()


class Decorated(luigi.WrapperTask):
    def requires(self):
        day = date(2026, 11, 20)
        return [Required(day=day), Inherited(day=day, shade="dark"), Copied(day=day), Delegating()]
