"""What does a sweep tell? How far it is, what is best, what matters, what lies at the end of what was allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.answer import Answer, Block, Cell, Column, Command, Note, Pairs, Table, Text
from tuner.asks.sweep.axes import Axis, Edge, axes_of, edges_of
from tuner.asks.sweep.effects import chart_of
from tuner.asks.sweep.then import IS_BASE, is_base_alone, next_of
from tuner.document.writing import flow
from tuner.durable.reading import read_bytes, shown
from tuner.errors import NotFoundError, TunerError
from tuner.figures import number, plural, some
from tuner.options.metrics import column
from tuner.paths import reference
from tuner.runs.files import CONFIG, DAMAGED, NOT_BEGUN
from tuner.runs.folder import is_run
from tuner.runs.sweep import FAILED, PRUNED, Trial, settings_of
from tuner.runs.trials import Outcome, Sweep, read_trials

if TYPE_CHECKING:
    from tuner.asks.sweep.importance import Importances
    from tuner.asks.sweep.verdict import Confirmed

PARTS = ("summary", "trials", "effects", "space", "config")
MOST = 10
"""Trials that a summary shows."""
STYLES = {"finished": "green", "running": "yellow", "stopped": "magenta", PRUNED: "dim", NOT_BEGUN: "dim",
          **dict.fromkeys(("diverged", FAILED, DAMAGED), "red")}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What is found out of a sweep, each when it is first asked for."""

    sweep: Sweep

    @cached_property
    def axes(self) -> list[Axis]:
        return axes_of(self.sweep.head)

    @cached_property
    def importances(self) -> Importances | None:
        """By all trials that have ended with a value or diverged; None where they are too few."""
        judged = [each for each in self.sweep.ordered if each.value is not None or each.state == "diverged"]
        judged = [each for each in judged if each.state in ("finished", PRUNED, "diverged")]
        if len(judged) < 2 or not self.axes:
            return None
        from_worst = {each.number: -place for place, each in enumerate(reversed(judged))}
        values = [0.0 if each.state == "diverged" else from_worst[each.number] for each in judged]
        had = {axis.name: [axis.of(each.trial) for each in judged] for axis in self.axes}
        points = {name: values for name, values in had.items() if len(set(values)) > 1}
        if not points:
            return None
        found: Importances | None = import_module("tuner.asks.sweep.importance").importances(points, values)
        return found

    @property
    def by_importance(self) -> list[Axis]:
        """The axes, that of the setting that matters most first."""
        order = {each.name: at for at, each in enumerate(self.importances.settings)} if self.importances else {}
        return sorted(self.axes, key=lambda axis: order.get(axis.name, len(order)))

    @cached_property
    def edges(self) -> list[Edge]:
        """Of the settings that matter, as far as that is known."""
        found = self.importances
        names = [each.name for each in found.settings if each.low > 0] if found else [axis.name for axis in self.axes]
        return edges_of(self.sweep, names, self.taken) if self.taken else []

    @property
    def taken(self) -> Trial | None:
        """The trial that a verdict is for, else the best one."""
        if self.verdict is not None and self.verdict.winner is not None:
            return self.sweep.head.trials[self.verdict.winner]
        return self.sweep.best[0].trial if self.sweep.best else None

    @property
    def verdict(self) -> Confirmed | None:
        """What the confirmation says; None where there is none yet, or a run of it is damaged."""
        return self._judged[0]

    @property
    def verdict_words(self) -> str:
        """The verdict in a sentence, with what there is of it so far; or why there is nothing to confirm."""
        done, wanted = self.sweep.confirming
        if self.verdict is not None:
            so_far = f"so far, {done} of {plural(wanted, 'training')}: " if done < wanted else ""
            return f"{so_far}{self.verdict.words}"
        return IS_BASE if self.sweep.is_over and is_base_alone(self.sweep) else ""

    @cached_property
    def _judged(self) -> tuple[Confirmed | None, str]:
        """The verdict, or why there is none."""
        if not self.sweep.head.confirmed:
            return None, ""
        try:
            return import_module("tuner.asks.sweep.verdict").confirmed(self.sweep.head), ""
        except TunerError as error:
            return None, error.line

    @property
    def problems(self) -> list[str]:
        """What is damaged: trials, the curve of the best of them, and what confirms."""
        lost = [each.problem for each in self.sweep.outcomes.values() if each.state == DAMAGED]
        try:
            for run in filter(None, (each.trial.run for each in self.sweep.best[:1])):
                _ = run.rows
        except NotFoundError as error:
            lost.append(error.line)
        return [*lost, *filter(None, [self._judged[1]])]

    @property
    def next(self) -> str:
        """The command to type."""
        if self._judged[1]:
            return f"tuner check {reference(self.sweep.path)}"  # which names all that is damaged
        return next_of(self.sweep, self.edges, self.verdict)


