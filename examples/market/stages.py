"""The pipeline's Luigi tasks: CollectSources writes a list of pages to read, Publish writes a report as Markdown.

Ordinary Luigi, nothing of Specloom in it; from the folder `examples`, this runs the same:
`python -m luigi --module market.stages CollectSources --topic tin --local-scheduler`.
"""
# ruff: noqa: D102 - requires, output and run are Luigi's words, each task says what they do
# pyright: basic, reportIncompatibleMethodOverride=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false
# (Luigi's annotations are narrower than what Luigi does.)

import hashlib
import json
import re

import luigi
from luigi.format import UTF8

SITES = ("prices", "mines", "makers", "trade", "gone")  # the last of them is a page that is not there any more


class ReadTopic(luigi.Task):
    """Write down under which name the web knows a topic."""

    topic = luigi.Parameter(description="What the report is about.")

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"sources/{_key(self.topic)}.txt", format=UTF8)

    def run(self) -> None:
        with self.output().open("w") as file:
            file.write(_slug(self.topic))


class CollectSources(luigi.Task):
    """Collect the addresses of pages about a topic."""

    topic = luigi.Parameter(description="What the report is about.")

    def requires(self) -> luigi.Task:
        return self.clone(ReadTopic)

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"sources/{_key(self.topic)}.json", format=UTF8)

    def run(self) -> None:
        with self.input().open() as file:
            slug = file.read()
        urls = [f"https://{site}.example/{slug}" for site in SITES]
        with self.output().open("w") as file:
            json.dump({"topic": self.topic, "urls": urls}, file, ensure_ascii=False, indent=2)


class Publish(luigi.Task):
    """Write a report where readers find it."""

    text = luigi.Parameter(description="The report, Markdown.")

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"published/{_key(self.text)}.md", format=UTF8)

    def run(self) -> None:
        with self.output().open("w") as file:
            file.write(self.text)


def _slug(topic: str) -> str:
    """Return a topic as it stands in an address."""
    return re.sub(r"[^a-z0-9]+", "-", topic.lower()).strip("-") or "topic"


def _key(text: str) -> str:
    """Return a short name that is another one for every text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
