"""Base and change with the same seeds, and the one verdict on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tuner.asks.compare import verdict_line, written
from tuner.asks.compare.comparison import BETTER, Comparison, Difference, compare, differences_of
from tuner.config.varied import SEEDS, Key
from tuner.events import Ended
from tuner.figures import plural
from tuner.members import train_whole
from tuner.members.opening import GroupSession, open_group
from tuner.runs.family import Group, read_group
from tuner.runs.find import newest
from tuner.runs.folder import GROUP
from tuner.runs.values import parse_metric, seconds
from tuner.verifying.candidates import Base, Change
from tuner.verifying.crew import BASE, CHANGED, Crew, about

FIRST, PAIRS = 3, 8
"""Pairs after which a change that is not ahead is given up; pairs of the verdict. To look more often for "better" would
find differences that are not there."""
NO_HELP = "no help"


@dataclass(frozen=True)
class Judged:
    """`base` and `changed` with the same seeds. Where one of them diverges so often that there are too few values,
    `difference` is of which runs finish, 1 for each that does: `by_finishing`."""

    base: Group
    changed: Group
    comparison: Comparison
    difference: Difference
    by_finishing: bool

    @property
    def gave_up(self) -> bool:
        return len(self.changed.runs) < PAIRS

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``undecided``; ``no help`` where it was given up."""
        return NO_HELP if self.gave_up else self.difference.verdict

    @property
    def is_better(self) -> bool:
        return self.verdict == BETTER

    @property
    def seconds(self) -> float:
        """What all the runs took together, each on its threads."""
        return sum(seconds(run) or 0.0 for group in (self.base, self.changed) for run in group.runs.values())

    @property
    def words(self) -> str:
        """The verdict in a sentence."""
        name, base, count = self.changed.path.name, self.base.path.name, len(self.changed.runs)
        if self.by_finishing:
            here, there = (sum(side.values.values()) for side in (self.difference.side, self.difference.base))
            told = f"{name} finishes with {here:.0f} of {plural(count, 'seed')}, {base} with {there:.0f}"
            p = f" (p {self.difference.p:.4f})" if self.difference.p is not None and not self.gave_up else ""
            return f"{self.verdict}: {told}{p}"
        if self.gave_up:
            mean = written(self.comparison, "+")(self.difference.mean or 0.0)
            return f"{NO_HELP}: after {plural(count, 'pair')} {self.comparison.metric} is not higher ({mean})"
        where = f" {self.comparison.holds}" if self.comparison.holds else ""
        return verdict_line(self.comparison, self.difference, where)


def judge(base: Base, change: Change, metric: str, seed: int, crew: Crew) -> Judged:
    """Trains both with `FIRST` seeds and, unless the change is given up, with `PAIRS`, and compares them. The seed that
    the change was chosen with is none of them.

    Raises StoppedError, and TunerError as training and `compare` do.
    """
    keys: Sequence[Key] = [(each,) for each in range(PAIRS + 1) if each != seed][:PAIRS]
    sessions = [open_family(base, (), BASE, keys, crew), open_family(base, (change,), CHANGED, keys, crew)]
    for count in (FIRST, PAIRS):
        paths = [train(session, keys[:count], crew) for session in sessions]
        sessions = [replace(session, path=path) for session, path in zip(sessions, paths, strict=True)]
        found = judged([read_group(path).only(keys[:count]) for path in paths], metric)
        if count == FIRST and (found.difference.mean or 0.0) <= 0:
            break
    return found


def open_family(base: Base, changes: tuple[Change, ...], what: str, keys: Sequence[Key], crew: Crew) -> GroupSession:
    """The group of a config: the one that is there, under the config's own name or one of those that a verification
    gives, or one to be made."""
    loaded, overrides = base.load(*changes), base.overrides(*changes)
    session = open_group(base.source, overrides, loaded, SEEDS, keys, crew.request)
    if session.path is not None:
        return session
    settings, path = about(base, what), None
    for other in (what, BASE, CHANGED):
        known = about(base, other)
        path = newest(crew.runs_dir, known["name"], session.identity, key=GROUP)
        if path is not None:
            settings = known
            break
    own = base.overrides(*changes, settings)
    return replace(session, loaded=base.load(*changes, settings), overrides=tuple(own), path=path)


def train(session: GroupSession, keys: Sequence[Key], crew: Crew) -> Path:
    """Trains the members of `keys` that have not come to their end; the folder. Raises StoppedError."""
    session = replace(session, members=tuple(keys))
    path = session.path
    if path is None or len(session.trained()) < len(keys):
        crew.check()
        words = f"{session.loaded.config.name}: {plural(len(keys), 'seed')}"
        for event in crew.family(words, train_whole(session, crew.stop, crew.executor)):
            path = event.run if isinstance(event, Ended) else path
        crew.check()
    assert path is not None  # noqa: S101 - training ends with it
    return path


def judged(groups: list[Group], metric: str) -> Judged:
    """What `compare` finds; of runs that mostly diverge, which of them finish."""
    comparison = compare(groups, parse_metric(metric))
    [found] = comparison.differences
    base, changed = groups
    if found.pairs >= min(found.least, len(base.runs)):
        return Judged(base, changed, comparison, found, False)
    ends = [
        replace(side, values={key: float(run.state == "finished") for key, run in side.group.runs.items()}, left_out={})
        for side in comparison.sides
    ]
    [found] = differences_of(ends, "up", None)
    return Judged(base, changed, comparison, found, True)
