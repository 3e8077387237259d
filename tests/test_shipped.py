"""Shipped files are found from a checkout, an editable install and a wheel; a stranger's path from there on."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tuner import shipped
from tuner.config.load import load
from tuner.errors import ConfigError

PROJECT = Path(__file__).parents[1]
ASK = """
from tuner import shipped
print(*shipped.configs())
print(shipped.find_config("digits"))
print(shipped.recipes()["momentum"])
"""


def answer(python: str, cwd: Path, **environment: str) -> list[str]:
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-c", ASK], cwd=cwd, capture_output=True, text=True, check=True, env={**kept, **environment}
    )
    return done.stdout.splitlines()


def test_from_a_checkout(tmp_path: Path) -> None:
    names, config, recipe = answer(sys.executable, tmp_path, PYTHONPATH=str(PROJECT / "src"))
    assert "mnist-mlp" in names.split()
    assert Path(config) == PROJECT / "configs" / "digits.yaml"
    assert Path(recipe) == PROJECT / "recipes" / "momentum"


def site_packages(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of a new virtual environment that sees this one's dependencies, but not its tuner."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    links = site_packages(python)
    for entry in site_packages(Path(sys.executable)).iterdir():
        if "tuner" not in entry.name and not (links / entry.name).exists():
            (links / entry.name).symlink_to(entry)
    return python


def install(python: Path, *words: str) -> None:
    how = ["--quiet", "--no-deps", "--no-build-isolation", "--force-reinstall"]
    command = [str(python), "-m", "pip", "install", *how, *words, str(PROJECT)]
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.mark.parametrize("editable", [True, False], ids=["editable", "wheel"])
def test_from_an_install(bare: Path, tmp_path: Path, editable: bool) -> None:
    install(bare, *(["-e"] if editable else []))
    names, config, recipe = answer(str(bare), tmp_path)
    assert "mnist-mlp" in names.split()
    root = PROJECT if editable else site_packages(bare) / "tuner"
    assert Path(config) == root / "configs" / "digits.yaml"
    assert Path(recipe) == root / "recipes" / "momentum"


def test_the_wheel_carries_configs_recipes_and_types(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(tmp_path),
            str(PROJECT),
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for kind in ("configs", "recipes"):
        files = [path for path in (PROJECT / kind).rglob("*") if path.is_file()]
        assert {f"tuner/{path.relative_to(PROJECT)}" for path in files} <= set(names)
    assert "tuner/py.typed" in names


@pytest.mark.parametrize("name", sorted({*shipped.configs()} - {"table"}))  # its data is somebody's own: test_init
def test_every_shipped_config_is_good_and_says_what_it_reaches(name: str) -> None:
    path = shipped.configs()[name]
    loaded = load(str(path))
    assert loaded.config.name == name
    assert loaded.notes == ()
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert any(line.startswith("# reaches a test ") and " cores" in line for line in comments)


def test_a_name_that_is_none() -> None:
    with pytest.raises(ConfigError, match="1 error") as error:
        shipped.find_config("mnist-mpl")
    assert error.value.faults[0].suggestion == "mnist-mlp"


HEAD = ["plant", "height", "width", "colour", "seen", "y"]


def plant(at: int) -> list[str]:
    """A row of a stranger's table: the taller of the blue ones are oaks."""
    height = "" if at % 13 == 6 else f"{at * 29 % 31 + 0.5}"
    colour = ["red", "blue"][at * 7 % 5 % 2]
    kind = "oak" if colour == "blue" and at * 29 % 31 > 9 else "elm"
    return [f"plant {at}", height, f"{at * at % 17}", colour, f"2024-{at % 12 + 1:02}-11", kind]


def write(path: Path, rows: range, columns: int) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEAD[:columns], *(plant(at)[:columns] for at in rows)])


@pytest.mark.slow  # it installs, and imports torch three times
def test_a_stranger_trains_on_a_table_and_predicts_new_rows(bare: Path, tmp_path: Path) -> None:
    install(bare)
    write(tmp_path / "my.csv", range(300), len(HEAD))
    write(tmp_path / "new.csv", range(300, 340), len(HEAD) - 1)
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("TUNER", "PYTHON"))}
    env = {**plain, "PATH": f"{bare.parent}:{plain['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def typed(line: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done

    assert str(bare) in typed("tuner doctor").stdout
    typed("tuner init my.csv --target y")
    assert "- plant" in (tmp_path / "my.yaml").read_text()  # it tells rows apart, and is left out
    assert typed("tuner train my.yaml").stderr.endswith("next    tuner predict my-1 my.csv\n")
    answers = list(csv.DictReader(io.StringIO(typed("tuner predict my new.csv").stdout)))
    expected = [plant(at)[-1] for at in range(300, 340)]
    assert sum(row["prediction"] == kind for row, kind in zip(answers, expected, strict=True)) >= 36
    assert typed("tuner predict my new.csv -q").stderr == ""
