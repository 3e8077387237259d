"""The report of a bug: a file with what was typed, the versions and the traceback, and no values of variables."""

from __future__ import annotations

import sys
import tempfile
import traceback

from tuner.machine import versions


def report(error: Exception) -> str:
    """Writes the report; what to tell the user in one line."""
    trace = traceback.format_exception(type(error), error, error.__traceback__)
    lines = [f"command: {' '.join(sys.argv)}", f"versions: {versions()}", "", *(line.rstrip() for line in trace)]
    said = f"a bug in tuner: {type(error).__name__}: {error}; please report"
    try:
        with tempfile.NamedTemporaryFile("w", prefix="tuner-crash-", suffix=".txt", delete=False) as file:
            file.write("\n".join(lines) + "\n")
    except OSError as refused:
        return f"{said} it (its details could not be written: {refused.strerror or refused})"
    return f"{said} {file.name}"
