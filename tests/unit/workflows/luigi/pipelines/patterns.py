"""The patterns of the examples that come with Luigi, written anew: small numbers, the standard library alone."""

# written as users write their tasks
# ruff: noqa: PTH119, S311

import os
import random
from collections import defaultdict
from datetime import date, timedelta
from heapq import nlargest

import luigi

# --- a report over days: who was played most ------------------------------------------------------------------------


class Streams(luigi.Task):
    """Draw a day's plays."""

    date = luigi.DateParameter()

    def run(self):
        drawn = random.Random(self.date.toordinal())
        with self.output().open("w") as file:
            for _ in range(200):
                file.write(f"{drawn.randint(0, 99)} {drawn.randint(0, 9)} {drawn.randint(0, 9)}\n")

    def output(self):
        return luigi.LocalTarget(self.date.strftime("data/streams_%Y_%m_%d.tsv"))


class AggregateArtists(luigi.Task):
    """Count the plays of each artist over all days."""

    date_interval = luigi.DateIntervalParameter()

    def output(self):
        return luigi.LocalTarget(f"data/artist_streams_{self.date_interval}.tsv")

    def requires(self):
        return [Streams(day) for day in self.date_interval]

    def run(self):
        counts = defaultdict(int)
        for day in self.input():
            with day.open("r") as file:
                for line in file:
                    counts[line.split()[1]] += 1
        with self.output().open("w") as file:
            for artist in sorted(counts):
                file.write(f"{artist}\t{counts[artist]}\n")


class Top10Artists(luigi.Task):
    date_interval = luigi.DateIntervalParameter()
    use_hadoop = luigi.BoolParameter()

    def requires(self):
        return AggregateArtists(self.date_interval)

    def output(self):
        return luigi.LocalTarget(f"data/top_artists_{self.date_interval}.tsv")

    def run(self):
        with self.input().open("r") as file:
            plays = [(int(count), artist) for artist, count in (line.split() for line in file)]
        with self.output().open("w") as file:
            for count, artist in nlargest(10, plays):
                file.write(f"{self.date_interval.date_a}\t{artist}\t{count}\n")


# --- requirements that are known while a task runs -------------------------------------------------------------------


class Configuration(luigi.Task):
    seed = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"tmp/Config_{self.seed}.txt")

    def run(self):
        drawn = random.Random(self.seed)
        with self.output().open("w") as file:
            file.write(",".join(str(drawn.randint(1, 40)) for _ in range(6)))


class Data(luigi.Task):
    magic_number = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"tmp/Data_{self.magic_number}.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(f"{self.magic_number}")


class Dynamic(luigi.Task):
    seed = luigi.IntParameter(default=1)

    def output(self):
        return luigi.LocalTarget(f"tmp/Dynamic_{self.seed}.txt")

    def run(self):
        config = yield Configuration(self.seed)
        with config.open() as file:
            numbers = [int(one) for one in file.read().split(",")]
        data = yield [Data(one) for one in numbers]
        with self.output().open("w") as file:
            file.write("Tasks added: {}".format(" ".join(os.path.basename(one.path) for one in data)))


# --- many of the same, below one ------------------------------------------------------------------------------------


class Foo(luigi.WrapperTask):
    task_namespace = "examples"

    def requires(self):
        for number in range(10):
            yield Bar(number)


class Bar(luigi.Task):
    task_namespace = "examples"
    num = luigi.IntParameter()

    def run(self):
        self.output().open("w").close()

    def output(self):
        return luigi.LocalTarget(f"bar/{self.num}")


# --- something of everything, for the summary -----------------------------------------------------------------------


class MyExternal(luigi.ExternalTask):
    def complete(self):
        return False


class Boom(luigi.Task):
    task_namespace = "examples"
    a_parameter_whose_name_is_longer_than_what_a_summary_wants_to_show = luigi.IntParameter()

    def requires(self):
        for number in range(5, 20):
            yield Bar(number)

    def run(self):
        raise RuntimeError("boom")

    def output(self):
        return luigi.LocalTarget("boom")


class DateTask(luigi.Task):
    date = luigi.DateParameter()
    num = luigi.IntParameter()

    def requires(self):
        yield MyExternal()
        yield Boom(0)

    def output(self):
        return luigi.LocalTarget(f"date/{self.date}-{self.num}")


class EntryPoint(luigi.Task):
    def requires(self):
        for number in range(10):
            yield Bar(number)
        for day in range(5):
            yield DateTask(date(1998, 3, 23) + timedelta(days=day), 5)

    def output(self):
        return luigi.LocalTarget("entry")


class OnlyMissing(luigi.WrapperTask):
    def requires(self):
        return [MyExternal(), Bar(1)]


# --- counting words of files that somebody else brings --------------------------------------------------------------


class InputText(luigi.ExternalTask):
    date = luigi.DateParameter()

    def output(self):
        return luigi.LocalTarget(self.date.strftime("text/%Y-%m-%d.txt"))


class WordCount(luigi.Task):
    date_interval = luigi.DateIntervalParameter()

    def requires(self):
        return [InputText(day) for day in self.date_interval.dates()]

    def output(self):
        return luigi.LocalTarget(f"count/{self.date_interval}")

    def run(self):
        counts = {}
        for file in self.input():
            with file.open("r") as lines:
                for word in lines.read().split():
                    counts[word] = counts.get(word, 0) + 1
        with self.output().open("w") as file:
            for word, count in sorted(counts.items()):
                file.write(f"{word}\t{count}\n")


# --- each its own number of tries -----------------------------------------------------------------------------------


class Tries(luigi.WrapperTask):
    def requires(self):
        return [ErrorTask1(), ErrorTask2(), SuccessTask1()]


class ErrorTask1(luigi.Task):
    retry_count = 5

    def run(self):
        attempted("1")
        raise RuntimeError("test error1")

    def output(self):
        return luigi.LocalTarget("error1")


class ErrorTask2(ErrorTask1):
    retry_count = 2

    def run(self):
        attempted("2")
        raise RuntimeError("test error2")

    def output(self):
        return luigi.LocalTarget("error2")


class SuccessSubTask1(luigi.Task):
    def run(self):
        self.output().open("w").close()

    def output(self):
        return luigi.LocalTarget("success-sub")


class SuccessTask1(luigi.Task):
    def requires(self):
        return [SuccessSubTask1()]

    def run(self):
        self.output().open("w").close()

    def output(self):
        return luigi.LocalTarget("success")


def attempted(name):
    with open(f"tries-{name}", "a", encoding="utf-8") as file:
        file.write("x")
