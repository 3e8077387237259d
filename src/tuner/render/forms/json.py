"""Print JSON."""

from __future__ import annotations

from tuner.answer import Answer
from tuner.durable.reading import json_line


def show(answer: Answer) -> str:
    """The data of the answer on one line; what is not a finite number is null."""
    return f"{json_line(answer.data)}\n"
