"""Recipes: what is read, what is refused, what is trained and written; and the ones that come with tuner."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import program
import pytest

from tuner.cli.recipe import page_with, readme_with
from tuner.document.files import plain
from tuner.errors import ConfigError, UsageError
from tuner.explain import explain
from tuner.recipe.reading import find_recipes, hindrance, read_recipe, read_recipes
from tuner.recipe.results import shipped_outcomes
from tuner.shipped import folder, recipes

BASELINE = """
name: slow-baseline
data: {name: digits, limit: 200}
model: {hidden: [16]}
optimizer: {lr: 0.01}
training: {epochs: 4}
"""
SLOW = "extends: baseline.yaml\nname: slow-low\noptimizer: {lr: 1e-5}\n"
CLAIM = """
title: A low rate is slow
symptom: the training loss falls slowly
knob: optimizer.lr
proves: [optimizer.lr]
seeds: 6
minutes: 0.5
curves: {metrics: [val_loss]}
claims:
  - {baseline: baseline, treatment: low, keys: [optimizer.lr], metric: val_loss, direction: down, expect: [worse]}
  - {baseline: baseline, treatment: low, keys: [optimizer.lr], metric: train_accuracy@last, direction: up,
     least_effect: 0.01, expect: [better]}
"""
README = "# A low rate is slow\n\n## Result\n\n<!-- result -->\nold\n<!-- /result -->\n\n## Sources\n"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe with one claim that holds and one that does not."""
    return written(tmp_path / "slow")


def written(path: Path) -> Path:
    path.mkdir()
    for name, text in {"baseline.yaml": BASELINE, "low.yaml": SLOW, "claim.yaml": CLAIM, "README.md": README}.items():
        (path / name).write_text(text)
    return path


PLAIN = {"NO_COLOR": "1", "COLUMNS": "100"}


def tuner(*words: str, cwd: Path, timeout: int = 300, **more: str) -> subprocess.CompletedProcess[str]:
    return program.run(*words, cwd=cwd, timeout=timeout, given={**PLAIN, **more})


def test_what_a_recipe_says(recipe: Path) -> None:
    read = read_recipe(recipe)
    assert (read.name, read.about.title, read.about.seeds) == ("slow", "A low rate is slow", 6)
    assert list(read.configs) == ["baseline", "low"]
    assert [claim.expect for claim in read.claims] == [["worse"], ["better"]]
    assert shipped_outcomes(read) is None


