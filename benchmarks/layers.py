"""A Luigi pipeline to measure with: ten layers of six tasks of 50 ms, each needing two of the layer before."""

import time

import luigi

LAYERS, WIDTH, SECONDS = 10, 6, 0.05


class Piece(luigi.Task):
    """One task of a layer."""

    layer = luigi.IntParameter()
    place = luigi.IntParameter()

    def requires(self):
        """Need two neighbours of the layer before."""
        if self.layer == 0:
            return []
        return [Piece(layer=self.layer - 1, place=(self.place + shift) % WIDTH) for shift in (0, 1)]

    def output(self):
        """Write a file of its own."""
        return luigi.LocalTarget(f"{self.layer}-{self.place}.txt")

    def run(self):
        """Take its time."""
        time.sleep(SECONDS)
        with self.output().open("w") as file:
            file.write("done")


class All(luigi.WrapperTask):
    """Everything of the last layer; does nothing itself."""

    def requires(self):
        """Need the last layer."""
        return [Piece(layer=LAYERS - 1, place=place) for place in range(WIDTH)]
