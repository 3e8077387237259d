"""Choices that installed packages add. A package names the module that declares them::

[project.entry-points."tuner.choices"]
cube = "my_package.choices"
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tuner.choice import Choice, Section, fold

GROUP = "tuner.choices"

Members = dict[type[Choice], dict[str, type[Any]]]


@cache
def packages() -> tuple[str, ...]:
    """Imports the packages that add choices, once. One that is at fault is left out as a whole: a sentence for each."""
    if not any(_mention(Path(folder)) for folder in sys.path):
        return ()  # metadata takes longer to import than all of this
    from importlib import metadata

    found = {(f"{point.dist.name} {point.dist.version}", point.value)
             for point in metadata.entry_points(group=GROUP) if point.dist}  # fmt: skip
    added = [(name, _add(module, name)) for name, module in sorted(found)]
    return tuple(f"the choices of the package {name} are left out: {why}" for name, why in added if why)


def used_by(section: Section) -> str:
    """The packages whose choices a section holds, ``a 1.0, b 2.1``; empty where all are tuner's own."""
    return ", ".join(sorted(set(_used(section))))


def _used(value: Any) -> Iterator[str]:
    if isinstance(value, Choice) and value.package:
        yield value.package
    inside = vars(value).values() if isinstance(value, Section) else value if isinstance(value, list) else ()
    for each in inside:
        yield from _used(each)


def _mention(folder: Path) -> bool:
    """Whether an installed package in this folder may add choices."""
    try:
        entries = [entry for entry in folder.iterdir() if entry.suffix in (".dist-info", ".egg-info")]
        files = [entry / "entry_points.txt" for entry in entries]
        return any(GROUP.encode() in file.read_bytes() for file in files if file.is_file())
    except OSError:
        return False


def _add(module: str, package: str) -> str:
    """Imports a module with choices; why they were left out, if so."""
    before: Members = {kind: dict(kind.members) for kind in Choice.__subclasses__()}
    try:
        import_module(module)
        problem = next(_problems(before), "")
    except (Exception, SystemExit) as error:
        problem = f"{type(error).__name__}: {error}"
    for kind, known in before.items():
        if problem:
            kind.members = known
        for name in kind.members.keys() - known.keys():
            kind.members[name].package = package
    return problem.partition("\n")[0]


def _problems(before: Members) -> Iterator[str]:
    """What is wrong with the choices that came since."""
    for kind, known in before.items():
        taken = {fold(word): each for each in known.values() for word in (each.name, *each.aliases)}
        for member in [each for name, each in kind.members.items() if known.get(name) is not each]:
            for word in (member.name, *member.aliases):
                if fold(word) in taken:
                    yield f"its {kind.kind} {word} is called as {taken[fold(word)].package or 'tuner'}'s own is"
            if member.__abstractmethods__:
                yield f"its {kind.kind} {member.name} has no {', '.join(sorted(member.__abstractmethods__))}"
