"""What the commands print at 100 columns without colour, on run folders that an older commit of tuner made.

Those folders (tests/cases/older, and sweeps with a sweep) hold no weights: what is shown comes from the small files
alone.
"""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from pathlib import Path
from statistics import fmean, stdev

import program
import pytest

CASES = Path(__file__).parent / "cases"
OUTPUT = CASES / "output"
COMMANDS = {
    "help": "--help",
    "train-help": "train --help",
    "list": "list optimizers",
    "explain": "explain gelu",
    "check": "check small.yaml",
    "check-resolved": "check small.yaml --resolved",
    "check-origin": "check small.yaml optimizer=sgd --origin",
    "runs": "runs",
    "runs-members": "runs --members --cols +lr,epochs(val_accuracy>=0.3)",
    "runs-csv": "runs --csv --only-changed",
    "show-run": "show lr-0.01/seed-1",
    "show-group": "show lr-0.01",
    "show-config": "show lr-0.01 config",
    "show-metrics": "show lr-0.01/seed-0 metrics",
    "show-json": "show lr-0.01/seed-0 --json",
    "diff-runs": "diff lr-0.001/seed-0 lr-0.01/seed-0",
    "diff-groups": "diff lr-0.001 lr-0.01 --md",
    "diff-config": "diff small.yaml lr-0.01 --as-args",
    "compare": "compare lr-0.001 lr-0.01",
    "compare-json": "compare lr-0.001 lr-0.01 --json --metric test_accuracy",
    "curves": "curves lr-0.001 lr-0.01",
    "curves-run": "curves lr-0.01/seed-0 --metric val_accuracy -o out.svg",
    "init": "init flowers.csv --target color",
    "init-columns": "init flowers.csv",
    "predict-help": "predict --help",
    "sweep-help": "sweep --help",
    "sweep-runs": "runs --runs-dir sweeps",
    "sweep-runs-members": "runs --runs-dir sweeps --members state=finished",
    "sweep-show": "show small-1 --runs-dir sweeps",
    "sweep-show-trials": "show small-1 trials --runs-dir sweeps",
    "sweep-show-space": "show small-1 space --runs-dir sweeps",
    "sweep-show-json": "show small-1 --runs-dir sweeps --json",
    "sweep-show-md": "show small-1 --runs-dir sweeps --md",
    "sweep-effects": "show small-1 effects --runs-dir sweeps",
    "sweep-trial": "show small-1/trial-2 --runs-dir sweeps",
    "sweep-compare": "compare small-1 --runs-dir sweeps",
    "sweep-diff": "diff small-1 --runs-dir sweeps --only config",
    "sweep-remove": "remove small-1 small-1/trial-2 --runs-dir sweeps",
    "lr-find-help": "lr-find --help",
    "early-stop": "early-stop lr-0.01 --patience 1,2",
    "diagnose": "diagnose lr-0.001/seed-0 lr-0.01",
    "diagnose-json": "diagnose lr-0.001/seed-0 --json",
    "diagnose-help": "diagnose --help",
    "copy": "copy digits",
    "copy-unknown": "copy digitz",
    "recipe-help": "recipe run --help",
    "recipe-unknown": "recipe verify dropuot",
    "download": "download wine",
    "remove": "remove lr-0.01 lr-0.001/seed-0",
    "rename": "rename lr-0.01 lr-0.001",
}
TRAINED = {
    "train": "train small.yaml training.epochs=2",
    "train-again": "train small.yaml training.epochs=2",
    "train-seeds": "train small.yaml training.epochs=2 --seeds 2 --require val_accuracy>2",
}
"""What they print holds times and figures that differ from machine to machine: these have placeholders in the golden
file, and the figures are compared with those of the run folder."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older runs at another path than they were made at, and a config."""
    folder = tmp_path_factory.mktemp("output")
    shutil.copytree(CASES / "older", folder / "runs")
    shutil.copytree(CASES / "sweeps", folder / "sweeps")
    (folder / "small.yaml").write_text((CASES / "older" / "lr-0.01" / "seed-0" / "source.yaml").read_text())
    rows = [f"{('red', 'blue')[at % 7 % 2]},{at * 37 % 61 / 8},{at},{at % 9 or ''}" for at in range(60)]
    (folder / "flowers.csv").write_text("\n".join(["color,size,nr1,age", *rows, ""]))
    return folder


def said(place: Path, line: str) -> str:
    """The command, its exit code where it is not 0, stdout and then stderr."""
    plain = {"COLUMNS": "100", "NO_COLOR": None, "TUNER_DATA": None}
    done = program.run(*shlex.split(line), cwd=place, given=plain)
    code = f" -> {done.returncode}" if done.returncode else ""
    errors = f"\n--- stderr\n{done.stderr}" if done.stderr else ""
    assert "\x1b" not in done.stdout + done.stderr
    out = done.stdout
    if "--json" in line:
        assert out.count("\n") == 1
        out = json.dumps(json.loads(out), indent=2) + "\n"
    return f"$ tuner {line}{code}\n{out}{errors}"


