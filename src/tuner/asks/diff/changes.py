"""In what sides differ: settings, circumstances, results; all of it, also what does not differ."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import zip_longest
from string import ascii_lowercase
from typing import Any

from tuner.asks.diff.sides import Side, settings_of
from tuner.config.comparison import ABSENT, Setting, name_of
from tuner.config.varied import labels
from tuner.figures import deviation, finite, mean, mean_of_known
from tuner.options.metrics import column
from tuner.quantities import WHOLE_RUN
from tuner.runs.folder import Run
from tuner.runs.identity import NAMES
from tuner.runs.values import measured_loss, metrics_of_run, parse_metric, value

PARTS = ("config", "identity", "result")
NONE = "none"
"""What stands for no packages."""
EPOCHS = {"best_epoch": "best_epoch", "epochs": "epoch"}
"""What is told of the epochs, and where status.json has it."""


@dataclass(frozen=True)
class Circumstance:
    """What else has to agree before a difference in results can come from the settings: one of `NAMES`, with the
    values it has on each side: none where that is not known, several where the members of a group differ."""

    key: str
    values: tuple[tuple[Any, ...], ...]

    @property
    def name(self) -> str:
        return NAMES[self.key]

    @property
    def differs(self) -> bool:
        """Whether two runs, or what two configs ask for, differ in it."""
        return len({value for known in self.values for value in known}) > 1


@dataclass(frozen=True)
class Outcome:
    """A metric of every side: of a run its value, of a group the mean over its members; None where there is none.

    `spreads` holds the standard deviations over the seeds, None below two of them; `counts` how many runs have a value.
    `direction` says which way is better, ``up`` or ``down``; it is None where that is not known, or where the sides
    do not measure the same. `deltas` say how far a side is from the first one that has results, and `better` whether it
    is better than that, as the figures stand; None where they are equal or it is not known.
    """

    metric: str
    values: tuple[float | None, ...]
    spreads: tuple[float | None, ...]
    counts: tuple[int, ...]
    direction: str | None
    comparable: bool
    deltas: tuple[float | None, ...]
    better: tuple[bool | None, ...]


@dataclass(frozen=True)
class Course:
    """A metric of every side, epoch by epoch: of a group the mean over the members that got so far."""

    metric: str
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Diff:
    """Several sides and what is known of them."""

    sides: list[Side]
    settings: list[Setting]
    identity: list[Circumstance]
    outcomes: list[Outcome]
    course: Course | None
    unused: tuple[str, ...] = ()  # patterns of --ignore that fit nothing

    @property
    def changed(self) -> list[Setting]:
        """The settings in which a side differs from the first one."""
        keys = {each.key for at in range(1, len(self.sides)) for each in self.changes_against_first(at)}
        return [setting for setting in counted(self.settings) if setting.key in keys]

    @property
    def moved(self) -> list[Circumstance]:
        return [each for each in self.identity if each.differs]

    def same(self, parts: Collection[str] = ("config", "identity")) -> bool:
        """Whether nothing in these of `PARTS` differs. A git commit is no part of a run's identity."""
        differs = {
            "config": bool(self.changed),
            "identity": any(each.key != "git_commit" for each in self.moved),
            "result": any(value != outcome.values[0] for outcome in self.outcomes for value in outcome.values),
        }
        return not any(differs[part] for part in parts)

    def changes_against_first(self, index: int) -> list[Setting]:
        """The settings in which a side differs from the first one."""
        return [change for setting in self.settings for change in setting.changes(0, index)]

    def twins(self) -> list[str]:
        """Which sides are one and the same run, group or file."""
        known: dict[str, Side] = {}
        pairs = [(known.setdefault(side.place, side), side) for side in self.sides]
        return [f"{a.letter} and {b.letter} are the same {a.kind}" for a, b in pairs if a is not b]

    def warnings(self, parts: Collection[str] = PARTS) -> list[str]:
        """Why a difference in results cannot be put down to one setting, as far as it belongs to what is shown."""
        cause, found = "an effect cannot be put down to one of them", []
        other_data = any(setting.key.partition(".")[0] == "data" for setting in self.changed)
        moved = [each.name for each in self.moved if not (other_data and each.key == "data_fingerprint")]
        several = [side.letter for at, side in enumerate(self.sides) if len(self.changes_against_first(at)) > 1]
        if moved and set(parts) != {"config"}:
            found.append(f"{listed(moved)} differ{'s' * (len(moved) == 1)}: results can differ for that alone")
        if several and set(parts) != {"identity"} and len(self.sides) == 2:
            found.append(f"{len(self.changed)} settings differ: {cause}")
        elif several and set(parts) != {"identity"}:
            found.append(f"{listed(several)} differ{'s' * (len(several) == 1)} from A in several settings: {cause}")
        return found


