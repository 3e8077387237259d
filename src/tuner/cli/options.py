"""The arguments and options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from tuner.errors import TunerError, UsageError
from tuner.paths import path_of

MOST = 200
"""More candidates than that help nobody."""


def offers(*names: str) -> Callable[[Any, str], list[str]]:
    """What a shell offers on Tab: functions of `completion`, which is imported when a shell asks."""

    def candidates(ctx: Any, incomplete: str) -> list[str]:
        found: list[str] = []
        for name in names:
            with suppress(TunerError, OSError):
                found += getattr(import_module("tuner.cli.completion"), name)(ctx, incomplete)
        return [each for each in found if each.startswith(incomplete)][:MOST]

    return candidates


A_RUN = "folder, name, unique prefix, a config's name, or @1 (newest)."
WAIT = "Wait this long for another process to release the run: 30m, 90s."
SETTINGS = "Settings that win over the file's."
RUNS = Path("runs")
EMPTY: list[str] = []

RunsDir = Annotated[
    Path, Option(parser=path_of, envvar="TUNER_RUNS", metavar="DIR", help="Folder of the runs.", show_default=True)
]
Quiet = Annotated[bool, Option("-q", "--quiet", help="Leave only the result on stdout.")]
Json = Annotated[bool, Option("--json", help="Print JSON on stdout.")]
Overrides = Annotated[list[str], Argument(metavar="KEY=VALUE...", help=SETTINGS, autocompletion=offers("settings"))]
RunArgument = Annotated[str, Argument(metavar="RUN", help=f"A run: its {A_RUN}", autocompletion=offers("runs"))]
RunsArgument = Annotated[
    list[str], Argument(metavar="RUN...", help=f"Runs or groups: a {A_RUN}", autocompletion=offers("runs"))
]
Wait = Annotated[str, Option(metavar="TIME", help=WAIT)]


def seconds(text: str) -> float:
    """A length of time in seconds: ``90``, ``90s``, ``30m``, ``1h30m``, ``2d``. Raises UsageError."""
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?|([0-9]+(\.[0-9]+)?[smhd])+", text) is None:
        raise UsageError(f"{text} is no length of time", fix="90s, 30m, 2h and 1h30m are some")
    return sum(float(amount) * units[unit] for amount, unit in re.findall(r"([0-9.]+)([smhd]?)", text))
