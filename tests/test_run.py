"""Run folders: made once, held by one, read by all, whatever state they are in."""

from __future__ import annotations

import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import create

from tuner.durable.reading import checksum
from tuner.errors import HeldError, NotFoundError, UsageError
from tuner.runs import creating as run_creating
from tuner.runs import files as run_files
from tuner.runs import find as run_find
from tuner.runs import folder as run_folder
from tuner.runs import identity as run_identity
from tuner.runs import lock as run_lock

IDENTITY = run_identity.Identity("c" * 8, "d" * 8, "cpu", "AMD EPYC", "AVX512", 2, "2.10.0", "0.1.0")
ROWS: list[run_files.Row] = [{"epoch": 1, "loss": 0.5, "val_loss": None}, {"epoch": 2, "loss": 0.25, "val_loss": 0.3}]


def files(name: str = "mnist", created: str = "", **more: Any) -> dict[str, bytes]:
    about = {"format": 1, "name": name, "created": created or run_creating.now(), "identity": IDENTITY.as_json()} | more
    return {
        "config.yaml": b'{"name": "mnist", "seed": 3}\n',
        "source.yaml": b"seed: 3\n",
        "origins.json": b"{}\n",
        "run.json": json.dumps(about).encode(),
    }


def make(runs_dir: Path, name: str = "mnist", run_name: str | None = None, **more: Any) -> Path:
    return create(runs_dir, name, run_name, files(name, **more))


def finished(runs_dir: Path, **more: Any) -> Path:
    path = make(runs_dir, **more)
    columns = ["epoch", "loss", "val_loss"]
    lines = [run_files.format_header(columns), *(run_files.format_row(columns, row) for row in ROWS)]
    (path / "metrics.csv").write_text("".join(f"{line}\n" for line in lines))
    status = {"state": "finished", "reason": "all epochs done", "epoch": 2, "step": 8, "best_epoch": 2, "exit_code": 0}
    run_files.write_status(
        path, status | {"best": ROWS[1], "last": ROWS[1], "test": {"loss": 0.3}, "next": "tuner curves"}
    )
    return path


class Other:
    """Another process that holds a run, as a context."""

    def __init__(self, path: Path, *arguments: str) -> None:
        program = (
            "import sys, time, pathlib\nfrom tuner.runs.lock import Lock\n"
            "with Lock(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
        )
        command = [sys.executable, "-c", program, str(path), *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"held\n"

    def __enter__(self) -> Other:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def in_child(work: Callable[[], object]) -> int:
    process = os.fork()
    if not process:
        code = 70
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


# ---- making


def test_numbers_go_up_from_the_highest(tmp_path: Path) -> None:
    assert make(tmp_path / "runs").name == "mnist-1"
    (tmp_path / "runs" / "mnist-7").write_text("a file counts too")
    assert make(tmp_path / "runs").name == "mnist-8"
    assert make(tmp_path / "runs", "mnist-8").name == "mnist-8-1"
    assert {path.name for path in (tmp_path / "runs" / "mnist-1").iterdir()} == {*files(), "lock"}


def test_a_named_run_is_made_once(tmp_path: Path) -> None:
    path = make(tmp_path, run_name="mine")
    assert path == tmp_path / "mine"
    with pytest.raises(NotFoundError, match="mine is already there"):
        make(tmp_path, run_name="mine")
    with run_lock.Lock(path), pytest.raises(HeldError, match="mine"):
        make(tmp_path, run_name="mine")


def test_a_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("precious")
    with pytest.raises(NotFoundError, match="not a run folder"):
        make(tmp_path, run_name="thesis")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", ".x", "a b", "a\n", "e\u0301", "n" * 65, "\0"])
def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a run"):
        make(tmp_path, name or "/", name or None)
    assert not list(tmp_path.iterdir())


def test_the_longest_name_makes_a_run_that_is_found(tmp_path: Path) -> None:
    path = make(tmp_path, "n" * 64)
    assert run_folder.runs_in(tmp_path) == [path] and run_find.resolve(path.name, tmp_path / "." / "") == path


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "afile").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for runs_dir, said in (
        ("afile", "afile is not a folder"),
        ("afile/runs", "afile is not a folder"),
        ("dangling", "leads to no folder"),
    ):
        with pytest.raises(NotFoundError, match=said) as refused:
            make(tmp_path / runs_dir)
        assert refused.value.fix
    with pytest.raises(NotFoundError, match="afile is not a folder") as refused:
        run_folder.runs_in(tmp_path / "afile" / "runs")
    assert "--runs-dir" in refused.value.fix


