"""In what do runs, groups of runs and configs differ? Nothing is judged."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Block, Command, Note, Text, Verdict
from tuner.asks.diff.changes import PARTS, Diff, as_data, compare_sides, is_ignored, listed
from tuner.asks.diff.sides import find_sides
from tuner.asks.diff.tables import identity, results, settings, sides_table
from tuner.config.comparison import brief
from tuner.errors import UsageError


def ask(
    references: Sequence[str],
    runs_dir: Path,
    *,
    everything: bool = False,
    only: Sequence[str] = (),
    ignore: Sequence[str] = (),
    as_args: bool = False,
    exit_code: bool = False,
    form: str = "",
) -> Answer:
    """The sides, what voids a comparison, then the parts asked for; with `as_args` the settings that turn the first
    side into the second. Raises UsageError, ConfigError, NotFoundError."""
    for word in only:
        if word not in PARTS:
            raise UsageError(f"there is no part {word or repr(word)}", fix=f"--only takes {', '.join(PARTS)}")
    parts = [part for part in PARTS if part in only or not only]
    if as_args and len(references) != 2:
        raise UsageError(f"--as-args turns one side into another: it takes 2 sides, {len(references)} given")
    if as_args and "config" not in parts:
        raise UsageError("--as-args is about settings: leave --only out")
    diff = compare_sides(find_sides(references, runs_dir), ignore)
    looked_at = ["config"] if as_args else [part for part in parts if only or part != "result"]
    notes = [f"note: {note}" for side in diff.sides for note in side.notes]
    notes += [f"note: nothing fits --ignore {pattern}" for pattern in diff.unused]
    if as_args:
        shown, data = _arguments(diff, ignore)
    else:
        shown, data = list(blocks(diff, parts, everything)), as_data(diff, parts, everything)
    said = [Note(note, problem=True) for note in notes]
    return Answer([*shown, *said], data, exit_code=int((exit_code or form == "quiet") and not diff.same(looked_at)))


def _arguments(diff: Diff, ignore: Sequence[str]) -> tuple[list[Block], Any]:
    from tuner.asks.diff.arguments import arguments, as_text

    ignored = ["seed", *ignore] if any(side.kind == "group" for side in diff.sides) else ignore
    wanted = arguments(*(side.config for side in diff.sides))
    given = [as_text(one) for one in wanted if not is_ignored(one[0], ignored)]
    return [Text("\n".join(given), code=True)] if given else [], {"arguments": given}


def blocks(diff: Diff, parts: Collection[str], everything: bool) -> Iterator[Block]:
    yield sides_table(diff.sides)
    if len({side.place for side in diff.sides}) > 1:
        yield from (Text(f"warning: {warning}", "yellow") for warning in diff.warnings())
        if "identity" in parts:
            yield from identity(diff, everything)
        if "config" in parts:
            yield from settings(diff, everything)
        if "result" in parts:
            yield from results(diff)
    yield Verdict(summary(diff, parts))
    if "result" in parts and not diff.twins() and (command := _evidence(diff)[1]):
        yield Command(command)


def summary(diff: Diff, parts: Collection[str]) -> str:
    """One line: what differs, and what can be said of the results."""
    letters = [side.letter for side in diff.sides]
    twins = [f"{letters[one]} and {letters[other]} are the same {diff.sides[one].kind}" for one, other in diff.twins()]
    if twins:
        return "; ".join(twins)
    said, count = [], len(diff.changed)
    if "config" in parts and not count:
        apart = ", seeds apart" * any(side.kind == "group" for side in diff.sides)
        said.append(f"{listed(letters)} have the same settings{apart}")
    elif "config" in parts and len(letters) > 2:
        counts = [f"{letter} {diff.changes_against_first(at)}" for at, letter in enumerate(letters)]
        said.append(f"settings that differ from A: {', '.join(counts[1:])}")
    elif "config" in parts and count == 1:
        said.append(f"one setting differs: {diff.changed[0].key} {' -> '.join(map(brief, diff.changed[0].values))}")
    elif "config" in parts:
        said.append(f"{count} settings differ")
    elif "identity" in parts:
        moved = [each.name for each in diff.moved]
        said.append(f"{listed(moved)} differ{'s' * (len(moved) == 1)}" if moved else "the same identity")
    if "result" in parts:
        said.append(_evidence(diff)[0])
    return "; ".join(filter(None, said))


def _evidence(diff: Diff) -> tuple[str, str]:
    """What figures side by side do not say, and the command that does."""
    trained = [side for side in diff.sides if side.runs]
    if not diff.outcomes:
        return "no results yet to compare" * (len(trained) == len(diff.sides)), ""
    if all(len(side.runs) == 1 for side in trained):
        return "one seed each is no evidence: train with --seeds 6, then tuner compare", ""
    places = [os.path.realpath(run.path) for side in trained for run in side.runs.values()]
    if len(set(places)) < len(places):  # a run beside its own group
        return "", ""
    return "is it more than chance?", shlex.join(["tuner", "compare", *(side.path for side in trained)])
