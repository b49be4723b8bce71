"""Tasks of DAGs that a test draws: `graph` is JSON, `[[kind, [needs …]] …]`, and `runs.log` says which ran."""

# written as users write their tasks

import json

import luigi


def nodes(graph):
    return json.loads(graph)


def task(graph, number):
    kind = Outside if nodes(graph)[number][0] == "external" else Drawn
    return kind(graph=graph, number=number)


def note(text):
    with open("runs.log", "a", encoding="utf-8") as file:
        file.write(text + "\n")


class Outside(luigi.ExternalTask):
    graph = luigi.Parameter()
    number = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"{self.number}.txt")


class Drawn(luigi.Task):
    graph = luigi.Parameter()
    number = luigi.IntParameter()

    @property
    def kind(self):
        return nodes(self.graph)[self.number][0]

    @property
    def resources(self):
        return {"db": 1} if self.kind == "resource" else {}

    @property
    def priority(self):
        return self.number % 3

    def needs(self):
        return [task(self.graph, number) for number in nodes(self.graph)[self.number][1]]

    def requires(self):
        if self.kind == "broken":
            raise KeyError("no such thing")
        return [] if self.kind == "dynamic" else self.needs()

    def output(self):
        return luigi.LocalTarget(f"{self.number}.txt")

    def run(self):
        if self.kind == "dynamic":
            yield self.needs()
        note(f"{self.kind} {self.number}")
        if self.kind == "failing":
            raise RuntimeError("bad luck")
        with self.output().open("w") as file:
            file.write("done")