def test_a_lock_that_is_no_file_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path)
    (path / "lock").unlink()
    (path / "lock").mkdir()
    with pytest.raises(NotFoundError, match="lock is a folder") as refused, run_lock.Lock(path):
        pass
    assert "Move it away" in refused.value.fix
    with pytest.raises(NotFoundError, match="lock is not a regular file") as refused:
        run_lock.holder(path)
    assert "Move it away" in refused.value.fix


def test_makers_come_one_after_the_other_and_leave_no_file(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\nfrom tuner.runs.lock import making\n"
        "with making(pathlib.Path(sys.argv[1])):\n    print('in', flush=True)\n    sys.stdin.read()\n"
        "    pathlib.Path(sys.argv[1], 'made').mkdir()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"in\n"
        assert not list(tmp_path.iterdir())
        assert other.stdin is not None
        other.stdin.close()
        with run_lock.making(tmp_path):
            assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_halted_maker_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "_TURN", 0.05)
    with run_lock.making(tmp_path), run_lock.making(tmp_path):
        assert make(tmp_path).name == "mnist-1"


@pytest.mark.parametrize("run_name", [None, "mine"])
@pytest.mark.parametrize("late", [False, True])
def test_killed_at_any_call_the_next_maker_takes_over(tmp_path: Path, run_name: str | None, late: bool) -> None:
    calls = ("open", "write", "fsync", "replace", "mkdir", "unlink", "ftruncate")
    number, code = 1, 9
    while code == 9:
        runs_dir = tmp_path / str(number)

        def work(at: int = number, where: Path = runs_dir) -> None:
            seen = 0

            def dying(real: Callable[..., Any]) -> Callable[..., Any]:
                def call(*args: Any, **kwargs: Any) -> Any:
                    nonlocal seen
                    seen += 1
                    if seen == at and not late:
                        os._exit(9)
                    result = real(*args, **kwargs)
                    if seen == at:
                        os._exit(9)
                    return result

                return call

            for name in calls:
                setattr(os, name, dying(vars(os)[name]))
            make(where, run_name=run_name)

        code = in_child(work)
        left = run_folder.runs_in(runs_dir)
        assert all(run_folder.read(path).state == "crashed" for path in left)
        if not left:
            assert make(runs_dir, run_name=run_name).name == (run_name or "mnist-1")
            assert {path.name for path in run_folder.runs_in(runs_dir)[0].iterdir()} == {*files(), "lock"}
        assert len(run_folder.runs_in(runs_dir)) == 1 and len(list(runs_dir.iterdir())) == 1
        number += 1
    assert code == 0 and number > 15


def test_run_json_comes_last_when_all_else_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    replace, fsync = os.replace, os.fsync

    def noted_replace(one: Path, other: Path) -> None:
        seen.append(Path(other).name)
        replace(one, other)

    def noted_fsync(descriptor: int) -> None:
        seen.append("flush")
        fsync(descriptor)

    monkeypatch.setattr(os, "replace", noted_replace)
    monkeypatch.setattr(os, "fsync", noted_fsync)
    make(tmp_path)
    others = sorted(set(files()) - {"run.json"})
    assert seen[:3] == ["flush"] * 3 and sorted(seen[3:6]) == others
    assert seen[6:] == ["flush", "flush", "flush", "run.json", "flush"]


