"""The errors of tuner, each with its exit code. Any other exception is a bug in tuner itself: exit 70. Death by a
signal is 128 + its number; what is no error has a code of its own, too. `EXIT_CODES` lists them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a config: where it stands, what was given, what is allowed.

    `excerpt` is the line, or the part of it that begins behind `skipped` characters.
    """

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    key: str = ""
    given: str = ""
    allowed: str | None = None
    suggestion: str | None = None
    excerpt: str = ""
    width: int = 1
    skipped: int = 0

    def as_json(self) -> dict[str, Any]:
        """The shape that ``check --json`` promises."""
        told = ("file", "line", "column", "key", "given", "message", "allowed", "suggestion")
        return {key: getattr(self, key) for key in told}


OVERRIDE = "override"
"""The file of a fault that stands on the command line."""

FIRST = 100
"""So many faults of a config are told; a file may hold a hundred thousand."""


class Faults:
    """The faults of a config, each once: the first ones are kept, in the order of the files and their lines, the
    command line last; all of them are counted."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._kept: list[Fault] = []
        self._seen: set[int] = set()
        self += faults

    def append(self, fault: Fault) -> None:
        if hash(fault) not in self._seen:
            self._seen.add(hash(fault))
            self._kept.append(fault)
        if len(self._kept) >= 2 * FIRST:
            self._kept = list(self)

    def __iadd__(self, faults: Iterable[Fault]) -> Self:
        for fault in faults:
            self.append(fault)
        if isinstance(faults, Faults):
            self._seen |= faults._seen
        return self

    def __iter__(self) -> Iterator[Fault]:
        in_order = sorted(self._kept, key=lambda each: (each.file == OVERRIDE, each.file, each.line, each.column))
        return iter(in_order[:FIRST])

    def __bool__(self) -> bool:
        return bool(self._kept)

    @property
    def count(self) -> int:
        """How many there are, also those that are not kept."""
        return len(self._seen)


NO, DIVERGED, BUG, STOPPED = 1, 3, 70, 75
"""Exit codes: the answer is no, training diverged, what should not happen, stopped with its state saved."""


class TunerError(Exception):
    """What a user can act on: `message` says what is wrong, `fix` what to do about it, `data` what a program may want
    to know besides."""

    exit_code: ClassVar[int] = BUG

    def __init__(self, message: str, *, fix: str = "", data: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{message}\n{fix}" if fix else message)
        self.message = message
        self.fix = fix
        self.data = data or {}

    @property
    def line(self) -> str:
        """Both on one line."""
        return f"{self.message}. {self.fix}".removesuffix(". ")

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` tells of it: its ``errors``, and of a config how many ``more`` there are than those."""
        return {"errors": [{"message": self.message, "suggestion": self.fix or None}], **self.data}


class UsageError(TunerError):
    """The command line cannot be understood."""

    exit_code = 2


class ConfigError(TunerError):
    """A config has faults: `found` are all of them, `faults` the first as they came, `count` is how many there are."""

    exit_code = 2

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.found = Faults(faults)
        self.faults, self.count = tuple(faults)[:FIRST], self.found.count
        super().__init__(f"{self.count:,} error{'s' if self.count != 1 else ''} in the config")

    def __str__(self) -> str:
        told = (f"{each.file}:{each.line}:{each.column}: {each.key}: {each.message}" for each in self.faults)
        return "\n".join([self.message, *told])

    def as_json(self) -> dict[str, Any]:
        told = [fault.as_json() for fault in self.faults]
        return {"errors": told, **({"more": self.count - len(told)} if self.count > len(told) else {})}


class NotFoundError(TunerError):
    """Data, a run or a checkpoint is missing, corrupt or refused."""

    exit_code = 4


class ResourceError(TunerError):
    """Memory, disk or file handles ran out, or a device that was asked for is not here."""

    exit_code = 5


class HeldError(TunerError):
    """A live process holds the run."""

    exit_code = 73
    meanwhile = False
    """Whether the run was made after this command had looked for it, so that looking again helps."""


EXIT_CODES: dict[int, tuple[str, str]] = {
    0: ("done (early stopping included; a finished run found finished)", "no need"),
    1: (
        "the answer is no: `diff --exit-code` differs, `--fail-on` is met, `--require` is missed, no trial ended, "
        "or the best could not be confirmed, within `--budget`",
        "no",
    ),
    2: ("bad command line or bad config", "no"),
    3: ("training diverged: a loss, gradient or weight is not finite", "no"),
    4: ("data, run or checkpoint missing, corrupt or refused", "no"),
    5: (
        "the machine ran out (memory, disk, file handles), or what was asked for (CUDA) is not here",
        "after making room",
    ),
    70: ("a bug in tuner: one line and the path of a crash report", "report it"),
    73: ("a live process holds the run; nothing was done", "later, or with --wait 30m"),
    75: ("stopped with its state saved (`--max-time`, SIGUSR1)", "yes"),
    130: ("interrupted (SIGINT, Ctrl-C) after saving its state", "yes"),
    143: ("terminated (SIGTERM) after saving its state", "yes"),
}
