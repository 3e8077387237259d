"""One way to read a file of a run: what fails is told with its exit code, and nothing else reads."""

from __future__ import annotations

import ast
import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tuner
from tuner.asks.check import faults_of_run
from tuner.asks.runs import Query, list_runs
from tuner.durable.reading import files_below, list_folder, read_bytes, read_json, unreadable
from tuner.errors import NotFoundError, ResourceError
from tuner.runs import files as run_files
from tuner.runs import find as run_find
from tuner.runs import folder as run_folder
from tuner.runs import lock as run_lock
from tuner.runs.family import read_group
from tuner.runs.values import seconds

SOURCE = Path(__file__).parents[1] / "src" / "tuner"
TEXT = "{data: {name: iris}, training: {epochs: 2, batch_size: 64}}"
MANY = """
import json, sys
from tuner.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["tuner", *words]
    try:
        main()
    except SystemExit as end:
        print("CODE", end.code or 0, file=sys.stderr)
"""

# ---- who reads -------------------------------------------------------------------------------------------------------

READS = {
    "open", "fdopen", "read_text", "read_bytes", "iterdir", "listdir", "scandir", "walk", "glob", "rglob",
    "fromfile", "memmap", "load_file", "safe_open", "loadtxt", "genfromtxt",
}  # fmt: skip
OWNERS = {
    "durable/reading.py": "it is the one way to read a file or list a folder of a run",
    "durable/writing.py": "writes files, flushes folders, sweeps what a killed writer left",
    "data/tabular/blocks.py": "reads people's tables",
    "data/tabular/facts.py": "looks beside a table that is missing",
    "data/npz/reading.py": "reads people's arrays",
    "asks/init/__init__.py": "opens the data source of arrays",
    "asks/init/writing.py": "reads the config for tables that comes with tuner",
    "predicting.py": "opens the data source that folds were tested on",
    "durable/journal.py": "keeps the file open that it adds to",
    "runs/lock.py": "keeps the file open that it locks",
    "document/files.py": "reads the configs that users name: pipes and links, too",
    "config/load.py": "opens the data source, lists configs beside the one that is missing",
    "config/checks.py": "opens a data source that reads no file to be opened",
    "recipe/reading.py": "lists the configs of a recipe",
    "shipped.py": "lists the configs and recipes that come with tuner",
    "data/card/reference.py": "reads the package's own figures",
    "explain/texts.py": "reads the package's own texts, and the recipes that come with tuner",
    "cli/fetching.py": "copies configs and recipes that come with tuner",
    "asks/list.py": "reads the configs that come with tuner",
    "cli/completion.py": "lists the folder that a shell completes",
    "cli/commands.py": "opens the null device",
    "render/text.py": "opens the null device",
    "packages.py": "looks for installed packages",
    "machine.py": "asks the kernel for the machine",
    "data/cache.py": "keeps what was found of data sets",
    "data/files.py": "reads data sets",
    "data/embedded.py": "reads data sets",
    "data/download.py": "reads data sets",
}
"""The modules that open files or list folders themselves, and why they may: none reads a run."""


