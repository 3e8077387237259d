"""What is compared: groups with no run in common, one metric, one loss; and what each group has of the metric, seed by
seed: the values that count, and why others do not; what to type for more of them."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.config import varied
from tuner.config.varied import Key
from tuner.document.writing import flow
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import deviation, mean, some
from tuner.options.metrics import column as column_of
from tuner.runs.data import read_data
from tuner.runs.family import Group
from tuner.runs.files import CONFIG
from tuner.runs.folder import GROUP, Run, is_sweep
from tuner.runs.sweep import confirm_folder, confirming_command
from tuner.runs.trials import read_trials
from tuner.runs.values import Metric, measured_loss, metrics_of_run, parse_metric, value, why_not

if TYPE_CHECKING:
    from tuner.asks.compare.comparison import Difference

FEWEST, MOST = 2, 20
NEVER = "never"
"""Why a run has no ``epochs(...)``: it did not get there."""
WITHOUT_VALUE = ("diverged", NEVER, "no value", "not finite")
"""Why a run that has ended does not count; it would end the same way again."""
UNTOUCHED = ("accuracy", "r2", "mae")
"""Metrics that no setting of the loss changes."""
PARTS = {"val": "validation", "test": "test"}
MISSING = "not there"
"""Why a seed does not count that only other groups have."""
LARGEST = 1e100  # the square of a larger number may be more than a float holds


@dataclass(frozen=True)
class Side:
    """One group in a comparison. `left_out` says for each seed without a value why: a state, `NEVER`, `MISSING`, ..."""

    name: str
    group: Group
    values: dict[Key, float]
    left_out: dict[Key, str] = field(default_factory=dict)
    sizes: tuple[int, int] | None = None  # samples that the metric is measured on, training samples
    signs: bool = True  # which test judges it, see `uses_signs`

    @property
    def mean(self) -> float | None:
        return mean(list(self.values.values())) if self.values else None

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation over the seeds; None below two."""
        return deviation(list(self.values.values())) if len(self.values) > 1 else None

    @property
    def diverged(self) -> int:
        return self.why("diverged")

    def why(self, *reasons: str) -> int:
        """How many seeds are left out for one of these reasons."""
        return sum(reason in reasons for reason in self.left_out.values())

    def as_data(self) -> dict[str, Any]:
        label = self.group.label
        left_out = {str(label(key)): why for key, why in self.left_out.items()}
        return {
            f"{self.group.column}s": {str(label(key)): self.values.get(key) for key in self.group.runs},
            "mean": self.mean,
            "sd": self.deviation,
            "left_out": left_out,
            "path": str(self.group.path),
        }


def side_of(group: Group, name: str, metric: Metric, keys: Sequence[Key]) -> Side:
    """The values of a group; with `left_out`, the `keys` of all groups.

    Raises UsageError where its runs have no such metric, NotFoundError where one of them is damaged: without it the
    verdict would be another.
    """
    for folder, why in group.damaged.items():
        raise _damaged(folder, why)
    values: dict[Key, float] = {}
    left_out: dict[Key, str] = {}
    for key in keys:
        try:
            found = _read(group.runs[key], metric) if key in group.runs else MISSING
        except NotFoundError as error:
            raise _damaged(group.runs[key].path, error.message) from None
        if isinstance(found, str):
            left_out[key] = found
        else:
            values[key] = found
    ended = [run for run in group.runs.values() if run.state == "finished"]
    if ended and not values and metric.reached is None:
        why_none, said = why_not(ended[0], metric), f"no run of {name} has a value of {metric}"
        fix = f"There are {', '.join(metrics_of_run(ended[0]))}."
        raise UsageError(f"{said}: {why_none}" if why_none else said, fix=fix)
    signs = uses_signs(group.varies, group.first.config, metric)
    return Side(name, group, values, left_out, _sizes(group, metric), signs)


