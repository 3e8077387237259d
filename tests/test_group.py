"""Groups: several seeds side by side, in worker processes, whatever happens to them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import program
import pytest

from tuner.answer import Note, Table
from tuner.asks import show
from tuner.asks.runs.entries import entries
from tuner.config.load import load
from tuner.config.varied import SEEDS, SPLITS, Key, members
from tuner.errors import BUG, HeldError, NotFoundError, TunerError
from tuner.events import Ended, EpochDone, Failed, MemberTold, Started, from_json
from tuner.members import Member, _member, group_code, local, staying, train_group
from tuner.members.opening import command_of, hold, open_group
from tuner.opening import Request
from tuner.runs.family import average, read_group
from tuner.runs.folder import is_run, read
from tuner.runs.lock import holder
from tuner.stopping import Stop, StopRequests

SMALL = "{data: {name: digits, limit: 200}, model: {hidden: [16], dropout: 0.1}, training: {epochs: 3}}"
LONG = """
data: {name: digits, limit: 300}
model: {hidden: [64]}
training: {epochs: 60, batch_size: 8}
checkpoint: {every: 10}
"""
RESULT = ("metrics.csv", "best.safetensors", "checkpoints/epoch-0003/model.safetensors")


@pytest.fixture
def workplace(workplace: Any, executor: Any) -> Any:
    workplace.executor = executor
    return workplace


def opened(workplace: Any, text: str, seeds: tuple[int, ...], *overrides: str, **request: Any) -> Any:
    file = workplace.folder / "c.yaml"
    file.write_text(text)
    loaded = load(str(file), overrides)
    argv = ("tuner", "train", "c.yaml", "--seeds", str(len(seeds)))
    return open_group(str(file), overrides, loaded, SEEDS, keys(*seeds), Request(workplace.runs, argv=argv, **request))


def keys(*seeds: int) -> tuple[Key, ...]:
    return tuple((seed,) for seed in seeds)


def failures(events: list[Any]) -> list[tuple[Key, Failed]]:
    return [
        (event.key, event.event)
        for event in events
        if isinstance(event, MemberTold) and isinstance(event.event, Failed)
    ]


def trained(workplace: Any, text: str, seeds: tuple[int, ...], *overrides: str, **request: Any) -> list[Any]:
    """The events of a group."""
    session = opened(workplace, text, seeds, *overrides, **request)
    return list(train_group(session, StopRequests(), workplace.executor))


def test_show_tells_of_every_seed_and_what_goes_on(workplace: Any) -> None:
    path = trained(workplace, SMALL, (0, 1))[-1].run
    about = json.loads((path / "group.json").read_text())  # as more seeds leave it whose turn never came
    (path / "group.json").write_text(json.dumps({**about, "members": members(SEEDS, keys(0, 1, 2, 5))}))
    whole = (path / "seed-1/metrics.csv").read_bytes()
    (path / "seed-1/metrics.csv").write_bytes(whole + b"x")
    answer = show.ask(str(path), "summary", workplace.runs)
    (table,) = [block for block in answer.blocks if isinstance(block, Table)]
    states = [(0, "finished"), (1, "damaged"), (2, "not begun"), (5, "not begun")]
    assert [tuple(row[:2]) for row in table.rows] == states
    (note,) = [block for block in answer.blocks if isinstance(block, Note)]
    assert "seed-1/metrics.csv is damaged" in note.text
    assert (answer.data["state"], answer.data["not_begun"]) == ("finished, 1 damaged, 2 not begun", [2, 5])
    (path / "seed-1/metrics.csv").write_bytes(whole)
    command = shlex.split(answer.data["next"])
    assert program.run(*command[1:], "-q").returncode == 0
    data = show.ask(str(path), "summary", workplace.runs).data
    assert (data["state"], data["next"]) == ("finished", f"tuner diagnose {path}")  # it is bad


def test_show_names_what_begins_a_group_without_members(workplace: Any) -> None:
    lock = hold(opened(workplace, SMALL, (0, 1)))
    lock.release()
    with pytest.raises(NotFoundError, match="holds no run yet") as refused:
        show.ask("c-1", "summary", workplace.runs)
    assert refused.value.fix == "`tuner train c.yaml --seeds 2` goes on with it."


def result(member: Path) -> list[bytes]:
    return [(member / name).read_bytes() for name in RESULT]


def test_a_group_is_whole_runs_that_grow_by_more_seeds(workplace: Any) -> None:
    events = trained(workplace, SMALL, (0, 1, 2))
    started, ended = events[0], events[-1]
    assert isinstance(started, Started)
    assert (started.varies, started.members) == (SEEDS, keys(0, 1, 2))
    assert (started.ended, started.threads) == ({}, 1)
    assert ended == Ended(workplace.runs / "c-1", {"exit_code": 0})
    done = [event.key for event in events if isinstance(event, MemberTold) and isinstance(event.event, Ended)]
    assert sorted(done) == [*keys(0, 1, 2)]
    group = read_group(ended.run)
    assert (list(group.runs), group.state, group.damaged) == ([*keys(0, 1, 2)], "finished", {})
    assert [run.path.name for run in group.runs.values()] == ["seed-0", "seed-1", "seed-2"]
    assert json.loads((ended.run / "seed-2" / "origins.json").read_text())["seed"] == "--seeds"
    values = [run.status["test"]["accuracy"] for run in group.runs.values()]
    assert average(group.runs.values(), "test")["accuracy"] == pytest.approx(sum(values) / 3)

    session = opened(workplace, SMALL, (0, 2))
    assert command_of(session, ended.run) == ("tuner", "train", "c.yaml", "--seeds", "2")
    handed_over = replace(
        session.request, argv=("tuner", "train", "-", "--seeds", "2")
    )  # it cannot be read a second time
    on_stdin = command_of(replace(session, request=handed_over), ended.run)
    assert on_stdin[:3] == ("tuner", "train", str(ended.run / "seed-0" / "config.yaml"))
    assert on_stdin[3:] == ("--run", "c-1", "--seeds", "0,2", "--runs-dir", str(workplace.runs))

    alone = workplace.train(SMALL, "seed=1").run  # one thread, as the members have
    assert result(alone) == result(ended.run / "seed-1")

    before = {path: path.stat().st_mtime_ns for path in ended.run.rglob("*") if path.is_file()}
    more = trained(workplace, SMALL, (0, 1, 2, 3))
    assert isinstance(more[0], Started)
    assert (more[0].run, list(more[0].ended)) == (ended.run, [*keys(0, 1, 2)])
    assert {event.key for event in more if isinstance(event, MemberTold)} == {(3,)}
    about = json.loads((ended.run / "group.json").read_text())
    assert about["varies"] == ["seed"]
    assert about["members"] == {f"seed-{seed}": [f"seed={seed}"] for seed in range(4)}
    changed = {path.name for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert changed <= {"group.json", "lock"}

    assert opened(workplace, SMALL, (0, 3)).path == ended.run
    assert opened(workplace, SMALL, (0, 3), again=True).path is None
    assert opened(workplace, SMALL, (0, 3), "optimizer.lr=0.1").path is None
    with pytest.raises(NotFoundError, match="another config"):
        opened(workplace, SMALL, (0,), "optimizer.lr=0.1", run_name="c-1")
    with pytest.raises(NotFoundError, match="one run, not a group"):
        opened(workplace, SMALL, (0,), run_name=alone.name)


def test_members_that_cannot_be_trained_do_not_stop_the_others(workplace: Any) -> None:
    session = opened(workplace, SMALL, (0, 1, 2), run_name="mine")
    (workplace.runs / "mine").mkdir(parents=True)
    events = train_group(session, StopRequests())
    first = next(events)
    assert isinstance(first, Started)
    (first.run / "seed-2").write_text("in the way")
    rest = list(events)
    [(key, failed)] = failures(rest)
    assert (key, failed.exit_code, "seed-2" in failed.message) == ((2,), 4, True)
    assert rest[-1] == Ended(workplace.runs / "mine", {"exit_code": 4})
    assert [run.state for run in read_group(first.run).runs.values()] == ["finished", "finished"]


def test_divergence_is_the_members_own_end(workplace: Any) -> None:
    events = trained(workplace, SMALL, (0, 1), "optimizer=sgd", "optimizer.lr=1e20")
    assert events[-1].status["exit_code"] == 3
    group = read_group(events[-1].run)
    assert (group.state, list(group.runs)) == ("diverged", [*keys(0, 1)])
    again = opened(workplace, SMALL, (0, 1), "optimizer=sgd", "optimizer.lr=1e20")
    assert list(again.trained()) == [*keys(0, 1)]


def test_one_group_is_trained_by_one_process(workplace: Any) -> None:
    session = opened(workplace, LONG, (0, 1))
    events = train_group(session, StopRequests())
    next(events)
    with pytest.raises(HeldError):
        next(train_group(opened(workplace, LONG, (0, 1)), StopRequests()))
    events.close()


def test_a_killed_worker_costs_its_member_alone(workplace: Any) -> None:
    stop = StopRequests()
    events = train_group(opened(workplace, LONG, (0, 1, 2)), stop)
    started = next(events)
    assert isinstance(started, Started)
    killed, failed = False, None
    for event in events:
        if not killed and isinstance(event, MemberTold) and event.key == (0,) and isinstance(event.event, EpochDone):
            held_by = holder(started.run / "seed-0")
            assert held_by is not None
            os.kill(held_by["pid"], signal.SIGKILL)
            killed = True
        if found := failures([event]):
            failed = found[0]
            stop.ask(Stop("enough"))
    assert failed is not None
    key, told = failed
    assert (key, told.exit_code, "SIGKILL" in told.message) == ((0,), 5, True)
    assert read(started.run / "seed-0").state == "crashed"
    assert event == Ended(started.run, {"exit_code": 75})  # the other two were asked to stop


@pytest.fixture
def start(workplace: Any) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `tuner train --seeds 2`, or another family, in a folder of that name."""
    with ExitStack() as processes:

        def started(name: str, option: str = "--seeds") -> subprocess.Popen[str]:
            place = workplace.folder / name
            place.mkdir(exist_ok=True)
            (place / "c.yaml").write_text(LONG)
            process = subprocess.Popen(
                [sys.executable, "-m", "tuner", "train", "c.yaml", option, "2", "-q"],
                cwd=place,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield started


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


SIGNALS = {signal.SIGINT: (-2, 130), signal.SIGUSR1: (75, 75), signal.SIGKILL: (-9, 143)}


@pytest.mark.parametrize(("kind", "codes"), [("seed", SIGNALS), ("split", {signal.SIGKILL: SIGNALS[signal.SIGKILL]})])
def test_stopped_and_killed_groups_go_on_to_the_same_bytes(
    workplace: Any, start: Any, kind: str, codes: dict[signal.Signals, tuple[int, int]]
) -> None:
    def family() -> list[Any]:
        if kind == "seed":
            return trained(workplace, LONG, (0, 1))
        file = workplace.folder / "c.yaml"
        file.write_text(LONG)
        given = ("data.split_seed=0",)
        request = Request(workplace.runs, argv=("tuner", "train", "c.yaml", "--splits", "2"))
        session = open_group(str(file), given, load(str(file), given), SPLITS, ((0, 0), (1, 1)), request)
        return list(train_group(session, StopRequests(), workplace.executor))

    for number, (code, of_member) in codes.items():
        process = start(number.name, f"--{kind}s")
        members = [workplace.folder / number.name / "runs" / "c-1" / f"{kind}-{seed}" for seed in (0, 1)]
        rows = [member / "metrics.csv" for member in members]
        until(lambda: any(path.exists() and path.read_bytes().count(b"\n") > 4 for path in rows))  # noqa: B023
        process.send_signal(number)
        said, errors = process.communicate(timeout=60)
        assert (process.returncode, said, errors) == (code, "runs/c-1\n", "")
        until(lambda: not any(map(holder, members)))  # noqa: B023
        stopped = [run for run in map(read, filter(is_run, members)) if run.state == "stopped"]
        assert stopped
        assert {run.status["exit_code"] for run in stopped} == {of_member}
    expected = family()[-1].run
    for number in codes:
        workplace.runs = workplace.folder / number.name / "runs"
        again = family()
        assert (again[-1].status["exit_code"], again[0].run.name) == (0, "c-1")
        for member in (f"{kind}-0", f"{kind}-1"):
            for name in ("metrics.csv", "best.safetensors"):
                assert (again[-1].run / member / name).read_bytes() == (expected / member / name).read_bytes()


def test_stopped_before_its_first_run_it_did_not_crash(workplace: Any, start: Any) -> None:
    process = start("early")
    runs = workplace.folder / "early" / "runs"
    until(lambda: (runs / "c-1/group.json").exists())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert not list((runs / "c-1").glob("seed-*"))  # the workers import torch for seconds
    assert [entry.state for entry in entries(runs)] == ["stopped"]


COMMAND = """
import sys
sys.argv = ["tuner", *sys.argv[1:]]
from tuner.cli import main
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


def command(workplace: Any, *words: str) -> subprocess.CompletedProcess[str]:
    """`tuner train c.yaml` with these words; the last line of stderr tells whether this process imported torch."""
    (workplace.folder / "c.yaml").write_text(SMALL)
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "train", "c.yaml", *words],
        cwd=workplace.folder,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
        timeout=120,
    )


def test_what_the_command_prints(workplace: Any) -> None:
    first = command(workplace, "--seeds", "2", "--json")
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    assert (first.returncode, first.stderr) == (0, "False\n")
    assert lines[0] == {"event": "start", "run": "runs/c-1", "seeds": [0, 1]}
    assert [line["epoch"] for line in lines if line["event"] == "epoch" and line["seed"] == 1] == [1, 2, 3]
    assert {line["seed"] for line in lines if line["event"] == "member"} == {0, 1}
    end = lines[-1]
    assert (end["event"], end["run"], end["state"], end["exit_code"]) == ("end", "runs/c-1", "finished", 0)
    assert end["mean"]["test"]["accuracy"] == pytest.approx(
        sum(member["test"]["accuracy"] for member in end["members"]) / 2
    )

    quiet = command(workplace, "--seeds", "2", "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "runs/c-1\n", "False\n")

    said = command(workplace, "--seeds", "2", "--require", "test_accuracy>=0", "--require", "val_loss<0")
    mean = end["mean"]["best"]["val_loss"]
    assert (said.returncode, said.stdout) == (1, "runs/c-1\n")
    tail = said.stderr.splitlines()[-5:]
    assert [tail[0], tail[2]] == ["end     finished", "next    tuner diagnose c-1"]
    assert tail[1].startswith("found   bad on its own training data (learning-rate-too-low, ")
    assert tail[3].startswith("required val_loss<0: it is ")
    assert float(tail[3].split()[-1]) == pytest.approx(mean, rel=1e-3)

    held = command(workplace, "--seeds", "2", "--require", "val_accurcy>=0.5")
    assert held.returncode == 2
    assert "no metric val_accurcy" in held.stderr


@pytest.mark.parametrize(("words", "member"), [((), "."), (("--seeds", "2"), "seed-1")])
def test_weights_that_were_damaged_since_are_told_of_what_was_trained_before(
    workplace: Any, words: tuple[str, ...], member: str
) -> None:
    path = workplace.folder / command(workplace, *words, "-q").stdout.strip()
    weights = path / member / "best.safetensors"
    assert command(workplace, *words, "-q").stderr == "False\n"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    again = command(workplace, *words, "-q")
    shown = weights.relative_to(workplace.folder)
    assert again.stderr.startswith(f"{shown} is damaged: it is not what was written. ")
    assert (again.returncode, again.stdout.strip()) == (0, str(path.relative_to(workplace.folder)))


def test_the_exit_code_of_a_group() -> None:
    assert group_code([0, 0]) == 0
    assert group_code([]) == 0
    order = [70, 143, 130, 75, 73, 5, 4, 3, 0]
    for place, code in enumerate(order):
        assert group_code(order[place:][::-1]) == code
    assert group_code([0, 129]) == 129


def answer_of_a_worker(workplace: Any, **other: Any) -> Any:
    """What a worker says of a member; it is told of it, and answers, in JSON."""
    workplace.loaded(SMALL)
    source = str(workplace.folder / "c.yaml")
    member = Member(
        name="seed-0",
        overrides=[],
        options={"seed=0": "--seeds"},
        varies=SEEDS,
        source=source,
        given=SMALL,
        config_hash=load(source).hash,
        folder=str(workplace.runs),
        argv=["tuner"],
        wait=0.0,
    )
    ours, theirs = Pipe()
    with ours, theirs:
        command = [sys.executable, "-P", "-m", "tuner.members.local", str(theirs.fileno())]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()]):
            theirs.close()
            ours.send_bytes(json.dumps(vars(replace(member, **other))).encode())
            ours.send_bytes(b"null")
            return from_json(ours.recv_bytes())


def test_a_worker_refuses_a_config_that_changed(workplace: Any) -> None:
    message = answer_of_a_worker(workplace, config_hash="another")
    assert isinstance(message, Failed)
    assert (message.exit_code, "changed while its group was training" in message.message) == (4, True)
    assert not workplace.runs.exists()


def test_a_bug_in_a_worker_is_told_with_its_report(workplace: Any) -> None:
    message = answer_of_a_worker(workplace, overrides=[17])
    assert isinstance(message, Failed)
    assert message.exit_code == TunerError.exit_code
    report = Path(message.message.rpartition("report ")[2])
    assert "Traceback" in report.read_text()
    report.unlink()


def test_workers_stay_for_the_next_family(workplace: Any) -> None:
    """What they imported is there already; and they end with whoever held them."""
    processes: list[set[int]] = []
    with staying() as executor:
        assert isinstance(executor, local.Pool)
        for rate in ("0.1", "0.2"):
            session = opened(workplace, SMALL, (0, 1), f"optimizer.lr={rate}")
            *_, last = train_group(session, StopRequests(), executor)
            assert last == Ended(last.run, {"exit_code": 0})  # type: ignore[union-attr]
            processes.append({worker.process.pid for worker in executor.workers})
            assert executor.busy() == []
        workers = [*executor.workers]
    assert processes[0] == processes[1]
    assert [worker.process.poll() is None for worker in workers] == [False] * len(workers)


def test_a_bug_in_one_member_is_reported_and_the_next_one_is_trained(workplace: Any) -> None:
    """Text that no family hands on is what no part of a member's training expects."""
    session = opened(workplace, SMALL, (0, 1))
    lock = hold(session)
    odd, good = (_member(session, lock.path, key) for key in session.members)
    with StopRequests() as stop:
        told = list(local.run(iter([replace(odd, given="\u2603"), good]), 1, stop))
    lock.release()
    [failed] = [event for name, event in told if name == odd.name]
    assert isinstance(failed, Failed)
    assert failed.exit_code == BUG
    assert failed.message.startswith("a bug in tuner: UnicodeEncodeError: ")
    report = Path(failed.message.rpartition(" ")[2])
    assert "Traceback" in report.read_text()
    report.unlink()
    assert isinstance(told[-1][1], Ended)
    assert read(lock.path / good.name).state == "finished"