def test_run_update_verify_and_the_same_again(recipe: Path) -> None:
    """Interrupted, continued, verified; result.json made anew is the same."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tuner", "recipe", "run", "slow", "-q"],
        cwd=recipe.parent,
        env={**os.environ, **PLAIN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    page_before = (folder("recipes") / "README.md").stat().st_mtime_ns
    members = recipe.parent / "runs" / "slow-baseline-1"
    deadline = time.monotonic() + 60
    while not list(members.glob("seed-*/best.safetensors")):
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == -signal.SIGINT

    first = tuner("recipe", "run", "slow", "--json", cwd=recipe.parent)
    assert (first.returncode, first.stderr) == (0, "")
    said = json.loads(first.stdout)["recipes"][0]
    assert (said["name"], said["shipped"]) == ("slow", None)
    holds, fails = said["claims"]
    assert (holds["pairs"], holds["verdict"], holds["holds"]) == (6, "worse", True)
    assert holds["p"] == 0.03125
    assert holds["low"] < holds["mean"] < holds["high"]
    assert (fails["verdict"], fails["holds"]) == ("worse", False)
    assert not (recipe / "result.json").exists()

    told = tuner("recipe", "verify", "slow", cwd=recipe.parent)
    assert told.returncode == 1
    assert "low against baseline" in told.stdout

    results = []
    for _ in range(2):
        done = tuner(
            "recipe", "run", "slow", "--update", "-q", TUNER_RUNS=str(recipe.parent / "runs"), cwd=recipe.parent
        )
        assert (done.returncode, done.stdout) == (0, "slow fails\n"), done.stderr
        results.append([(recipe / name).read_bytes() for name in ("result.json", "curves.svg", "README.md")])
        (recipe / "result.json").unlink()
    assert results[0] == results[1]
    (recipe / "result.json").write_bytes(results[0][0])
    assert json.loads(results[0][0])["claims"] == said["claims"]
    assert shipped_outcomes(read_recipe(recipe)) == said["claims"]
    still = tuner("recipe", "verify", "slow", "-q", cwd=recipe.parent)
    assert (still.returncode, still.stdout) == (0, "slow holds\n")  # one claim is shipped as one that does not
    for _ in range(2):  # the second time beside the members of other seeds
        other = tuner("recipe", "run", "slow", "--seeds", "2,9", "--json", cwd=recipe.parent)
        assert [claim["pairs"] for claim in json.loads(other.stdout)["recipes"][0]["claims"]] == [2, 2]
        assert tuner("recipe", "run", "slow", "--update", "-q", cwd=recipe.parent).returncode == 0
        assert (recipe / "result.json").read_bytes() == results[0][0]
    assert (folder("recipes") / "README.md").stat().st_mtime_ns == page_before  # it lists those that tuner ships
    text = (recipe / "README.md").read_text()
    assert "\nold\n" not in text
    assert "| low against baseline | val_loss (down is better) | 6 |" in text
    assert text.endswith("<!-- /result -->\n\n## Sources\n")


def test_claims_over_splits_beside_claims_over_seeds(recipe: Path) -> None:
    """Of one config a group of seeds and a family of splits are trained; each has its verdict as `compare` gives it."""
    text = CLAIM.replace("seeds: 6", "seeds: 6\nsplits: 5").replace("expect: [better]", "over: splits, expect: [worse]")
    (recipe / "claim.yaml").write_text(text)
    (recipe / "low.yaml").write_text(f"{SLOW}data: {{split_seed: 7}}\n")
    with pytest.raises(ConfigError, match=r"differ in more than the claim says: data\.split_seed"):
        read_recipe(recipe)  # only splits vary it
    (recipe / "low.yaml").write_text(SLOW)
    assert tuner("recipe", "run", "slow", "--update", "-q", cwd=recipe.parent).stdout == "slow holds\n"
    by_seeds, by_splits = json.loads((recipe / "result.json").read_text())["claims"]
    assert [(each["over"], each["pairs"]) for each in (by_seeds, by_splits)] == [("seeds", 6), ("splits", 5)]
    assert by_seeds["p"] == 0.03125
    runs = sorted(path.parent.name for path in recipe.parent.glob("runs/*/group.json"))
    assert runs == ["slow-baseline-1", "slow-baseline-2", "slow-low-1", "slow-low-2"]
    families = ["runs/slow-baseline-2", "runs/slow-low-2"]
    told = tuner("compare", *families, "--metric", "train_accuracy@last", "--json", cwd=recipe.parent)
    [found] = json.loads(told.stdout)["differences"]
    assert [found[key] for key in ("p", "low", "high")] == [by_splits[key] for key in ("p", "low", "high")]
    assert "| train_accuracy@last (up is better) | 5 splits |" in (recipe / "README.md").read_text()
    drawing = (recipe / "curves.svg").read_text()
    assert "<!-- low (mean of 6 seeds) -->" in drawing and "<!-- low (mean of 5 splits) -->" in drawing

    few = tuner("recipe", "verify", "slow", "--splits", "1-4", cwd=recipe.parent)
    assert (few.returncode, "a verdict takes 5 splits, and --splits names 4" in few.stderr) == (2, True)
    few = tuner("recipe", "run", "slow", "--splits", "4", "--json", cwd=recipe.parent)
    assert [each["pairs"] for each in json.loads(few.stdout)["recipes"][0]["claims"]] == [6, 4]
    assert "4 splits, and a verdict takes 5" in few.stderr
    wrong = tuner("recipe", "run", "slow", "--splits", "x", cwd=recipe.parent)
    assert (wrong.returncode, wrong.stderr.startswith("error: --splits x is no number")) == (2, True)
    (recipe / "claim.yaml").write_text(CLAIM)
    none = tuner("recipe", "run", "slow", "--splits", "5", cwd=recipe.parent)
    assert (none.returncode, "--splits 5: no claim is over splits" in none.stderr) == (2, True)


def test_a_result_from_before_claims_could_be_over_splits(recipe: Path) -> None:
    found = {"pairs": 6, "mean": 1.0, "low": 0.9, "high": 1.1, "p": 0.03, "verdict": "worse", "holds": True}
    claims = [{**claim.__dict__, **found} for claim in read_recipe(recipe).claims]
    for claim in claims:
        del claim["over"]
    (recipe / "result.json").write_text(json.dumps({"claims": claims}))
    outcomes = shipped_outcomes(read_recipe(recipe))
    assert outcomes is not None
    assert [each and each["over"] for each in outcomes] == ["seeds", "seeds"]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("claim.yaml", "seeds: 6", "seeds: six", "expected an integer"),
        ("claim.yaml", "minutes: 0.5", "", "minutes is missing"),
        ("claim.yaml", "expect: [worse]", "expect: [wrose]", "got the text wrose"),
        ("claim.yaml", "seeds: 6", "splits: 6", "no claim is over splits"),
        ("claim.yaml", "expect: [worse]", "over: folds, expect: [worse]", "got the text folds"),
        ("claim.yaml", "metric: val_loss,", "metric: val loss,", "is not a metric"),
        ("claim.yaml", "knob:", "nob:", "unknown key nob"),
        ("claim.yaml", "claims:", "claims: [", "not YAML"),
        ("claim.yaml", CLAIM, "title: [", "not YAML"),
        ("claim.yaml", CLAIM, "title: A\nminutes: 1\n", "claims are missing"),
        ("low.yaml", "name: slow-low\n", "", "low is called slow-baseline, and so is baseline"),
        ("claim.yaml", "metric: val_loss,", "metric: val_los,", "have no metric val_los"),
        ("claim.yaml", "metric: val_loss,", "metric: activation_std(hiden.0)@0,", "no metric activation_std(hiden.0)"),
        ("claim.yaml", "metric: val_loss,", "metric: test_loss@last,", "measured once"),
        ("claim.yaml", "direction: down", "direction: up", "of val_loss down is better, not up"),
        (
            "claim.yaml",
            "treatment: low, keys: [optimizer.lr], metric: val",
            "treatment: lo, keys: [optimizer.lr], metric: val",
            "there is no lo.yaml",
        ),
        ("claim.yaml", "metrics: [val_loss]", "metrics: [nope]", "there are no curves of nope"),
        ("low.yaml", "optimizer: {", "loss: mse\noptimizer: {", "not the same loss"),
        ("low.yaml", "{lr: 1e-5}", "{lr: 1e-5, weight_decay: 0.1}", "differ in more than the claim says"),
        ("low.yaml", "{lr: 1e-5}", "{lr: 0.01}", "do not differ in optimizer.lr"),
        ("low.yaml", "{lr: 1e-5}", "{lr: low}", "expected a number"),
    ],
)
def test_what_is_wrong_is_said(recipe: Path, file: str, old: str, new: str, said: str) -> None:
    text = (recipe / file).read_text()
    assert old in text
    (recipe / file).write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as found:
        read_recipe(recipe)
    assert any(said in fault.message for fault in found.value.faults), found.value.faults
    assert all(fault.file.endswith((file, "claim.yaml")) and fault.line for fault in found.value.faults)


def test_unknown_recipes_and_missing_data(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no recipe"):
        find_recipes([str(tmp_path / "nothing")])
    (recipe / "baseline.yaml").write_text(BASELINE.replace("digits", "mnist"))
    done = tuner("recipe", "run", "slow", cwd=recipe.parent, TUNER_DATA=str(tmp_path))
    assert done.returncode == 4
    assert "tuner download mnist" in done.stderr
    assert not (recipe.parent / "runs").exists()


# ---- the recipes that come with tuner --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", recipes())
def test_a_shipped_recipe_is_whole(name: str) -> None:
    """Its files, its claims, its configs, its result; its README holds what result.json says."""
    path = recipes()[name]
    recipe = read_recipe(path)
    assert {file.stem for file in path.glob("*.yaml")} == {*recipe.configs, "claim"}
    assert recipe.about.minutes <= 4
    assert recipe.about.seeds >= 6
    found = shipped_outcomes(recipe)
    assert found is not None
    assert None not in found, "tuner recipe run --update has not been run since its claims changed"
    text = (path / "README.md").read_text()
    assert readme_with(text, [one for one in found if one]) == text
    headings = [line for line in text.splitlines() if line.startswith("#")]
    wanted = ["## Claim", "## Why", "## Setting", "## Result", "## When it does not hold", "## Sources"]
    assert headings == [f"# {recipe.about.title}", *wanted]
    assert "](curves.svg)" in text
    assert (path / "curves.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("name", recipes())
def test_what_a_recipe_proves_links_to_it(name: str) -> None:
    about = read_recipe(recipes()[name]).about
    assert about.proves
    for proven in about.proves:
        assert any(f"Recipe: {name} " in meaning.text for meaning in explain(proven)), proven
    assert any(meaning.what == "recipe" for meaning in explain(name))


def test_the_page_of_all_recipes_is_not_stale() -> None:
    read = [read_recipe(path) for path in recipes().values()]
    found: list[tuple[Any, Any]] = [(recipe, shipped_outcomes(recipe)) for recipe in read]
    text = (folder("recipes") / "README.md").read_text()
    assert page_with(text, [(recipe, claims) for recipe, claims in found if claims]) == text
    assert len([line for line in text.splitlines() if line.startswith("| ---")]) == 3


def test_the_example_of_the_page_is_a_recipe(tmp_path: Path) -> None:
    example = (folder("recipes") / "README.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "claim.yaml").write_text(example)
    (tmp_path / "baseline.yaml").write_text("data: digits\n")
    (tmp_path / "dropout.yaml").write_text("model: {dropout: 0.5}\n")
    read = read_recipe(tmp_path)
    assert (read.claims[0].metric, read.claims[0].least_effect) == ("test_accuracy", 0.005)
    names = [loaded.config.name for loaded in read.configs.values()]
    assert names == [f"{tmp_path.name}-baseline"[:64], f"{tmp_path.name}-dropout"[:64]]


@pytest.mark.slow
def test_three_recipes_chosen_by_chance_still_hold(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """`pytest -m slow --recipe-seed N`; the verdicts are those of the shipped result."""
    seed = request.config.getoption("--recipe-seed")
    there = sorted(each.name for each in read_recipes(list(recipes().values())) if hindrance(each) is None)
    chosen = sorted(random.Random(seed).sample(there, min(3, len(there))))  # noqa: S311
    done = tuner("recipe", "run", *chosen, "--json", cwd=tmp_path, timeout=3600)
    assert done.returncode == 0, done.stderr
    for told in json.loads(done.stdout)["recipes"]:
        assert [claim["verdict"] for claim in told["claims"]] == [claim["verdict"] for claim in told["shipped"]], told


def test_a_copied_recipe_is_a_recipe(tmp_path: Path) -> None:
    name = next(iter(recipes()))
    done = tuner("copy", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{name}\n")
    assert read_recipe(tmp_path / name).name == name
    assert not (tmp_path / name / "result.json").exists()
    assert tuner("copy", name, cwd=tmp_path).returncode == 2
    shutil.rmtree(tmp_path / name)


def test_listed_and_explained() -> None:
    name, path = next(iter(recipes().items()))
    listed = tuner("list", "recipes", "--json", cwd=path)
    assert {each["name"]: each["what"] for each in json.loads(listed.stdout)["recipes"]}[name] == plain(
        path / "claim.yaml"
    )["title"]