def _damaged(folder: Path, why: str) -> NotFoundError:
    fix = f"Put back what it was, or remove {shown(folder)}: the command that trained it then trains it again."
    return NotFoundError(why, fix=fix)


def _sizes(group: Group, metric: Metric) -> tuple[int, int] | None:
    """How many samples the metric is measured on (where it is of no such part, all that are drawn and not trained on),
    and how many are trained on, in one member; None where seeds of an older tuner do not tell. Raises NotFoundError."""
    try:
        counts = {name: int(part["samples"]) for name, part in read_data(group.first).parts.items()}
    except NotFoundError:
        if group.varies == varied.SEEDS:
            return None
        raise
    train, part = counts.pop("train"), PARTS.get(column_of(metric.column).part or "", "")
    if varied.shared_test(group.varies, group.first.config) and part != "test":
        counts.pop("test")
    return counts.get(part, sum(counts.values())), train


def uses_signs(varies: Sequence[str], config: Mapping[str, Any], metric: Metric) -> bool:
    """Which test judges: the sign-flip test where all runs are measured on the same samples, for which its verdict
    holds (seeds share one split, splits the test part that a source has of its own: what differs is drawn anew for each
    run, as weights are); else the corrected resampled t-test of splits or folds, whose verdict holds for such samples.
    """
    is_shared = column_of(metric.column).part == "test" and varied.shared_test(varies, config)
    return varied.column(varies) == "seed" or bool(is_shared)


def units(values: Mapping[Key, float]) -> list[float]:
    """What a test counts: a number for each seed, split or fold, the mean over the seeds of a fold."""
    found: dict[int, list[float]] = {}
    for key, number in values.items():
        found.setdefault(key[0], []).append(number)
    return list(map(mean, found.values()))


def _read(run: Run, metric: Metric) -> float | str:
    """The metric of a finished run, or why it does not count."""
    if run.state != "finished":
        return run.state
    found = value(run, metric)
    if found is None:
        return NEVER if metric.reached is not None else "no value"
    return found if math.isfinite(found) and abs(found) < LARGEST else "not finite"


def check_groups(groups: Sequence[Group], by_data: bool = False) -> None:
    """Raises UsageError unless there are 2 to 20 (`by_data`: 2 or more) that vary the same, and have no run in
    common."""
    if len(groups) < FEWEST or (len(groups) > MOST and not by_data):
        raise UsageError(
            f"compare takes {FEWEST} to {MOST} groups, {len(groups)} given",
            fix="tuner compare A B compares two; --baseline says with which one the others are compared.",
        )
    first, holders = groups[0], dict[str, Group]()
    for group in groups:
        if group.varies != first.varies:
            what, other = varied.words(first.varies), varied.words(group.varies)
            raise UsageError(
                f"{shown(first.path)} and {shown(group.path)} cannot be paired: the runs of the one differ in their "
                f"{what}, those of the other in their {other}",
                fix=f"Train both with {varied.origins(first.varies)[first.varies[0]]}.",
            )
    for group in groups:
        for run in group.runs.values():
            holder = holders.setdefault(os.path.realpath(run.path), group)
            if holder is not group:
                raise UsageError(
                    f"{shown(holder.path)} and {shown(group.path)} hold the same run: {shown(run.path.name)}",
                    fix="Compare groups of different runs.",
                )


def paired_sides(groups: Sequence[Group], metric: Metric) -> tuple[Side, ...]:
    """What each group has of the metric. Raises UsageError for groups on different data and for a loss that is not the
    same in all of them, NotFoundError where one has no pair with the first one."""
    if len(set(data := data_sets(groups))) > 1:
        told = ", ".join(f"{name} {each}" for name, each in zip(names_of(groups), data, strict=True))
        fix = "--by data compares ideas on each data set by itself: a table of ideas and data sets."
        raise UsageError(f"the groups are on different data: {told}", fix=fix)
    sides = sides_of(groups, metric, names_of(groups))
    for side in sides[1:]:
        _check_pairs(sides[0], side)
    return sides