def test_a_maker_that_is_overtaken_takes_the_next_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lockf = fcntl.lockf
    overtaken: list[int] = []

    def overtake(descriptor: int, how: int) -> None:
        if not overtaken:
            overtaken.append(1)
            assert in_child(lambda: make(tmp_path)) == 0
        lockf(descriptor, how)

    monkeypatch.setattr(fcntl, "lockf", overtake)
    assert make(tmp_path).name == "mnist-2"
    assert {path.name for path in run_folder.runs_in(tmp_path)} == {"mnist-1", "mnist-2"}


def test_racing_makers_get_different_numbers(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\nfrom tuner.runs import creating as run\nfolder = pathlib.Path(sys.argv[1])\n"
        "content = pathlib.Path(sys.argv[2]).read_bytes()\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        "print([run.create_held(folder, 'mnist', None, {'run.json': content}).path.name for _ in range(20)])\n"
    )
    (tmp_path / "about").write_bytes(files()["run.json"])
    command = [sys.executable, "-c", program, str(tmp_path / "runs"), str(tmp_path / "about")]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    names = [name for racer in racers for name in json.loads(racer.communicate("\n")[0].replace("'", '"'))]
    assert sorted(names) == sorted(f"mnist-{number}" for number in range(1, 61))


# ---- holding


def test_a_held_run_names_its_holder_and_is_free_at_once_when_it_is_killed(tmp_path: Path) -> None:
    with Other(tmp_path, "a 'b'") as other:
        known = run_lock.holder(tmp_path)
        assert known is not None and known["pid"] == other.process.pid
        described = run_lock.describe_holder(tmp_path)
        assert described is not None and f"process {other.process.pid} on " in described
        before = (tmp_path / "lock").read_bytes()
        with pytest.raises(HeldError, match=str(other.process.pid)), run_lock.Lock(tmp_path):
            pass
        assert (tmp_path / "lock").read_bytes() == before
        other.process.send_signal(signal.SIGSTOP)
        assert run_lock.holder(tmp_path) is not None
        other.process.kill()
        other.process.wait()
        assert run_lock.holder(tmp_path) is None and run_lock.describe_holder(tmp_path) is None
        with run_lock.Lock(tmp_path):
            assert run_lock.holder(tmp_path) is not None


