"""How a path that someone wrote is read, and what runs and their folders may be called."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from pathlib import Path

NAME_PATTERN = r"^[^\x00-/:-@\[-^`{-\x7f][^\x00-,/:-@\[-^`{-\x7f]{0,63}$"
"""What a JSON Schema can say of a run's name; `is_run_name` asks for more."""
LONGEST, MOST_BYTES = 64, 240
"""Of a name: with a dash and a number it is still one that file systems take, 255 bytes."""


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


def user_cache() -> Path | None:
    """The folder for what tuner keeps between commands; None for a user without a home folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    cache = cache if cache.is_absolute() else path_of("~/.cache")
    return cache / "tuner" if cache.is_absolute() else None


def reference(path: Path) -> str:
    """How a command names the run or group in `path`, quoted for a shell."""
    usual = Path("runs")
    inside = path.relative_to(usual) if usual in path.parents else path
    return typed(path if str(inside).startswith("-") else inside)


def typed(path: Path) -> str:
    """A path as an argument: quoted where a shell needs it (letters of any script do not), and no option."""
    text = f"./{path}" if str(path).startswith("-") else str(path)
    return text if re.fullmatch(r"[\w./-]+", text) else shlex.quote(text)


def normal(text: str) -> str:
    """`text` in Unicode's normal form C: the same letters are the same text, however they were typed or copied."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def run_name(text: str) -> str:
    """`text` as a run's name: in normal form, a dash for what a name may not hold, cut to its length. A name holds
    letters, digits and signs of every script; of ASCII's signs the dot, the dash and the underscore, for shells,
    filters and overrides have a use for the others. It does not begin with a dot or a dash."""
    # Spaces, control and format characters, and bytes that are no text, are not printable.
    stay = (char.isalnum() or char in "._-" if char.isascii() else char.isprintable() for char in normal(text))
    marked = "".join(char if stays else "\0" for char, stays in zip(normal(text), stay, strict=True))
    name = re.sub("\0+", "-", marked.rstrip("\0")).lstrip(".-")[:LONGEST]
    while len(name.encode()) > MOST_BYTES:
        name = name[:-1]
    return name or "run"


def is_run_name(name: str) -> bool:
    """Whether `name` can name a run, and stand alone as a folder's name, as it is."""
    return name == run_name(name)