def data_sets(groups: Sequence[Group]) -> list[str]:
    """The data set of each group: its source's name, or its file's; the path where two files share a name. A file that
    holds what that of an earlier group does is that one."""
    sources = [(str(group.first.setting("data.name")), group.first.config["data"].get("path")) for group in groups]
    held = [{(name, run.identity.data_fingerprint) for run in group.runs.values()} if path else {name}
            for group, (name, path) in zip(groups, sources, strict=True)]  # fmt: skip
    sources = [next(source for source, other in zip(sources, held, strict=True) if other & own) for own in held]
    names = [Path(path).stem if path else name for name, path in sources]
    others = [{source for source, name in zip(sources, names, strict=True) if name == each} for each in names]
    told = zip(sources, names, others, strict=True)
    return [shown(str(path) if path and len(alike) > 1 else name) for (_, path), name, alike in told]


def sides_of(groups: Sequence[Group], metric: Metric, names: Sequence[str]) -> tuple[Side, ...]:
    """What each group has of the metric. Raises UsageError where it is a loss that is not the same in all of them."""
    check_losses(groups, names, metric)
    keys = sorted({key for group in groups for key in group.runs})
    return tuple(side_of(group, name, metric, keys) for group, name in zip(groups, names, strict=True))


def asked_metric(groups: Sequence[Group], metric: Metric | None) -> Metric:
    """The metric, by default the monitor. Raises UsageError for groups of different monitors."""
    names, monitors = names_of(groups), [group.first.monitor for group in groups]
    for monitor, name in zip(monitors, names, strict=True):
        if metric is None and monitor != monitors[0]:
            raise UsageError(
                f"the groups have different monitors: {names[0]} {monitors[0]}, {name} {monitor}",
                fix=f"Say what to compare: --metric {monitors[0]} or --metric {monitor}.",
            )
    return metric or parse_metric(monitors[0])


def better_way(metric: Metric, direction: str | None) -> str:
    """Which way of the metric is better, ``up`` or ``down``. Raises UsageError for a direction that does not fit, or
    none where it is needed."""
    if direction not in (None, "up", "down"):
        raise UsageError(f"--direction is up or down, not {shown(direction)}")
    better = metric.direction or direction
    if better is None:
        fix = "Say it: --direction up or --direction down."
        raise UsageError(f"it is not known which way is better for {metric}", fix=fix)
    if direction not in (None, better):
        raise UsageError(f"for {metric} {better} is better, not {direction}", fix="Leave --direction out.")
    return better


def _check_pairs(base: Side, side: Side) -> None:
    """Raises NotFoundError where two groups have no pair."""
    if base.group.runs.keys().isdisjoint(side.group.runs):
        varies, has = base.group.varies, []
        what, option = base.group.column, varied.origins(varies)[varies[0]]
        for each in (base, side):
            labels = [each.group.label(key) for key in each.group.runs]
            has.append(f"{each.name} has {what}{'s' * (len(labels) > 1)} {some(labels, 12)}")
        raise NotFoundError(
            f"{base.name} and {side.name} share no {what}: {', '.join(has)}",
            fix=f"Runs are compared with runs of the same {what}: train both with {option} 6, or more.",
        )


def names_of(groups: Sequence[Group]) -> list[str]:
    """What the groups are called: the folder's name, or its path where two share a name."""
    names = [os.path.basename(os.path.abspath(group.path)) for group in groups]  # noqa: PTH100, PTH119 - "." and ".."
    return [shown(name if names.count(name) == 1 else group.path) for name, group in zip(names, groups, strict=True)]