def test_a_child_that_outlives_the_killed_holder_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import os, sys, time, pathlib\nfrom tuner.runs.lock import Lock\nLock(pathlib.Path(sys.argv[1])).acquire()\n"
        "child = os.fork()\nif child: print(child, flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        assert run_lock.holder(tmp_path) is not None
        process.kill()
        process.wait()
        with run_lock.Lock(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        process.communicate()


def test_asking_in_the_holders_own_process_does_not_drop_its_lock(tmp_path: Path) -> None:
    path = finished(tmp_path)
    asked = (
        "import sys, pathlib\nfrom tuner.runs.lock import holder\nprint(holder(pathlib.Path(sys.argv[1])) is not None)"
    )
    with run_lock.Lock(path):
        known = run_lock.holder(path)
        assert known is not None and known["pid"] == os.getpid()
        run_files.write_status(path, {"state": "running"})
        assert run_folder.read(path).state == "running"
        with pytest.raises(HeldError), run_lock.Lock(path):
            pass
        assert in_child(lambda: os._exit(0 if run_lock.holder(path) else 1)) == 0
        assert subprocess.run([sys.executable, "-c", asked, str(path)], capture_output=True).stdout == b"True\n"
    assert run_lock.holder(path) is None


def test_a_forked_child_knows_when_its_parent_let_go(tmp_path: Path) -> None:
    lock = run_lock.Lock(tmp_path)
    lock.acquire()
    reading, writing = os.pipe()

    def ask() -> None:
        os.read(reading, 1)
        assert run_lock.holder(tmp_path) is None
        with run_lock.Lock(tmp_path):
            pass

    process = os.fork()
    if not process:
        try:
            ask()
            os._exit(0)
        finally:
            os._exit(1)
    lock.release()
    os.write(writing, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    os.close(reading)
    os.close(writing)


def test_a_lock_waits_for_the_end_of_another(tmp_path: Path) -> None:
    with Other(tmp_path) as other:
        start = time.monotonic()
        with pytest.raises(HeldError), run_lock.Lock(tmp_path, wait=0.15):
            pass
        assert time.monotonic() - start >= 0.15
        assert other.process.stdin is not None
        other.process.stdin.close()
        other.process.stdin = None
        with run_lock.Lock(tmp_path, wait=60):
            pass


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x", "host": 3}', b"\xff" * 10, b"[" * 60_000])
def test_a_damaged_lock_file_still_tells_who_holds_it(tmp_path: Path, content: bytes) -> None:
    with Other(tmp_path) as other:
        (tmp_path / "lock").write_bytes(content)
        assert run_lock.holder(tmp_path) == {"pid": other.process.pid}
        assert run_lock.describe_holder(tmp_path) == f"process {other.process.pid}"


def test_what_a_holder_says_is_shown_escaped(tmp_path: Path) -> None:
    with Other(tmp_path, "\x1b[31m\n"):
        assert "\x1b" not in str(run_lock.describe_holder(tmp_path)) and "\n" not in str(
            run_lock.describe_holder(tmp_path)
        )


# ---- reading


def test_a_run_is_read_back(tmp_path: Path) -> None:
    path = finished(tmp_path)
    run = run_folder.read(path)
    assert (run.name, run.state, run.path, run.rows) == ("mnist", "finished", path, ROWS)
    assert run.config == {"name": "mnist", "seed": 3}
    assert run.identity == IDENTITY and run.status["best"] == ROWS[1] and run.about["format"] == 1


def test_a_run_is_running_while_it_is_held_and_crashed_after(tmp_path: Path) -> None:
    path = make(tmp_path)
    assert run_folder.glance(path).state == "crashed"
    with Other(path):
        assert run_folder.glance(path).state == "running"
        run_files.write_status(path, {"state": "running"})
        assert run_folder.glance(path).state == "running"
    assert run_folder.glance(path).state == "crashed"
    run_files.write_status(path, {"state": "stopped"})
    assert run_folder.glance(path).state == "stopped"


def test_a_run_that_ends_between_two_looks_is_not_called_crashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path)
    run_files.write_status(path, {"state": "running"})
    real = fcntl.fcntl

    def late(descriptor: int, command: int, argument: bytes) -> bytes:
        run_files.write_status(path, {"state": "finished"})
        return real(descriptor, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", late)
    assert run_folder.glance(path).state == "finished"


def test_a_status_that_is_not_finite_is_null(tmp_path: Path) -> None:
    path = make(tmp_path)
    run_files.write_status(path, {"state": "diverged", "last": {"loss": math.nan, "epoch": 1}})
    assert run_folder.glance(path).status["last"] == {"loss": None, "epoch": 1}


def test_every_beginning_of_metrics_is_accepted(tmp_path: Path) -> None:
    path = finished(tmp_path)
    whole = (path / "metrics.csv").read_bytes()
    for length in range(len(whole) + 1):
        (path / "metrics.csv").write_bytes(whole[:length])
        found = run_folder.read(path).rows
        assert found == ROWS[: len(found)] and len(found) == max(whole[:length].count(b"\n") - 1, 0)
    (path / "metrics.csv").unlink()
    assert run_folder.read(path).rows == []


@pytest.mark.parametrize("name", ["run.json", "status.json", "config.yaml"])
def test_every_truncation_of_a_file_is_answered_by_its_name(tmp_path: Path, name: str) -> None:
    path = finished(tmp_path)
    whole = (path / name).read_bytes().rstrip()
    for length in range(len(whole)):
        (path / name).write_bytes(whole[:length])
        with pytest.raises(NotFoundError, match=name):
            run_folder.read(path)


ABOUT = json.loads(files(created="2026-05-01T09:00:00+00:00")["run.json"])
BAD_ABOUT: list[dict[str, Any]] = [
    {"format": 2},
    {"format": "1"},
    {"format": True},
    {"name": "../x"},
    {"name": None},
    {"created": "yesterday"},
    {"created": 5},
    {"created": "2026-01-01"},
    {"created": "0001-01-01T00:00:00+23:00"},
    {"identity": []},
    {"identity": {}},
    {"identity": IDENTITY.as_json() | {"threads": True}},
    {"identity": IDENTITY.as_json() | {"torch": 2.1}},
]
BAD_STATUS: list[Any] = [
    {},
    [],
    {"state": "crashed"},
    {"state": ["finished"]},
    {"state": "finished", "epoch": "2"},
    {"state": "finished", "best": [1]},
    {"state": "finished", "best": {"loss": "low"}},
    {"state": "finished", "reason": 5},
    {"state": "finished", "exit_code": 0.5},
]
DAMAGE = [
    *(("run.json", json.dumps(ABOUT | change).encode()) for change in BAD_ABOUT),
    *(("status.json", json.dumps(status).encode()) for status in BAD_STATUS),
    ("status.json", b'{"state": "finished", "state": "failed"}'),
    ("status.json", b"[" * 100_000),
    ("metrics.csv", b"epoch,loss\n1,low\n"),
    ("metrics.csv", b"epoch,loss\n1\n"),
    ("metrics.csv", b"epoch,loss\n1,2,3\n"),
    ("metrics.csv", b"epoch,loss\n2,0.5\n1,0.5\n"),
    ("metrics.csv", b"epoch,loss\n,0.5\n"),
    ("metrics.csv", b"loss\n0.5\n"),
    ("metrics.csv", b"epoch,epoch\n1,1\n"),
    ("metrics.csv", b"epoch,\x1b[31m\n1,1\n"),
    ("metrics.csv", b"\n\n"),
    ("metrics.csv", b"epoch,loss\n1,1e999\n"),
    ("metrics.csv", b"epoch,loss\n1,\xff\n"),
    ("metrics.csv", b"epoch,loss\n" + b"\0" * 50 + b"\n"),
    ("metrics.csv", b"epoch,loss\n1,1_0\n"),
    ("config.yaml", b"- 1\n"),
    ("config.yaml", b""),
]


@pytest.mark.parametrize(("name", "content"), DAMAGE)
def test_a_damaged_file_is_named_and_hides_no_other_run(tmp_path: Path, name: str, content: bytes) -> None:
    path, good = finished(tmp_path), finished(tmp_path, name="other")
    (path / name).write_bytes(content)
    with pytest.raises(NotFoundError, match=name) as caught:
        run_folder.read(path)
    assert "\x1b" not in caught.value.message
    assert set(run_folder.runs_in(tmp_path)) == {path, good}
    assert run_find.resolve("@1", tmp_path) == good and run_find.newest(tmp_path, "other", IDENTITY) == good


@pytest.mark.parametrize("name", ["run.json", "status.json", "metrics.csv", "config.yaml", "lock"])
def test_links_and_pipes_are_refused(tmp_path: Path, name: str) -> None:
    path = finished(tmp_path)
    if name == "lock":
        run_files.write_status(path, {"state": "running"})
    content = (path / name).read_bytes()
    (tmp_path / "elsewhere").write_bytes(content)
    (path / name).unlink()
    (path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotFoundError, match=name):
        run_folder.read(path)
    (path / name).unlink()
    (path / name).mkdir()
    with pytest.raises(NotFoundError, match=name):
        run_folder.read(path)


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path / ("n" * 300), tmp_path / "a\0"):
        with pytest.raises(NotFoundError, match="no run folder"):
            run_folder.read(path)


def test_a_missing_run_is_answered_with_the_newest_that_are_there(tmp_path: Path) -> None:
    asks: list[Callable[[Path], object]] = [
        lambda where: run_folder.read(where / "absent"),
        lambda where: run_find.resolve("absent", where),
    ]
    for ask in asks:
        with pytest.raises(NotFoundError) as refused:
            ask(tmp_path / "nothing")
        assert refused.value.fix == "No runs are there: --runs-dir, in Python runs_dir, says where else to look."
    counted = {
        1: "There is mnist-1",
        2: "There are mnist-2, mnist-1",
        7: "There are mnist-7, mnist-6, mnist-5, mnist-4, mnist-3 and 2 older",
    }
    for count, said in counted.items():
        while len(run_folder.runs_in(tmp_path)) < count:
            make(tmp_path)
        for ask in asks:
            with pytest.raises(NotFoundError) as refused:
                ask(tmp_path)
            assert refused.value.fix == f"{said}; --runs-dir, in Python runs_dir, says where else to look."


def test_reading_writes_nothing(tmp_path: Path) -> None:
    path = finished(tmp_path)
    (path / "lock").unlink()
    before = {entry.name: entry.stat().st_mtime_ns for entry in [path, *path.iterdir()]}
    run_folder.read(path)
    run_find.resolve("@1", tmp_path)
    assert {entry.name: entry.stat().st_mtime_ns for entry in [path, *path.iterdir()]} == before


def test_keys_of_a_later_version_do_not_count(tmp_path: Path) -> None:
    path = make(tmp_path, identity=IDENTITY.as_json() | {"later": 1}, later=[1])
    run_files.write_status(path, {"state": "stopped", "later": {}})
    assert run_folder.glance(path).identity == IDENTITY


# ---- rows

CELLS = st.none() | st.integers(-(10**17), 10**17) | st.floats()


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5))
def test_rows_are_read_back_exactly(values: list[list[float | int | None]]) -> None:
    columns = ["epoch", "train_loss", "activation_std(hidden.3)@0"]
    rows: list[run_files.Row] = [dict(zip(columns, cells, strict=True)) for cells in values]
    text = "\n".join([run_files.format_header(columns), *(run_files.format_row(columns, row) for row in rows), ""])
    found = run_files.parse_rows(text, "metrics.csv")
    assert repr(found) == repr(rows).replace("-nan", "nan")  # repr tells 1 from 1.0 and 0.0 from -0.0, and nan is nan
    lines = [run_files.format_header(columns), *(run_files.format_row(columns, row) for row in found), ""]
    assert "\n".join(lines) == text


