"""Tasks that do everything wrong; each prints its last words first."""

# written as users write their tasks
# ruff: noqa: PTH118, T201

import ctypes
import os
import signal
import subprocess
import sys
import time

import luigi
import strangers


class Bad(luigi.Task):
    def output(self):
        return luigi.LocalTarget(f"{type(self).__name__}.txt")

    def run(self):
        print("last words of", type(self).__name__, flush=True)
        self.misbehave()
        with self.output().open("w") as file:
            file.write("fine")

    def misbehave(self):
        pass


class Raises(Bad):
    def misbehave(self):
        raise ValueError("out of ink")


class Exits(Bad):
    def misbehave(self):
        sys.exit("enough")


class Vanishes(Bad):
    def misbehave(self):
        os._exit(5)


class Segfaults(Bad):
    def misbehave(self):
        ctypes.string_at(0)


class IgnoresSigterm(Bad):
    def misbehave(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(1)


class ForksAndLeaves(Bad):
    def misbehave(self):
        child = os.fork()
        if child == 0:
            os.setsid()
            time.sleep(600)
        with open("left.pid", "w", encoding="ascii") as file:
            file.write(str(child))
        os._exit(0)


class LeavesAChild(Bad):
    def misbehave(self):
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        with open("left.pid", "w", encoding="ascii") as file:
            file.write(str(child.pid))


class FillsItsLimit(Bad):
    def misbehave(self):
        with open("big", "wb") as file:
            file.writelines(b"x" * 2**20 for _ in range(8))


class Hoards(Bad):
    def misbehave(self):
        self.heap = [bytearray(2**20) for _ in range(400)]


class PrintsAGigabyte(Bad):
    def misbehave(self):
        for _ in range(1024):
            os.write(1, b"y" * 2**20)
        print("\nthe end of it", flush=True)


class WritesOutside(Bad):
    place = luigi.Parameter()

    def misbehave(self):
        with open(os.path.join(self.place, "outside"), "w", encoding="ascii") as file:
            file.write("here")


class YieldsAStranger(Bad):
    def run(self):
        print("last words of YieldsAStranger", flush=True)
        yield strangers.Stranger()


class YieldsAClass(Bad):
    def run(self):
        print("last words of YieldsAClass", flush=True)
        yield Raises


class YieldsANeighbour(Bad):
    def run(self):
        yield [_Hidden(), Good()]
        with self.output().open("w") as file:
            file.write("fine")


class NeverComplete(Bad):
    def run(self):
        print("last words of NeverComplete", flush=True)


class SaysNo(Bad):
    def complete(self):
        return False


class Egg(Bad):
    def requires(self):
        return Chicken()


class Chicken(Bad):
    def requires(self):
        return Egg()


class Picky(Bad):
    number = luigi.NumericalParameter(var_type=int, min_value=0, max_value=10)
    word = luigi.Parameter()


class Good(Bad):
    pass


class _Hidden(Bad):
    pass
