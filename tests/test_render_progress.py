from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

import pytest

from tuner.answer import Column
from tuner.config.space import Range
from tuner.config.varied import SEEDS
from tuner.events import (
    Ended,
    EpochDone,
    Event,
    Failed,
    GroupEvent,
    MemberTold,
    Started,
    StepsDone,
    SweepBegun,
    TrialEnded,
    TrialTold,
)
from tuner.render.running import RunningTable
from tuner.render.sweep import ConfirmView, SweepView
from tuner.render.talk import Talk, bar_text
from tuner.render.training import EpochTable, GroupView, RunView, Trend, ended_pairs

PLAIN = """\
run     runs/mnist-cnn-3
model   421,642 parameters
data    54,000 train, 6,000 validation, 10,000 test
device  cpu, Intel Xeon, 2 threads
train   3 epochs of 422 steps, best epoch by val_loss
note    a lone last sample joins\\x1b the batch before it

epoch  train_loss   val_loss  train_accuracy  val_accuracy         lr        time  trend        best
  1/3      0.6910     0.7501          0.7927        0.7750       1e-3        12 s  ▄            best
  2/3      0.1160     0.3691          0.9145        0.8929     5.5e-4        12 s  █▁           best
  3/3      0.0088        nan          0.9983             -       1e-4        12 s  █▁

end     finished, all 3 epochs are done
best    epoch 2: train_loss 0.116, val_loss 0.3691, train_accuracy 0.9145, val_accuracy 0.8929
test    loss 0.381, accuracy 0.8871
next    tuner curves mnist-cnn-3
"""

IGNORED = ("NO_COLOR", "COLUMNS", "TERM", "PYTHONUNBUFFERED")

SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from test_render_progress import events
from tuner.render.talk import Talk
from tuner.render.training import RunView
with Talk(None if "quiet" in sys.argv else sys.stderr) as talk:
    view = RunView(talk)
    for event in events():
        view.show(event)
        time.sleep(0.2 if "slow" in sys.argv else 0)
        if "stop" in sys.argv and type(event).__name__ == "StepsDone":
            raise SystemExit(130)
print("trained", *["with rich"] * ("rich" in sys.modules), flush=True)
"""


MACHINE: dict[str, Any] = {"device": "cpu", "device_model": "Intel Xeon", "threads": 2, "monitor": "val_loss"}


def started(epochs: int = 3, resumed: int | None = None) -> Started:
    samples = {"train": 54000, "validation": 6000, "test": 10000}
    notes = ("a lone last sample joins\x1b the batch before it",)
    run = Path("runs/mnist-cnn-3")
    return Started(
        run=run,
        resumed=resumed,
        steps_per_epoch=422,
        epochs=epochs,
        notes=notes,
        samples=samples,
        **MACHINE,
        parameters=421642,
    )


def row(epoch: int, lr: float, *values: float | None) -> dict[str, float | int | None]:
    names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    return {"epoch": epoch, "step": 422 * epoch, "lr": lr, "batch_loss": 0.3} | dict(zip(names, values, strict=True))


def events() -> list[Event]:
    best = row(2, 5.5e-4, 0.116, 0.9145, 0.36911, 0.8929)
    shown = {name: best[name] for name in ("epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy")}
    status = {
        "state": "finished",
        "reason": "all 3 epochs are done",
        "epoch": 3,
        "best_epoch": 2,
        "best": shown,
        "test": {"loss": 0.381, "accuracy": 0.8871},
        "exit_code": 0,
        "next": "tuner curves mnist-cnn-3",
    }
    return [
        started(),
        StepsDone(1, 211, 422, 34.0),
        EpochDone(row(1, 1e-3, 0.691, 0.7927, 0.7501, 0.775), True, 12.0, 4500.0, 24.0),
        StepsDone(2, 211, 422, None),
        EpochDone(best, True, 12.2, 4500.0, 12.0),
        EpochDone(row(3, 1e-4, 0.0088, 0.9983, float("nan"), None), False, 12.4, 4500.0, 0.0),
        Ended(Path("runs/mnist-cnn-3"), status),
    ]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in IGNORED}
    return kept | {"TERM": "xterm-256color", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"} | more


def on_a_terminal(*arguments: str, **more: str) -> tuple[str, str, int]:
    """Run the script with a terminal as stderr: what came there, what came on stdout, its exit code."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment(**more), text=True) as child:
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 4096):
                seen += part
        except OSError:  # Linux says "input/output error" when the other side is closed
            os.close(ours)
        assert child.stdout is not None
        return seen.decode(), child.stdout.read(), child.wait()


