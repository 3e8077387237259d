"""Recipes on a bad day: damaged files, groups that diverge, folders that cannot be read, pictures without numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import program
import pytest

from tuner.cli.recipe import END, START, readme_with
from tuner.errors import ConfigError, NotFoundError, UsageError
from tuner.recipe.reading import find_recipes, read_recipe, read_recipes
from tuner.recipe.results import shipped_outcomes

BASE = "name: wider-base\ndata: {name: digits, limit: 200}\nmodel: {hidden: [8]}\ntraining: {epochs: 2}\n"
WIDE = "extends: base.yaml\nname: wider-wide\nmodel: {hidden: [16]}\n"
CLAIM = """
title: Wider is better
minutes: 1
seeds: 2
claims:
  - {baseline: base, treatment: wide, keys: [model.hidden], metric: test_accuracy, direction: up, expect: [better]}
"""
README = f"# Wider\n\n{START}\n{END}\n"


def written(folder: Path) -> Path:
    path = folder / "wider"
    path.mkdir()
    for name, text in {"base.yaml": BASE, "wide.yaml": WIDE, "claim.yaml": CLAIM, "README.md": README}.items():
        (path / name).write_text(text)
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return written(tmp_path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe's groups, trained once."""
    folder = written(tmp_path_factory.mktemp("trained")).parent
    assert tuner("recipe", "run", "wider", "-q", cwd=folder).returncode == 0
    return folder / "runs"


