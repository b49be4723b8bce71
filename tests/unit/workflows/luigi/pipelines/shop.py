"""Tasks that behave well, badly and oddly; each tells `runs.log` in its working directory that it ran."""

# written as users write their tasks
# ruff: noqa: PTH103, PTH104, PTH110, PTH112, T201

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import luigi
from luigi.util import requires


def note(text):
    with open("runs.log", "a", encoding="utf-8") as file:
        file.write(text + "\n")


class Step(luigi.Task):
    """Write its name to a file of that name."""

    def output(self):
        return luigi.LocalTarget(f"out/{type(self).__name__}.txt")

    def run(self):
        note(type(self).__name__)
        with self.output().open("w") as file:
            file.write(type(self).__name__)


class Bottom(Step):
    pass


class Left(Step):
    def requires(self):
        return Bottom()


class Right(Step):
    def requires(self):
        return {"only": [Bottom()]}


class Top(Step):
    """The top of a diamond."""

    specloom_version = "2.0.0"

    def requires(self):
        yield Left()
        yield Right()


class Copy(luigi.Task):
    text = luigi.Parameter()
    mood = luigi.Parameter(default="fine", significant=False)

    def output(self):
        return luigi.LocalTarget("copy.txt")

    def run(self):
        with self.output().open("w") as file:
            json.dump({"text": self.text, "mood": self.mood}, file)


class Key(Step):
    """Write down what it sees of the environment."""

    def run(self):
        with self.output().open("w") as file:
            json.dump(dict(os.environ), file)


class Part(luigi.Task):
    number = luigi.IntParameter()

    def requires(self):
        return Bottom()

    def output(self):
        return luigi.LocalTarget(f"part-{self.number}.txt")

    def run(self):
        note(f"Part {self.number} {os.environ['SPECLOOM_IDEMPOTENCY_KEY'].count('/')}")
        with self.output().open("w") as file:
            file.write(str(self.number))


class Gather(Step):
    """Ask for parts while it runs."""

    def run(self):
        note("Gather")
        first = yield Part(1)
        more = yield {"two": Part(2), "others": [Part(1), Part(3)]}
        with self.output().open("w") as file:
            file.write(first.path + " " + more["two"].path + " " + more["others"][1].path)


class AskForItself(Step):
    def run(self):
        yield Forwarder()


class Forwarder(Step):
    def requires(self):
        return AskForItself()


class Truncate(luigi.Task):
    """Write half of its target in place, then fail, leave or stay."""

    how = luigi.ChoiceParameter(choices=["fail", "leave", "stay"])

    def output(self):
        return luigi.LocalTarget("whole.txt")

    def run(self):
        if os.path.exists("whole.txt.quarantined-1") and self.how == "leave":
            with open("whole.txt", "w", encoding="utf-8") as file:
                file.write("whole")
            return
        with open("whole.txt", "w", encoding="utf-8") as file:
            file.write("ha")
        if self.how == "fail":
            raise ValueError("out of ink")
        if self.how == "leave":
            print("leaving")
            os._exit(9)
        time.sleep(600)