@given(st.text(alphabet="epoch,loss\n0123456789.-+naif \x00é\r\"'", max_size=60))
def test_any_text_gives_rows_or_an_error_with_the_files_name(text: str) -> None:
    try:
        rows = run_files.parse_rows(text, "metrics.csv")
    except NotFoundError as error:
        assert error.message.startswith("metrics.csv is damaged")
    else:
        assert len(rows) == max(text.count("\n") - 1, 0)


def test_a_row_is_whole_and_columns_are_names() -> None:
    for values in ({"a": 1}, {"a": 1, "b": 2, "c": 3}):
        with pytest.raises(ValueError, match="a row is whole"):
            run_files.format_row(["a", "b"], values)
    with pytest.raises(ValueError, match="not a column's name"):
        run_files.format_header(["a,b"])


# ---- finding


def test_the_newest_run_comes_first_by_its_own_time_then_by_its_name(tmp_path: Path) -> None:
    late = make(tmp_path, "zebra", created="2026-05-01T10:00:00.000001+00:00")
    east = make(tmp_path, "asia", created="2026-05-01T17:00:00+08:00")
    same = [make(tmp_path, "mnist", created="2026-05-01T09:00:00+00:00") for _ in range(10)]
    os.utime(east / "run.json")
    (tmp_path / "half").mkdir()
    (tmp_path / "note.txt").write_text("")
    (tmp_path / ".tmp-1").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert run_folder.runs_in(tmp_path) == [late, *reversed(same), east]
    assert run_folder.runs_in(tmp_path / "absent") == []


