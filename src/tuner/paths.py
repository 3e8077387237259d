"""How a path that someone wrote is read, wherever it was written."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path


def expanded(text: str) -> str:
    """The path with the home folder that ``~`` or ``~user`` at its beginning stands for. Where there is no such user it
    stays as it is, as in a shell: files may be called like that."""
    try:
        return os.path.expanduser(text)  # noqa: PTH111 - Path's raises for an unknown user, and loses a leading ./
    except ValueError:  # a NUL, which no path has
        return text


def path_of(text: str | Path) -> Path:
    """The same as a Path, for options and variables of the environment that name a place."""
    return Path(expanded(str(text)))


def reference(path: Path) -> str:
    """How a command names the run or group in `path`, quoted for a shell."""
    usual = Path("runs")
    inside = path.relative_to(usual) if usual in path.parents else path
    return typed(path if str(inside).startswith("-") else inside)


def typed(path: Path) -> str:
    """A path as an argument: quoted where a shell needs it (letters of any script do not), and no option."""
    text = f"./{path}" if str(path).startswith("-") else str(path)
    return text if re.fullmatch(r"[\w./-]+", text) else shlex.quote(text)
