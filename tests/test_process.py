"""A process of tuner: signals at any moment of it, without a traceback and with the exit that whoever sent them
expects; threads that do not spin while they wait."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tuner.runs.folder import read
from tuner.runs.lock import holder
from tuner.stopping import ASKED, DEADLY

SMALL = "{name: c, data: iris, model: {hidden: [8]}, training: {epochs: 2, batch_size: 64, threads: 1}}"
LONG = "{name: c, data: iris, model: {hidden: [8]}, training: {epochs: 100, threads: 1}, checkpoint: {every: 100}}"

AT_A_PLACE = """
import atexit, os, sys
place, number = sys.argv[1], int(sys.argv[2])
def hit():
    os.kill(os.getpid(), number)
class Importing:
    def find_spec(self, name, *_):
        if name == place:
            hit()
if place == "atexit":
    atexit.register(hit)
sys.meta_path.insert(0, Importing())
sys.argv = ["tuner", *sys.argv[3:]]
from tuner.__main__ import main
main()
"""
"""tuner, to which a signal comes at the import of a module, or at the interpreter's end."""

AFTER_A_MARK = """
import os, sys
sys.argv = ["tuner", *sys.argv[1:]]
os.write(1, b"!")
from tuner.__main__ import main
main()
"""
"""tuner, which says when its own first line is next."""

TWICE = """
import os, signal, sys, time
from tuner.stopping import StopRequests
with StopRequests() as stop:
    with stop.listening():
        stop.before_dying = lambda: os.write(1, b"first this")
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked is not None
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except BaseException:
            pass
    os.write(1, b"went on")
"""


TOO_LATE_TO_STOP = """
import os, signal
from tuner.process import begin, end
from tuner.stopping import StopRequests
begin()
with StopRequests() as stop:
    with stop.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        os.write(1, b"saved")
os.write(1, b" and told")
end()
"""


@dataclass(frozen=True)
class Ended:
    code: int
    said: str
    errors: str


