"""What several commands do with their result: one form of it, whole lines, JSON."""

from __future__ import annotations

import sys
from typing import Any

import typer

from tuner.errors import UsageError


def one_form(asked: dict[str, bool]) -> str:
    """The form of the output that was asked for, or "". Raises UsageError for several."""
    given = [form for form, is_asked in asked.items() if is_asked]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are different forms of the output", fix="Give one of them.")
    return given[0] if given else ""


def say(text: str) -> None:
    typer.echo(text, nl=False)
    sys.stdout.flush()  # before anything goes to stderr


def json_text(data: dict[str, Any]) -> str:
    """One line; what is not finite is null."""
    import json

    from tuner.durable.reading import json_bytes

    return f"{json.dumps(json.loads(json_bytes(data)))}\n"
