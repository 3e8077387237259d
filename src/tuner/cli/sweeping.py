"""A sweep from its first trial to its verdict."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tuner.asks.sweep.then import IS_BASE, is_base_alone, without_result
from tuner.asks.sweep.verdict import Confirmed, confirmed
from tuner.cli.sweep import WRITTEN
from tuner.config.load import load
from tuner.document.writing import to_yaml
from tuner.durable.reading import json_line
from tuner.durable.writing import write_file
from tuner.errors import NO, NotFoundError
from tuner.events import Ended, Failed, MemberTold, SweepBegun, SweepEvent, TrialEnded, TrialTold, as_data
from tuner.figures import duration, least_pairs, plural
from tuner.members import staying
from tuner.options.pruners import Halving
from tuner.paths import reference, typed
from tuner.render.running import say
from tuner.render.sweep import ConfirmView, SweepView
from tuner.render.talk import Talk
from tuner.render.text import write as write_out
from tuner.runs.files import CONFIG
from tuner.runs.sweep import (
    BASE,
    FAILED,
    Trial,
    confirm_folder,
    confirming_command,
    going_on,
    settings_of,
    trial_folder,
)
from tuner.runs.trials import Sweep, read_trials, wanted
from tuner.sweep.coming import coming
from tuner.sweep.confirm import confirm
from tuner.sweep.cost import Budget, cost
from tuner.sweep.ledger import Ledger
from tuner.sweep.opening import SweepSession, open_sweep
from tuner.sweep.planner import next_generation, plan
from tuner.sweep.search import Searching

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.cli.sweep import Asked
    from tuner.stopping import Stop, StopRequests


LOOKED_AT = 250
"""Points of a grid, at most, that are looked at before the first is trained."""


def opened(asked: Asked) -> SweepSession:
    """The sweep, found or to be made."""
    return open_sweep(asked.source, asked.overrides, asked.settings, asked.loaded, asked.search, asked.request,
                      extend=asked.options.extend, budget=asked.budget)  # fmt: skip


def dry(asked: Asked) -> int:
    """Says what would be trained: how much of it, and the first trials; the exit code."""
    session = opened(asked)
    ledger = Ledger.read(session.path) if session.path else None
    retry = asked.options.retry is not None
    with staying() as by:  # nobody is started
        told = cost(session, by.at_once(session.identity), coming(session, ledger, retry=retry), ledger)
    first = first_trials(session, ledger, retry=retry) if told.trials != 0 else {}
    more = None if told.trials is None else told.trials - len(first)
    notes = [*session.loaded.notes, *session.notes, *doubts(asked, session, ledger)]
    data = {"trials": told.trials, "epochs": told.epochs, "confirming": told.confirming, "seconds": told.seconds,
            "bytes": told.bytes, "planner": asked.search.planner, "metric": asked.search.metric, "notes": notes,
            "next": list(map(list, first.values())), "more": more}  # fmt: skip
    if asked.manner.as_json:
        write_out(sys.stdout, json_line(data))
        return 0
    if not asked.manner.quiet:
        with Talk(sys.stderr) as talk:
            say(talk, [("dry run", f"nothing is trained; {told.words}"), *(("note", each) for each in notes)])
    for at, overrides in first.items():
        write_out(sys.stdout, f"trial {at}: {shlex.join(overrides)}")
    if more != 0 and not asked.manner.quiet:
        by_result = ", chosen by the results of these" * (asked.search.planner == "tpe")
        write_out(sys.stdout, f"and {'more' if more is None else f'{more} more'}{by_result}")
    return 0


def first_trials(session: SweepSession, ledger: Ledger | None, *, retry: bool) -> dict[int, Sequence[str]]:
    """The trials that are trained first, with their overrides: those that are planned and have not ended, then those of
    the next generation, where that does not wait for them."""
    head = session.under(ledger.head) if ledger else session.head
    search, trials = session.search, head.trials
    before = {at: (trial.values, ledger.progress[at]) for at, trial in trials.items()} if ledger else {}
    again = ("", FAILED) if retry else ("",)
    left = [at for at, (_, progress) in before.items() if progress.state in again]
    found: dict[int, Sequence[str]] = {at: trials[at].overrides for at in left}
    numbers = next_generation(search.generation, len(trials), wanted(head))
    if not numbers or (search.is_by_result and found):
        return found
    points = plan(search.planner, search.space, search.settings.seed, numbers, before, head.direction, session.fits)
    return {**found, **{at: search.space.overrides(point) for at, point in zip(numbers, points, strict=False)}}


def searched(asked: Asked, stop: StopRequests, began: float) -> int:
    """Searches, confirms, tells; the exit code."""
    session = opened(asked)
    talk_to = None if asked.manner.quiet or asked.manner.as_json else sys.stderr
    with staying() as by, stop.listening():  # also between two groups: what there is goes on
        at_once = by.at_once(session.identity)
        searching = Searching(session, stop, by)
        budget = None if asked.budget is None else within(asked.budget, searching, at_once, began)
        session = replace(session, path=searching.ledger.path)
        retry = asked.options.retry is not None
        with Talk(talk_to) as talk:
            planned = cost(session, at_once, coming(session, searching.ledger, retry=retry), searching.ledger)
            if planned.trials != 0 or planned.confirming:
                say(talk, [("plan", planned.words)])
            doubtful = [*doubts(asked, session, searching.ledger), budget.note() if budget else ""]
            say(talk, [("note", each) for each in filter(None, doubtful)])
            code = search_for(asked, searching, talk)
            is_next = budget is not None and code in (0, NO) and stop.asked is None
            larger = budget.larger(coming(session, searching.ledger).groups) if budget and is_next else None
            code = code if larger is None else NO
            if stop.asked is None and code == 0:
                code = confirm_best(asked, session, searching.ledger, stop, by, talk)
            if budget is not None:
                with searching.ledger.writing():  # what the confirmation took of it
                    searching.ledger.write({})
        return finish(asked, searching.ledger.path, code, talk_to, stop.asked if code != 0 else None, larger)


def doubts(asked: Asked, session: SweepSession, ledger: Ledger | None) -> Iterator[str]:
    """What of the search cannot do what it is for."""
    search, head = asked.search, session.under(ledger.head) if ledger else session.head
    trials, wanted = head.trials, head.asked["planner"]["trials"]
    yield from unfit(session, trials)
    if search.planner != "grid" and search.trials is not None and wanted < search.trials:
        count = search.space.count or 0
        others = f", beside {plural(wanted - count, 'trial')} outside of it" * (wanted > count)
        told = f"the space has only {plural(count, 'config')}{others}"
        yield f"{told}: {plural(wanted, 'trial')}, not the {search.trials} of sweep.trials"
    if asked.options.extend and search.planner != "grid" and wanted is not None and wanted <= len(trials):
        more = len(trials) + search.generation
        yield f"all {plural(len(trials), 'trial')} are planned already: --trials {more} makes more, in the space of now"
    if asked.options.retry is not None and not any(each.told == FAILED for each in trials.values()):
        diverged = sum(each.told == "diverged" for each in trials.values())
        others = f"; the {diverged} that diverged would do so again" * bool(diverged)
        yield f"--retry failed finds nothing to do: no trial failed{others}"
    confirm, prune = asked.search.settings.confirm, asked.search.settings.prune
    top = min(confirm.top, confirm.top if wanted is None else wanted) if confirm else 0
    if confirm is not None and top and confirm.seeds < (least := least_pairs(top)):
        told = f"a verdict on {plural(top, 'trial')} takes {plural(least, 'seed')} each"
        yield f"{told}, and sweep.confirm.seeds is {confirm.seeds}"
    if isinstance(prune, Halving) and prune.first >= asked.loaded.epochs:
        yield f"nothing is pruned: the first epoch to prune after is {prune.first}, of {asked.loaded.epochs}"


def unfit(session: SweepSession, trials: Mapping[int, Trial]) -> Iterator[str]:
    """Which points of a grid that are no trials yet cannot be trained, by why they cannot."""
    space = session.search.space
    if session.search.planner != "grid" or (space.size or 0) > LOOKED_AT:
        return
    there = [trial.values for trial in trials.values()]
    points = [point for point in map(space.nth, range(space.size or 0)) if point not in there]
    found = Counter(filter(None, map(session.refused, points)))
    for why, count in found.items():
        yield f"{count} of the {plural(len(points), 'trial')} cannot be trained: {why}"


def within(seconds: float, searching: Searching, at_once: int, began: float) -> Budget:
    """Ends the search when so many seconds are left of the budget as the confirmation takes; what earlier commands
    spent of it counts."""
    ledger = searching.ledger
    budget = Budget(seconds, searching.session, ledger, at_once, began, ledger.head.spent)
    ledger.clock, searching.enough = lambda: budget.spent, budget.is_over
    return budget


def search_for(asked: Asked, searching: Searching, talk: Talk) -> int:
    """Trains the trials; the exit code."""
    space = asked.search.space
    own = [each.key for each in space.dimensions]  # where there is no room for all, those in a value go first
    parameters = dict(sorted(space.varied.items(), key=lambda each: each[0] not in own))
    view = SweepView(talk, parameters, asked.loaded.epochs)
    for event in searching.course(retry=asked.options.retry is not None):
        view.show(event)
        for data in told(event, asked.search.metric):
            asked.tell(data)
    assert isinstance(event, Ended)  # noqa: S101 - it comes last
    return int(event.status["exit_code"])


def told(event: SweepEvent, metric: str) -> Iterator[dict[str, Any]]:
    """What --json tells of an event."""
    match event:
        case SweepBegun():
            yield {"event": "start", "run": str(event.run), "trials": event.trials, "ended": event.ended,
                   "planner": event.planner, "metric": event.metric}  # fmt: skip
        case TrialEnded():
            yield {"event": "trial", "trial": event.number, "run": str(event.run), "state": event.state,
                   "values": settings_of(event.values), metric: event.value, "epochs": event.epochs,
                   "leads": event.leads,
                   **({"reason": event.reason} if event.reason else {})}  # fmt: skip
        case TrialTold(event=Failed() as failed):
            yield as_data(failed, {"trial": event.number})


def confirm_best(asked: Asked, session: SweepSession, ledger: Ledger, stop: StopRequests, by: Any, talk: Talk) -> int:
    """Trains what confirms; the exit code."""
    numbers = ledger.head.confirms(ledger.best())
    if not numbers:
        return 0
    names = {at: confirm_folder(at) for at in numbers}
    view = ConfirmView(talk, names, ledger.head.seeds_for(len(numbers) - 1), asked.search.metric)
    course = confirm(session, ledger, stop, by)
    try:
        while True:
            at, event = next(course)
            view.show(at, event)
            if isinstance(event, MemberTold) and isinstance(event.event, Ended | Failed):
                asked.tell({**as_data(event.event, {"seed": event.key[0]}), "group": names[at]})
    except StopIteration as ended:
        view.end()
        return int(ended.value)


def finish(asked: Asked, path: Path, code: int, talk_to: Any, stopped: Stop | None, larger: int | None = None) -> int:
    """Says what came of the sweep at `path`, and writes the best config; the exit code. `larger` is the budget that it
    takes to confirm, where there was no time to."""
    ledger, sweep = Ledger.read(path), read_trials(path)
    verdict = confirmed(ledger.head) if code == 0 else None
    winner = ledger.head.winner if verdict is None else BASE if verdict.winner is None else verdict.winner
    if (winner, larger) != (ledger.head.winner, ledger.head.enough) and stopped is None:
        with ledger.writing():
            ledger.write({}, winner=winner, enough=larger)
        sweep = read_trials(path)
    best = ledger.best(1)
    taken = verdict.path if verdict else path / trial_folder(best[0]) if best and code == 0 else path
    writes = asked.options.write is not None and bool(best) and code == 0
    if writes:
        write_best(asked, ledger, verdict)
    going = then(asked, sweep, verdict, code) if larger is None else going_on(sweep.head)
    if asked.manner.as_json:
        ended = {"exit_code": code, "next": going}
        data = {"event": "end", "run": str(path), **summary(ledger, sweep, verdict), **ended}
        write_out(sys.stdout, json_line(data))
        return code
    with Talk(talk_to) as talk:
        pairs = ended_pairs(ledger, sweep, verdict, code, stopped)
        if asked.options.write is not None and not writes:
            pairs.append(("note", f"{typed(asked.options.write)} was not written"))
        if larger is not None and sweep.best:
            pairs.append(("verdict", f"none: there is no time to confirm the best, within {duration(larger)} there is"))
        say(talk, [*pairs, ("next", going)])
    if asked.manner.quiet or not sys.stdout.isatty():
        write_out(sys.stdout, str(taken))
    return code


def summary(ledger: Ledger, sweep: Sweep, verdict: Confirmed | None) -> dict[str, Any]:
    """What a program is told at the end."""
    best, (done, wanted) = ledger.best(1), sweep.confirming
    found: dict[str, Any] = {"trials": sweep.counts, "confirm": {"ended": done, "trainings": wanted}, "best": None}
    if best:
        trial = ledger.head.trials[best[0]]
        value, about = ledger.progress[best[0]].value, {"trial": best[0], "run": str(trial.path)}
        found["best"] = {**about, "values": settings_of(trial.values), "overrides": list(trial.overrides),
                         ledger.head.metric: value}  # fmt: skip
    return {**found, "verdict": verdict.as_data() if verdict else None}


def ended_pairs(
    ledger: Ledger, sweep: Sweep, verdict: Confirmed | None, code: int, stopped: Stop | None
) -> list[tuple[str, str]]:
    """How it ended, what is best, whether that is sure."""
    states = ", ".join(f"{count} {state}" for state, count in sweep.counts.items())
    if code == NO and not ledger.best(1):
        states = "no trial ended within the budget: a larger --budget goes on"
    pairs = [("end", f"stopped, {stopped.reason}: {states}" if stopped else states)]
    done, wanted = sweep.confirming
    if stopped is not None:
        pairs.append(("saved", "what is trained: the next command goes on from it"))
    if done < wanted:
        pairs.append(("confirm", f"{done} of {plural(wanted, 'training')}"))
    pairs += [("damaged", f"trial {at}: {why}") for at, why in ledger.damaged.items()]
    if sweep.best:
        pairs.append(("best", sweep.best_words(verdict.winner if verdict else None)))
    if verdict is not None:
        pairs.append(("verdict", verdict.words))
    elif code == 0 and is_base_alone(sweep):
        pairs.append(("verdict", IS_BASE))
    return pairs


def then(asked: Asked, sweep: Sweep, verdict: Confirmed | None, code: int) -> str:
    """The command to type next."""
    path = sweep.path
    if code in (NO, 3, NotFoundError.exit_code):  # the same command would end as it did
        return f"tuner show {reference(path)}" if sweep.best else without_result(sweep)
    if asked.search.space.plain() != sweep.head.space:
        return going_on(sweep.head)  # another command extended it
    if code != 0:
        return shlex.join(asked.request.going_on(path, tuple(shlex.split(going_on(sweep.head)))))
    if verdict is not None and verdict.lacks:
        return confirming_command(sweep.head, verdict.lacks)
    return f"tuner train {typed(asked.options.write)}" if asked.options.write else f"tuner show {reference(path)}"


def write_best(asked: Asked, ledger: Ledger, verdict: Confirmed | None) -> None:
    """Writes the config of what is best, with where it comes from. Raises TunerError."""
    at = verdict.winner if verdict else ledger.best(1)[0]
    overrides = ledger.head.trials[at].overrides if at is not None else ()
    loaded = load(str(ledger.path / CONFIG), overrides)
    what = f"trial {at}: {' '.join(overrides)}" if at is not None else "the config as it was"
    head = [f"{WRITTEN}{ledger.path.name}, {what}"]
    head.append(
        f"# {verdict.words}" if verdict else f"# the best of {plural(len(ledger.progress), 'trial')}; not confirmed"
    )
    assert asked.options.write is not None  # noqa: S101 - it is written
    write_file(asked.options.write, "\n".join([*head, to_yaml(loaded.resolved)]).encode())
