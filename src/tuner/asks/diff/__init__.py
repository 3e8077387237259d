"""In what do runs, groups of runs and configs differ? Tables with a column a side; nothing is judged."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from pathlib import Path

from tuner import shipped
from tuner.answer import Answer, Block, Brief, Cell, Column, Command, Note, Spark, Table, Text, Verdict
from tuner.asks.diff.arguments import arguments, as_text
from tuner.asks.diff.changes import (
    EPOCHS,
    PARTS,
    Course,
    Diff,
    Outcome,
    as_data,
    compare_sides,
    counted,
    is_ignored,
    listed,
)
from tuner.asks.diff.sides import DEFAULT, Side, find_sides, may_be_other_data, varied_in
from tuner.choice import nearest_of
from tuner.config.comparison import ABSENT, Setting, brief
from tuner.errors import NotFoundError, UsageError
from tuner.figures import duration, figure, in_columns, number, plural, some
from tuner.options.metrics import column, usual

SHORT = {"data_fingerprint": 12, "git_commit": 10}
"""How much of a long number is enough to tell two apart."""
WIDTH = 48
WHOLE_NUMBERS = ("parameters", *EPOCHS)
NOT_COMPARED = "without a difference: the sides do not measure the same there (other data, or another loss)"


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
            raise UsageError(f"there is no part {word or repr(word)}", fix=nearest_of(word, PARTS))
    parts = [part for part in PARTS if part in only or not only]
    if as_args and "config" not in parts:
        raise UsageError("--as-args is about settings: leave --only out")
    diff = compare_sides(find_sides(references, runs_dir), ignore)
    if as_args and len(diff.sides) != 2:
        raise UsageError(f"--as-args turns one side into another: it takes 2 sides, {len(diff.sides)} given")
    looked_at = ["config"] if as_args else [part for part in parts if only or part != "result"]
    notes = [f"note: {note}" for side in diff.sides for note in side.notes]
    notes += [f"note: nothing fits --ignore {pattern}" for pattern in diff.unused]
    shown: list[Block] = []
    if as_args:
        ignored = [*varied_in(diff.sides), *ignore]
        wanted = arguments(*(side.config for side in diff.sides), places=may_be_other_data(diff.sides))
        given = [as_text(one) for one in wanted if not is_ignored(one[0], ignored)]
        shown += [Text("\n".join(given), code=True)] if given else []
        data = {"arguments": given}
    else:
        shown += blocks(diff, parts, everything)
        data = as_data(diff, parts, everything)
    said = [Note(note, problem=True) for note in notes]
    return Answer([*shown, *said], data, exit_code=int((exit_code or form == "quiet") and not diff.same(looked_at)))


def blocks(diff: Diff, parts: Collection[str], everything: bool) -> Iterator[Block]:
    yield sides_table(diff.sides)
    if len({side.place for side in diff.sides}) > 1:
        yield from (Text(f"warning: {warning}", "yellow") for warning in diff.warnings(parts))
        if "identity" in parts:
            yield from identity(diff, everything)
        if "config" in parts:
            yield from settings(diff, everything)
        if "result" in parts:
            yield from results(diff, everything)
    yield Verdict(summary(diff, parts))
    if "result" in parts and not diff.twins() and (command := _evidence(diff)[1]):
        yield Command(command)


def summary(diff: Diff, parts: Collection[str]) -> str:
    """One line: what differs, and what can be said of the results."""
    if twins := diff.twins():
        return "; ".join(twins)
    letters = [side.letter for side in diff.sides]
    said, count = [], len(diff.changed)
    if "config" in parts and not count:
        kinds = dict.fromkeys(f"{side.group.column}s" for side in diff.sides if side.group and side.kind == "group")
        apart = f", {' and '.join(kinds)} apart" if kinds else ""
        said.append(f"{listed(letters)} have the same settings{apart}")
    elif "config" in parts and len(letters) > 2:
        counts = [f"{letter} {len(diff.changes_against_first(at))}" for at, letter in enumerate(letters)]
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


# ---- as tables -------------------------------------------------------------------------------------------------------


def sides_table(sides: Sequence[Side]) -> Table:
    """What is compared, a line a side."""
    heads = ["side", "path", "what"]
    rows: list[list[Cell]] = []
    for side in sides:
        what = f"group of {len(side.runs)}" if side.kind == "group" else side.kind
        what += ", comes with tuner" * (os.path.dirname(side.path) == _ready())  # noqa: PTH120
        rows.append([side.letter, near(side.path), what])
    if any(side.runs for side in sides):
        kinds = dict.fromkeys(side.group.column for side in sides if side.group)
        heads += ["state", "epochs", " or ".join(kinds)]
        for row, side in zip(rows, sides, strict=True):
            epochs = max((run.status.get("epoch") or 0 for run in side.runs.values()), default=None)
            members = [side.group.label(key) for key in side.runs] if side.group else []
            row += [side.group.state if side.group else None, epochs, some(members, 8) or None]
    return Table(list(map(Column, heads)), rows)


def near(place: str) -> str:
    """A path, or a line in a file, without the folder of the configs that come with tuner or the working directory."""
    folders = [f"{folder}/" for folder in (_ready(), os.getcwd()) if folder]  # noqa: PTH109 - as text
    return next((place.removeprefix(folder) for folder in folders if place.startswith(folder)), place)


@cache
def _ready() -> str:
    try:
        return str(shipped.folder("configs"))
    except NotFoundError:
        return ""


def identity(diff: Diff, everything: bool) -> Iterator[Block]:
    """The circumstances that differ, or all of them; which ones agree stands in the title."""
    known = [each for each in diff.identity if sum(map(bool, each.values)) > 1]
    agreed = [each.name for each in known if not each.differs]
    title = "identity" + f", the same: {', '.join(agreed)}" * bool(agreed)
    shown = known if everything else [each for each in known if each.differs]
    rows = [[", ".join(str(value)[: SHORT.get(each.key)] for value in held) or None for held in each.values]
            for each in shown]  # fmt: skip
    if rows:
        columns = [Column("what"), *(Column(side.letter, code=True) for side in diff.sides)]
        styles = _styles(rows, [each.differs for each in shown])
        yield Table(columns, [[each.name, *row] for each, row in zip(shown, rows, strict=True)], title, styles)
    elif known:
        yield Text(title, "dim")


def settings(diff: Diff, everything: bool) -> Iterator[Block]:
    """The settings that differ, or all of them; what is inside a switched choice stands below it."""
    shown = [each for setting in diff.settings for each in _shown(setting, everything)]
    if not shown:
        return
    count = len(diff.changed)
    title = f"config: {count} of {plural(len(list(counted(diff.settings))), 'setting')} differ{'s' * (count == 1)}"
    columns = [Column(head, code=True) for head in ("setting", *(side.letter for side in diff.sides))]
    values = [[None if value is ABSENT else brief(value) for value in setting.values] for setting in shown]
    rows: list[list[Cell]] = [[setting.key, *each] for setting, each in zip(shown, values, strict=True)]
    styles = _styles(values, [setting.differs for setting in shown])
    set_in = [_set_in(setting, diff.sides) for setting in shown]
    for head, texts in {"change": [_change(setting) for setting in shown], "set in": set_in}.items():
        if any(texts):
            styles |= {(place, len(columns)): "dim" for place in range(len(rows))}
            columns.append(Column(head))
            rows = [[*row, text] for row, text in zip(rows, texts, strict=True)]
    yield Table(columns, rows, title, styles)


def _styles(rows: Sequence[Sequence[str | None]], differ: Sequence[bool]) -> dict[tuple[int, int], str]:
    """Of two sides the old and the new value, of several those that are not the first one's."""
    styles = {}
    for place, (values, differs) in enumerate(zip(rows, differ, strict=True)):
        for at, value in enumerate(values, 1):
            changed = ("red" if at == 1 else "green") if len(values) == 2 else "yellow" if value != values[0] else ""
            styles[place, at] = changed if differs else "dim"
    return styles


