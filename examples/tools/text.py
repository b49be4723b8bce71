"""Tools on text that need no network and no model, and give the same answer every time: made for examples and tests.

What a tool returns is typed, so that a spec's author learns of a misspelt field when the spec is planned.
"""

import hashlib
import re
from typing import Annotated, Any, cast

from langchain_core.tools import tool
from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")
_LONG_SENTENCE_WORDS = 25
_ENOUGH_WORDS = 60
_READ_WORDS_PER_MINUTE = 220
_DICTIONARIES = {
    "de": {"the": "die", "door": "Tür", "window": "Fenster", "is": "ist", "open": "offen", "close": "schließe"},
    "fr": {"the": "la", "door": "porte", "window": "fenêtre", "is": "est", "open": "ouverte", "close": "ferme"},
    "es": {"the": "la", "door": "puerta", "window": "ventana", "is": "está", "open": "abierta", "close": "cierra"},
}
_SECTIONS = (
    ("In short", "{topic} matters because people rely on it every day, and few of them see it."),
    ("What is known", "We looked at {topic} from three sides: how it is used, what it costs, and what goes wrong."),
    ("An example", "One team tried a small change to {topic}. It took a week, and nobody wants to go back."),
    (
        "What to do next",
        "Start with the smallest part of {topic} that hurts. Measure, change, and measure again.",
    ),
)


class Text(TypedDict):
    """A text."""

    text: str


class Translation(TypedDict):
    """A text in another language; `unknown` are the words that no dictionary has."""

    language: str
    text: str
    unknown: list[str]


class Terms(TypedDict):
    """Which of the terms that a text should hold it lacks."""

    lacks: list[str]


class Score(TypedDict):
    """How good a text is, 0 to 1, and what would make it better."""

    score: float
    advice: list[str]


class Heading(TypedDict):
    """A heading of a text; level 1 is the title."""

    level: int
    title: str


class Outline(TypedDict):
    """The headings of a text, in order."""

    headings: list[Heading]


class Count(TypedDict):
    """A text in numbers, and its fingerprint; `minutes` is the time to read it."""

    words: int
    sentences: int
    minutes: int
    sha256: str


@tool
async def greet(name: Annotated[str, Field(min_length=1, description="Whom to greet.")]) -> Text:
    """Greet somebody."""
    return {"text": f"Hello, {name}!"}


@tool
async def draft(
    topic: Annotated[str, Field(min_length=1, description="What to write about.")],
    round: Annotated[int, Field(ge=0, description="How many drafts there were before; each adds a section.")] = 0,  # noqa: A002
) -> Text:
    """Write a draft in Markdown that is one section longer than the round before."""
    sections = [f"## {title}\n\n{body.format(topic=topic)}" for title, body in _SECTIONS[: round + 1]]
    return {"text": "\n\n".join([f"# {_capital(topic)}", *sections]) + "\n"}


@tool
async def score(text: Annotated[str, Field(description="A text in Markdown.")]) -> Score:
    """Score a text from 0 to 1, and say what is missing.

    A quarter each: long enough, several headings, sentences of readable length, a last section on what to do.
    """
    headings, words = _headings(text), _words(text)
    checks = {
        f"write at least {_ENOUGH_WORDS} words": len(words) >= _ENOUGH_WORDS,
        "divide it into at least three sections": sum(level > 1 for level, _ in headings) >= 3,  # noqa: PLR2004
        "shorten the sentences": bool(words) and _mean_sentence(text) <= _LONG_SENTENCE_WORDS,
        "end with what to do next": bool(headings) and "next" in headings[-1][1].lower(),
    }
    return {
        "score": sum(checks.values()) / len(checks),
        "advice": [advice for advice, is_met in checks.items() if not is_met],
    }