class Stubborn(Step):
    """Ignore SIGTERM, as does its child."""

    def run(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(600)"])
        with open("pids.new", "w", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {child.pid}")
        os.rename("pids.new", "pids")
        while True:
            time.sleep(1)


class Sleeper(Step):
    number = luigi.IntParameter()

    def run(self):
        time.sleep(600)


class Crowd(luigi.WrapperTask):
    def requires(self):
        return [Sleeper(number=number) for number in range(5)]


class Silent(Step):
    """Leave no target behind."""

    def run(self):
        note("Silent")


class Effect(luigi.Task):
    """Have no target at all."""

    def run(self):
        note("Effect")


class AfterEffect(Step):
    def requires(self):
        return Effect()


class Delivery(luigi.ExternalTask):
    def output(self):
        return luigi.LocalTarget("delivery.csv")


class Unpack(Step):
    def requires(self):
        return [Delivery(), Bottom()]


class Bad(Step):
    def run(self):
        print("about to fail")
        raise RuntimeError("bad luck")


class AfterBad(Step):
    def requires(self):
        return Bad()


class Mixed(Step):
    """Have branches that end well and one that does not."""

    def requires(self):
        return [AfterBad(), Left(), Right()]


class Egg(Step):
    def requires(self):
        return Chicken()


class Chicken(Step):
    def requires(self):
        return Egg()


class Endless(Step):
    number = luigi.IntParameter(default=0)

    def requires(self):
        return Endless(number=self.number + 1)


class Chatty(Step):
    def run(self):
        self.set_status_message("half way")
        self.set_progress_percentage(50)
        time.sleep(0.15)
        self.trigger_event(luigi.Event.PROGRESS, self, {"rows": 7})
        super().run()


@luigi.Task.event_handler(luigi.Event.START)
def on_start(task):
    if isinstance(task, (Watched, WatchedBad)):
        note(f"start {type(task).__name__}")


@luigi.Task.event_handler(luigi.Event.SUCCESS)
def on_success(task):
    if isinstance(task, Watched):
        note("success event")


@luigi.Task.event_handler(luigi.Event.FAILURE)
def on_failure(task, error):
    if isinstance(task, WatchedBad):
        note(f"failure event {error}")


class Watched(Step):
    def on_success(self):
        note("on_success")


class WatchedBad(Step):
    def run(self):
        raise KeyError("gone")

    def on_failure(self, exception):
        note(f"on_failure {type(exception).__name__}")


class Shapes(luigi.Task):
    """Have targets of several shapes."""

    def output(self):
        return {
            "list": [luigi.LocalTarget("a.json"), luigi.LocalTarget("b.json")],
            "folder": luigi.LocalTarget("folder"),
            "nothing": None,
        }

    def complete(self):
        return os.path.isdir("folder")

    def run(self):
        for name in "ab":
            with open(f"{name}.json", "w", encoding="utf-8") as file:
                json.dump({"name": name, "ü": [1, None]}, file)
        os.makedirs("folder/inner")
        with open("folder/inner/x.txt", "w", encoding="utf-8") as file:
            file.write("12345")


class TwoFiles(luigi.Task):
    good = luigi.BoolParameter(default=True)

    def output(self):
        return [luigi.LocalTarget("one.json"), luigi.LocalTarget("two.json")]

    def run(self):
        for target, text in zip(self.output(), ["[1]", "{}" if self.good else '{"a": NaN}'], strict=True):
            with target.open("w") as file:
                file.write(text)


class Jammed(TwoFiles):
    def run(self):
        with open("two.json", "w", encoding="utf-8") as file:
            file.write("{")
        raise OSError("jammed")


class Huge(luigi.Task):
    def output(self):
        return luigi.LocalTarget("huge.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write("x" * (17 * 2**20))


class Odd(luigi.Task):
    """Have values that do not survive being written down."""

    number = luigi.Parameter(default=5)
    token = luigi.Parameter(default="none", visibility=luigi.parameter.ParameterVisibility.PRIVATE)
    extra = luigi.Parameter(default="x", significant=False)

    def output(self):
        return luigi.LocalTarget(f"odd-{self.number}-{self.extra}.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(f"{type(self.number).__name__} {self.token}")


class Odder(luigi.Task):
    token = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE)

    def requires(self):
        class Local(Odd):
            pass

        return [Odd(), Odd(number=7, token=self.token), Odd(extra="y"), Local(number=9)]

    def output(self):
        return luigi.LocalTarget("odder.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(" | ".join(target.open().read() for target in self.input()))


class Level(luigi.WrapperTask):
    """A lattice of wrappers, 2 wide: without memory, asking the top takes 2^depth questions."""

    depth = luigi.IntParameter()
    side = luigi.BoolParameter(default=False)

    def requires(self):
        if self.depth == 0:
            return Bottom()
        return [Level(depth=self.depth - 1, side=False), Level(depth=self.depth - 1, side=True)]


@requires(Bottom)
class Decorated(Step):
    pass


class Reserved(Step):
    """Wait for a file named `go`."""

    def run(self):
        note("Reserved")
        while not os.path.exists("go"):
            time.sleep(0.01)
        super().run()


class Talker(Step):
    seconds = luigi.FloatParameter(default=0)

    def run(self):
        print("from python", flush=True)
        os.write(2, b"from below\n")
        time.sleep(self.seconds)
        print("half a line", end="")
        super().run()


class Blabber(Step):
    word = luigi.Parameter()

    def run(self):
        print("the word is", self.word)
        self.set_status_message("the word is " + self.word)
        raise ValueError(self.word)


class Settings(luigi.Config):
    colour = luigi.Parameter(default="blue")


class _Hidden(Step):
    pass


class Ping(luigi.Task):
    """Asks while it runs for a task that asks for it."""

    other = "Pong"

    def output(self):
        return luigi.LocalTarget(f"out/{type(self).__name__}.txt")

    def run(self):
        Path(f"{type(self).__name__}.here").touch()
        while not Path(f"{self.other}.here").exists():
            time.sleep(0.01)
        yield globals()[self.other]()


class Pong(Ping):
    """The other one."""

    other = "Ping"


class Match(luigi.WrapperTask):
    """Needs both."""

    def requires(self):
        return [Ping(), Pong()]


class Listener(luigi.Task):
    """Hears what it is told, answers, and writes down all of it."""

    accepts_messages = True

    def output(self):
        return luigi.LocalTarget("out/Listener.txt")

    def run(self):
        first = self.scheduler_messages.get(timeout=60)
        first.respond(f"{first} it is")
        assert first == "red"
        assert self.scheduler_messages.empty()
        with self.output().open("w") as file:
            file.write(f"{first.content} {first.payload}")