def what_stays(output: str) -> str:
    """The lines that a terminal shows in the end, wherever its cursor went in between."""
    lines, row, column = [""], 0, 0
    for control, text in re.findall(r"(\x1b\[[0-9;?]*[A-Za-z]|[\r\n])|([^\x1b\r\n]+)", output):
        if text:
            lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
            column += len(text)
        elif control == "\r":
            column = 0
        elif control == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif control == "\x1b[1A":
            row -= 1
        else:
            assert control == "\x1b[2K" or control.endswith("m"), control
            lines[row] = "" if control == "\x1b[2K" else lines[row]
    assert not any(lines[row + 1 :])
    return "\n".join(line.rstrip() for line in lines[: row + 1])


def plain(shown: list[Event], stream: TextIO | None = None) -> str:
    stream = stream or io.StringIO()
    with Talk(stream) as talk:
        for event in shown:
            RunView(talk).show(event)
    stream.seek(0)
    return stream.read()


def utf8() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def test_without_a_terminal_there_is_plain_text() -> None:
    with Talk(stream := utf8()) as talk:
        view = RunView(talk)
        for event in events():
            view.show(event)
    stream.seek(0)
    shown = stream.read()
    assert shown == PLAIN
    assert all(len(line) <= 100 for line in shown.split("\n"))


def test_on_a_terminal_the_same_lines_stay_and_the_bar_goes() -> None:
    output, stdout, code = on_a_terminal()
    assert (stdout, code) == ("trained with rich\n", 0)
    assert "─" * 40 + "   0%  epoch 1/3" in output
    assert "\x1b[32mbest\x1b[0m" in output
    assert what_stays(output) == PLAIN


def test_no_color_leaves_the_bar_without_colour() -> None:
    output, _, _ = on_a_terminal(NO_COLOR="1")
    assert "─" * 40 in output
    assert re.search(r"\x1b\[[0-9;]*m", output) is None
    assert what_stays(output) == PLAIN


def test_a_dumb_terminal_gets_plain_text() -> None:
    output, stdout, _ = on_a_terminal(TERM="dumb")
    assert (output.replace("\r\n", "\n"), stdout) == (PLAIN, "trained\n")


def test_ascii_gets_a_bar_of_ascii() -> None:
    output, _, _ = on_a_terminal(PYTHONIOENCODING="ascii")
    assert output.isascii()
    assert "\\u" not in output  # nor a sign as an escape
    assert "." * 40 + "   0%  epoch 1/3" in output


def test_a_narrow_terminal_breaks_at_words_and_never_inside_a_number() -> None:
    output, _, _ = on_a_terminal(COLUMNS="40")
    shown = what_stays(output).split("\n")
    assert all(len(line) <= 40 for line in shown)
    assert shown[2:4] == ["data    54,000 train, 6,000 validation,", "        10,000 test"]
    assert "  2/3     0.3691        0.8929  best" in shown
    assert "next    tuner curves mnist-cnn-3" in shown


def test_an_interrupted_run_leaves_no_bar() -> None:
    output, stdout, code = on_a_terminal("stop")
    assert (stdout, code) == ("", 130)
    assert what_stays(output) == PLAIN[: PLAIN.index("epoch  ")]
    assert "\x1b[?25l" not in output  # a killed process could not show the cursor again


@pytest.mark.parametrize("broken", ["pipe", "full", "closed"])
def test_training_goes_on_when_stderr_breaks(broken: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    target = writer if broken == "pipe" else os.open("/dev/full", os.O_WRONLY)
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent)]
    if broken == "closed":
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=target, env=environment(), text=True)
    os.close(target)
    assert (done.stdout, done.returncode) == ("trained\n", 0)


@pytest.mark.parametrize("arguments", [("quiet",), ()])
def test_rich_is_for_a_person_alone(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), *arguments]
    done = subprocess.run(command, capture_output=True, env=environment(), text=True)
    assert (done.stdout, done.stderr) == ("trained\n", "" if arguments else PLAIN)


def test_a_terminal_that_goes_away_ends_nothing() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), "slow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment(), text=True) as child:
        os.close(theirs)
        os.read(ours, 1)
        os.close(ours)
        assert child.stdout is not None
        assert (child.stdout.read(), child.wait()) == ("trained with rich\n", 0)


def test_a_closed_stream_is_given_up() -> None:
    stream = io.StringIO()
    with Talk(stream) as talk:
        view = RunView(talk)
        view.show(events()[0])
        stream.close()
        for event in events():
            view.show(event)


def test_an_encoding_without_blocks_gets_ascii() -> None:
    raw = io.BytesIO()
    with Talk(io.TextIOWrapper(raw, encoding="ascii")) as talk:
        view = RunView(talk)
        for event in events():
            view.show(event)
        assert "  @." in raw.getvalue().decode("ascii")


def test_a_run_that_goes_on_says_so_first() -> None:
    assert plain([started(resumed=7)]).startswith("run     runs/mnist-cnn-3, goes on after epoch 7\n")


