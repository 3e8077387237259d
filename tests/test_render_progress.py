from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tuner.events import Ended, EpochDone, Event, Note, Progress, Started
from tuner.render.epochs import EpochTable, Trend, bar_text, ended_lines
from tuner.render.progress import TrainDisplay

PLAIN = """\
run     runs/mnist-cnn-3
model   421,642 parameters
data    54,000 train, 6,000 validation, 10,000 test
device  cpu, Intel Xeon, 2 threads
train   3 epochs of 422 steps, best epoch by val_loss
note    a lone last sample joins the batch before it

epoch  train_loss   val_loss  train_accuracy  val_accuracy         lr        time  trend        best
  1/3      0.6910     0.7501          0.7927        0.7750       1e-3        12 s  ▄            best
  2/3      0.1160     0.3691          0.9145        0.8929     5.5e-4        12 s  █▁           best
note    second\\x1b thoughts
  3/3      8.8e-3        nan          0.9983             -       1e-4        12 s  █▁

end     finished, all 3 epochs are done
best    epoch 2: train_loss 0.116, val_loss 0.3691, train_accuracy 0.9145, val_accuracy 0.8929
test    loss 0.381, accuracy 0.8871
next    tuner curves mnist-cnn-3
"""

IGNORED = ("NO_COLOR", "COLUMNS", "TERM", "PYTHONUNBUFFERED")

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from test_render_progress import events
from tuner.render.progress import TrainDisplay
with TrainDisplay() as display:
    for event in events():
        display.show(event)
        if "stop" in sys.argv and type(event).__name__ == "Progress":
            raise SystemExit(130)
print("trained", flush=True)
"""


def started(epochs: int = 3, resumed: int | None = None) -> Started:
    samples = {"train": 54000, "validation": 6000, "test": 10000}
    notes = ("a lone last sample joins the batch before it",)
    run = Path("runs/mnist-cnn-3")
    return Started(run, resumed, "cpu", "Intel Xeon", 2, 421642, samples, epochs, 422, "val_loss", notes)


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
        Progress(1, 211, 422, 34.0),
        EpochDone(row(1, 1e-3, 0.691, 0.7927, 0.7501, 0.775), True, 12.0, 4500.0, 24.0),
        Progress(2, 211, 422, None),
        EpochDone(best, True, 12.2, 4500.0, 12.0),
        Note("second\x1b thoughts"),
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
    """The lines a terminal shows in the end: a carriage return with "erase line" takes back what stood on the line."""
    lines = [line.split("\r\x1b[2K")[-1] for line in output.replace("\r\n", "\n").split("\n")]
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))


def plain(shown: list[Event], stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    with TrainDisplay(stream) as display:
        for event in shown:
            display.show(event)
    return stream.getvalue()


def utf8() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def test_without_a_terminal_there_is_plain_text() -> None:
    stream = utf8()
    with TrainDisplay(stream) as display:
        for event in events():
            display.show(event)
    stream.seek(0)
    shown = stream.read()
    assert shown == PLAIN
    assert all(len(line) <= 100 for line in shown.split("\n"))


def test_on_a_terminal_the_same_lines_stay_and_the_bar_goes() -> None:
    output, stdout, code = on_a_terminal()
    assert (stdout, code) == ("trained\n", 0)
    assert "─" * 40 + "   0%  epoch 1/3" in output
    assert "\x1b[32mbest\x1b[0m" in output
    assert what_stays(output) == PLAIN


def test_no_color_leaves_the_bar_without_colour() -> None:
    output, _, _ = on_a_terminal(NO_COLOR="1")
    assert "─" * 40 in output
    assert re.search(r"\x1b\[[0-9;]*m", output) is None
    assert what_stays(output) == PLAIN


def test_a_dumb_terminal_gets_plain_text() -> None:
    output, _, _ = on_a_terminal(TERM="dumb")
    assert output.replace("\r\n", "\n") == PLAIN


def test_an_interrupted_run_leaves_no_bar() -> None:
    output, stdout, code = on_a_terminal("stop")
    assert (stdout, code) == ("", 130)
    assert what_stays(output) == PLAIN[: PLAIN.index("epoch  ")]


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


def test_a_closed_stream_is_given_up() -> None:
    stream = io.StringIO()
    display = TrainDisplay(stream)
    display.show(events()[0])
    stream.close()
    for event in events():
        display.show(event)
    display.close()


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainDisplay(quiet=True) as display:
        for event in events():
            display.show(event)
    assert capsys.readouterr() == ("", "")


def test_an_encoding_without_blocks_gets_ascii() -> None:
    raw = io.BytesIO()
    with TrainDisplay(io.TextIOWrapper(raw, encoding="ascii")) as display:
        for event in events():
            display.show(event)
        assert "  @." in raw.getvalue().decode("ascii")


def test_a_run_that_goes_on_says_so_first() -> None:
    assert plain([started(resumed=7)]).startswith("run     runs/mnist-cnn-3, goes on after epoch 7\n")


def test_only_an_end_is_shown_for_a_finished_run() -> None:
    status = {"state": "diverged", "reason": "loss is nan at epoch 2", "best": None, "next": "tuner diagnose x"}
    assert plain([Ended(Path("runs/x"), status)]) == (
        "end     diverged, loss is nan at epoch 2\nnext    tuner diagnose x\n"
    )
    assert ended_lines({}) == []


def test_without_validation_there_are_only_train_columns() -> None:
    table = EpochTable({"epoch": 1, "train_loss": 2.0, "train_r2": -3.0}, 10, "train_loss", 100)
    assert table.header() == "epoch  train_loss   train_r2         lr        time  trend         best"
    done = EpochDone({"epoch": 1, "train_loss": 2.0, "train_r2": -3.0}, False, 0.5, 1.0)
    assert table.line(done) == " 1/10      2.0000    -3.0000          -       0.5 s  ▄"


@pytest.mark.parametrize("width", range(40, 120, 7))
def test_a_narrow_terminal_gets_fewer_columns(width: int) -> None:
    first = row(1, 1e-3, 0.691, 0.7927, 0.7501, 0.775)
    table = EpochTable(first, 20, "val_loss", width)
    assert "val_loss" in table.header()
    assert len(table.header()) <= max(width, 55)
    assert len(table.line(EpochDone(first, True, 1.0, 1.0))) <= max(width, 55)


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


def test_an_epoch_costs_less_than_a_millisecond() -> None:
    epochs = 2000
    display = TrainDisplay(io.StringIO())
    display.show(started(epochs))
    begun = time.process_time()
    for epoch in range(1, epochs + 1):
        display.show(Progress(epoch, 1, 2, 1.0))
        display.show(EpochDone(row(epoch, 1e-3, 1 / epoch, 0.9, 2 / epoch, 0.8), True, 0.002, 1e5, 1.0))
    display.close()
    assert (time.process_time() - begun) / epochs < 1e-3
