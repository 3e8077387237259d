"""A path that someone wrote: ``~`` is the home folder wherever a path is taken, by one rule."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
import typer

import tuner
from tuner.cli.commands import COMMANDS, app
from tuner.cli.shared import offers, picture_of
from tuner.data.files import default_roots
from tuner.document.files import located
from tuner.errors import NotFoundError
from tuner.paths import expanded, path_of
from tuner.recipe.reading import find_recipes

SOURCE = Path(tuner.__file__).parent
BASE = "data: digits\nseed: 3\n"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("~", "/home/me"),
        ("~/", "/home/me/"),
        ("~/a b/c.yaml", "/home/me/a b/c.yaml"),
        ("~root/x", f"{os.path.expanduser('~root')}/x"),  # noqa: PTH111
        ("~nobody.here/x", "~nobody.here/x"),
        ("~lock.yaml", "~lock.yaml"),
        ("./~/x", "./~/x"),
        ("a~", "a~"),
        ("~\0", "~\0"),
        ("", ""),
        ("./a/../b", "./a/../b"),
    ],
)
def test_the_rule(monkeypatch: pytest.MonkeyPatch, text: str, meant: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert expanded(text) == meant
    assert path_of(text) == Path(meant)
    if text and "\0" not in text:
        assert located(text, Path("/base")) == Path(os.path.normpath(Path("/base", meant)))


def test_one_place_knows_it() -> None:
    """Nothing else in tuner expands a path, and no option of a command takes one unexpanded."""
    known = re.compile(r"expanduser|Path\\.home|environ.{1,6}HOME")
    assert [path.name for path in SOURCE.rglob("*.py") if known.search(path.read_text())] == ["paths.py"]
    taking = dict(paths_taken())
    assert len(taking) > 12
    assert [name for name, about in taking.items() if about.parser not in (path_of, picture_of)] == []


def paths_taken() -> Iterator[tuple[str, Any]]:
    """Every option and argument of a command that holds a Path, as typer knows it."""
    for place, _, _ in COMMANDS.values():
        module = import_module(f"tuner.cli.{place.partition(':')[0]}")
        found = getattr(module, place.partition(":")[2])
        callbacks = [each.callback for each in found.registered_commands] if isinstance(found, typer.Typer) else [found]
        for callback in filter(None, callbacks):
            for key, parameter in inspect.signature(callback, eval_str=True).parameters.items():
                hint = parameter.annotation
                kind, *about = get_args(hint) if get_origin(hint) is Annotated else (hint,)
                if about and Path in (kind, *get_args(kind)):
                    yield f"{callback.__name__} {key}", about[0]


class Home:
    """A home folder with a config, what it extends, a run, a group of one and a recipe, and commands run beside it."""

    def __init__(self, folder: Path, write_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = folder / "home", capsys
        rows = [{"epoch": 1, "step": 1, "lr": 0.1, "batch_loss": 1.0, "train_loss": 1.0, "val_loss": 1.0}]
        write_run(self.home / "runs" / "digits-1", rows)
        (self.home / "base.yaml").write_text(BASE)
        (self.home / "b.yaml").write_text("extends: ~/base.yaml\n")

    def tuner(self, *words: str) -> str:
        app(list(words), standalone_mode=False)
        return self.capsys.readouterr().out


@pytest.fixture
def home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> Home:
    made = Home(tmp_path, write_run, capsys)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(made.home))
    return made


COMMAND_LINES = [
    # what is typed, and what its output holds
    ("check ~/b.yaml --resolved", "seed: 3"),
    ("check ~/b.yaml data.root=~/sets --resolved", "{home}/sets"),
    ("check ~/runs/digits-1 --resolved", "seed: 0"),
    ("diff ~/b.yaml ~/runs/digits-1 --only config --json", '"key": "seed"'),
    ("diff ~/b.yaml digits-1 --runs-dir=~/runs --only config --json", '"key": "seed"'),
    ("show ~/runs/digits-1 --json", "digits-1"),
    ("show @1 --runs-dir ~/runs --json", "digits-1"),
    ("runs -q --runs-dir=~/runs", "{home}/runs/digits-1"),
    ("curves ~/runs/digits-1 -q -o ~/c.svg", "{home}/c.svg"),
    ("early-stop ~/runs/digits-1 --patience 1 --json", "val_loss"),
    ("schema -o ~/s.json", "{home}/s.json"),
    ("copy digits ~/mine.yaml", "{home}/mine.yaml"),
    ("copy dropout ~/mine", "{home}/mine"),
]


@pytest.mark.parametrize(("line", "holds"), COMMAND_LINES)
def test_commands(home: Home, line: str, holds: str) -> None:
    said = home.tuner(*line.split())
    assert holds.format(home=home.home) in said
    assert list(Path.cwd().iterdir()) == [], "nothing is called ~ here"


def test_train_takes_a_run_folder_and_a_recipe_of_the_home(home: Home) -> None:
    with pytest.raises(NotFoundError, match=re.escape(f"{home.home}/runs/digits-1 holds a run of another config")):
        home.tuner("train", "~/runs/digits-1", "-q")
    assert home.tuner("copy", "dropout", "~/mine").strip() == f"{home.home}/mine"
    assert find_recipes(["~/mine", "~/mine/claim.yaml"]) == [home.home / "mine"] * 2


def test_variables_of_the_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNER_RUNS", "~/runs")
    monkeypatch.setenv("TUNER_DATA", "~/sets")
    assert json.loads(home.tuner("show", "@1", "--json"))["run"] == str(home.home / "runs" / "digits-1")
    assert default_roots()[0] == home.home / "sets"
    context = typer.main.get_command(app).make_context("tuner", [], resilient_parsing=True)
    assert offers("runs")(context, "dig") == ["digits-1"]
    assert offers("configs")(context, "~/b") == ["~/b.yaml", "~/base.yaml"]


def test_in_python(home: Home) -> None:
    with pytest.raises(NotFoundError, match=re.escape(f"{home.home}/runs/digits-1/best.safetensors")):
        tuner.load("digits-1", runs_dir="~/runs")
