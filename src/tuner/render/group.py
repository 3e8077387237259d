"""What someone sees of a group while it trains: one bar for all members, a line for each that comes to its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from types import TracebackType
from typing import Any, Self, TextIO

from tuner.events import Ended, EpochDone, GroupEvent, GroupStarted, Member, MemberFailed, Progress
from tuner.figures import ASCII_LEVELS, LEVELS, duration, figure, number, plural, spark
from tuner.render.epochs import FIGURE, TREND, bar_text, labelled
from tuner.render.screen import Screen
from tuner.render.text import pad, paint

STATE = 9
STYLES = {"diverged": "red", "failed": "red", "stopped": "yellow"}


class GroupDisplay:
    """Shows a group on stderr, or on `stream`; nothing at all when `quiet`. Leave it before printing anything else."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._screen = Screen(None if quiet else stream or sys.stderr)
        self._started: GroupStarted | None = None
        self._shares: dict[int, float] = {}
        self._trends: dict[int, list[float | None]] = {}
        self._monitor = ""
        self._columns: list[str] = []
        self._statuses: dict[int, Mapping[str, Any]] = {}
        self._began, self._share_before = time.monotonic(), 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.close()

    def show(self, event: GroupEvent) -> None:
        """One event. Raises nothing because of the stream."""
        match event:
            case GroupStarted():
                self._start(event)
            case Member():
                self._member(event)
            case MemberFailed():
                text = f"seed {event.seed}: {event.message}" + (f"\n{event.fix}" if event.fix else "")
                self._shares[event.seed] = 1.0
                self._line(labelled("failed", text, self._screen.encoding), "red")

    def trained_before(self, path: Path, statuses: Mapping[int, Mapping[str, Any]], monitor: str) -> None:
        """A group of which nothing was left to train."""
        self._monitor = monitor
        self._line(f"{path} was trained before; --again trains it again")
        for seed, status in statuses.items():
            self._end_member(seed, status)

    def end(self, lines: Sequence[str]) -> None:
        """The mean and the spread of the members that finished, and then `lines`."""
        self._screen.bar(None)
        for line in _mean_lines(self._statuses, self._columns):
            self._line(line)
        if self._statuses:
            self._line("")
        for line in lines:
            self._line(line, "bold" if line.startswith("next") else "")
        self._screen.flush()

    def _start(self, event: GroupStarted) -> None:
        self._started, self._monitor = event, event.monitor
        self._shares = dict.fromkeys(event.seeds, 0.0) | dict.fromkeys(event.ended, 1.0)
        self._share_before = self._share()
        for line in started_lines(event, self._screen.encoding):
            self._line(line, "yellow" if line.startswith("note") else "")
        self._line("")
        for seed, status in event.ended.items():
            self._end_member(seed, status)
        self._screen.bar(self._bar)
        self._screen.flush()

    def _member(self, event: Member) -> None:
        seed, told = event.seed, event.event
        epochs = self._started.epochs if self._started else 1
        if isinstance(told, Progress):
            self._shares[seed] = (told.epoch - 1 + told.step / max(1, told.steps)) / epochs
        elif isinstance(told, EpochDone):
            self._shares[seed] = int(told.row.get("epoch") or 0) / epochs
            self._trends.setdefault(seed, []).append(told.row.get(self._monitor))
        elif isinstance(told, Ended):
            self._shares[seed] = 1.0
            self._end_member(seed, told.status)
        self._screen.bar(self._bar)

    def _end_member(self, seed: int, status: Mapping[str, Any]) -> None:
        if not self._columns:
            self._columns = _columns(status, self._monitor)
            self._line(_header(self._columns), "bold")
        self._statuses[seed] = status
        levels = LEVELS if self._screen.unicode else ASCII_LEVELS
        trend = spark(self._trends.get(seed, []), width=TREND, levels=levels)
        style = STYLES.get(str(status["state"]), "")
        for line in _member_lines(seed, status, self._columns, trend):
            self._line(line, style)

    def _share(self) -> float:
        return sum(self._shares.values()) / max(1, len(self._shares))

    def _bar(self, width: int) -> str:
        share, elapsed = self._share(), time.monotonic() - self._began
        text = f"{len(self._statuses)} of {plural(len(self._shares), 'seed')}"
        if share - self._share_before > 0.005 and elapsed > 1:
            text += f"  {duration(elapsed * (1 - share) / (share - self._share_before))} left"
        return bar_text(share, text, width, self._screen.unicode)

    def _line(self, text: str, style: str = "") -> None:
        self._screen.line(paint(text, style, self._screen.color) if style else text)


