"""The reference harness: a program that shows how to be one; standard library only, any Python from 3.8.

Without a model it answers by itself: it calls the first tool that it was granted, with the input, and gives back what
it was told. With a model that has a `base_url`, it talks with that OpenAI-compatible server. Copy it, and put your
own agent in the place of `think`.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from typing import Any

Json = Any
MOST_TURNS = 10


def say(message: dict[str, Json]) -> None:
    """Send a message to the server: one line of JSON on the standard output."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def hear() -> dict[str, Json]:
    """Wait for a message of the server; end when it has hung up."""
    line = sys.stdin.readline()
    if not line:
        sys.exit("the server hung up")
    return json.loads(line)


def call_tool(number: int, name: str, arguments: dict[str, Json]) -> dict[str, Json]:
    """Have the server call a granted tool; return its answer, with `result` or `error`."""
    say({"type": "tool_call", "id": str(number), "name": name, "arguments": arguments})
    return hear()


def span(name: str, started_at: float, attributes: dict[str, Json]) -> None:
    """Tell of a piece of work that is over; the server puts it below the span of the step."""
    told = {"type": "span", "id": os.urandom(8).hex(), "name": name, "attributes": attributes}
    say({**told, "started_at": started_at, "finished_at": time.time()})


def ask_model(model: dict[str, Json], messages: list[Json], tools: list[Json]) -> dict[str, Json]:
    """Ask an OpenAI-compatible server for the next message of the conversation, and report what that used."""
    body: dict[str, Json] = {"model": model["model"], "messages": messages}
    if tools:
        body["tools"] = [{"type": "function", "function": one} for one in tools]
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + (model.get("api_key") or "none")}
    address = model["base_url"].rstrip("/") + "/chat/completions"
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)  # noqa: S310 - the operator's
    started_at = time.time()
    with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
        answer = json.load(response)
    latency_ms = (time.time() - started_at) * 1000
    say({"type": "usage", "model": model["model"], "usage": answer.get("usage") or {}, "latency_ms": latency_ms})
    span("chat " + model["model"], started_at, {"gen_ai.operation.name": "chat"})
    return answer["choices"][0]["message"]


def converse(task: dict[str, Json]) -> Json:
    """Let the model and the tools talk until there is an answer."""
    instructions = "\n\n".join(text for text in (task["agents_md"], task["instructions"]) if text)
    messages = [
        {"role": "system", "content": instructions},
        {"role": "user", "content": json.dumps(task["input"])},
    ]
    for turn in range(task["max_turns"] or MOST_TURNS):
        found = ask_model(task["model"], messages, task["tools"])
        messages.append(found)
        calls: list[Json] = found.get("tool_calls") or []
        say({"type": "message", "role": "assistant", "text": found.get("content") or "", "tool_calls": calls})
        if not calls:
            return found.get("content")
        for place, call in enumerate(calls):
            function: Json = call["function"]
            told = call_tool(100 * turn + place, function["name"], json.loads(function["arguments"] or "{}"))
            content = json.dumps(told.get("result", told))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})
    raise RuntimeError("the model came to no answer")


def echo(task: dict[str, Json]) -> Json:
    """Answer without a model: what was given, and what the first granted tool made of it."""
    say({"type": "message", "role": "assistant", "text": "I was told: " + (task["instructions"] or "nothing")})
    started_at = time.time()
    answer: dict[str, Json] = {"input": task["input"]}
    if task["tools"]:
        arguments: dict[str, Json] = task["input"] or {}
        told = call_tool(1, task["tools"][0]["name"], arguments)
        answer["tool"] = told["result"] if "result" in told else {"error": told["error"]["message"]}
    words = len((task["agents_md"] + " " + task["instructions"]).split())
    say({"type": "usage", "model": "echo", "usage": {"input_tokens": words, "output_tokens": 1}})
    span("chat echo", started_at, {"gen_ai.operation.name": "chat"})
    return answer


def think(task: dict[str, Json]) -> Json:
    """Work on a task and return its result: the place for your own agent."""
    model: dict[str, Json] | None = task["model"]
    return converse(task) if model and model.get("base_url") else echo(task)


def main() -> None:
    """Take the task, work on it, and say what came of it."""
    task = hear()
    try:
        result = think(task)
    except Exception as error:  # noqa: BLE001 - the server is told whatever it was
        say({"type": "error", "message": type(error).__name__ + ": " + str(error)})
        sys.exit(1)
    say({"type": "result", "result": result})


if __name__ == "__main__":
    main()
