"""Tasks that other modules of the pipeline require."""

import luigi


class Rates(luigi.Task):
    week = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(f"rates-{self.week}.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(f"rates of {self.week}")


class Shared(luigi.Task):
    def output(self):
        return luigi.LocalTarget("shared.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write("shared")