def ask(path: Path, part: str, *, file: Path | None = None, drawn: bool = False) -> Answer:
    """The sweep in the folder `path`, or one part of what it tells; a picture of the effects of its settings is kept in
    `file`, and shown where it is `drawn`. Raises UsageError, NotFoundError."""
    told = Told(read_trials(path))
    notes = [Note(problem, problem=True) for problem in told.problems]
    blocks: list[Block] = []
    data: Any = None
    if part == "config":
        text = read_bytes(path / CONFIG, 1 << 20).decode("utf-8", "backslashreplace").removesuffix("\n")
        blocks, data = [Text(text, code=True)], text
    elif part == "trials":
        blocks, data = [trials_table(told, told.sweep.ordered)], [trial_data(told, each) for each in told.sweep.ordered]
    elif part == "space":
        blocks, data = [space_table(told)], dict(told.sweep.head.space)
    elif part == "summary":
        blocks, data = list(summary(told)), summary_data(told)
    if part == "effects" or file is not None or (part == "summary" and drawn):
        chart = chart_of(told.sweep, told.by_importance, file)
        if chart is None:
            raise NotFoundError(f"no trial of {shown(path)} has a value yet", fix=f"tuner show {reference(path)}")
        at = len(blocks) - 1 if part == "summary" else len(blocks)  # what to type stays last
        blocks.insert(at, chart)
        data = [trial_data(told, each) for each in told.sweep.ordered] if part == "effects" else data
    lines = [str(file)] if file else {"summary": [str(path)], "trials": _folders(told)}.get(part, _texts(blocks))
    return Answer([*notes, *blocks], data, "".join(f"{line}\n" for line in lines))


def _folders(told: Told) -> list[str]:
    """The folders of the trials, the best first."""
    return [str(each.trial.path) for each in told.sweep.ordered if is_run(each.trial.path)]


def _texts(blocks: Sequence[Block]) -> list[str]:
    """What ``-q`` leaves of a part that is a text."""
    return [block.text for block in blocks if isinstance(block, Text)]


# ---- the summary -----------------------------------------------------------------------------------------------------


def summary(told: Told) -> Iterator[Block]:
    """How far it is and what is best; the best trials; what matters; the verdict, and what to type."""
    sweep = told.sweep
    yield Pairs([*_head(told), *_best(told)])
    if sweep.outcomes:
        shown_here = sweep.ordered[:MOST]
        title = f"the best {len(shown_here)} of {plural(len(sweep.outcomes), 'trial')}"
        yield trials_table(told, shown_here, title if len(sweep.outcomes) > MOST else "")
    if told.axes and (best := told.taken) is not None:
        yield matter_table(told, best)
        yield Text(_how_sure(told.importances), "dim")
    ends: list[tuple[str, Cell]] = [("edge", edge.words) for edge in told.edges]
    if words := told.verdict_words:
        ends.append(("verdict", words))
    yield Pairs([*ends, ("next", Command(told.next))])


def _head(told: Told) -> Iterator[tuple[str, Cell]]:
    sweep, head = told.sweep, told.sweep.head
    asked, prune = head.asked["planner"], head.asked.get("prune")
    pruned = prune["name"] if isinstance(prune, dict) else prune
    by = f", pruned by {pruned}" if pruned not in (None, "none") else ""
    trials = plural(sweep.wanted, "trial") if sweep.wanted is not None else f"{len(sweep.outcomes)} trials so far"
    yield "sweep", f"{sweep.path}, {trials} by {asked['name']}{by}"
    yield "state", sweep.state or NOT_BEGUN
    best = "highest" if head.direction == "up" else "lowest"
    yield "search", f"{best} {head.metric} over {', '.join(head.space)}"
    running = [f"trial {each.number}: epoch {each.epoch} of {each.trial.epochs}"
               for each in sweep.outcomes.values() if each.state == "running"]  # fmt: skip
    if running:
        yield "running", some(running, 4)
    for reason, numbers in _failures(sweep).items():
        yield FAILED, f"{reason} ({'trial' if len(numbers) == 1 else 'trials'} {some(numbers, 6)})"
    done, wanted = sweep.confirming
    if done < wanted:
        yield "confirm", f"{done} of {plural(wanted, 'training')}"


def _failures(sweep: Sweep) -> dict[str, list[int]]:
    """Reason -> the trials that could not be trained for it."""
    found: dict[str, list[int]] = {}
    for each in sweep.outcomes.values():
        if each.state == FAILED:
            found.setdefault(each.problem or "no reason is told", []).append(each.number)
    return found


def _best(told: Told) -> Iterator[tuple[str, Cell]]:
    """What is best so far, and by how much it leads."""
    sweep = told.sweep
    if not sweep.best:
        return
    yield "best", sweep.best_words(told.verdict.winner if told.verdict else None)
    if (lead := lead_of(sweep)) is not None:
        second = sweep.best[1]
        yield (
            "leads",
            f"by {number(lead)} over trial {second.number}: one seed each, and the best of many is lucky, too",
        )


def lead_of(sweep: Sweep) -> float | None:
    """How much better the best trial is than the second."""
    values = [each.value for each in sweep.best[:2] if each.value is not None]
    return abs(values[0] - values[1]) if len(values) == 2 else None