def check_losses(groups: Sequence[Group], names: Sequence[str], metric: Metric) -> None:
    """Raises UsageError where `metric` is a loss that does not measure the same in all the groups."""
    column = column_of(metric.column)
    for group, name in zip(groups, names, strict=True) if column.is_loss else ():
        for key in ("loss", "data"):
            group.first.setting(key)  # raises where the config lacks it
        first, other = (measured_loss(each.first.config, metric.column) for each in (groups[0], group))
        if other != first:
            here, there = (str(each.get("name")) for each in (first, other))
            if here == there:
                keys = [key for key in dict.fromkeys([*first, *other]) if first.get(key) != other.get(key)]
                here, there = (", ".join(f"{key}: {flow(each.get(key))}" for key in keys) for each in (first, other))
            plain = [each for each in metrics_of_run(groups[0].first) if column_of(each).name in UNTOUCHED]
            near = [each for each in plain if column_of(each).part == (column.part or "val")] or plain
            instead = " or ".join(f"--metric {each}" for each in near)
            raise UsageError(
                f"{metric} cannot be compared, for it is not the same loss: {here} in {names[0]}, {there} in {name}",
                fix=f"Compare what the loss does not change: {instead}." if near else "",
            )


# ---- more pairs ------------------------------------------------------------------------------------------------------


def training(differences: Sequence[Difference]) -> list[str]:
    """One shell command for each group that has to grow before there are pairs enough for every verdict: not where runs
    ended and none of one side has a value."""
    wanted: dict[str, tuple[Side, int]] = {}
    for difference in differences:
        sides = (difference.base, difference.side)
        if difference.missing and not any(side.why(*WITHOUT_VALUE) and not side.values for side in sides):
            for side in sides:
                is_confirming = not side.group.is_single and is_sweep(side.group.path.parent)
                count = difference.least if is_confirming else difference.seeds  # the search's own seed is none of them
                wanted[side.name] = side, max(count, wanted.get(side.name, (side, 0))[1])
    commands = [_command(side, count) for side, count in wanted.values()]
    return list(dict.fromkeys(command for command in commands if command))


def _command(side: Side, count: int) -> str:
    """Trains the seeds below `count` that `side` lacks, or that did not come to their end in the folder they would be
    looked for; "" where it lacks none."""
    if not side.group.is_single and is_sweep(side.group.path.parent):
        return _confirming(side.group.path, count)
    config = str(side.group.first.path / CONFIG)
    is_single, parent = side.group.is_single, side.group.path.parent
    parent = parent.parent if is_sweep(parent) else parent  # nothing else is made in its folder
    if is_single and (parent / GROUP).is_file():
        return ""  # one of several seeds: its group is what has more pairs
    varies, what = side.group.varies, side.group.column
    runs = [(number, side.group.runs.get(varied.numbered(varies, number))) for number in range(count)]
    lacking = [
        str(number)
        for number, run in runs
        if run is None or (run.state in ("stopped", "crashed") and run.path.name == f"{what}-{number}")
    ]
    if is_single or (lacking and (side.group.path / GROUP).is_file()):
        named = [] if is_single else ["--run", side.group.path.name]
        place = [] if parent == Path("runs") else ["--runs-dir", str(parent)]
        return shlex.join(["tuner", "train", config, *named, f"--{what}s", str(count), *place])
    if not lacking:
        return ""
    folder = shlex.quote(str(side.group.path))
    sets = " ".join(f"{key}=${what}" for key in varies)
    one = f"tuner train {shlex.quote(config)} {sets} --run {what}-${what} --runs-dir {folder}"
    return f"for {what} in {' '.join(lacking)}; do {one}; done"


def _confirming(group: Path, count: int) -> str:
    """Trains more seeds of a group that confirms, whose seeds are those that the search had not; "" where its sweep
    would train none of it: others are the best by now, or it has as many."""
    sweep = read_trials(group.parent)
    named = map(confirm_folder, sweep.head.confirms([each.number for each in sweep.best]))
    return confirming_command(sweep.head, count) if group.name in named else ""
