"""A task with a parameter of every type."""

# ruff: noqa: DTZ001 - Luigi's dates have no time zone

import datetime as dt
import enum
import json
import operator

import luigi
from luigi.parameter import ParameterVisibility


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Every(luigi.Task):
    text = luigi.Parameter(description="Some text.")
    integer = luigi.IntParameter(default=3)
    real = luigi.FloatParameter(default=0.5)
    yes = luigi.BoolParameter()
    day = luigi.DateParameter(default=dt.date(2026, 1, 2))
    month = luigi.MonthParameter(default=dt.date(2026, 1, 1))
    year = luigi.YearParameter(default=dt.date(2026, 1, 1))
    hour = luigi.DateHourParameter(default=dt.datetime(2026, 1, 2, 3))
    minute = luigi.DateMinuteParameter(default=dt.datetime(2026, 1, 2, 3, 4))
    second = luigi.DateSecondParameter(default=dt.datetime(2026, 1, 2, 3, 4, 5))
    interval = luigi.DateIntervalParameter(default=None)
    delta = luigi.TimeDeltaParameter(default=dt.timedelta(hours=1))
    choice = luigi.ChoiceParameter(choices=[1, 2, 3], var_type=int, default=1)
    choices = luigi.ChoiceListParameter(choices=["a", "b"], default=("a",))
    colour = luigi.EnumParameter(enum=Colour, default=Colour.RED)
    colours = luigi.EnumListParameter(enum=Colour, default=())
    items = luigi.ListParameter(default=[])
    pair = luigi.TupleParameter(default=(1, 2))
    table = luigi.DictParameter(default={}, schema={"type": "object", "additionalProperties": {"type": "integer"}})
    path = luigi.PathParameter(default="x/y")
    share = luigi.NumericalParameter(var_type=float, min_value=0.0, max_value=1.0, right_op=operator.le, default=0.5)
    maybe = luigi.OptionalParameter()
    maybe_integer = luigi.OptionalIntParameter(default=1)
    maybe_choice = luigi.OptionalChoiceParameter(choices=["a"], default=None)
    maybe_text = luigi.OptionalStrParameter(default=None)
    maybe_real = luigi.OptionalFloatParameter(default=None)
    maybe_yes = luigi.OptionalBoolParameter(default=None)
    maybe_table = luigi.OptionalDictParameter(default=None)
    maybe_items = luigi.OptionalListParameter(default=None)
    maybe_pair = luigi.OptionalTupleParameter(default=None)
    maybe_path = luigi.OptionalPathParameter(default=None)
    maybe_share = luigi.OptionalNumericalParameter(var_type=int, min_value=0, max_value=9, default=None)
    secret = luigi.Parameter(default="hush", visibility=ParameterVisibility.PRIVATE)
    quiet = luigi.Parameter(default="q", visibility=ParameterVisibility.HIDDEN)
    jobs = luigi.IntParameter(default=1, significant=False)
    task_class = luigi.TaskParameter(default=luigi.Task)

    def output(self):
        return luigi.LocalTarget("every.json")

    def run(self):
        with self.output().open("w") as file:
            json.dump({name: repr(value) for name, value in self.param_kwargs.items()}, file)


class TakesTask(luigi.Task):
    other = luigi.TaskParameter()
