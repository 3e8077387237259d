"""Diagnose, change, verify, as often as it helps.

A change is chosen by short trainings and judged by others, with the same seeds with and without it, on validation data
alone. Nothing here imports torch: whatever is trained is trained in worker processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tuner import machine
from tuner.asks.compare.comparison import compare, differences_of
from tuner.asks.diagnose import of_group
from tuner.config import varied
from tuner.errors import UsageError
from tuner.figures import duration, plural
from tuner.members.opening import open_group
from tuner.paths import run_name
from tuner.runs.family import read_group
from tuner.runs.files import CONFIG
from tuner.runs.find import newest
from tuner.runs.folder import GROUP, SWEEP
from tuner.runs.values import parse_metric, value
from tuner.verifying.candidates import Base, candidates_of, judged_metric
from tuner.verifying.crew import BASE, CHANGED, about
from tuner.verifying.judged import FIRST, NO_HELP, PAIRS, Judged
from tuner.verifying.screening import best, epochs_of, screen

if TYPE_CHECKING:
    from tuner.config.varied import Key
    from tuner.diagnosis import Diagnosis
    from tuner.members.opening import GroupSession
    from tuner.runs.family import Group
    from tuner.runs.folder import Run
    from tuner.verifying.candidates import Candidate, Change
    from tuner.verifying.crew import Crew
    from tuner.verifying.screening import Trial

STARTING, SAVING = 4.0, 0.3
"""Seconds until workers have imported torch, and what a training takes besides its epochs: folder, checkpoints."""


@dataclass(frozen=True)
class Round:
    """What was found in the group at `path`, what was tried, what it brought. `judged` is None where nothing was worth
    a verdict."""

    path: Path
    diagnosis: Diagnosis
    metric: str
    candidates: Sequence[Candidate]
    trials: Sequence[Trial] = ()
    chosen: Candidate | None = None
    judged: Judged | None = None
    notes: Sequence[str] = ()

    @property
    def verdict(self) -> str:
        return NO_HELP if self.judged is None else self.judged.verdict


@dataclass(frozen=True)
class Chain:
    """The rounds, each on what the one before left; the config they end at; and the diagnosis of its runs."""

    rounds: list[Round]
    base: Base
    run: Run
    last: Diagnosis


def verify(group: Group, rounds: int, crew: Crew) -> Chain:
    """Verifies the best change of the diagnosis of `group`, and of what that makes of it, and so on, until nothing is
    found that can be changed, a change does not help, or there were so many `rounds`.

    Raises StoppedError; UsageError where there is no validation data; NotFoundError where the data is missing;
    TunerError as training and `compare` do.
    """
    done: list[Round] = []
    original, *_ = of_group(group)
    base = Base(str(original.path / CONFIG), called(group.path))
    while True:
        run, _, diagnosis, _ = of_group(group)
        if len(done) == rounds or (done and not (done[-1].judged and done[-1].judged.is_better)):
            break
        if not any(found.changes for found in diagnosis.findings):
            break
        done.append(one_round(base, group.path, run, diagnosis, crew, (len(done) + 1, rounds)))
        judged, chosen = done[-1].judged, done[-1].chosen
        if judged is not None and chosen is not None and judged.is_better:
            base, group = base.under(chosen.change), judged.changed
    return Chain(done, base, original, diagnosis)


def called(path: Path) -> str:
    """What the trainings of a run or group are called after: its folder, in a group or sweep with that one's."""
    above = path.absolute().parent
    is_inside = any((above / file).is_file() for file in (GROUP, SWEEP))
    return run_name(f"{called(above)}-{path.name}" if is_inside else path.name)


