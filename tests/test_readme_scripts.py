"""The scripts of the README's section "In shell scripts", run as they stand there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
SMALL = """
data: {name: digits, limit: 300}
model: {hidden: [16]}
optimizer: {lr: 0.01}
training: {epochs: 3, threads: 1}
"""


def scripts() -> dict[str, str]:
    """name -> text of the section's scripts, each of which begins with a comment that names it."""
    section = README.read_text().split("\n## In shell scripts\n")[1].split("\n## ")[0]
    found = re.findall(r"```sh\n(# ([a-z-]+\.sh) .*?)```", section, re.DOTALL)
    return {name: text for text, name in found}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config and the scripts."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "small.yaml").write_text(SMALL)

    (folder / "worse.yaml").write_text("extends: small.yaml\noptimizer: {lr: 1e-6}\n")
    for name, text in scripts().items():
        (folder / name).write_text(text)
    return folder


def start(place: Path, *words: str) -> subprocess.Popen[str]:
    """Starts a script as a shell with job control does: in a process group of its own."""
    environment = {key: value for key, value in os.environ.items() if key != "TUNER_RUNS"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.Popen(
        ["sh", *words],
        cwd=place,
        env={**environment, "PATH": path, "NO_COLOR": "1", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def run(place: Path, *words: str) -> tuple[int, str, str]:
    process = start(place, *words)
    said, errors = process.communicate(timeout=180)
    return process.returncode, said, errors


def test_there_are_five() -> None:
    assert list(scripts()) == ["best-lr.sh", "gate.sh", "until-done.sh", "comment.sh", "nightly.sh"]


def test_the_best_learning_rate_interrupted_and_repeated(place: Path) -> None:
    process = start(place, "best-lr.sh", "small.yaml")
    assert process.stdout is not None
    assert process.stdout.readline() == "runs/best-lr/small-1\n"
    assert process.stdout.readline() == "runs/best-lr/small-2\n"  # the second of them trains
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT

    code, said, errors = run(place, "best-lr.sh", "small.yaml")
    lines = said.splitlines()
    assert (code, errors, lines[:4]) == (0, "", [f"runs/best-lr/small-{number}" for number in (1, 2, 3, 4)])
    assert re.fullmatch(r"optimizer\.lr=0?\.\d+|optimizer\.lr=1e-\d+", lines[4])
    assert run(place, "best-lr.sh", "small.yaml")[1] == said


def test_the_gate(place: Path) -> None:
    gate = (place / "gate.sh").read_text()
    (place / "low-gate.sh").write_text(gate.replace("0.9'", "0.1'"))
    code, _, errors = run(place, "gate.sh", "small.yaml")
    assert (code, errors.startswith("required test_accuracy>=0.9: it is ")) == (1, True)
    assert run(place, "low-gate.sh", "small.yaml")[0] == 0
    (place / "wrong.yaml").write_text("optimizer: adm\n")
    assert run(place, "gate.sh", "wrong.yaml")[0] == 2


def test_pieces_until_done(place: Path) -> None:
    (place / "pieces.yaml").write_text(SMALL.replace("threads: 1", "threads: 1, batch_size: full"))
    code, said, _ = run(place, "until-done.sh", "pieces.yaml", "0.01s")
    assert (code, set(said.splitlines())) == (0, {"runs/pieces-1"})
    assert 2 <= len(said.splitlines()) <= 4  # a step at least in every piece


def test_a_diff_as_a_comment(place: Path) -> None:
    assert run(place, "comment.sh", "small.yaml", "worse.yaml")[0] == 0
    text = (place / "comment.md").read_text()
    assert text.startswith("### `small.yaml` to `worse.yaml`\n")
    assert "| `optimizer.lr` |" in text


def test_a_nightly_comparison_fails_when_worse(place: Path) -> None:
    code, said, _ = run(place, "nightly.sh", "small.yaml", "worse.yaml")
    assert code == 1
    assert "worse" in said.splitlines()[-1]
    assert run(place, "nightly.sh", "worse.yaml", "small.yaml")[0] == 0


def test_the_afternoon_of_learning(tmp_path: Path) -> None:
    """The eight commands: bad on the training data, then on the validation data, then good."""
    section = README.read_text().split("\n## Learn tuning in an afternoon\n")[1].split("\n## ")[0]
    config = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)[0]
    commands = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[0].splitlines()
    assert len(commands) == 8
    assert section.count("\n8. ") == 1
    (tmp_path / "learn.yaml").write_text(config)
    for number, command in enumerate(commands, 1):
        (tmp_path / f"{number}.sh").write_text(command)
        code, _, errors = run(tmp_path, f"{number}.sh")
        assert code == 0, errors

    def mean(group: str, metric: str) -> float:
        (tmp_path / "ask.sh").write_text(f"tuner runs name=learn --json --cols {metric}")
        rows = json.loads(run(tmp_path, "ask.sh")[1])["runs"]
        return float(next(row["best"][metric] for row in rows if Path(row["run"]).name == group))

    assert mean("first", "train_accuracy") < 0.8
    assert mean("second", "train_accuracy") > 0.99
    assert mean("second", "val_accuracy") < mean("second", "train_accuracy") - 0.05
    assert mean("fourth", "val_accuracy") > 0.95
    (tmp_path / "ask.sh").write_text(commands[-1] + " --json")
    verdicts = {each["group"]: each["verdict"] for each in json.loads(run(tmp_path, "ask.sh")[1])["differences"]}
    assert verdicts == {"third": "worse", "fourth": "better"}


def test_a_search_in_three_commands(tmp_path: Path) -> None:
    """A grid of learning rate and dropout, the best, confirmed; a report; the config to go on with."""
    section = README.read_text().split("\n## Search\n")[1].split("\n## ")[0]
    commands = re.findall(r"```\n(.*?)```", section, re.DOTALL)[0]
    assert [line.split()[1] for line in commands.splitlines()] == ["sweep", "show", "train"]
    (tmp_path / "my.yaml").write_text(SMALL.replace("{lr: 0.01}", "adam"))
    (tmp_path / "three.sh").write_text(f"set -e\n{commands}")
    code, said, errors = run(tmp_path, "three.sh")
    assert code == 0, errors
    assert "verdict trial 4: optimizer.lr=0.01 model.dropout=0 is better on this split, 359 test samples" in errors
    assert said.splitlines()[0] == "runs/my-1/confirm-0004"
    report = (tmp_path / "report.md").read_text()
    assert "| trial | state | epochs | optimizer.lr | model.dropout | val_loss |" in report
    assert "trial 4: optimizer.lr=0.01 model.dropout=0 is better" in report
    assert "optimizer:\n  name: adam\n  lr: 0.01\n" in (tmp_path / "best.yaml").read_text()
    assert len(list(tmp_path.glob("runs/my-2/seed-*"))) == 6