def trials_table(told: Told, outcomes: Sequence[Outcome], title: str = "") -> Table:
    """A row a trial."""
    sweep, metric = told.sweep, told.sweep.head.metric
    columns = [Column("trial", side="r"), Column("state"), Column("epochs", side="r", weight=2)]
    weights = {axis.name: 1 + len(told.axes) - at for at, axis in enumerate(told.by_importance)}
    columns += [Column(axis.name, "exact", "r", weights[axis.name]) for axis in told.axes]
    columns.append(Column(metric, "figure" if column(metric).part else "number"))
    rows: list[list[Cell]] = [
        [each.number, each.state, each.epoch, *(each.trial.had.get(axis.name) for axis in told.axes), each.value]
        for each in outcomes
    ]
    best = {(at, len(columns) - 1): "bold green" for at, each in enumerate(outcomes) if each in sweep.best[:1]}
    styles = {(at, 1): STYLES.get(each.state, "") for at, each in enumerate(outcomes)} | best
    return Table(columns, rows, title, styles, more=f"tuner show {reference(sweep.path)} trials --csv has all of it")


def matter_table(told: Told, best: Trial) -> Table:
    """A row a setting: how much it matters, its value in the trial `best`."""
    found = {each.name: each for each in told.importances.settings} if told.importances else {}
    edges = {edge.name: edge for edge in told.edges}
    rows: list[list[Cell]] = []
    for axis in told.by_importance:
        known = found.get(axis.name)
        interval = f"[{max(0.0, known.low):.2f}, {max(0.0, known.high):.2f}]" if known else None
        edge = edges.get(axis.name)
        place = edge.place if edge else ""
        rows.append([axis.name, max(0.0, known.mean) if known else None, interval, axis.text(best), place])
    columns = [Column("setting"), Column("importance", "{:.2f}".format), Column("95 % interval", side="r")]
    columns += [Column(f"trial {best.number}", side="r"), Column("")]
    if not found:
        columns, rows = [columns[0], *columns[3:]], [[row[0], *row[3:]] for row in rows]
    if not edges:
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Table(columns, rows)


def _how_sure(found: Importances | None) -> str:
    """What the importances are, and how far they can be trusted."""
    if found is None:
        fewest = import_module("tuner.asks.sweep.importance").FEWEST
        return f"how much each setting matters takes {fewest} trials that finished, were pruned or diverged"
    share = max(0.0, found.explained)
    text = (
        f"importance: the share of the variance of {found.trials} trials' ranks that goes with a setting, alone and "
        f"with others; the fits foretell {share:.0%} of that of trials they have not seen"
    )
    return text if share >= 0.25 else f"{text}: too little to build on"


def space_table(told: Told) -> Table:
    """What each setting may be, now and before the space was extended."""
    head = told.sweep.head
    heads = [f"before trial {number}" for number, _ in head.spaces]
    spaces = [head.space, *(space for _, space in head.spaces)]
    keys = dict.fromkeys(key for space in spaces for key in space)
    rows = [[key, *(flow(space[key]) if key in space else None for space in spaces)] for key in keys]
    return Table([Column("setting", code=True), *(Column(name, code=True) for name in ("may be", *heads))], rows)


# ---- for programs ----------------------------------------------------------------------------------------------------


def summary_data(told: Told) -> dict[str, Any]:
    """What ``--json`` tells of a sweep."""
    sweep, head = told.sweep, told.sweep.head
    best, found = sweep.best[:1], told.importances
    done, wanted = sweep.confirming
    return {
        "run": str(sweep.path),
        "name": head.name,
        "created": head.created,
        "state": sweep.state,
        "trials": sweep.counts,
        "metric": head.metric,
        **{key: head.asked.get(key) for key in ("planner", "prune", "keep", "space")},
        "best": {**trial_data(told, best[0]), "lead": lead_of(sweep)} if best else None,
        "running": [trial_data(told, each) for each in sweep.outcomes.values() if each.state == "running"],
        "failed": [{"reason": why, "trials": numbers} for why, numbers in _failures(sweep).items()],
        "importance": {
            "explained": found.explained,
            "trials": found.trials,
            "settings": [vars(each) for each in found.settings],
        } if found else None,
        "edges": [edge.as_data() for edge in told.edges],
        "confirm": {"ended": done, "trainings": wanted},
        "verdict": told.verdict.as_data() if told.verdict else None,
        "next": told.next,
    }  # fmt: skip


def trial_data(told: Told, outcome: Outcome) -> dict[str, Any]:
    """A trial, as the end of `sweep --json` has it."""
    trial, about = outcome.trial, {"trial": outcome.number, "run": str(outcome.trial.path)}
    more = {"overrides": list(trial.overrides), told.sweep.head.metric: outcome.value}
    ended = {"state": outcome.state, "epochs": outcome.epoch, "values": settings_of(trial.values)}
    return {**about, **ended, **more, **({"reason": outcome.problem} if outcome.problem else {})}