def test_the_newest_run_of_a_name_and_identity(tmp_path: Path) -> None:
    old, new = make(tmp_path), make(tmp_path)
    make(tmp_path, "other")
    two = run_identity.Identity(**{**IDENTITY.as_json(), "threads": 4, "device": "cuda:0"})  # type: ignore[arg-type]
    assert run_find.newest(tmp_path, "mnist", IDENTITY) == new
    assert run_find.newest(tmp_path, "mnist", two) is None
    assert run_find.newest(tmp_path, "mnist", two, ignore={"threads", "device"}) == new
    assert IDENTITY.differences(two) == [("device", "cpu", "cuda:0"), ("threads", 2, 4)]
    (new / "run.json").write_bytes(b"")
    assert run_find.newest(tmp_path, "mnist", IDENTITY) == old


def test_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs_dir = tmp_path / "runs"
    one, two = make(runs_dir), make(runs_dir)
    cnn = make(runs_dir, "mnist-cnn")
    group = runs_dir / "wine-4"
    seeds = [make(group, "wine", f"seed-{seed}") for seed in range(11)]
    monkeypatch.chdir(tmp_path)
    expected = {
        str(one): one,
        "runs/mnist-1": Path("runs/mnist-1"),
        "runs/mnist-1/": Path("runs/mnist-1"),
        "mnist-1": one,
        "mnist-1/": one,
        "wine-4": group,
        "wine-4/": group,
        "wine-4/seed-3": seeds[3],
        "wine-4/seed-3/": seeds[3],
        "mnist": two,
        "wine": group,
        "mnist-c": cnn,
        "wi": group,
        "@1": group,
        "@2": cnn,
        "@4": one,
    }
    assert {text: run_find.resolve(text, runs_dir) for text in expected} == expected
    assert run_folder.members(group) == seeds
    monkeypatch.chdir(runs_dir)
    assert run_find.resolve("mnist-1", runs_dir) == Path("mnist-1")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("mnits-1", "near: mnist-1"),
        ("mnist-", "beginning of 2 runs: mnist-1, mnist-2"),
        ("@9", "newest of 2"),
        ("@0", "newest of 2"),
        ("", "no run"),
        ("a\0b", "no run"),
        ("n" * 5000, "no run"),
        ("mnist-1/../..", "not a run folder"),
        ("half/", "no run"),
        ("mnist-1/seed-0", "no run"),
        ("\x1b[31m", "no run"),
        ("..", "no run"),
    ],
)
def test_a_reference_that_names_nothing_says_what_is_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, message: str
) -> None:
    runs_dir = tmp_path / "inner" / "runs"
    make(runs_dir), make(runs_dir)
    (runs_dir / "half").mkdir()
    (tmp_path / "inner" / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "inner" / "empty")
    if reference.startswith("mnist-1/.."):
        reference = str(runs_dir / reference / "..")
    with pytest.raises(NotFoundError, match=message) as caught:
        run_find.resolve(reference, runs_dir)
    assert "\x1b" not in caught.value.message and "\0" not in caught.value.message


def test_a_thousand_runs_are_listed_quickly(tmp_path: Path) -> None:
    content = files()
    counted = {name: checksum(content[name]) for name in ("run.json", "config.yaml")}
    best = {"epoch": 2, "loss": 0.25}
    run_files.write_status(tmp_path, {"state": "finished", "epoch": 2, "best": best}, counted)
    status = (tmp_path / "status.json").read_bytes()
    for number in range(1000):
        path = tmp_path / f"mnist-{number}"
        path.mkdir()
        (path / "run.json").write_bytes(content["run.json"])
        (path / "status.json").write_bytes(status)
    start = time.process_time()
    assert {run_folder.glance(path).state for path in run_folder.runs_in(tmp_path)} == {"finished"}
    assert time.process_time() - start < 1.5