def readings(file: Path) -> list[str]:
    """The calls in a module that open a file or list a folder, but those of our own functions of the same name."""
    tree = ast.parse(file.read_text())
    own = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tuner.")
        for alias in node.names
    } | {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in READS - own:
            found.append(f"line {node.lineno}: {called.id}")
        if isinstance(called, ast.Attribute) and called.attr in READS and ast.unparse(called.value) not in own:
            found.append(f"line {node.lineno}: {ast.unparse(called)}")
    return found


def test_nothing_else_opens_files_or_lists_folders() -> None:
    found = {str(file.relative_to(SOURCE)): readings(file) for file in sorted(SOURCE.rglob("*.py"))}
    assert {name: calls for name, calls in found.items() if calls and name not in OWNERS} == {}
    assert {name for name in OWNERS if not found[name]} == set(), "owners that read nothing any more"


# ---- what fails ------------------------------------------------------------------------------------------------------


def test_the_machines_limits_are_told_from_a_files_own_faults() -> None:
    for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        assert isinstance(unreadable(Path("x"), OSError(number, os.strerror(number))), ResourceError)
    for number in (errno.EACCES, errno.EPERM, errno.EIO, errno.ELOOP, errno.ENOENT, errno.ESTALE, errno.EISDIR):
        told = unreadable(Path("x"), OSError(number, os.strerror(number)))
        assert isinstance(told, NotFoundError) and "x" in told.message


@contextmanager
def no_more_handles() -> Iterator[None]:
    """Within it this process can open nothing."""
    lowest = os.dup(0)
    os.close(lowest)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_file_handles_every_reader_says_so(workplace: Any) -> None:
    path = workplace.train(TEXT).run
    found = run_folder.read(path)
    running = Path(shutil.copytree(path, workplace.folder / "other" / "c-1"))
    run_files.write_status(running, found.status | {"state": "running"}, found.told.files)
    readers: dict[str, Callable[[], Any]] = {
        "read_bytes": lambda: read_bytes(path / "log.txt", 1 << 20),
        "read_json": lambda: read_json(path / "run.json"),
        "list_folder": lambda: list_folder(path),
        "files_below": lambda: files_below(path),
        "read": lambda: run_folder.read(path),
        "rows": lambda: replace(found).rows,
        "layers": lambda: replace(found).layers,
        "timing": lambda: seconds(replace(found)),
        "check": lambda: list(faults_of_run(path)),
        "holder": lambda: run_lock.holder(running),
        "runs_in": lambda: run_folder.runs_in(workplace.runs),
        "resolve": lambda: run_find.resolve("c", workplace.runs),
        "newest": lambda: run_find.newest(workplace.runs, "c", found.identity),
        "read_group": lambda: read_group(path),
        "list_runs": lambda: list_runs(workplace.runs, Query()),
        "load": lambda: tuner.load(path),
    }
    for reader in readers.values():
        reader()  # what is imported late is imported now
    told = {}
    for name, reader in readers.items():
        with no_more_handles():
            try:
                reader()
            except ResourceError as error:
                told[name] = error.message
    assert set(told) == set(readers)
    assert all("Too many open files" in message for message in told.values())


def without_rights() -> list[str]:
    """What to put before a command so that not even root may read what nobody may."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may read every file, and there is no setpriv to do without that")
    bound = "-dac_override,-dac_read_search"
    return ["setpriv", f"--inh-caps={bound}", f"--bounding-set={bound}"]


def told(commands: list[list[str]], folder: Path) -> list[tuple[str, int]]:
    """What each command says on stderr, and its exit code; one process without rights runs them all."""
    done = subprocess.run(
        [*without_rights(), sys.executable, "-c", MANY, json.dumps(commands)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    parts = done.stderr.split("CODE ")
    assert len(parts) == len(commands) + 1, done.stderr
    codes = [int(part.split()[0]) for part in parts[1:]]
    return list(zip([parts[0], *(part.partition("\n")[2] for part in parts[1:])], codes, strict=False))


COMMANDS = ("show", "show files", "check", "diff", "curves", "compare", "runs", "train")
CLOSED = (
    ".",
    "run.json",
    "status.json",
    "config.yaml",
    "origins.json",
    "metrics.csv",
    "timing.csv",
    "layer_stats.jsonl",
    "best.safetensors",
    "checkpoints",
    "checkpoints/epoch-0002",
    "checkpoints/epoch-0002/manifest.json",
    "checkpoints/epoch-0002/model.safetensors",
)


def test_files_that_nobody_may_read(workplace: Any) -> None:
    """Each command on a run with one such file tells it, or does without; none has a bug."""
    good = workplace.train(TEXT).run
    (workplace.folder / "c.yaml").write_text(TEXT.replace("iris}", "iris}, seed: 0"))
    commands, asked = [], []
    for number, name in enumerate(CLOSED):
        path = Path(shutil.copytree(good, workplace.folder / str(number) / "c-1"))
        (path / name).chmod(0)
        words = {
            "show files": ["show", str(path), "files"],
            "diff": ["diff", str(path), str(good)],
            "compare": ["compare", str(path), str(good)],
            "curves": ["curves", str(path), "--metric", "val_loss"],
            "runs": ["runs", "--runs-dir", str(path.parent)],
            "train": ["train", "c.yaml", "training.threads=1", "--runs-dir", str(path.parent)],
        }
        for command in COMMANDS:
            asked.append((name, command))
            commands.append(words.get(command, [command, str(path)]))
    try:
        answers = dict(zip(asked, told(commands, workplace.folder), strict=True))
    finally:
        for number, name in enumerate(CLOSED):
            (workplace.folder / str(number) / "c-1" / name).chmod(0o700)
    for (name, command), (said, code) in answers.items():
        assert code in (0, 4), (name, command, said)
        assert code == 0 or Path(name).name in said or name == ".", (name, command, said)
    for name in CLOSED:
        assert answers[name, "check"][1] == 4, name
    for name in ("run.json", "status.json", "."):
        assert answers[name, "train"][1] == 4, name
        assert "--again" in answers[name, "train"][0]
    for name in ("metrics.csv", "config.yaml"):
        assert answers[name, "show"][1] == 4


def test_a_run_in_a_folder_that_nobody_may_enter_is_not_trained_anew(workplace: Any) -> None:
    run = workplace.train(TEXT).run
    asked = [["train", "c.yaml", "training.threads=1", "--runs-dir", str(workplace.runs)]] * 2
    run.chmod(0)
    try:
        answers = told(asked, workplace.folder)
    finally:
        run.chmod(0o700)
    assert [code for _, code in answers] == [4, 4]
    assert [path.name for path in workplace.runs.iterdir()] == ["c-1"]