def _shown(setting: Setting, everything: bool) -> Iterator[Setting]:
    """The setting, where it differs or `everything` is shown, then what is inside it."""
    if setting.differs or everything:
        yield setting
        if any(isinstance(value, dict) and "name" in value for value in setting.values):
            for inner in setting.inside:
                yield from _shown(inner, everything)


def _set_in(setting: Setting, sides: Sequence[Side]) -> str:
    """Where the sides set it, defaults left out: ``A: my.yaml:3, B: override``."""
    found = []
    for value, side in zip(setting.values, sides, strict=True):
        place = DEFAULT if value is ABSENT or not setting.differs else side.set_in(setting.key, value)
        if place.startswith((f"override: {setting.key}=", f"override: {setting.key}.name=")):
            place = "override"  # the rest stands beside it
        if place != DEFAULT:
            found.append(f"{side.letter}: {near(place)}")
    return ", ".join(found)


def _change(setting: Setting) -> str:
    """How far a number of two sides moved: ``x 10``, ``/ 2``, ``+0.1``."""
    numbers = [each for each in setting.values if type(each) in (int, float)]
    says_which = setting.key.rpartition(".")[2] in ("seed", "split_seed", "index")
    if not (len(numbers) == len(setting.values) == 2) or says_which or not setting.differs:
        return ""
    old, new = numbers
    if old * new > 0 and not 0.5 < new / old < 2:
        sign, times = ("x", new / old) if new / old > 1 else ("/", old / new)
        return f"{sign} {number(float(f'{times:.3g}'))}"
    return f"{'+' * (new > old)}{number(new - old)}"


