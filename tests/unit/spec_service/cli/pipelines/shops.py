"""A pipeline as a team has it: a delivery from outside, a fan-out over shops, chains, a wrapper, a diamond."""

import datetime as dt

import luigi
import rates

HOUR = dt.timedelta(hours=1)


class Written(luigi.Task):
    def run(self):
        with self.output().open("w") as file:
            inputs = [target.open().read() for target in luigi.task.flatten(self.input())]
            file.write(f"{type(self).__name__} of {sum(map(len, inputs))}")


class Orders(luigi.ExternalTask):
    day = luigi.DateParameter()

    def output(self):
        return luigi.LocalTarget(f"orders-{self.day}.csv")


class Prices(Written):
    """Prices of the week in which a day lies: they depend on the day, and not by its name."""

    week = luigi.Parameter()
    gap = luigi.TimeDeltaParameter(default=HOUR)

    def requires(self):
        return rates.Rates(self.week)

    def output(self):
        return luigi.LocalTarget(f"prices-{self.week}.txt")


class Count(Written):
    day = luigi.DateParameter()
    shop = luigi.IntParameter()
    weights = luigi.DictParameter(default={"a": 1})

    def requires(self):
        return [rates.Shared(), Shop(self.shop)]

    def output(self):
        return luigi.LocalTarget(f"count-{self.day}-{self.shop}.txt")


class Shop(Written):
    shop = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"shop-{self.shop}.txt")


class Sale(Written):
    day = luigi.DateParameter()
    number = luigi.IntParameter()
    label = luigi.Parameter(default="n${umber}")

    def requires(self):
        return rates.Shared()

    def output(self):
        return luigi.LocalTarget(f"sale-{self.day}-{self.number}.txt")


class Sales(Written):
    """Nine sales of one day, and two shops."""

    day = luigi.DateParameter()
    note = luigi.Parameter(default="")

    def requires(self):
        return {
            "sales": [Sale(self.day, number, f"{number} ${{x}}") for number in range(9)],
            "counts": [Count(self.day, shop) for shop in (1, 2)],
        }

    def output(self):
        return luigi.LocalTarget(f"sales-{self.day}-{len(self.note)}.txt")


class Weekly(Written):
    day = luigi.DateParameter()

    def requires(self):
        return [Sales(self.day), Prices(self.day.strftime("%GW%V"))]

    def output(self):
        return luigi.LocalTarget(f"weekly-{self.day}.txt")


class Everything(luigi.WrapperTask):
    day = luigi.DateParameter()

    def requires(self):
        return [Sales(self.day), rates.Shared()]


class Delivered(Written):
    day = luigi.DateParameter()

    def requires(self):
        return Orders(self.day)

    def output(self):
        return luigi.LocalTarget(f"delivered-{self.day}.txt")


class Locked(Written):
    token = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE)

    def requires(self):
        return LockedBelow(self.token)

    def output(self):
        return luigi.LocalTarget("locked.txt")


class LockedBelow(Written):
    token = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE)

    def output(self):
        return luigi.LocalTarget(f"below-{len(self.token)}.txt")


class Sloppy(Written):
    """Gives a number where a text is declared."""

    def requires(self):
        return rates.Rates(7)

    def output(self):
        return luigi.LocalTarget("sloppy.txt")


class Homeless(Written):
    """Requires a task whose class stands inside a function."""

    def requires(self):
        class Local(Shop):
            pass

        return Local(3)

    def output(self):
        return luigi.LocalTarget("homeless.txt")


class Torn(Written):
    def requires(self):
        raise ValueError("no plan today")

    def output(self):
        return luigi.LocalTarget("torn.txt")


class Thousands(luigi.WrapperTask):
    """Two thousand tasks: half of them alike, half in chains."""

    def requires(self):
        return [Shop(number) for number in range(1000)] + [Link(chain, 9) for chain in range(99)]


class Link(Written):
    chain = luigi.IntParameter()
    place = luigi.IntParameter()

    def requires(self):
        return Link(self.chain, self.place - 1) if self.place else []

    def output(self):
        return luigi.LocalTarget(f"link-{self.chain}-{self.place}.txt")