def one_round(base: Base, path: Path, run: Run, diagnosis: Diagnosis, crew: Crew, which: tuple[int, int]) -> Round:
    """Chooses among the changes of a diagnosis of `run`, and judges the one."""
    loaded = base.load()
    metric = judged_metric(loaded, diagnosis.findings)
    if metric not in loaded.metrics:
        fix = "data.validation=0.1 sets a tenth of the training data aside."
        raise UsageError(f"{path} has no validation data, by which a change is judged", fix=fix)
    candidates, notes = candidates_of(base, diagnosis)
    if not candidates:
        return Round(path, diagnosis, metric, (), notes=notes)
    crew.tell(announced(base, run, candidates, which))
    trials = screen(base, run, candidates, metric, crew)
    first = best(trials)
    chosen = candidates[0] if not trials else first.candidate if first else None
    judged = None if chosen is None else judge(base, chosen.change, metric, run.about["seed"], crew)
    return Round(path, diagnosis, metric, candidates, trials, chosen, judged, notes)


def announced(base: Base, run: Run, candidates: Sequence[Candidate], which: tuple[int, int]) -> str:
    """What a round will cost at most, in a line: by how long an epoch of `run` took, on all cores."""
    own, longest = base.load().epochs, max(each.loaded.epochs for each in candidates)
    short, tries = epochs_of(base, candidates), len(candidates) if len(candidates) > 1 else 0
    epochs = tries * short + PAIRS * (own + longest)
    seconds = value(run, parse_metric("seconds_per_epoch"))
    is_on_cpu = run.identity.device == "cpu"
    at_once = machine.cores() if is_on_cpu else 1
    work = epochs * (seconds or 0.0) * min(run.identity.threads, at_once) + (tries + 2 * PAIRS) * SAVING
    took = "" if seconds is None else f", about {duration(STARTING + work / at_once)}"
    where = f" on {plural(machine.cores(), 'core')}" if is_on_cpu else ""
    number = f"round {which[0]} of at most {which[1]}" if which[1] > 1 else "verify"
    first = f"{plural(tries, 'training')} of up to {plural(short, 'epoch')} to choose a change, then " if tries else ""
    lengths = plural(own, "epoch") if own == longest else f"{own:,} and {plural(longest, 'epoch')}"
    judging = f"{2 * FIRST} to {2 * PAIRS} of {lengths} to judge it"
    return f"{number}: {first}{judging}{took}{where} at most; what is there is not trained again"


# ---- the verdict -----------------------------------------------------------------------------------------------------


def judge(base: Base, change: Change, metric: str, seed: int, crew: Crew) -> Judged:
    """Trains both with `FIRST` seeds and, unless the change is given up, with `PAIRS`, and compares them. The seed that
    the change was chosen with is none of them.

    Raises StoppedError, and TunerError as training and `compare` do.
    """
    keys: Sequence[Key] = [(each,) for each in range(PAIRS + 1) if each != seed][:PAIRS]
    sessions = [open_family(base, (), BASE, keys, crew), open_family(base, (change,), CHANGED, keys, crew)]
    for count in (FIRST, PAIRS):
        paths = [trained(session, keys[:count], crew) for session in sessions]
        sessions = [replace(session, path=path) for session, path in zip(sessions, paths, strict=True)]
        found = judged([read_group(path).only(keys[:count]) for path in paths], metric)
        if count == FIRST and (found.difference.mean or 0.0) <= 0:
            break
    return found


def open_family(base: Base, changes: tuple[Change, ...], what: str, keys: Sequence[Key], crew: Crew) -> GroupSession:
    """The group of a config: one that is there with all its members, one that a verification made, or one to be made. A
    group of the user's own does not grow."""
    loaded, overrides = base.load(*changes), base.overrides(*changes)
    session = open_group(base.source, overrides, loaded, varied.SEEDS, keys, crew.request)
    if session.path is not None and len(session.trained()) >= len(keys):
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


def trained(session: GroupSession, keys: Sequence[Key], crew: Crew) -> Path:
    """The folder of a group in which the members of `keys` have come to their end. Raises StoppedError."""
    session = replace(session, members=tuple(keys))
    if session.path is None or len(session.trained()) < len(keys):
        return crew.family(session)
    return session.path


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