def started_lines(event: GroupStarted, encoding: str = "utf-8") -> list[str]:
    """Which group, what network, what data, on what; then the notes."""
    seeds = ", ".join(map(str, event.seeds[:12])) + (", ..." if len(event.seeds) > 12 else "")
    run = f"{event.group}, {plural(len(event.seeds), 'seed')}: {seeds}"
    if event.ended:
        run += f"; {len(event.ended)} trained before"
    data = ", ".join(f"{number(count)} {part}" for part, count in event.samples.items())
    together = f"{plural(event.at_once, 'run')} at once, {plural(event.threads, 'thread')} each"
    lines = [
        ("run", run),
        ("model", plural(event.parameters, "parameter")),
        ("data", data),
        ("device", ", ".join(part for part in (event.device, event.device_model, together) if part)),
        ("train", f"{plural(event.epochs, 'epoch')}, best epoch by {event.monitor}"),
        *(("note", note) for note in event.notes),
    ]
    return [labelled(label, text, encoding) for label, text in lines]


def members_table(
    statuses: Mapping[int, Mapping[str, Any]], monitor: str, courses: Mapping[int, Sequence[float | None]]
) -> str:
    """A line for each member's status, with the course of the monitor; their mean and spread below."""
    columns = _columns(next((each for each in statuses.values() if each.get("best")), {}), monitor)
    trends = {seed: spark(course, width=TREND) for seed, course in courses.items()}
    lines = [line for seed, each in statuses.items() for line in _member_lines(seed, each, columns, trends[seed])]
    return "\n".join([_header(columns), *lines, *_mean_lines(statuses, columns)])


def _header(columns: Sequence[str]) -> str:
    return _row(["seed", "state", "best"], columns, columns, "trend")


def _member_lines(seed: int, status: Mapping[str, Any], columns: Sequence[str], trend: str) -> list[str]:
    """The member's row, its best epoch of those it had among it, and why it ended where it did not finish."""
    state, texts = str(status["state"]), [_figure(_value(status, column)) for column in columns]
    head = [str(seed), state, f"{number(status.get('best_epoch'))}/{number(status.get('epoch'))}"]
    reason = status.get("reason") if state != "finished" else None
    return [_row(head, texts, columns, trend), *([f"{'':8}{reason}"] if reason else [])]


def _mean_lines(statuses: Mapping[int, Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """Mean and standard deviation of the members that finished, where there are several."""
    finished = [status for status in statuses.values() if status["state"] == "finished"]
    if len(finished) < 2:
        return []
    rows = (("mean", fmean), ("sd", stdev))
    return [_row([name, "", ""], [_figure(_over(finished, column, of)) for column in columns], columns)
            for name, of in rows]  # fmt: skip


def _row(head: Sequence[str], texts: Sequence[str], columns: Sequence[str], trend: str = "") -> str:
    """One line: `texts` under the names of their columns."""
    cells = [pad(head[0], 6, "r"), pad(head[1], STATE), pad(head[2], 7, "r")]
    cells += [pad(text, max(FIGURE, len(name)), "r") for text, name in zip(texts, columns, strict=True)]
    return "  ".join([*cells, trend]).rstrip()


def _columns(status: Mapping[str, Any], monitor: str) -> list[str]:
    """The monitor, and one metric of the training, validation and test samples, in that order."""
    best, test = status.get("best") or {}, status.get("test") or {}
    part, _, name = monitor.partition("_")
    metrics = [key.partition("_")[2] for key in best if key.startswith(f"{part}_")]
    metric = name if name != "loss" else next((each for each in metrics if each != "loss"), "loss")
    found = [f"{each}_{metric}" for each in ("train", "val") if f"{each}_{metric}" in best]
    return list(dict.fromkeys([monitor, *found, *([f"test_{metric}"] if metric in test else [])]))


def _value(status: Mapping[str, Any], column: str) -> float | None:
    table = status.get("test") if column.startswith("test_") else status.get("best")
    found: float | None = (table or {}).get(column.removeprefix("test_"))
    return found


def _figure(value: float | None) -> str:
    """As `figure`, but a spread below 0.01 has four decimals, too: it stands under numbers that have."""
    return f"{value:.4f}" if value is not None and 1e-4 <= abs(value) < 0.01 else figure(value)


def _over(statuses: Sequence[Mapping[str, Any]], column: str, of: Any) -> float | None:
    values = [_value(status, column) for status in statuses]
    known = [value for value in values if value is not None]
    return float(of(known)) if len(known) == len(values) else None
