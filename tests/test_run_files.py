"""What a reader shows was checked: damage is told, and so is a run whose files do not agree after a death."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tuner
from tuner.asks.check import faults_of_run
from tuner.config.load import load
from tuner.errors import NotFoundError
from tuner.events import EpochDone
from tuner.opening import Request, Session, open_session
from tuner.runs import files as run_files
from tuner.runs import folder as run_folder
from tuner.stopping import StopRequests
from tuner.train import train

TEXT = """
data: {name: digits, limit: 120}
model: {hidden: [6]}
optimizer: {name: sgd, lr: 0.5, momentum: 0.9}
training: {batch_size: 30, epochs: 6, monitor: val_accuracy}
"""
MANY = """
import json, os, sys
from tuner.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["tuner", *words]
    try:
        main()
    except SystemExit as end:
        print("CODE", end.code or 0, file=sys.stderr)
"""
SHOWN = ("status.json", "config.yaml", "run.json", "origins.json", "metrics.csv", "layer_stats.jsonl")


def flip(file: Path, bit: int) -> None:
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)


def read_all(path: Path) -> None:
    """Everything of a run that some command shows and that status.json speaks of."""
    found = run_folder.read(path)
    _ = found.layers, found.origins, found.content("timing.csv")


def told(commands: list[list[str]], folder: Path) -> list[tuple[str, int]]:
    """What each command says on stderr, and its exit code; one process runs them all."""
    done = subprocess.run(
        [sys.executable, "-c", MANY, json.dumps(commands)], cwd=folder, capture_output=True, text=True, timeout=60
    )
    parts = done.stderr.split("CODE ")
    assert len(parts) == len(commands) + 1, done.stderr
    return [
        (parts[index].partition("\n")[2] if index else parts[0], int(parts[index + 1].split()[0]))
        for index in range(len(commands))
    ]


@dataclass
class Trained:
    """A run, and its folder as a kill would have left it at each moment: before a status, before its checkpoint."""

    folder: Path
    run: Path
    moments: list[Path]


@pytest.fixture(scope="module")
def trained() -> Iterator[Trained]:
    with tempfile.TemporaryDirectory(dir=_memory()) as name:
        folder = Path(name)
        moments: list[Path] = []
        (folder / "c.yaml").write_text(TEXT)
        loaded = load(str(folder / "c.yaml"), ["checkpoint.every=2", "training.threads=1"])
        session = open_session(loaded, Request(folder / "runs", argv=("tuner", "train", "c.yaml")))
        assert isinstance(session, Session)
        for number, event in enumerate(train(session, StopRequests())):
            path = folder / "runs" / "c-1"
            if isinstance(event, EpochDone) or number == 0:  # the weights are saved, the status is not
                moments.append(Path(shutil.copytree(path, folder / f"moment-{len(moments)}" / "c-1")))
        yield Trained(folder, path, moments)


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - small files in great number


@pytest.fixture
def copy(trained: Trained) -> Iterator[Callable[[Path], Path]]:
    """Makes a copy of a run folder."""
    with tempfile.TemporaryDirectory(dir=_memory()) as name:
        number = itertools.count(1)
        yield lambda path: Path(shutil.copytree(path, Path(name) / f"c-{next(number)}"))


# ---- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SHOWN, "timing.csv"])
def test_any_flipped_bit_is_told(trained: Trained, copy: Callable[[Path], Path], name: str) -> None:
    path = copy(trained.run)
    whole = (path / name).read_bytes()
    for bit in range(0, 8 * len(whole), max(1, 8 * len(whole) // 200) | 1):  # odd: every bit of a byte has its turn
        flip(path / name, bit)
        with pytest.raises(NotFoundError, match=name):
            read_all(path)
        (path / name).write_bytes(whole)
    read_all(path)


def test_status_json_ends_with_its_checksums(trained: Trained) -> None:
    lines = (trained.run / "status.json").read_text().splitlines()
    assert lines[-2].startswith('  "sha256": "')
    files = json.loads((trained.run / "status.json").read_text())["files"]
    assert {*SHOWN, "data.json", "card.json", "timing.csv", "source.yaml", "best.safetensors"} - {"status.json"} == set(
        files
    )


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("status.json", ["show c-2", "diff c-1 c-2", "compare c-1 c-2", "curves c-2 --metric val_loss", "check c-2"]),
        ("config.yaml", ["show c-2", "show c-2 config", "diff c-1 c-2", "curves c-2 --metric val_loss", "check c-2"]),
        ("run.json", ["show c-2 identity", "diff c-1 c-2", "compare c-1 c-2", "check c-2"]),
        ("metrics.csv", ["show c-2", "show c-2 metrics", "curves c-2", "check c-2"]),
        ("origins.json", ["show c-2 origins", "diff c-1 c-2", "check c-2"]),
        ("layer_stats.jsonl", ["curves c-2 --x layer", "compare c-1 c-2 --metric activation_std(hidden.0)@0"]),
        ("best.safetensors", ["check c-2"]),
    ],
)
def test_every_command_tells_it(trained: Trained, copy: Callable[[Path], Path], name: str, commands: list[str]) -> None:
    folder = copy(trained.run).parent
    path = copy(trained.run)
    where = (path / name).read_bytes().rfind(b"1")  # a digit becomes another one: what is shown would still be read
    flip(path / name, 8 * where + 1)
    lines = [[*command.split(), "--runs-dir", str(folder)] for command in commands]
    for command, (said, code) in zip(commands, told(lines, folder), strict=True):
        assert code == 4, (command, said)
        assert f"c-2/{name} is damaged" in said, (command, said)


def test_a_flipped_bit_in_the_list_of_runs(trained: Trained, copy: Callable[[Path], Path]) -> None:
    folder, path = copy(trained.run).parent, copy(trained.run)
    flip(path / "status.json", 8 * (path / "status.json").read_bytes().index(b"0.") + 16)
    ((said, code),) = told([["runs", "--runs-dir", str(folder)]], folder)
    assert (code, "c-2/status.json is damaged" in said) == (0, True)


def test_an_ended_run_whose_metrics_grew_is_told(trained: Trained, copy: Callable[[Path], Path]) -> None:
    path = copy(trained.run)
    with (path / "metrics.csv").open("ab") as file:
        file.write((path / "metrics.csv").read_bytes().splitlines(keepends=True)[-1].replace(b"6,", b"7,", 1))
    with pytest.raises(NotFoundError, match=r"metrics\.csv is damaged"):
        run_folder.read(path)


def test_weights_with_any_flipped_bit_or_a_block_of_zeros_are_refused(
    trained: Trained, copy: Callable[[Path], Path]
) -> None:
    path = copy(trained.run)
    file = path / "best.safetensors"
    whole = file.read_bytes()
    assert not tuner.load(path).module.training
    size = len(whole)
    for bit in [0, 70, *range(8 * 200, 8 * size, 8 * size // 9), 8 * size - 1]:  # header, data, end
        flip(file, bit)
        with pytest.raises(NotFoundError, match=r"best\.safetensors is damaged"):
            tuner.load(path)
        file.write_bytes(whole)
    for start in (512, size - 512):
        file.write_bytes(whole[:start] + bytes(512) + whole[start + 512 :])
        with pytest.raises(NotFoundError, match=r"best\.safetensors is damaged"):
            tuner.load(path)
    file.unlink()
    with pytest.raises(NotFoundError, match=r"best\.safetensors is missing"):
        tuner.load(path)


def without_checksums(path: Path) -> None:
    """As an older tuner wrote it."""
    status = json.loads((path / "status.json").read_text())
    del status["files"], status["sha256"]
    (path / "status.json").write_text(json.dumps(status))


def test_an_older_run_is_checked_against_its_checkpoint(trained: Trained, copy: Callable[[Path], Path]) -> None:
    path = copy(trained.run)
    without_checksums(path)
    read_all(path)
    assert not list(faults_of_run(path))
    tuner.load(path)
    whole = (path / "best.safetensors").read_bytes()
    flip(path / "best.safetensors", 8 * len(whole) - 5)
    with pytest.raises(NotFoundError, match=r"best\.safetensors is damaged"):
        tuner.load(path)
    (fault,) = faults_of_run(path)
    assert "best.safetensors is damaged" in fault.message
    shutil.rmtree(path / "checkpoints")  # nothing knows what they ought to be
    tuner.load(path)


# ---- after a death ---------------------------------------------------------------------------------------------------


def test_status_and_best_weights_agree_or_it_is_said(trained: Trained, copy: Callable[[Path], Path]) -> None:
    """Each status with each file of best weights that ever stood beside it."""
    path = copy(trained.moments[0])
    best = {at: (at / "best.safetensors") for at in trained.moments}
    saved = {file.read_bytes() for file in best.values() if file.exists()}
    assert len(saved) > 2
    agreed = []
    for before, after in itertools.product(trained.moments, trained.moments):
        if not best[after].exists():
            continue
        for name in ("status.json", "metrics.csv", "timing.csv", "layer_stats.jsonl"):
            shutil.copy(before / name, path / name)
        shutil.copy(best[after], path / "best.safetensors")
        found = run_folder.read(path)
        epoch = found.status["best_epoch"]
        fits = (
            epoch is not None
            and trained.moments[epoch].joinpath("best.safetensors").read_bytes() == best[after].read_bytes()
        )
        agreed.append(fits)
        assert bool(run_files.apart(path, found.told)) != fits
        if fits:
            tuner.load(path)
            continue
        with pytest.raises(NotFoundError, match=r"best\.safetensors is not the one") as refused:
            tuner.load(path)
        assert "the same command goes on" in refused.value.fix
    assert True in agreed and False in agreed


def test_show_and_check_say_it(trained: Trained, copy: Callable[[Path], Path]) -> None:
    """At the end of an epoch that is the best so far: its weights are saved, its status is not."""
    path = copy(trained.moments[1])
    ((shown, code), (checked, refused)) = told([["show", str(path)], ["check", str(path)]], path.parent)
    assert (code, refused) == (0, 4)
    for said in (shown, checked):
        assert "best.safetensors is not the one that status.json speaks of. The run died between" in said.replace(
            "\n", " "
        )


def test_metrics_cut_back_to_a_checkpoint_are_said(trained: Trained, copy: Callable[[Path], Path]) -> None:
    path = copy(trained.moments[5])
    whole = (path / "metrics.csv").read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(run_folder.read(path).rows) == 5
    assert not [line for line in run_files.apart(path, run_folder.read(path).told) if "metrics.csv" in line]
    (path / "metrics.csv").write_bytes(b"".join(lines[:5]))  # the status knows of 4 rows, the file holds one more
    assert not [line for line in run_files.apart(path, run_folder.read(path).told) if "metrics.csv" in line]
    (path / "metrics.csv").write_bytes(b"".join(lines[:3]))  # what the older checkpoint counts on
    assert len(run_folder.read(path).rows) == 2
    assert [line for line in run_files.apart(path, run_folder.read(path).told) if "metrics.csv is not the one" in line]
    (path / "metrics.csv").write_bytes(b"".join(lines[:2]))  # less than any checkpoint counts on
    with pytest.raises(NotFoundError, match=r"metrics\.csv is damaged"):
        run_folder.read(path)


# ---- while it trains -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run that a process trains without end, an epoch every few milliseconds."""
    tmp_path = tmp_path_factory.mktemp("live")
    (tmp_path / "c.yaml").write_text(TEXT.replace("epochs: 6", "epochs: 1000000, threads: 1"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tuner", "train", "c.yaml", "-q"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield tmp_path / process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def test_a_healthy_running_run_is_never_called_damaged(live: Path) -> None:
    epochs: set[int] = set()
    for number in range(1000):
        if number >= 40 and len(epochs) > 10:
            break
        found = run_folder.read(live)
        assert found.state == "running"
        assert not [fault.message for fault in faults_of_run(live)]
        epochs.add(len(found.rows))
        if number % 10 == 0 and found.status.get("best_epoch"):
            tuner.load(live)
    assert len(epochs) > 10  # it trained meanwhile


def test_damage_of_a_running_run_is_told_all_the_same(live: Path) -> None:
    while not run_folder.read(live).rows:
        pass
    flip(live / "config.yaml", 8)
    with pytest.raises(NotFoundError, match=r"config\.yaml is damaged"):
        run_folder.read(live)
    flip(live / "config.yaml", 8)
    assert run_folder.read(live).state == "running"