def test_only_an_end_is_shown_for_a_finished_run() -> None:
    status = {"state": "diverged", "reason": "loss is nan at epoch 2", "best": None, "next": "tuner diagnose x"}
    assert plain([Ended(Path("runs/x"), status)]) == (
        "end     diverged, loss is nan at epoch 2\nnext    tuner diagnose x\n"
    )
    assert ended_pairs({}) == []


def epoch_lines(first: dict[str, float | int | None], epochs: int, monitor: str) -> list[str]:
    """The head and the first line of a run without a terminal."""
    talk = Talk(stream := io.StringIO())
    EpochTable(talk, first, epochs, monitor).add(EpochDone(first, True, 0.5, 1.0))
    return stream.getvalue().splitlines()


def test_without_validation_there_are_only_train_columns() -> None:
    assert epoch_lines({"epoch": 1, "train_loss": 2.0, "train_r2": -3.0}, 10, "train_loss") == [
        "epoch  train_loss   train_r2         lr        time  trend         best",
        " 1/10      2.0000    -3.0000          -       0.5 s  =             best",
    ]


@pytest.mark.parametrize("width", range(36, 120, 7))
def test_a_narrow_terminal_gets_fewer_columns(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    head, line = epoch_lines(row(1, 1e-3, 0.691, 0.7927, 0.7501, 0.775), 20, "val_loss")
    assert "val_loss" in head
    assert max(len(head), len(line)) <= width


def test_a_column_keeps_the_notation_of_its_first_number() -> None:
    with Talk(stream := io.StringIO()) as talk:
        table = RunningTable(talk, [Column("a", "figure"), Column("b", "figure"), Column("c", side="r")], {"c": 9})
        for cells in ([0.0, 2e-4, 0.1], [0.25, 0.5, 0.0123], [2.125e-5, 1e-5, 1e-5], [12345.6, None, 3e-9]):
            table.add(cells)
    assert stream.getvalue() == (
        "        a          b          c\n"
        "   0.0000       2e-4     0.1000\n"
        "   0.2500       5e-1     0.0123\n"
        " 0.000021       1e-5   0.000010\n"
        "   12,346          -       3e-9\n"
    )


class Window(io.StringIO):
    """A terminal of 100 columns and 8 lines."""

    def isatty(self) -> bool:
        return True


def test_the_head_of_a_long_training_stays_in_view(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TERM": "xterm", "LINES": "8", "COLUMNS": "100", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    with Talk(stream := Window()) as talk:
        table = RunningTable(talk, [Column("epoch"), Column("other", weight=0)], {})
        for epoch in range(20):
            if epoch == 17:
                monkeypatch.setenv("COLUMNS", "10")
            table.add([f"{epoch}", ""])
    lines = [line.strip() for line in stream.getvalue().splitlines()]
    heads = [place for place, line in enumerate(lines) if line.startswith("epoch")]
    assert heads == [0, 7, 14, 20]  # every seventh line above the bar, and when the window became narrower
    assert lines[20] == "epoch"
    assert sum(line.isdigit() for line in lines) == 20


def group_events() -> list[GroupEvent]:
    status: dict[str, Any] = {"state": "finished", "epoch": 2, "best_epoch": 2}
    status["best"] = row(2, 1e-3, 0.5, 0.8, 0.625, 0.75)
    status["test"] = {"loss": 0.7, "accuracy": 0.7}
    bad = {"state": "diverged", "reason": "loss is nan", "epoch": 1, "best_epoch": None, "best": None, "test": None}
    parts = {"train": 5000, "validation": 600}
    return [
        Started(
            run=Path("runs/g"),
            **MACHINE | {"threads": 1, "device_model": "Xeon"},
            parameters=99,
            samples=parts,
            epochs=2,
            varies=SEEDS,
            members=((0,), (1,), (2,), (3,)),
            ended={(0,): status},
            at_once=2,
        ),
        MemberTold((1,), StepsDone(1, 3, 4)),
        MemberTold((1,), EpochDone(row(1, 1e-3, 0.6, 0.8, 0.9, 0.75), True, 1.0, 1.0)),
        MemberTold((1,), EpochDone(row(2, 1e-3, 0.5, 0.8, 0.64, 0.75), True, 1.0, 1.0)),
        MemberTold((1,), Ended(Path("runs/g/seed-1"), {**status, "best": {**status["best"], "val_loss": 0.64}})),
        MemberTold((2,), Ended(Path("runs/g/seed-2"), bad)),
        MemberTold((3,), Failed("its process was killed (SIGKILL)", "The same command goes on with it.", 5)),
    ]


GROUP = """\
run     runs/g, 4 seeds: 0, 1, 2, 3; 1 trained before
model   99 parameters
data    5,000 train, 600 validation
device  cpu, Xeon, 2 runs at once, 1 thread each
train   2 epochs, best epoch by val_loss

seed  state        best   val_loss  train_accuracy  val_accuracy  test_accuracy
   0  finished      2/2     0.6250          0.8000        0.7500         0.7000
   1  finished      2/2     0.6400          0.8000        0.7500         0.7000
   2  diverged      -/1          -               -             -              -
        loss is nan
failed  seed 3: its process was killed (SIGKILL)
        The same command goes on with it.
mean                        0.6325          0.8000        0.7500         0.7000
  sd                        0.0106          0.0000        0.0000         0.0000

end     2 finished
next    tuner curves g
"""


def test_a_group_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with Talk(stream := utf8()) as talk:
        view = GroupView(talk)
        for event in group_events():
            view.show(event)
        view.end([("end", "2 finished"), ("next", "tuner curves g")])
    stream.seek(0)
    assert stream.read() == GROUP
    assert max(map(len, GROUP.splitlines())) <= 80


def told(event: Event, key: int = 0) -> dict[str, Any]:
    """The same, of a trial and of a member of a group."""
    return {"trial": TrialTold(key, event), "member": MemberTold((key,), event)}


COURSE = [told(StepsDone(2, 1, 2)), told(EpochDone(row(2, 1e-3, 0.6, 0.8, 0.9, 0.75), True, 1.0, 1.0))]


@pytest.mark.parametrize(
    ("kind", "shares"),
    [("sweep", ["25%", "34%", "38%", "50%"]), ("group", ["25%", "34%", "38%", "50%"]),
     ("confirm", ["0%", "5%", "6%", "12%"])],
)  # fmt: skip
def test_the_bar_of_many_trainings_moves_with_each_of_them(
    kind: str, shares: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TERM": "xterm", "LINES": "20", "COLUMNS": "120", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tuner.render.talk.SECONDS_BETWEEN_DRAWS", 0)
    group = group_events()[0]
    assert isinstance(group, Started)
    over = MemberTold((0,), Ended(Path("runs/s/seed-0"), group.ended[(0,)]))
    with Talk(stream := Window()) as talk:
        confirm = partial(ConfirmView(talk, {None: "confirm-base", 3: "confirm-0003"}, 4, "val_loss").show, 3)
        show: Any
        show, events = {
            "sweep": (SweepView(talk, {"optimizer.lr": Range(0, 1)}, 4).show, [
                SweepBegun(run=Path("runs/s"), device="cpu", device_model="Xeon", threads=1, at_once=2, ended=1,
                           samples={"train": 9}, planner="random", metric="val_loss", trials=4),
                *(each["trial"] for each in COURSE),
                TrialEnded(0, Path("runs/s/trial-0000"), "pruned", {"optimizer.lr": 0.1}, 0.6, 2, leads=True),
            ]),
            "group": (GroupView(talk).show, [replace(group, epochs=4), *(each["member"] for each in COURSE), over]),
            "confirm": (confirm, [replace(group, epochs=4, ended={}), *(each["member"] for each in COURSE), over]),
        }[kind]  # fmt: skip
        seen = []
        for event in events:
            show(event)
            seen.append(re.findall(r"(\d+%)  ", stream.getvalue())[-1])
    assert seen == shares


def test_a_trend_keeps_the_course_of_any_number_of_epochs() -> None:
    trend = Trend()
    for value in range(100_000):
        trend.add(value)
    assert len(trend.points) < Trend.LIMIT
    known = [point for point in trend.points if point is not None]
    assert known[0] == 0
    assert known[-1] > 90_000
    assert {after - before for before, after in pairwise(known)} == {trend.every}


@pytest.mark.parametrize(("share", "filled"), [(-1, 0), (0, 0), (0.5, 20), (1, 40), (7, 40)])
def test_a_bar_is_as_full_as_the_run(share: float, filled: int) -> None:
    bar = bar_text(share, "epoch 3/7", 99)
    assert (bar.count("━"), bar.count("─")) == (filled, 40 - filled)


@pytest.mark.parametrize("width", [1, 5, 20, 30, 60, 99])
def test_a_bar_fits_its_terminal(width: int) -> None:
    assert len(bar_text(0.4, "epoch 3/7  3 min 20 s left", width)) <= width
    assert bar_text(None, "5.0 MB", width) == "5.0 MB"[:width]


def test_an_epoch_costs_less_than_a_millisecond() -> None:
    epochs = 2000
    with Talk(io.StringIO()) as talk:
        view = RunView(talk)
        view.show(started(epochs))
        begun = time.process_time()
        for epoch in range(1, epochs + 1):
            view.show(StepsDone(epoch, 1, 2, 1.0))
            view.show(EpochDone(row(epoch, 1e-3, 1 / epoch, 0.9, 2 / epoch, 0.8), True, 0.002, 1e5, 1.0))
    assert (time.process_time() - begun) / epochs < 1e-3