@pytest.mark.parametrize("name", COMMANDS)
def test_output(place: Path, name: str, update_golden: bool) -> None:
    text, file = said(place, COMMANDS[name]), OUTPUT / f"{name}.txt"
    if update_golden:
        OUTPUT.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


def test_training_output(tmp_path: Path, update_golden: bool) -> None:
    """The layout of what `train` prints, alone and for a group, from its first line to the next command."""
    source = (CASES / "older" / "lr-0.01" / "seed-0" / "source.yaml").read_text()
    (tmp_path / "small.yaml").write_text(source)
    for name, line in TRAINED.items():
        text, file = masked(said(tmp_path, line)), OUTPUT / f"{name}.txt"
        if update_golden:
            file.write_text(text)
        assert text == file.read_text()


def masked(text: str) -> str:
    """Without what differs from machine to machine: the processor, times, figures, curves, and how they are spaced."""
    text = re.sub(r"(device +cpu, )[^,]*", r"\1PROCESSOR", text)
    text = re.sub(r"[0-9]+ runs? at once", "SOME at once", text)
    text = re.sub(r"^ +[0-9]+(?=  finished)", "SEED", text, flags=re.MULTILINE)  # in whatever order they end
    text = re.sub(r"[▁▂▃▄▅▆▇█]+", "CURVE", text)
    text = re.sub(r"[0-9.]+ +(ms|s)\b", "TIME", text)
    text = re.sub(r"[0-9]+% sure", "SOME% sure", text)
    text = re.sub(r"\b[0-9]+\.[0-9]+(e-?[0-9]+)?\b|\b[0-9]e-[0-9]+\b", "FIGURE", text)
    return re.sub(r" {2,}", "  ", text)


def figures_of(text: str, heads: str) -> list[dict[str, str]]:
    """The rows of the table whose head begins so: column -> text."""
    lines = text.split("\n")
    start = next(at for at, line in enumerate(lines) if line.split()[:1] == [heads])
    names, rows = re.split(r" {2,}", lines[start].strip()), []
    for line in lines[start + 1 :]:
        if not line.strip():
            break
        rows.append(dict(zip(names, re.split(r" {2,}", line.strip()), strict=False)))
    return rows


def test_the_figures_of_a_training_are_those_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text((CASES / "older" / "lr-0.01" / "seed-0" / "source.yaml").read_text())
    told = figures_of(said(tmp_path, TRAINED["train"]), "epoch")
    kept = [*csv.DictReader((tmp_path / "runs/small-1/metrics.csv").read_text().splitlines())]
    for shown, row in zip(told, kept, strict=True):
        assert shown["epoch"] == f"{row['epoch']}/2"
        for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr"):
            assert float(shown[name]) == pytest.approx(float(row[name]), abs=5.1e-5)
    text = said(tmp_path, TRAINED["train-seeds"])
    status = [json.loads((tmp_path / f"runs/small-2/seed-{seed}/status.json").read_text()) for seed in (0, 1)]
    losses, accuracies = (
        [each[part][name] for each in status] for part, name in (("best", "val_loss"), ("test", "accuracy"))
    )
    for row in figures_of(text, "seed")[:2]:
        assert float(row["val_loss"]) == pytest.approx(losses[int(row["seed"])], abs=5.1e-5)
        assert float(row["test_accuracy"]) == pytest.approx(accuracies[int(row["seed"])], abs=5.1e-5)
    for label, of in (("mean", fmean), ("sd", stdev)):
        told_figures = re.search(rf"^ *{label} +(.*)$", text, re.MULTILINE)
        assert told_figures is not None
        first, *_, last = map(float, told_figures[1].split())
        assert first == pytest.approx(of(losses), abs=5.1e-5)
        assert last == pytest.approx(of(accuracies), abs=5.1e-5)


def test_nothing_but_the_picture_was_written(place: Path) -> None:
    """Readers leave run folders as they are."""
    there = {path.relative_to(place / "runs") for path in (place / "runs").rglob("*") if path.is_file()}
    assert there == {path.relative_to(CASES / "older") for path in (CASES / "older").rglob("*") if path.is_file()}


def test_every_command_has_its_output() -> None:
    listed = (OUTPUT / "help.txt").read_text().split("Commands:\n")[1]
    commands = set(re.findall(r"^  ([a-z-]+) ", listed, re.MULTILINE))
    shown = {words.split()[0] for words in COMMANDS.values()}
    shown |= {words.split()[0] for words in TRAINED.values()}
    elsewhere = {"doctor", "schema"}  # this machine's facts; a file of its own, configs/schema.json
    assert commands - shown == elsewhere - shown