# ---- results ---------------------------------------------------------------------------------------------------------


def results(diff: Diff, everything: bool) -> Iterator[Block]:
    """The usual metrics of the sides that have any, or every one; whether a difference is more than chance is not for
    `diff` to say."""
    if not diff.outcomes:
        return
    places = [at for at in range(len(diff.sides)) if any(outcome.values[at] is not None for outcome in diff.outcomes)]
    first, *others = [diff.sides[place] for place in places]
    in_pair = len(others) == 1
    heads = [side.letter + f" (mean of {len(side.runs)})" * (side.kind == "group") for side in (first, *others)]
    heads += [f"{others[0].letter}-{first.letter}"] if in_pair else []
    rows: list[list[Cell]] = []
    styles = {}
    outcomes = {outcome.metric: outcome for outcome in diff.outcomes}
    for outcome in (outcomes if everything else usual(outcomes, *(side.monitor for side in diff.sides))).values():
        cells: list[Cell] = []
        for place in places:
            text, value, delta = _value(outcome, place, diff.sides[place]), outcome.values[place], outcome.deltas[place]
            moved = "" if delta is None else f"{'+' * (delta > 0)}{'-' * (delta < 0)}{_like(outcome, abs(delta))}"
            cells.append(_exact(text if in_pair or not moved.strip("0") else f"{text} ({moved})", value))
            if in_pair and place == places[1]:
                cells.append(_exact(moved, delta))
            if (is_better := outcome.better[place]) is not None:
                styles[len(rows), len(cells)] = "green" if is_better else "red"
        rows.append([outcome.metric, *cells, f"{outcome.direction} is better" if outcome.direction else ""])
    columns = [Column("metric"), *(Column(head, side="r") for head in heads), Column("")]
    title = "result at the best epoch" + f", in brackets against {first.letter}" * (not in_pair)
    yield Table(columns, rows, title, styles)
    if not all(outcome.comparable for outcome in diff.outcomes):
        yield Text(NOT_COMPARED, "dim")
    if diff.course is not None:
        yield from _courses(diff.sides, diff.course)


def _value(outcome: Outcome, place: int, side: Side) -> str:
    """``0.9147``, ``0.9147 ± 0.0021``, and how many runs have a value where not all of them do."""
    value, spread = outcome.values[place], outcome.spreads[place]
    text = _number(outcome.metric, value)
    if value is not None and spread is not None and (spread or outcome.metric not in WHOLE_NUMBERS):
        text += f" ± {_like(outcome, spread)}"
    count, runs = outcome.counts[place], len(side.runs)
    return f"{text} ({count} of {runs})" if 0 < count < runs else text


def _exact(text: str, value: float | None) -> Brief:
    """The text, and for scripts the number itself."""
    return Brief(text, "" if value is None else repr(value))


def _like(outcome: Outcome, size: float) -> str:
    """A difference or spread with as many decimals as the values that it belongs to."""
    if size == 0:
        return "0"
    alike = all(_number(outcome.metric, value) == f"{value:.4f}" for value in outcome.values if value is not None)
    return f"{size:.4f}" if alike and size >= 5e-5 else _number(outcome.metric, size)


def _number(metric: str, value: float | None) -> str:
    if metric == "seconds_per_epoch":
        return duration(value)
    if value is not None and metric in WHOLE_NUMBERS:
        return number(round(value) if value == round(value) else value)
    return figure(value)


def _courses(sides: Sequence[Side], course: Course) -> Iterator[Block]:
    """The course of a metric on every side: one scale, the same epochs below each other. Losses fall over orders of
    magnitude, so that their first fall would flatten all that follows: they stand on a logarithmic one."""
    epochs = max(map(len, course.values))
    is_log = column(course.metric).is_loss and all(v > 0 for each in course.values for v in each if v is not None)
    heights = [[math.log(each) if each is not None and is_log else each for each in values] for values in course.values]
    heights = [[*line, *[None] * (epochs - len(line))] for line in heights]
    known = [point for line in heights for point in in_columns(line, WIDTH) if point is not None]
    if not known:
        return
    columns = [Column("side"), Column("trend"), Column("first", "figure"), Column("last", "figure")]
    rows: list[list[Cell]] = []
    for side, line, values in zip(sides, heights, course.values, strict=True):
        if there := [value for value in values if value is not None]:
            rows.append([side.letter, Spark(line, WIDTH, (min(known), max(known))), there[0], there[-1]])
    log = ", logarithmic" if is_log else ""
    yield Table(columns, rows, f"{course.metric} by epoch, one scale for all{log}")
