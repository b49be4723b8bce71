"""Very many tasks that do next to nothing; `runs.log` says which ran."""

# written as users write their tasks

import luigi


class Tiny(luigi.Task):
    number = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"done/{self.number}")

    def run(self):
        with open("runs.log", "a", encoding="utf-8") as file:
            file.write(f"{self.number}\n")
        self.output().open("w").close()


class Many(luigi.WrapperTask):
    count = luigi.IntParameter()

    def requires(self):
        return [Tiny(number=number) for number in range(self.count)]
