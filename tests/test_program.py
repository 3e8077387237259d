"""What `program.run` forks is what `python -m tuner` starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import program
import pytest

SMALL = "{data: {name: digits, limit: 200}, model: {hidden: [8]}, training: {epochs: 2, threads: 1}}"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("train - -q", 0),
        ("train - optimizer.lr=-1", 2),
        ("train - --sneeds 3", 2),
        ("train - optimizer={name:\xa0sgd,lr:\xa01e30} -q", 3),
        ("show nothing", 4),
        ("explain adam", 0),
    ],
)
def test_codes_streams_and_files_are_the_same(line: str, code: int, tmp_path: Path) -> None:
    words = [word.replace("\xa0", " ") for word in line.split(" ")]
    begun, forked = tmp_path / "begun", tmp_path / "forked"
    for folder in (begun, forked):
        folder.mkdir()
    command = [sys.executable, "-m", "tuner", *words]
    expected = subprocess.run(command, cwd=begun, input=SMALL, capture_output=True, text=True)
    found = program.run(*words, cwd=forked, stdin=SMALL)
    assert (found.returncode, found.stdout, found.stderr) == (code, expected.stdout, expected.stderr)
    assert expected.returncode == code
    results = [path.relative_to(begun) for name in ("metrics.csv", "best.safetensors") for path in begun.rglob(name)]
    assert bool(results) == (code in (0, 3) and "train" in words)
    assert all((begun / path).read_bytes() == (forked / path).read_bytes() for path in results)


def test_variables_are_its_own(tmp_path: Path) -> None:
    assert program.run("runs", "--json", cwd=tmp_path, given={"TUNER_RUNS": "none"}).stdout == '{"runs": []}\n'
    for encoding, said in (("utf-8", "不知道"), ("latin-1", "\\u4e0d\\u77e5\\u9053")):
        assert (
            f"nothing is called {said}" in program.run("explain", "不知道", given={"PYTHONIOENCODING": encoding}).stderr
        )


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        program.run("train", "digits", "training.epochs=1000000", "-q", cwd=tmp_path, timeout=1)
    assert program.run("--version").stdout.startswith("tuner ")