@pytest.fixture
def trained(recipe: Path, runs: Path) -> Path:
    """The recipe with its groups beside it."""
    shutil.copytree(runs, recipe.parent / "runs")
    return recipe


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def tuner(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = program.run(*words, cwd=cwd, given={"NO_COLOR": "1"})
    assert "Traceback" not in done.stderr
    assert done.returncode != 70, done.stderr
    return done


def test_a_group_that_diverges_at_once_is_left_out_of_the_picture(recipe: Path) -> None:
    change(recipe / "wide.yaml", "model: {hidden: [16]}", "optimizer: {name: sgd, lr: 1e30}")
    change(recipe / "claim.yaml", "model.hidden", "optimizer")
    done = tuner("recipe", "run", "wider", "--update", "-q", cwd=recipe.parent)
    assert (done.returncode, done.stdout) == (0, "wider fails\n")
    assert "<!-- validation accuracy -->" in (recipe / "curves.svg").read_text()
    change(recipe / "base.yaml", "training:", "optimizer: {name: sgd, lr: 1e29}\ntraining:")
    change(recipe / "claim.yaml", "optimizer", "optimizer.lr")
    (recipe / "curves.svg").unlink()
    done = tuner("recipe", "run", "wider", "--update", "-q", cwd=recipe.parent)
    assert (done.returncode, done.stdout) == (0, "wider fails\n")
    assert json.loads((recipe / "result.json").read_text())["claims"][0]["pairs"] == 0
    assert not (recipe / "curves.svg").exists()


def test_too_few_pairs_are_no_proof_that_nothing_differs(trained: Path) -> None:
    change(trained / "claim.yaml", "expect: [better]", "expect: [better, undecided]")
    done = tuner("recipe", "run", "wider", "--json", cwd=trained.parent)
    (claim,) = json.loads(done.stdout)["recipes"][0]["claims"]
    assert (claim["verdict"], claim["pairs"], claim["holds"]) == ("undecided", 2, False)
    assert done.stderr == "note: wide against base, test_accuracy: 2 pairs, and a verdict takes 6\n"
    change(
        trained / "claim.yaml", "metric: test_accuracy, direction: up", "metric: epochs(val_loss<=0), direction: down"
    )
    done = tuner("recipe", "run", "wider", "--json", cwd=trained.parent)
    assert "0 pairs (base seed 0: never, base seed 1: never, wide seed 0: never" in done.stderr
    done = tuner("recipe", "verify", "wider", "--seeds", "1-5", cwd=trained.parent)
    assert done.returncode == 2
    assert "a verdict takes 6 pairs, and --seeds names 5" in done.stderr


def test_a_copy_is_told_from_the_recipe_that_comes_with_tuner(trained: Path) -> None:
    trained.rename(trained.parent / "momentum")
    done = tuner("recipe", "run", "momentum", cwd=trained.parent)
    assert "momentum in momentum, not the one that comes with tuner" in done.stderr


def test_a_damaged_member_is_no_fallen_claim(trained: Path) -> None:
    change(trained / "claim.yaml", "metric: test_accuracy", "metric: activation_std(hidden.0)@0")
    assert tuner("recipe", "run", "wider", "-q", cwd=trained.parent).returncode == 0
    file = trained.parent / "runs/wider-base-1/seed-0/layer_stats.jsonl"
    file.write_text("garbage\n")
    done = tuner("recipe", "verify", "wider", cwd=trained.parent)
    assert done.returncode == 4
    assert "layer_stats.jsonl is damaged" in done.stderr
    assert "trains it again" in done.stderr
    shutil.rmtree(file.parent)
    assert tuner("recipe", "run", "wider", "-q", cwd=trained.parent).returncode == 0


def test_a_damaged_result_is_said_before_anything_is_trained(trained: Path) -> None:
    assert tuner("recipe", "run", "wider", "--update", "-q", cwd=trained.parent).returncode == 0
    written = (trained / "result.json").read_text()
    shutil.rmtree(trained.parent / "runs")
    holds = '"holds": ' + ("true" if '"holds": true' in written else "false")
    mean = f'"mean": {json.loads(written)["claims"][0]["mean"]}'
    for damage in ("", "{", "{}", '{"claims": [1]}', written.replace(holds, '"held": true'),
                   written.replace(mean, '"mean": "x"')):  # fmt: skip
        assert damage != written
        (trained / "result.json").write_text(damage)
        with pytest.raises(NotFoundError, match=r"result\.json is damaged"):
            shipped_outcomes(read_recipe(trained))
    assert tuner("recipe", "verify", "wider", cwd=trained.parent).returncode == 4
    assert not (trained.parent / "runs").exists()


def test_a_changed_claim_leaves_the_results_of_the_others(trained: Path) -> None:
    first = CLAIM.splitlines()[-1]
    (trained / "claim.yaml").write_text(f"{CLAIM}{first.replace('test_accuracy', 'val_accuracy')}\n")
    assert tuner("recipe", "run", "wider", "--update", "-q", cwd=trained.parent).returncode == 0
    change(trained / "claim.yaml", "metric: test_accuracy", "metric: test_accuracy, least_effect: 0.5")
    found = shipped_outcomes(read_recipe(trained))
    assert found is not None
    assert [one and one["metric"] for one in found] == [None, "val_accuracy"]


@pytest.mark.parametrize("text", [b"# No marks\n", b"\xff", f"see `{START}`\n{END}\n".encode()])
def test_a_readme_that_cannot_take_the_result_is_said_before_anything_is_trained(recipe: Path, text: bytes) -> None:
    (recipe / "README.md").write_bytes(text)
    done = tuner("recipe", "run", "wider", "--update", cwd=recipe.parent)
    assert done.returncode == (4 if text == b"\xff" else 2)
    assert "README.md" in done.stderr
    assert not (recipe.parent / "runs").exists()


def test_a_readme_keeps_its_line_ends_and_its_link(trained: Path) -> None:
    (trained / "README.md").rename(trained.parent / "text.md")
    (trained / "README.md").symlink_to("../text.md")
    (trained.parent / "text.md").write_bytes(f"# `{START}`\r\n{START}\r\n{END}\r\nend\r\n".encode())
    assert tuner("recipe", "run", "wider", "--update", "-q", cwd=trained.parent).returncode == 0
    assert (trained / "README.md").is_symlink()
    text = (trained.parent / "text.md").read_bytes()
    assert text.startswith(f"# `{START}`\r\n{START}\r\n| claim".encode())
    assert text.endswith(f" |\r\n{END}\r\nend\r\n".encode())
    assert text.count(b"\r\n") == text.count(b"\n")
    assert readme_with("no marks", []) is None


def test_without_a_readme_the_result_is_written_all_the_same(trained: Path) -> None:
    (trained / "README.md").unlink()
    assert tuner("recipe", "run", "wider", "--update", "-q", cwd=trained.parent).returncode == 0
    assert (trained / "result.json").is_file()
    assert "validation accuracy" in (trained / "curves.svg").read_text()  # the curve that belongs to test_accuracy
    assert not (trained / "README.md").exists()


def test_layers_that_are_not_measured_are_said_at_the_claim(recipe: Path) -> None:
    change(recipe / "claim.yaml", "metric: test_accuracy", "metric: activation_std(hidden.0)@0")
    (recipe / "base.yaml").write_text(f"{BASE}layer_stats: none\n")
    with pytest.raises(ConfigError) as found:
        read_recipe(recipe)
    assert {fault.line for fault in found.value.faults} == {6}
    assert "its layer_stats is none" in found.value.faults[0].message


def test_all_faults_of_all_recipes_at_once(recipe: Path) -> None:
    other = recipe.parent / "other"
    shutil.copytree(recipe, other)
    change(recipe / "claim.yaml", "minutes: 1", "minuts: 1")
    change(recipe / "wide.yaml", "[16]", "[16], dropout: 0.1")
    change(other / "wide.yaml", "[16]", "[8]")
    with pytest.raises(ConfigError) as found:
        read_recipes([recipe, other])
    said = "\n".join(fault.message for fault in found.value.faults)
    for part in ("unknown key minuts", "minutes is missing", "differ in more than", "do not differ in model.hidden"):
        assert part in said
    assert "claims" in str(next(fault.allowed for fault in found.value.faults if "minuts" in fault.message))


def test_a_copy_under_another_name_is_a_recipe(tmp_path: Path) -> None:
    assert tuner("copy", "signal", "über mein", cwd=tmp_path).returncode == 0
    assert read_recipe(tmp_path / "über mein").name == "über mein"


def test_what_is_no_recipe_is_said(recipe: Path) -> None:
    assert find_recipes([str(recipe), str(recipe / "claim.yaml")]) == [recipe, recipe]
    (recipe / "claim.yaml").unlink()
    with pytest.raises(UsageError, match=r"it has no claim\.yaml"):
        find_recipes([str(recipe)])
    with pytest.raises(UsageError, match="there is no recipe xxx"):
        find_recipes(["x" * 300])


@pytest.mark.parametrize("command", ["run", "verify"])
def test_errors_are_json_where_that_is_asked_for(tmp_path: Path, command: str) -> None:
    done = tuner("recipe", command, "dropot", "--json", cwd=tmp_path)
    told = {"message": "there is no recipe dropot", "suggestion": "Did you mean dropout?"}
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (2, {"exit_code": 2, "errors": [told]}, "")
