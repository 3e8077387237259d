"""A sweep from its first trial to its verdict."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tuner.asks.compare.statistics import least_units
from tuner.asks.sweep.verdict import Confirmed, confirmed
from tuner.cli.sweep import WRITTEN
from tuner.config.load import load
from tuner.document.writing import to_yaml
from tuner.durable.reading import json_line
from tuner.durable.writing import write_file
from tuner.errors import NO
from tuner.events import Ended, Failed, MemberTold, SweepBegun, SweepEvent, TrialEnded, TrialTold, as_data
from tuner.figures import number, plural
from tuner.members import staying
from tuner.options.pruners import Halving
from tuner.paths import reference, typed
from tuner.render.running import say
from tuner.render.sweep import ConfirmView, SweepView
from tuner.render.talk import Talk
from tuner.render.text import write as write_out
from tuner.runs.files import CONFIG
from tuner.runs.sweep import confirm_folder, settings_of, trial_folder
from tuner.runs.trials import read_trials, wanted
from tuner.sweep.confirm import confirm, keys_of
from tuner.sweep.cost import confirming_seconds, cost
from tuner.sweep.ledger import Ledger
from tuner.sweep.opening import SweepSession, open_sweep
from tuner.sweep.planner import next_generation, plan
from tuner.sweep.search import Searching

if TYPE_CHECKING:
    from tuner.cli.sweep import Asked
    from tuner.stopping import StopRequests


def opened(asked: Asked) -> SweepSession:
    """The sweep, found or to be made."""
    return open_sweep(asked.source, asked.overrides, asked.settings, asked.loaded, asked.search, asked.request,
                      extend=asked.options.extend)  # fmt: skip


def dry(asked: Asked) -> int:
    """Says what would be trained: how much of it, and the first trials; the exit code."""
    session = opened(asked)
    ledger = Ledger.read(session.path) if session.path else None
    search, trials = asked.search, ledger.head.trials if ledger else {}
    with staying() as by:  # nobody is started
        told = cost(session, by.at_once(session.identity), ledger)
    before = {at: (trial.values, ledger.progress[at]) for at, trial in trials.items()} if ledger else {}
    ready = not search.is_by_result or all(each.state for _, each in before.values())
    target = wanted(ledger.head.under(session.asked)) if ledger else search.trials
    due = next_generation(search.generation, len(trials), target)
    numbers = due if ready else range(0)
    direction = ledger.direction if ledger else "up"  # without results it is all the same
    points = plan(search.planner, search.space, search.settings.seed, numbers, before, direction) if numbers else []
    data = {"trials": told.trials, "epochs": told.epochs, "confirming": told.confirming, "seconds": told.seconds,
            "bytes": told.bytes, "planner": search.planner, "metric": search.metric,
            "next": [search.space.overrides(point) for point in points]}  # fmt: skip
    if asked.manner.as_json:
        write_out(sys.stdout, json_line(data))
        return 0
    if not asked.manner.quiet:
        with Talk(sys.stderr) as talk:
            notes = [("note", each) for each in (*session.loaded.notes, *session.notes)]
            say(talk, [("dry run", f"nothing is trained; {told.words}"), *notes])
    for at, point in zip(numbers, points, strict=False):
        write_out(sys.stdout, f"trial {at}: {shlex.join(search.space.overrides(point))}")
    return 0


def searched(asked: Asked, stop: StopRequests, began: float) -> int:
    """Searches, confirms, tells; the exit code."""
    session = opened(asked)
    talk_to = None if asked.manner.quiet or asked.manner.as_json else sys.stderr
    with staying() as by:
        at_once = by.at_once(session.identity)
        searching = Searching(session, stop, by)
        if asked.budget is not None:
            within(asked.budget, searching, at_once, began)
        session = replace(session, path=searching.ledger.path)
        with Talk(talk_to) as talk:
            planned = cost(session, at_once, searching.ledger)
            if planned.trials != 0 or planned.confirming:
                say(talk, [("plan", planned.words), *(("note", each) for each in doubts(asked))])
            code = search_for(asked, searching, talk)
            if stop.asked is None and code == 0:
                code = confirm_best(asked, session, searching.ledger, stop, by, talk)
        return finish(asked, session, code, talk_to)


def doubts(asked: Asked) -> Iterator[str]:
    """What of the search cannot do what it is for."""
    confirm, prune = asked.search.settings.confirm, asked.search.settings.prune
    if confirm is not None and confirm.seeds < (least := least_units(True, confirm.top)):
        told = f"a verdict on {plural(confirm.top, 'trial')} takes {plural(least, 'seed')} each"
        yield f"{told}, and sweep.confirm.seeds is {confirm.seeds}"
    if isinstance(prune, Halving) and prune.first >= asked.loaded.epochs:
        yield f"nothing is pruned: the first epoch to prune after is {prune.first}, of {asked.loaded.epochs}"


def within(budget: float, searching: Searching, at_once: int, began: float) -> None:
    """Ends the search when so many seconds are left of the budget as the confirmation takes; what earlier commands
    spent of it counts."""
    ledger, session, before = searching.ledger, searching.session, searching.ledger.head.spent

    def spent() -> float:
        return before + time.monotonic() - began

    ledger.clock = spent
    searching.enough = lambda: spent() + confirming_seconds(session, at_once, ledger) >= budget


def search_for(asked: Asked, searching: Searching, talk: Talk) -> int:
    """Trains the trials; the exit code."""
    view = SweepView(talk, asked.search.space.parameters, asked.loaded.epochs)
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
    view = ConfirmView(talk, names, len(keys_of(session)), asked.search.metric)
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


def finish(asked: Asked, session: SweepSession, code: int, talk_to: Any) -> int:
    """Says what came of it, and writes the best config; the exit code."""
    assert session.path is not None  # noqa: S101 - it was made
    ledger = Ledger.read(session.path)
    verdict = confirmed(ledger.head) if code == 0 else None
    best = ledger.best(1)
    taken = verdict.path if verdict else ledger.path / trial_folder(best[0]) if best else ledger.path
    if asked.options.write is not None and best and code == 0:
        write_best(asked, ledger, verdict)
    if asked.manner.as_json:
        data = {"event": "end", "run": str(ledger.path), **summary(ledger, verdict), "exit_code": code}
        write_out(sys.stdout, json_line(data))
        return code
    with Talk(talk_to) as talk:
        say(talk, ended_pairs(asked, ledger, verdict, code))
    if asked.manner.quiet or not sys.stdout.isatty():
        write_out(sys.stdout, str(taken))
    return code


def summary(ledger: Ledger, verdict: Confirmed | None) -> dict[str, Any]:
    """What a program is told at the end."""
    best = ledger.best(1)
    found: dict[str, Any] = {"trials": read_trials(ledger.path).counts, "best": None}
    if best:
        trial = ledger.head.trials[best[0]]
        value, about = ledger.progress[best[0]].value, {"trial": best[0], "run": str(trial.path)}
        found["best"] = {**about, "values": settings_of(trial.values), "overrides": list(trial.overrides),
                         ledger.head.metric: value}  # fmt: skip
    return {**found, "verdict": verdict.as_data() if verdict else None}


def ended_pairs(asked: Asked, ledger: Ledger, verdict: Confirmed | None, code: int) -> list[tuple[str, str]]:
    """How it ended, what is best, whether that is sure, what to type next."""
    known = summary(ledger, verdict)
    states = ", ".join(f"{count} {state}" for state, count in known["trials"].items())
    is_short = code == NO and asked.budget is not None and not ledger.best(1)
    pairs = [("end", "no trial ended within the budget: a larger --budget goes on" if is_short else states)]
    best = ledger.best(1)
    if best:
        trial = ledger.head.trials[best[0]]
        value = number(ledger.progress[best[0]].value)
        pairs.append(("best", f"trial {best[0]}: {' '.join(trial.overrides)}: {ledger.head.metric} {value}"))
    if verdict is not None:
        pairs.append(("verdict", verdict.words))
    if is_short:
        pairs.append(("next", "the same command with a larger --budget"))
    elif verdict is not None and verdict.lacks:
        pairs.append(("next", f"tuner sweep {typed(ledger.path)} sweep.confirm.seeds={verdict.lacks}"))
    elif code != 0:
        pairs.append(("next", shlex.join(asked.request.going_on(ledger.path, ("tuner", "sweep", str(ledger.path))))))
    elif asked.options.write is not None and best:
        pairs.append(("next", f"tuner train {typed(asked.options.write)}"))
    else:
        pairs.append(("next", f"tuner show {reference(ledger.path)}"))
    return pairs


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