def compare_sides(sides: list[Side], ignore: Sequence[str] = ()) -> Diff:
    """What differs, but for the settings and circumstances that a pattern of `ignore` fits."""
    settings = settings_of(sides)
    known = [Circumstance(key, tuple(_values(side, key) for side in sides)) for key in NAMES]
    identity = [each for each in known if any(value != NONE for held in each.values for value in held)]
    keys = [*_keys(settings), *(each.key for each in identity)]
    unused = tuple(pattern for pattern in ignore if not any(is_ignored(key, [pattern]) for key in keys))
    identity = [each for each in identity if not is_ignored(each.key, ignore)]
    return Diff(sides, _without(settings, ignore), identity, outcomes_of(sides), course_of(sides), unused)


def counted(settings: Sequence[Setting]) -> Iterator[Setting]:
    """The settings, and below a switched choice what several sides have in theirs."""
    for setting in settings:
        yield setting
        yield from counted([each for each in setting.inside if sum(value is not ABSENT for value in each.values) > 1])


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def is_ignored(key: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern fits the key, or one that it is a part of."""
    parts = key.split(".")
    keys = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(fnmatchcase(each, pattern) for each in keys for pattern in patterns)


def _without(settings: Sequence[Setting], patterns: Sequence[str]) -> list[Setting]:
    """The settings that no pattern fits; a switched choice goes with its name, or with all that is inside it."""
    kept = []
    for setting in settings:
        inside = _without(setting.inside, patterns)
        gone = setting.inside and (not inside or is_ignored(f"{setting.key}.name", patterns))
        if not gone and not is_ignored(setting.key, patterns):
            kept.append(Setting(setting.key, setting.values, tuple(inside)))
    return kept


def _keys(settings: Sequence[Setting]) -> list[str]:
    """All that a pattern may fit, the names of switched choices included."""
    keys = []
    for setting in settings:
        keys += [setting.key, f"{setting.key}.name", *_keys(setting.inside)] if setting.inside else [setting.key]
    return keys


def _values(side: Side, key: str) -> tuple[Any, ...]:
    if side.group is None:
        asked = side.config.get("training", {}).get(key)  # device and threads: what a run would have
        return () if asked in (None, "auto") else ("cuda:0" if asked == "cuda" else asked,)
    if key == "git_commit":
        commits = [run.about.get(key) for run in side.runs.values()]
        return tuple(dict.fromkeys(commit for commit in commits if isinstance(commit, str)))
    return tuple(dict.fromkeys(getattr(run.identity, key) or NONE for run in side.runs.values()))


# ---- results --------------------------------------------------------------------------------------------------------


def outcomes_of(sides: Sequence[Side]) -> list[Outcome]:
    """Every metric that runs of the sides have: the monitors first, then validation, test and training, then the run as
    a whole; [] where fewer than two sides have runs with an epoch behind them."""
    trained = [[run for run in side.runs.values() if run.status.get("best")] for side in sides]
    if sum(map(bool, trained)) < 2:
        return []
    configs = [side.config for side in sides if side.runs]
    same_data = len({str(name_of(config.get("data"))) for config in configs}) == 1
    same_loss = all(measured_loss(config, "loss") == measured_loss(configs[0], "loss") for config in configs)
    there = dict.fromkeys(name for runs in trained for run in runs for name in metrics_of_run(run))
    monitors = [side.monitor for side in sides if side.monitor in there]
    parts = [name for part in ("val", "test", "train") for name in there if column(name).part == part]
    base = next(index for index, runs in enumerate(trained) if runs)  # the one that deltas refer to
    found = []
    for metric in dict.fromkeys([*monitors, *parts, *EPOCHS, *WHOLE_RUN]):
        measured = column(metric)
        comparable = not measured.part or (same_data and (same_loss or not measured.is_loss))
        known = [finite(_outcome(run, metric) for run in runs) for runs in trained]
        means = tuple(mean(each) if each else None for each in known)
        spreads = tuple(deviation(each) if len(each) > 1 else None for each in known)
        direction = measured.about.direction if comparable else None
        deltas = tuple(
            _delta(each, means[base]) if comparable and at != base else None for at, each in enumerate(means)
        )
        better = tuple((each > 0) == (direction == "up") if each and direction else None for each in deltas)
        counts = tuple(map(len, known))
        found.append(Outcome(metric, means, spreads, counts, direction, comparable, deltas, better))
    return found


def _delta(here: float | None, there: float | None) -> float | None:
    if here is None or there is None:
        return None
    return 0.0 if math.isclose(here, there, rel_tol=1e-12) else here - there  # a mean has its last bits wrong


def _outcome(run: Run, metric: str) -> float | None:
    if metric in EPOCHS:
        number: int | None = run.status.get(EPOCHS[metric])
        return number
    return value(run, parse_metric(metric)) if metric in metrics_of_run(run) else None


def course_of(sides: Sequence[Side]) -> Course | None:
    """The monitor's course on each side: the first side's monitor that all sides with runs have; None without one."""
    rows = [[run.rows for run in side.runs.values() if run.rows] for side in sides]
    shared = [set(members[0][0]) for members in rows if members]
    metric = next((name for side in sides if (name := side.monitor) and all(name in each for each in shared)), None)
    if metric is None or len(shared) < 2:
        return None
    columns = [[[row.get(metric) for row in run] for run in members] for members in rows]
    return Course(metric, tuple(tuple(map(mean_of_known, zip_longest(*members))) for members in columns))


# ---- for scripts -----------------------------------------------------------------------------------------------------


def as_data(diff: Diff, parts: Collection[str], everything: bool) -> dict[str, Any]:
    """What ``diff --json`` tells."""
    data: dict[str, Any] = {"same": diff.same(parts), "sides": [], "warnings": diff.warnings(parts)}
    for side in diff.sides:
        of_runs = {"state": side.group.state, **labels(side.group.varies, side.runs)} if side.group else {}
        data["sides"].append({"side": side.letter.lower(), "kind": side.kind, "path": side.path, **of_runs})
    if "config" in parts:
        data["changed"] = [_told(setting, diff.sides) for setting in diff.changed]
        if everything:
            data["unchanged"] = [_told(each, diff.sides) for each in diff.settings if not each.differs]
    if "identity" in parts:
        data["identity"] = [
            {"key": each.key, **_lettered([held[0] if len(held) == 1 else list(held) or None for held in each.values])}
            for each in (diff.identity if everything else diff.moved)
        ]
    if "result" in parts:
        data["result"] = {
            outcome.metric: {
                **_lettered(outcome.values),
                "delta": list(outcome.deltas),
                "better": list(outcome.better),
                "direction": outcome.direction,
                "sd": list(outcome.spreads),
                "runs": list(outcome.counts),
            }
            for outcome in diff.outcomes
        }
        if diff.course is not None:
            data["curve"] = {"metric": diff.course.metric, **_lettered(list(map(list, diff.course.values)))}
    return data


def _lettered(values: Sequence[Any]) -> dict[str, Any]:
    """One key a side; a side without such a setting has none."""
    return {letter: value for letter, value in zip(ascii_lowercase, values, strict=False) if value is not ABSENT}


def _told(setting: Setting, sides: Sequence[Side]) -> dict[str, Any]:
    places = [
        None if value is ABSENT else side.set_in(setting.key, value)
        for value, side in zip(setting.values, sides, strict=True)
    ]
    data = {"key": setting.key, **_lettered(setting.values), "set_in": places}
    if setting.inside:
        data["inside"] = [_told(each, sides) for each in setting.inside if each.differs]
    return data