@tool
async def report(
    topic: Annotated[str, Field(min_length=1, description="What the report is about.")],
    brief: Annotated[Text, Field(description="What it has to say.")],
    round: Annotated[int, Field(ge=0, description="How many drafts there were before; each adds a section.")] = 0,  # noqa: A002
) -> Text:
    """Write a report in Markdown on what a brief says, one section longer than the round before."""
    sections = [f"## {title}\n\n{body.format(topic=topic)}" for title, body in _SECTIONS[: round + 2]]
    points = [line for line in brief["text"].splitlines() if line.startswith("- ")]
    sections.insert(1, "\n".join(["## What we found", "", *points]))
    return {"text": "\n\n".join([f"# {_capital(topic)}", *sections]) + "\n"}


@tool
async def topics(
    pages: Annotated[list[dict[str, Any]], Field(description="Each with a title and a text.")],
) -> list[str]:
    """List what pages are about: their first sentences, each page once."""
    first = (_SENTENCE_END.split(str(page.get("text", "")))[0].strip() for page in pages)
    return list(dict.fromkeys(sentence for sentence in first if sentence))


@tool
async def translate(
    text: Annotated[str, Field(description="An English text.")],
    language: Annotated[str, Field(description="de, fr or es.")],
) -> Translation:
    """Translate a text word by word; words that are in no dictionary stay as they are."""
    if language not in _DICTIONARIES:
        raise ValueError(f"there is no dictionary for {language}")
    known = _DICTIONARIES[language]
    unknown = [word for word in _words(text) if word.lower() not in known]
    translated = re.sub(r"\w[\w'-]*", lambda word: known.get(word[0].lower(), word[0]), text)
    return {"language": language, "text": translated, "unknown": unknown}


@tool
async def terms(
    text: Annotated[str, Field(description="Any text.")],
    wanted: Annotated[list[str], Field(description="Terms that it should hold.")],
) -> Terms:
    """Tell which terms a text lacks."""
    return {"lacks": [term for term in wanted if term.lower() not in text.lower()]}


@tool
async def outline(text: Annotated[str, Field(description="A text in Markdown.")]) -> Outline:
    """List a text's headings."""
    return {"headings": [{"level": level, "title": title} for level, title in _headings(text)]}


@tool
async def merge(
    title: Annotated[str, Field(description="Heading of the whole.")],
    parts: Annotated[dict[str, Any], Field(description="Heading to content: text, or a list with one point each.")],
    points: Annotated[int, Field(ge=1, description="How many points of each list to keep.")] = 10,
) -> Text:
    """Put parts under one heading, in their order; a part without content is left out."""
    sections = [
        f"## {name}\n\n{_body(content, points)}" for name, content in parts.items() if content not in (None, "", [])
    ]
    return {"text": "\n\n".join([f"# {title}", *sections]) + "\n"}


@tool
def count(text: Annotated[str, Field(description="Any text.")]) -> Count:
    """Count a text's words and sentences.

    A plain function on purpose: a tool that is not async runs in a child process of its own, where it can be stopped.
    """
    words = len(_words(text))
    return {
        "words": words,
        "sentences": len(_SENTENCE_END.findall(text)),
        "minutes": max(1, round(words / _READ_WORDS_PER_MINUTE)) if words else 0,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _words(text: str) -> list[str]:
    return re.findall(r"\w[\w'-]*", text)


def _headings(text: str) -> list[tuple[int, str]]:
    """Return the level and the title of each Markdown heading."""
    found = (re.match(r"(#{1,6}) +(\S.*)", line) for line in text.splitlines())
    return [(len(match[1]), match[2].strip()) for match in found if match]


def _mean_sentence(text: str) -> float:
    """Return the mean number of words of a sentence, headings apart."""
    prose = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return len(_words(prose)) / max(1, len(_SENTENCE_END.findall(prose)))


def _body(content: Any, points: int) -> str:
    """Write a part's content as Markdown: a list as points, a mapping as `key: value` pairs."""
    if isinstance(content, list):
        return "\n".join(f"- {_body(point, points)}" for point in cast("list[Any]", content)[:points])
    if isinstance(content, dict):
        return ", ".join(f"{key}: {value}" for key, value in cast("dict[str, Any]", content).items())
    return str(content)
