"""A task in a module that no group of the catalog names."""

import luigi


class Stranger(luigi.Task):
    def output(self):
        return luigi.LocalTarget("stranger.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write("x")