def begin(place: Path, *command: str) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("TUNER_RUNS", "PYTHONWARNINGS")}
    return subprocess.Popen(
        [*command], cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(process: subprocess.Popen[str]) -> Ended:
    try:
        said, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    return Ended(process.returncode, said, errors)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config and its finished run, c-1."""
    folder = tmp_path_factory.mktemp("signals")
    (folder / "c.yaml").write_text(SMALL)
    assert end(begin(folder, sys.executable, "-m", "tuner", "train", "c.yaml", "-q")).code == 0
    return folder


def at_places(folder: Path, words: Sequence[str], places: Sequence[str], number: signal.Signals) -> dict[str, Ended]:
    """What becomes of one command for each place at which the signal hits it."""
    begun = {
        place: begin(folder, sys.executable, "-c", AT_A_PLACE, place, str(int(number)), *words) for place in places
    }
    return {place: end(process) for place, process in begun.items()}


class TestAtEveryPlace:
    @pytest.mark.parametrize("number", DEADLY)
    def test_where_nothing_is_to_be_saved_the_process_dies_of_it_silently(
        self, trained: Path, number: signal.Signals
    ) -> None:
        places = ("tuner.cli", "typer", "tuner.choice", "tuner.cli.questions", "atexit")
        ends = at_places(trained, ("check", "c.yaml", "-q"), places, number)
        assert ends == dict.fromkeys(places, Ended(-number, "", ""))

    def test_sigusr1_means_nothing_to_a_command_that_does_not_train(self, trained: Path) -> None:
        places = ("tuner.cli", "tuner.choice", "atexit")
        ends = at_places(trained, ("check", "c.yaml", "-q"), places, signal.SIGUSR1)
        assert ends == dict.fromkeys(places, Ended(0, "", ""))

    def test_sigusr1_before_training_asks_for_the_same_command_again(self, trained: Path) -> None:
        (trained / "new.yaml").write_text(SMALL.replace("name: c", "name: new"))
        places = ("tuner.cli", "tuner.choice", "tuner.opening", "torch")
        ends = at_places(trained, ("train", "new.yaml", "-q"), places, signal.SIGUSR1)
        assert ends == dict.fromkeys(places, Ended(75, "", ""))
        assert [path.name for path in (trained / "runs").iterdir()] == ["c-1"]

    def test_sigusr1_after_the_end_is_too_late(self, trained: Path) -> None:
        ends = at_places(trained, ("train", "c.yaml", "-q"), ["atexit"], signal.SIGUSR1)
        assert ends == {"atexit": Ended(0, "runs/c-1\n", "")}
        (trained / "late.yaml").write_text(SMALL.replace("name: c", "name: late"))
        drawing = at_places(trained, ("train", "late.yaml"), ["matplotlib"], signal.SIGUSR1)["matplotlib"]
        assert (drawing.code, drawing.said) == (0, "runs/late-1\n")
        assert (trained / "runs" / "late-1" / "curves.png").exists()


def test_the_second_ctrl_c_ends_it_at_once_and_no_except_can_catch_it(tmp_path: Path) -> None:
    done = end(begin(tmp_path, sys.executable, "-c", TWICE))
    assert done == Ended(-signal.SIGINT, "first this", "")


def test_what_came_while_the_end_was_saved_is_not_swallowed(tmp_path: Path) -> None:
    """A script's loop must not go on with the next run after Ctrl-C."""
    assert end(begin(tmp_path, sys.executable, "-c", TOO_LATE_TO_STOP)) == Ended(-signal.SIGTERM, "saved and told", "")


def test_once_the_run_is_saved_ctrl_c_ends_the_drawing_of_its_picture(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(SMALL)
    done = at_places(tmp_path, ("train", "c.yaml"), ["matplotlib"], signal.SIGINT)["matplotlib"]
    assert (done.code, done.said) == (-signal.SIGINT, "runs/c-1\n")
    assert done.errors.endswith("next    tuner diagnose c-1\n")
    run = tmp_path / "runs" / "c-1"
    assert (read(run).state, (run / "curves.png").exists()) == ("finished", False)


def moments() -> Iterator[tuple[tuple[str, ...], signal.Signals, bool, float, float]]:
    """(command, signal, whether from a run's first sign of life or from tuner's first line, seconds from then, seconds
    from there to a second signal): a command that trains with every signal, and three times as many that do not."""
    drawn = random.Random(16)  # noqa: S311 - for moments, not for secrets
    for turn in range(16):
        words = ("check", "c.yaml") if turn % 4 else ("train", "c.yaml", "--again")
        number = ASKED[(turn + turn // 4) % 4]
        late = turn in (4, 12)
        yield words, number, late, drawn.uniform(0, 0.4 if turn % 4 else 1.0), drawn.choice((0.0, 0.0, 0.001, 0.05))


def test_nothing_is_imported_before_the_first_act_but_what_it_takes() -> None:
    """Until then Ctrl-C would be Python's, and a traceback."""
    program = "import sys; before = {*sys.modules}; import tuner.__main__; print(*sorted({*sys.modules} - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {*done.stdout.split()} <= {"__future__", "types", "tuner", "tuner.__main__", "tuner.process"}


def test_at_any_moment(tmp_path: Path) -> None:
    """Whatever it hits: silence, and one of the exits that can be right."""
    (tmp_path / "c.yaml").write_text(SMALL)
    seen: list[tuple[Any, ...]] = []
    for words, number, late, after, second in moments():
        process = begin(tmp_path, sys.executable, "-c", AFTER_A_MARK, *words)
        assert process.stdout is not None
        assert process.stdout.read(1) == "!"
        if late:
            assert process.stdout.readline().startswith("runs/c-")
        deadline = time.monotonic() + after
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(number)
        if second and number == signal.SIGINT:
            time.sleep(second)
            process.send_signal(number)
        done = end(process)
        seen.append((words, number.name, late, after, done))
        too_soon = {75} if words[0] == "train" else set()
        assert done.code in {0} | (too_soon if number == signal.SIGUSR1 else {-number}), seen[-1]
        assert not re.search(r"Traceback|Exception ignored|Interrupt|bug in tuner|Errno", done.errors), seen[-1]
    assert any(done.code < 0 for *_, done in seen)


@pytest.fixture
def ignoring(workplace: Any) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts tuner as `nohup` and a script's background job do: SIGHUP and SIGINT are ignored from the start."""
    (workplace.folder / "c.yaml").write_text(LONG.replace("epochs: 100", "epochs: 1000"))
    with ExitStack() as processes:

        def started(*words: str) -> subprocess.Popen[str]:
            command = 'trap "" HUP INT; exec "$@"'
            process = begin(workplace.folder, "sh", "-c", command, "sh", sys.executable, "-m", "tuner", *words)
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield started


def pid_of_holder(run: Path) -> int:
    deadline = time.monotonic() + 60
    while (found := holder(run) if run.is_dir() else None) is None:
        assert time.monotonic() < deadline, "nobody came"
        time.sleep(0.002)
    return int(found["pid"])


def test_what_is_to_be_ignored_is_ignored_by_a_run_and_by_the_workers_of_a_group(workplace: Any, ignoring: Any) -> None:
    run, group = workplace.folder / "runs" / "one", workplace.folder / "runs" / "some"
    processes = {
        run: ignoring("train", "c.yaml", "--run", "one", "-q"),
        group: ignoring("train", "c.yaml", "--run", "some", "--seeds", "2", "-q"),
    }
    for path in (run, group / "seed-0", group):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGINT):
            os.kill(pid_of_holder(path), number)
    assert [end(process).code for process in processes.values()] == [0, 0]
    assert [read(path).state for path in (run, group / "seed-0", group / "seed-1")] == ["finished"] * 3


def test_the_second_ctrl_c_ends_the_workers_of_a_group_too(workplace: Any) -> None:
    (workplace.folder / "c.yaml").write_text(LONG.replace("epochs: 100", "epochs: 100000"))
    process = begin(workplace.folder, sys.executable, "-m", "tuner", "train", "c.yaml", "--seeds", "1", "-q")
    member = workplace.folder / "runs" / "c-1" / "seed-0"
    os.kill(pid_of_holder(member), signal.SIGSTOP)  # it can save nothing: its group waits for it after the first one
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert end(process) == Ended(-signal.SIGINT, "runs/c-1\n", "")
    while holder(member) is not None:
        assert time.monotonic() < deadline, "it lives"


def test_max_time_reaches_the_workers_of_a_group_that_ignores_sigusr1(workplace: Any) -> None:
    (workplace.folder / "c.yaml").write_text(LONG.replace("epochs: 100", "epochs: 100000"))
    command = 'trap "" USR1; exec "$@"'
    words = ("train", "c.yaml", "--seeds", "1", "--max-time", "0.1s", "-q")
    done = end(begin(workplace.folder, "sh", "-c", command, "sh", sys.executable, "-m", "tuner", *words))
    assert done == Ended(75, "runs/c-1\n", "")


def test_these_tests_do_not_depend_on_what_pytest_was_told_to_ignore() -> None:
    command = "trap '' INT HUP TERM USR1; exec \"$@\""
    chosen = f"{__file__}::test_the_second_ctrl_c_ends_it_at_once_and_no_except_can_catch_it"
    words = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", chosen)
    done = end(begin(Path(__file__).parents[1], "sh", "-c", command, "sh", *words))
    assert (done.code, "1 passed" in done.said) == (0, True), done


def test_one_place_sets_handlers() -> None:
    source = Path(__file__).parents[1] / "src" / "tuner"
    setting = [
        str(path.relative_to(source))
        for path in sorted(source.rglob("*.py"))
        if re.search(r"\bsignal\.signal\(|KeyboardInterrupt", path.read_text())
    ]
    assert setting == ["process.py", "stopping.py"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "GOMP_SPINCOUNT = '50000'"),
        ({"GOMP_SPINCOUNT": "70"}, "GOMP_SPINCOUNT = '70'"),
        ({"OMP_WAIT_POLICY": "passive"}, "GOMP_SPINCOUNT = '0'"),
    ],
)
def test_waiting_threads_do_not_spin_unless_the_user_says_so(tmp_path: Path, given: dict[str, str], said: str) -> None:
    """libgomp itself tells what it goes by."""
    (tmp_path / "c.yaml").write_text(SMALL)
    kept = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    command = [sys.executable, "-m", "tuner", "train", "c.yaml"]
    environment = kept | given | {"OMP_DISPLAY_ENV": "verbose"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert said in done.stderr


@pytest.mark.parametrize("module", ["writing", "cells", "looking", "findings", "reading", "blocks"])
def test_ctrl_c_ends_the_program_also_once_tables_are_read(tmp_path: Path, module: str) -> None:
    program = f"""
import os, signal, sys
from tuner.process import begin
begin()
import tuner.data.tabular.{module}
assert "polars" in sys.modules
os.kill(os.getpid(), signal.SIGINT)
os.write(1, b"went on")
"""
    done = end(begin(tmp_path, sys.executable, "-c", program))
    assert (done.code, done.said) == (-signal.SIGINT, ""), done.errors


LEAVING = """
import atexit, os, sys
sys.argv = ["tuner", *sys.argv[1:]]
atexit.register(os.write, 1, b"taken apart")
from tuner.__main__ import main
main()
"""
"""tuner, which says when Python itself comes to its end."""


def test_what_loaded_torch_ends_at_once_with_its_exit_code_and_all_that_it_said(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(SMALL)
    wild = ("train", "c.yaml", "optimizer={name: sgd, lr: 1e38}", "--run", "wild")
    for words, code, is_at_once in ((("train", "c.yaml"), 0, True), (wild, 3, True), (("runs",), 0, False)):
        done = end(begin(tmp_path, sys.executable, "-c", LEAVING, *words))
        assert (done.code, "taken apart" in done.said) == (code, not is_at_once), words
        assert done.said.replace("taken apart", "").endswith("\n"), words
        assert is_at_once is ("next" in done.errors), words


def test_a_notebook_keeps_its_own_settings() -> None:
    program = "import os, tuner, tuner.notebook; assert not {'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'} & os.environ.keys()"
    kept = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    subprocess.run([sys.executable, "-c", program], env=kept, check=True)
