"""`tuner diff`: what counts as a difference, what is said of it, in which form, and with which exit code.

``pytest tests/test_diff.py --update-golden`` writes the expected texts anew; read their difference.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import program
import pytest
from making import create

from tuner.asks.diff import blocks, summary
from tuner.asks.diff.changes import Diff, as_data, compare_sides, counted
from tuner.asks.diff.sides import find_sides
from tuner.config.load import load
from tuner.document.writing import to_yaml
from tuner.durable.reading import json_bytes
from tuner.errors import ConfigError, NotFoundError, UsageError
from tuner.figures import spark
from tuner.runs import files as run_files
from tuner.runs import identity as run_identity

GOLDEN = Path(__file__).parent / "cases" / "diff"
IDENTITY = run_identity.Identity("c" * 64, "d" * 64, "cpu", "AMD EPYC", "AVX512", 1, "2.10.0", "0.1.0")
BOTH = ("config", "identity")

# ---- run folders, written as training writes them -------------------------------------------------------------------


class Place:
    """A working directory with configs and runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder / "runs"
        self.made = 0

    def config(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    def run(self, folder: str, *overrides: str, text: str = "data: digits\n", **more: Any) -> Path:
        """A run of the config `text`, with a curve that `start` and `fall` shape; `identity` and `about` replace parts
        of run.json, `status` of status.json."""
        loaded = load(self.config("digits.yaml", text), list(overrides))
        identity = replace(IDENTITY, config_hash=loaded.hash, **more.get("identity", {}))
        self.made += 1
        about = {
            "format": 1,
            "name": loaded.config.name,
            "created": f"2026-01-02T03:{self.made:02}:00+00:00",
            "seed": loaded.config.seed,
            "parameters": 9610,
            "identity": identity.as_json(),
            **more.get("about", {}),
        }
        files = {
            "config.yaml": to_yaml(loaded.resolved).encode(),
            "origins.json": json_bytes(dict(loaded.origins)),
            "run.json": json_bytes(about),
        }
        parent, _, name = folder.rpartition("/")
        path = create(self.runs / parent, loaded.config.name, name, files)
        rows = curve(more.get("epochs", 6), more.get("start", 2.0), more.get("fall", 0.7))
        if rows:
            columns = list(rows[0])
            lines = [run_files.format_header(columns), *(run_files.format_row(columns, row) for row in rows)]
            (path / "metrics.csv").write_text("".join(f"{line}\n" for line in lines))
            seconds = "".join(f"{row['epoch']},0.25\n" for row in rows)
            (path / "timing.csv").write_text(f"epoch,seconds\n{seconds}")
        best = {"best": rows[-1], "last": rows[-1], "best_epoch": len(rows), "test": final_of(rows)} if rows else {}
        run_files.write_status(path, {"state": "finished", "epoch": len(rows), **best, **more.get("status", {})})
        return path

    def diff(self, *references: str, ignore: Sequence[str] = ()) -> Diff:
        return compare_sides(find_sides(references, Path("runs")), ignore)

    def tuner(self, line: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        given = {"NO_COLOR": None, "COLUMNS": "100", **environment}
        return program.run(*shlex.split(line), cwd=self.folder, stdin=stdin, given=given)


def curve(epochs: int, start: float, fall: float) -> list[dict[str, float | int]]:
    rows: list[dict[str, float | int]] = []
    for epoch in range(1, epochs + 1):
        loss = start * fall**epoch
        rows.append(
            {
                "epoch": epoch,
                "step": 10 * epoch,
                "lr": 0.001,
                "batch_loss": loss,
                "train_loss": loss / 2,
                "train_accuracy": 1 - loss / 10,
                "val_loss": loss,
                "val_accuracy": 1 - loss / 5,
                "grad_norm": 1.0,
            }
        )
    return rows


def final_of(rows: Sequence[dict[str, float | int]]) -> dict[str, float]:
    return {"loss": rows[-1]["val_loss"] * 1.1, "accuracy": rows[-1]["val_accuracy"] - 0.01}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Two runs, a group, a run elsewhere, and two configs. Nothing in it is changed."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        place = Place(folder)
        place.run("digits-1", "training.epochs=6")
        text = "data: digits\noptimizer: {name: sgd, momentum: 0.9}\nmodel:\n  dropout: 0.2\n  hidden: [64, 32]\n"
        place.run("digits-2", "training.epochs=8", text=text, epochs=8, fall=0.6)
        for seed in range(3):
            place.run(f"base/seed-{seed}", f"seed={seed}", start=2.0 + seed / 10)
        place.run(
            "gpu",
            identity={"device": "cuda:0", "device_model": "H100", "torch": "2.11.0"},
            about={"git_commit": "ab12" * 10},
        )
        place.config("base.yaml", "optimizer: {name: adam, lr: 0.01}\nearly_stopping: {patience: 5}\n")
        place.config(
            "my.yaml",
            "extends: base.yaml\nmodel: {name: cnn, activation: {name: leaky_relu, slope: 0.2}}\nloss: hinge\n",
        )
        place.config("layers.yaml", LAYERS)
        yield place


LAYERS = """\
model:
  name: layers
  layers: [{conv: 8}, {pool: 2}, {conv: 16, activation: {name: leaky_relu, slope: 0.3}}, {dense: 32}, {dropout: 0.5}]
data: {augment: [{name: shift, pixels: 2}]}
"""

# ---- golden texts ----------------------------------------------------------------------------------------------------

COMMANDS = {
    "two_runs.txt": "diff digits-1 digits-2",
    "run_and_group.txt": "diff base digits-2",
    "three_sides.txt": "diff digits-1 digits-2 my.yaml",
    "four_sides_result.txt": "diff base digits-1 gpu digits-2 --only result",
    "two_configs.txt": "diff base.yaml my.yaml",
    "lists.txt": "diff base.yaml layers.yaml",
    "identity.txt": "diff digits-1 gpu",
    "identity_of_three.txt": "diff digits-1 gpu digits-2 --only identity --all",
    "everything.txt": "diff base base/seed-1 --all",
    "the_same_run.txt": "diff digits-1 runs/digits-1",
    "ignored.txt": "diff digits-1 digits-2 --ignore optimizer --ignore 'model.*' --only config",
    "markdown.md": "diff digits-1 digits-2 --md",
    "markdown_of_three.md": "diff base gpu my.yaml --md",
    "arguments.txt": "diff digits-1 my.yaml --as-args",
    "help.txt": "diff --help",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_output_at_100_columns(filled: Place, name: str, update_golden: bool) -> None:
    done = filled.tuner(COMMANDS[name])
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    file = GOLDEN / name
    if update_golden:
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(done.stdout)
    assert done.stdout == file.read_text()


PARTS = ("config", "identity", "result")


def test_colour_adds_nothing_but_colour(filled: Place, text_of: Callable[..., str]) -> None:
    for sides in (("digits-1", "digits-2"), ("base", "gpu", "my.yaml"), ("base.yaml", "layers.yaml")):
        found = filled.diff(*sides)
        painted = text_of(blocks(found, PARTS, True), width=120, color=True)
        colors = {"\x1b[31m", "\x1b[32m"} if len(sides) == 2 else {"\x1b[33m"}
        assert colors <= set(re.findall(r"\x1b\[3[0-9]m", painted))
        bare = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in painted.split("\n")]
        assert bare == text_of(blocks(found, PARTS, True), width=120).split("\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_is_not_overrun(filled: Place, text_of: Callable[..., str], width: int) -> None:
    for sides in (("layers.yaml", "my.yaml"), ("base", "digits-1", "digits-2", "gpu")):
        text = text_of(blocks(filled.diff(*sides), PARTS, True), width=width)  # which looks at the width of each line
        assert "leaky_relu" in text or "my.yaml" not in sides
        assert summary(filled.diff(*sides), PARTS) in " ".join(text.split())


def test_without_unicode_it_is_plain_ascii(filled: Place) -> None:
    done = filled.tuner("diff base digits-2", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert done.stdout.isascii()
    assert "0.2471 +- 0.0118" in done.stdout
    assert "\\u" not in done.stdout


# ---- what counts -----------------------------------------------------------------------------------------------------


def changed(place: Place, a: str, b: str) -> dict[str, tuple[Any, ...]]:
    """The settings that differ between two configs."""
    found = place.diff(place.config("a.yaml", a), place.config("b.yaml", b))
    return {setting.key: setting.values for setting in found.changed}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("{}", "optimizer: {name: adam, lr: 0.001}\nseed: 0"),
        (
            "model: {activation: LeakyReLU, initializer: xavier_normal}",
            "model: {initializer: glorot_normal, activation: leaky_relu}",
        ),
        ("optimizer: {lr: 1e-3}", "optimizer: {lr: 0.001}"),
        ("model: {hidden: [128]}", "model:\n  hidden:\n  - 128"),
        ("early_stopping: none", "early_stopping: null"),
        ("name: x\ntags: [a]\ncheckpoint: {keep: 3}\nlayer_stats: none", "data: {name: digits, root: /elsewhere}"),
        ("training: {device: cuda, threads: 3}", "training: {}"),
        ("loss: {name: mse, outputs: softmax}\ndata: diabetes", "loss: mse\ndata: diabetes"),
    ],
)
def test_what_means_the_same_is_the_same(place: Place, a: str, b: str) -> None:
    assert changed(place, a, b) == {}


def test_one_key_each(place: Place) -> None:
    assert changed(place, "optimizer: {lr: 0.1}", "optimizer: {lr: 0.01}") == {"optimizer.lr": (0.1, 0.01)}
    assert changed(place, "{}", "model: {hidden: [4, 4]}") == {"model.hidden": ([128], [4, 4])}
    assert changed(place, "{}", "model: {activation: tanh}") == {"model.activation": ("relu", "tanh")}
    assert changed(place, "{}", "model: {output: {initializer: zeros}}") == {
        "model.output.initializer": ("default", "zeros")
    }
    assert list(changed(place, "{}", "data: {augment: [flip]}")) == ["data.augment"]
    assert changed(place, "data: {fold: {}}", "data: {fold: {index: 2}}") == {"data.fold.index": (0, 2)}
    assert list(changed(place, "{}", "data: {fold: {}}")) == ["data.test", "data.fold"]
    factors = "optimizer: {lr_factors: {bias: 0.1}}"
    assert changed(place, "{}", factors) == {"optimizer.lr_factors.bias": (1.0, 0.1)}
    assert list(changed(place, LAYERS, LAYERS.replace("slope: 0.3", "slope: 0.1"))) == ["model.layers"]


def test_how_far_a_number_moved_is_not_told_of_one_that_says_which(place: Place, text_of: Callable[..., str]) -> None:
    a = place.config("a.yaml", "data: {fold: {of: 4, index: 1}, split_seed: 1}\nseed: 1")
    b = place.config("b.yaml", "data: {fold: {of: 8, index: 2}, split_seed: 2}\nseed: 2")
    moved = [
        line.split()[0] for line in text_of(blocks(place.diff(a, b), ["config"], False)).split("\n") if " x 2 " in line
    ]
    assert moved == ["data.fold.of"]


@pytest.mark.parametrize(
    ("a", "b", "key", "shared", "own"),
    [
        ("{}", "optimizer: {name: sgd, momentum: 0.9}", "optimizer", "lr", "betas eps momentum nesterov"),
        ("{}", "optimizer: {name: sgd, lr: 1e-3}", "optimizer", "", "betas eps momentum nesterov"),
        ("{}", "scheduler: {name: step, gamma: 0.5}", "scheduler", "", "step_size gamma"),
        ("{}", "early_stopping: {patience: 5}", "early_stopping", "", "patience min_delta"),
        ("{}", "model: {activation: {name: elu, alpha: 2}}", "model.activation", "", "alpha"),
        ("model: {activation: leaky_relu}", "model: {activation: elu}", "model.activation", "", "slope alpha"),
        (
            "{}",
            "model: {name: cnn, activation: {name: elu}, hidden: [4]}",
            "model",
            "activation hidden",
            "channels kernel_size",
        ),
        ("data: mnist", "data: {name: digits, limit: 100}", "data", "limit", "test"),
    ],
)
def test_another_choice_is_one_change(
    place: Place, a: str, b: str, key: str, shared: str, own: str, text_of: Callable[..., str]
) -> None:
    """With what it alone has; what both choices have counts for itself, wherever something is counted."""
    found = place.diff(place.config("a.yaml", a), place.config("b.yaml", b))
    keys = [key, *(f"{key}.{each}" for each in shared.split())]
    assert [setting.key for setting in found.changed] == keys
    assert [each["key"] for each in as_data(found, PARTS, False)["changed"]] == keys
    inside = {each.key.removeprefix(f"{key}.") for each in found.changed[0].inside if each.differs}
    assert inside == {*shared.split(), *own.split()}
    text = text_of(blocks(found, PARTS, False))
    assert f"config: {len(keys)} of {len(list(counted(found.settings)))} settings differ" in text
    if shared:
        assert found.warnings() == [f"{len(keys)} settings differ: an effect cannot be put down to one of them"]
        assert text.endswith(f"\n{len(keys)} settings differ")
    else:
        assert found.warnings() == []


def test_sides_of_one_choice_beside_another_one(place: Place) -> None:
    """Against the first side: what is inside a choice that both have counts, though a third has another choice."""
    texts = ("model: cnn", "model: {name: cnn, channels: [8]}", "model: {name: mlp, dropout: 0.5}")
    found = place.diff(*(place.config(f"{at}.yaml", text) for at, text in enumerate(texts)))
    counts = [[each.key for each in found.changes_against_first(at)] for at in range(3)]
    assert counts == [[], ["model.channels"], ["model", "model.dropout"]]
    assert {each.key for each in found.changed} == {"model", "model.channels", "model.dropout"}


def test_the_seed_of_a_group_does_not_count(filled: Place) -> None:
    assert [setting.key for setting in filled.diff("base/seed-0", "base/seed-1").changed] == ["seed"]
    assert filled.diff("base", "base/seed-1").changed == []
    assert filled.diff("base/seed-1", "base/seed-2", "base").changed == []
    assert "seed" not in filled.tuner("diff base/seed-2 base --as-args").stdout


def test_many_sides(filled: Place, text_of: Callable[..., str]) -> None:
    found = filled.diff(*["digits-1"] * 25, "digits-2")
    data = as_data(found, BOTH, False)
    (lr,) = [each for each in data["changed"][2]["inside"] if each["key"] == "optimizer.lr"]
    assert (lr["a"], lr["y"], lr["z"], len(lr["set_in"])) == (0.001, 0.001, 0.01, 26)
    assert text_of(blocks(found, PARTS, False), width=100)
    for count in (0, 1, 27):
        with pytest.raises(UsageError, match="2 to 26 sides"):
            filled.diff(*["digits-1"] * count)


def test_several_changes_are_counted_against_the_first_side(place: Place) -> None:
    a, b, c = (
        place.config(f"{name}.yaml", text)
        for name, text in (("a", "{}"), ("b", "seed: 1"), ("c", "seed: 1\nloss: mse"))
    )
    assert place.diff(a, b).warnings() == []
    assert place.diff(a, c).warnings() == ["2 settings differ: an effect cannot be put down to one of them"]
    assert [each.partition(":")[0] for each in place.diff(a, b, c).warnings()] == [
        "C differs from A in several settings"
    ]
    assert place.diff(b, a, c).warnings() == []


# ---- where it was set ------------------------------------------------------------------------------------------------


def test_where_each_side_set_it(filled: Place) -> None:
    told = {
        each["key"]: each for each in as_data(filled.diff("base.yaml", "my.yaml", "digits-2"), BOTH, True)["changed"]
    }
    assert told["model"]["set_in"] == ["default", "my.yaml:2", "default"]
    assert told["optimizer"]["set_in"] == ["base.yaml:1", "base.yaml:1", "digits.yaml:2"]
    inside = {each["key"]: each for each in told["model"]["inside"]}
    assert inside["model.activation"]["set_in"] == ["default", "my.yaml:2", "default"]
    assert inside["model.dropout"]["set_in"] == ["default", "default", "digits.yaml:4"]
    assert inside["model.channels"]["set_in"] == [None, "default", None]
    assert told["training.epochs"]["set_in"] == ["default", "default", "override: training.epochs=8"]


def test_a_setting_that_stayed_though_its_choice_was_switched_is_told(place: Place) -> None:
    """lr is 0.1 on both sides, so that no line of the diff would say that it was found for another optimizer."""
    text = "data: digits\noptimizer: {name: sgd, lr: 0.1}\n"
    place.run("digits-1", text=text)
    place.run("digits-2", "optimizer=adam", text=text)
    place.config("other.yaml", "extends: digits.yaml\noptimizer: nadam")
    stays = "set for sgd and stays under {}, whose default is 0.001"
    said = place.tuner("diff digits-1 digits-2 other.yaml").stderr
    assert f"note: digits-2: optimizer.lr is from digits.yaml:2; {stays.format('adam')}" in said
    assert f"note: other.yaml: optimizer.lr: 0.1 (digits.yaml:2) was {stays.format('nadam')}" in said
    data = as_data(place.diff("digits-1", "digits-2"), ["config"], True)
    assert data["changed"][0]["key"] == "optimizer"


def test_a_run_without_origins_is_still_shown(place: Place) -> None:
    (place.run("digits-1", "seed=3") / "origins.json").unlink()
    place.run("digits-2")
    assert as_data(place.diff("digits-1", "digits-2"), BOTH, False)["changed"][0]["set_in"] == ["default", "default"]


# ---- what else has to agree -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "value", "word"),
    [
        ("torch", "2.11.0", "torch"),
        ("tuner", "0.2.0", "tuner"),
        ("threads", 2, "threads"),
        ("device_model", "H100", "device model"),
        ("cpu_capability", "AVX2", "CPU capability"),
        ("data_fingerprint", "e" * 64, "data"),
    ],
)
def test_what_voids_a_comparison_is_said_first(
    place: Place, part: str, value: Any, word: str, text_of: Callable[..., str]
) -> None:
    place.run("digits-1")
    place.run("digits-2", identity={part: value})
    found = place.diff("digits-1", "digits-2")
    assert [each.name for each in found.moved] == [word]
    assert found.warnings() == [f"{word} differs: results can differ for that alone"]
    assert not found.same()
    assert found.same(["config"])
    assert text_of(blocks(found, ["result"], False)).split("\n")[4].startswith(f"warning: {word} differs")
    assert "warning" not in text_of(blocks(found, ["config"], False))
    assert as_data(found, ["config"], False)["warnings"] == []


def test_a_commit_is_told_but_is_no_part_of_the_identity(place: Place) -> None:
    place.run("digits-1", about={"git_commit": "a" * 40})
    place.run("digits-2", about={"git_commit": "b" * 40})
    place.run("digits-3", about={"git_commit": None})
    found = place.diff("digits-1", "digits-2")
    assert [each.key for each in found.moved] == ["git_commit"]
    assert found.warnings() != []
    assert found.same()
    assert place.diff("digits-1", "digits-3").moved == []


def test_other_settings_of_the_data_explain_other_data(place: Place) -> None:
    place.run("digits-1")
    place.run("digits-2", "data.limit=500", identity={"data_fingerprint": "e" * 64})
    found = place.diff("digits-1", "digits-2")
    assert [each.key for each in found.moved] == ["data_fingerprint"]
    assert found.warnings() == []


def test_members_of_a_group_that_differ_among_themselves(place: Place) -> None:
    place.run("a/seed-0", "seed=0")
    place.run("a/seed-1", "seed=1", identity={"threads": 2})
    place.run("b", "seed=0")
    (moved,) = place.diff("a", "b").moved
    assert moved.values == ((1, 2), (1,))
    assert as_data(place.diff("a", "b"), BOTH, False)["identity"] == [{"key": "threads", "a": [1, 2], "b": 1}]


def test_what_configs_ask_for_is_compared_with_what_runs_had(place: Place) -> None:
    place.run("digits-1")
    asked = place.config("asked.yaml", "training: {device: cuda, threads: 4}")
    auto = place.config("auto.yaml", "{}")
    assert [each.key for each in place.diff("digits-1", asked).moved] == ["device", "threads"]
    assert place.diff("digits-1", auto).moved == []
    place.run("digits-2", identity={"device": "cuda:0", "threads": 4})
    assert place.diff("digits-2", asked).moved == []


# ---- results ---------------------------------------------------------------------------------------------------------


def test_a_group_stands_for_its_mean(filled: Place) -> None:
    found = filled.diff("base", "digits-2")
    losses = [curve(6, 2.0 + seed / 10, 0.7)[-1]["val_loss"] for seed in range(3)]
    other = curve(8, 2.0, 0.6)[-1]["val_loss"]
    (loss,) = [outcome for outcome in found.outcomes if outcome.metric == "val_loss"]
    assert loss.values == pytest.approx((statistics.mean(losses), other), rel=1e-12)
    assert loss.spreads[0] == pytest.approx(statistics.stdev(losses), rel=1e-12)
    assert (loss.spreads[1], loss.counts) == (None, (3, 1))
    assert loss.deltas[1] == pytest.approx(other - statistics.mean(losses), rel=1e-12)
    assert (loss.deltas[0], loss.better[1]) == (None, True)
    assert found.course is not None
    means = [
        statistics.mean(rows)
        for rows in zip(*([row["val_loss"] for row in curve(6, 2 + s / 10, 0.7)] for s in range(3)), strict=True)
    ]
    assert found.course.values[0] == pytest.approx(means, rel=1e-12)


def test_better_follows_the_metric(filled: Place) -> None:
    better = {outcome.metric: outcome.better[1] for outcome in filled.diff("digits-1", "digits-2").outcomes}
    assert list(better)[:4] == ["val_loss", "val_accuracy", "test_loss", "test_accuracy"]
    assert better["val_loss"] is better["val_accuracy"] is better["test_accuracy"] is True
    assert better["epochs"] is better["parameters"] is None
    worse = {outcome.metric: outcome.better[1] for outcome in filled.diff("digits-2", "digits-1").outcomes}
    assert worse["train_loss"] is worse["train_accuracy"] is False


@pytest.mark.parametrize(
    ("override", "compared"),
    [
        ("loss=mse", False),
        ("loss.label_smoothing=0.1", True),
        ("loss.class_weights=[1,1,1,1,1,1,1,1,1,2]", True),
        ("loss.class_weights=balanced", True),
        ("optimizer.lr=0.1", True),
    ],
)
def test_losses_that_measure_something_else_are_not_compared(place: Place, override: str, compared: bool) -> None:
    place.run("digits-1")
    place.run("digits-2", override, fall=0.5)
    outcomes = {outcome.metric: outcome for outcome in place.diff("digits-1", "digits-2").outcomes}
    assert (outcomes["val_loss"].deltas[1] is not None) == (outcomes["val_loss"].better[1] is not None) == compared
    assert outcomes["val_accuracy"].better[1] is True


def test_nothing_measured_on_other_data_is_compared(place: Place) -> None:
    place.run("digits-1")
    place.run("other", text="data: wine\n", about={"parameters": 100})
    outcomes = {outcome.metric: outcome for outcome in place.diff("digits-1", "other").outcomes}
    assert outcomes["val_accuracy"].deltas[1] is None
    assert outcomes["parameters"].deltas[1] == 100 - 9610


def test_without_two_results_there_is_no_result(place: Place, text_of: Callable[..., str]) -> None:
    place.run("digits-1")
    place.run("digits-2", epochs=0, status={"state": "stopped"})
    for sides in (("digits-1", "digits-2"), ("digits-1", "digits"), ("digits-2", "digits.yaml")):
        found = place.diff(*sides)
        assert (found.outcomes, found.course) == ([], None)
        assert "result at" not in text_of(blocks(found, ["config", "result"], False))


def test_a_diverged_member_has_no_value(place: Place, text_of: Callable[..., str]) -> None:
    place.run("a/seed-0", "seed=0")
    place.run("a/seed-1", "seed=1", epochs=0, status={"state": "diverged"})
    place.run("b")
    found = place.diff("a", "b")
    assert found.outcomes[0].counts == (1, 1)
    text = text_of(blocks(found, ["result"], False))
    assert "1 finished, 1 diverged" in text
    assert "(1 of 2)" in text


def test_deltas_refer_to_the_first_side_with_results(filled: Place) -> None:
    one, other = curve(6, 2.0, 0.7)[-1]["val_loss"], curve(8, 2.0, 0.6)[-1]["val_loss"]
    loss = filled.diff("my.yaml", "digits-1", "digits-2").outcomes[0]  # a config's loss is no reason not to compare
    assert [loss.deltas[index] for index in range(3)] == [None, None, pytest.approx(other - one)]


def test_a_run_is_not_better_than_itself(place: Place, text_of: Callable[..., str]) -> None:
    """The mean of 0.1 three times is not 0.1 to the last bit."""
    for seed in range(3):
        place.run(f"a/seed-{seed}", f"seed={seed}", start=0.1)
    place.run("b", start=0.1)
    assert {outcome.better[1] for outcome in place.diff("a", "b").outcomes} == {None}
    assert "e-1" not in text_of(blocks(place.diff("a", "b"), ["result"], False))


def test_spark_lines_share_one_scale(filled: Place) -> None:
    assert spark([1, 2, 3], scale=(1, 8)) + spark([6, 8, 9, 0], scale=(1, 8)) == "▁▂▃▆██▁"
    drawn = [line.split()[1] for line in filled.tuner("diff digits-1 digits-2 --only result").stdout.split("\n")[-5:-3]]
    assert [len(each) for each in drawn] == [6, 8]
    assert (drawn[0][0], drawn[1][-1]) == ("█", "▁")
    assert "▁" not in drawn[0]


# ---- what a side can be ----------------------------------------------------------------------------------------------


def kinds(place: Place, *references: str) -> list[tuple[str, str]]:
    return [(side.kind, side.path) for side in place.diff(*references).sides]


def test_a_run_of_that_name_wins_over_a_shipped_config(place: Place) -> None:
    assert [kind for kind, _ in kinds(place, "digits", "digits-cnn")] == ["config", "config"]
    place.run("digits-cnn-1")
    assert kinds(place, "digits", "@1") == [("run", "runs/digits-cnn-1")] * 2  # its config's name
    shutil.rmtree(place.runs)
    place.run("mine", text="name: digits-cnn\n")
    assert [kind for kind, _ in kinds(place, "digits", "digits-cnn")] == ["config", "run"]
    place.run("circles-of-mine")
    assert [kind for kind, _ in kinds(place, "circles", "circles-of")] == ["config", "run"]  # not a mere beginning


def test_files_folders_and_stdin(filled: Place) -> None:
    assert kinds(filled, "my.yaml", "./runs/base/") == [("config", "my.yaml"), ("group", "runs/base")]
    assert kinds(filled, "runs/digits-1/config.yaml", "base/seed-2") == [
        ("config", "runs/digits-1/config.yaml"),
        ("run", "runs/base/seed-2"),
    ]
    done = filled.tuner("diff - my.yaml --json", stdin="extends: my.yaml\nseed: 4")
    assert [(each["key"], each["a"], each["set_in"]) for each in json.loads(done.stdout)["changed"]] == [
        ("seed", 4, ["stdin:2", "default"])
    ]
    with pytest.raises(UsageError, match="read once"):
        filled.diff("-", "-")


def test_what_fell_away_is_told_beside(filled: Place) -> None:
    filled.config("none.yaml", "extends: base.yaml\nearly_stopping: none")
    done = filled.tuner("diff base.yaml none.yaml --only config")
    assert "early_stopping.patience (base.yaml:2) falls away" in done.stderr
    assert re.search(r"early_stopping +\{patience: 5, min_delta: 0.0\} +none", done.stdout)


def test_unknown_sides_come_with_the_nearest(filled: Place) -> None:
    with pytest.raises(NotFoundError, match="there is no run digit-1 in runs; near: digits-1"):
        filled.diff("digit-1", "digits-2")
    with pytest.raises(NotFoundError) as refused:
        filled.diff("mnist-cn", "digits-2")
    assert "mnist-cnn" in refused.value.fix
    with pytest.raises(NotFoundError, match="is the beginning of 2 runs"):
        filled.diff("dig", "digits-2")
    with pytest.raises(NotFoundError) as refused:
        filled.diff("digits-1", "optimizer.lr=0.1")
    assert "Settings are part of a config" in refused.value.fix
    with pytest.raises(ConfigError) as faulty:
        filled.diff("nothing.yaml", "digits-2")
    assert "there is no config nothing.yaml" in faulty.value.faults[0].message


@pytest.mark.parametrize("name", ["config.yaml", "run.json", "status.json", "origins.json", "metrics.csv"])
def test_a_damaged_run_is_named(place: Place, name: str) -> None:
    path = place.run("digits-1")
    place.run("digits-2")
    (path / name).write_text("}{\n\n")
    with pytest.raises(NotFoundError, match=f"digits-1/{name}.* is damaged"):
        place.diff("digits-2", "digits-1")


def test_a_config_without_its_settings_shows_as_it_is(place: Place, text_of: Callable[..., str]) -> None:
    path = place.run("digits-1")
    place.run("digits-2")
    (path / "config.yaml").write_text("training: 3\nmodel: {name: unheard_of, x: 1}\n")
    found = place.diff("digits-1", "digits-2")
    assert {"training", "model"} <= {setting.key for setting in found.changed}
    assert text_of(blocks(found, PARTS, True))
    json.dumps(as_data(found, BOTH, True))


def test_a_damaged_member_is_left_out_and_told(place: Place) -> None:
    place.run("a/seed-0", "seed=0")
    (place.run("a/seed-1", "seed=1") / "run.json").write_text("{")
    place.run("c")
    done = place.tuner("diff a c")
    assert done.returncode == 0
    assert "group of 1" in done.stdout
    assert "left out of a: " in done.stderr
    (place.run("b/seed-1", "seed=1") / "metrics.csv").write_text("epoch\nx\n")
    place.run("b/seed-0", "seed=0")
    done = place.tuner("diff a b")
    assert (done.returncode, done.stdout.count("group of 1")) == (0, 2)
    assert "left out of b: runs/b/seed-1/metrics.csv is damaged" in done.stderr


def test_a_setting_that_came_later_has_its_default_in_an_older_run(place: Place) -> None:
    path = place.run("digits-1")
    place.run("digits-2", "data.label_noise=0.1")
    lines = (path / "config.yaml").read_text().splitlines(keepends=True)
    older = [line for line in lines if "label_noise" not in line and "gradient_clip" not in line]
    assert len(older) == len(lines) - 2
    (path / "config.yaml").write_text("".join(older))
    (setting,) = place.diff("digits-1", "digits-2").changed
    assert (setting.key, setting.values) == ("data.label_noise", (0.0, 0.1))


def test_folders_can_be_copied_elsewhere(filled: Place, tmp_path: Path) -> None:
    shutil.copytree(filled.runs, tmp_path / "copied")
    here = filled.tuner("diff digits-1 base --json")
    there = filled.tuner(f"diff digits-1 base --json --runs-dir {tmp_path}/copied")
    one, other = json.loads(here.stdout), json.loads(there.stdout)
    del one["sides"], other["sides"]
    assert one == other


# ---- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (["optimizer"], ["model.hidden", "model.dropout", "training.epochs"]),
        (["optimizer.*"], ["model.hidden", "model.dropout", "training.epochs"]),
        (["optimizer.name"], ["model.hidden", "model.dropout", "training.epochs"]),
        (["optimizer.lr"], ["model.hidden", "model.dropout", "optimizer", "training.epochs"]),
        (["*dropout", "model.h*"], ["optimizer", "optimizer.lr", "training.epochs"]),
        (["*"], []),
    ],
)
def test_patterns_leave_settings_out(filled: Place, patterns: list[str], left: list[str]) -> None:
    found = filled.diff("digits-1", "digits-2", ignore=patterns)
    assert [setting.key for setting in found.changed] == left
    assert found.unused == ()
    assert found.same(["config"]) == (not left)


def test_a_pattern_that_fits_nothing_is_told(filled: Place) -> None:
    done = filled.tuner("diff digits-1 digits-2 --ignore optimiser --ignore threads --as-args")
    assert done.stderr == "note: nothing fits --ignore optimiser\n"
    assert "optimizer=sgd" in done.stdout
    assert "optimizer" not in filled.tuner("diff digits-1 digits-2 --ignore optimizer --as-args").stdout


def test_json(filled: Place) -> None:
    data = json.loads(filled.tuner("diff base digits-2 --json").stdout)
    assert next(iter(data)) == "same"
    assert {"same", "changed", "identity", "result"} <= set(data)
    assert (data["same"], data["identity"]) == (False, [])
    change = {each["key"]: each for each in data["changed"]}
    assert change["model.dropout"] == {
        "key": "model.dropout",
        "a": 0.0,
        "b": 0.2,
        "set_in": ["default", "digits.yaml:4"],
    }
    assert (change["optimizer"]["a"]["name"], change["optimizer"]["b"]["momentum"]) == ("adam", 0.9)
    assert data["result"]["val_accuracy"]["direction"] == "up"
    assert data["sides"][0] == {
        "side": "a",
        "kind": "group",
        "path": "runs/base",
        "state": "finished",
        "seeds": [0, 1, 2],
    }
    assert len(data["curve"]["b"]) == 8
    only = json.loads(filled.tuner("diff base digits-2 --json --only identity --all").stdout)
    assert {"changed", "result"} & set(only) == set()
    assert (only["same"], {"key": "torch", "a": "2.10.0", "b": "2.10.0"} in only["identity"]) == (True, True)


@pytest.mark.parametrize("command", ["diff base digits-2", "compare base digits-1", "early-stop base digits-1"])
def test_each_form_tells_the_same(filled: Place, command: str) -> None:
    said = {form: filled.tuner(f"{command} --{form}") for form in ("json", "md", "html", "csv")}
    assert [done.returncode for done in said.values()] == [0] * 4
    for done in said.values():
        assert {"val_loss"} <= set(re.findall(r"[a-z_]+", done.stdout))
    json.loads(said["json"].stdout)
    assert said["html"].stdout.startswith("<!doctype html>")
    assert said["md"].stdout.count("| --- |") <= said["md"].stdout.count("\n\n") + 1


def test_the_arguments_work_on_a_command_line(filled: Place) -> None:
    script = f"{sys.executable} -m tuner check $1 $({sys.executable} -m tuner diff $1 $2 --as-args) --json"
    for a, b in (("base.yaml", "layers.yaml"), ("runs/digits-2/config.yaml", "my.yaml")):
        done = subprocess.run(
            ["sh", "-c", script, "sh", a, b], cwd=filled.folder, capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout)["hash"] == load(str(filled.folder / b)).hash


CODES = [
    ("diff digits-1 digits-2", 0),
    ("diff digits-1 digits-2 --exit-code", 1),
    ("diff digits-1 digits-2 -q", 1),
    ("diff digits-1 digits-1 -q", 0),
    ("diff base base/seed-2 --exit-code", 0),
    ("diff digits-1 gpu --exit-code", 1),
    ("diff digits-1 gpu --exit-code --only config --ignore training.epochs", 0),
    ("diff digits-1 digits-2 --exit-code --only identity", 0),
    ("diff digits-1 digits-2 --exit-code --only result", 1),
    ("diff digits-1 digits-2 --exit-code --as-args --ignore '*'", 0),
    ("diff digits-1 digits-2 --exit-code --json", 1),
    ("diff digits-1", 2),
    ("diff digits-1 digits-2 --only all", 2),
    ("diff digits-1 digits-2 base --as-args", 2),
    ("diff digits-1 digits-2 --md --json", 2),
    ("diff digits-1 nowhere --exit-code", 4),
    ("diff digits-1 bad.yaml -q", 2),
]


@pytest.mark.parametrize(("line", "code"), CODES)
def test_exit_codes(filled: Place, line: str, code: int) -> None:
    filled.config("bad.yaml", "optimizer: {lr: -1}\nmodle: mlp\n")
    done = filled.tuner(line)
    assert done.returncode == code, done.stderr
    assert bool(done.stderr) == (code > 1 and "--json" not in line)
    assert not (" -q" in line and done.stdout)
    assert "Traceback" not in done.stderr


def test_nothing_heavy_is_imported(filled: Place) -> None:
    """rich is for a person's eyes alone."""
    script = (
        "import sys; sys.argv = ['tuner', 'diff', *sys.argv[1:]]\n"
        "from tuner.cli import main\n"
        "try: main()\n"
        "except SystemExit: print({'torch', 'numpy', 'matplotlib', 'rich'} & set(sys.modules))\n"
    )
    for words in (["digits-1", "base", "--json"], ["digits-1", "my.yaml", "-q"], ["digits-1", "my.yaml"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], cwd=filled.folder, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == ("set()" if words[2:] else "{'rich'}"), words


def test_other_data_are_a_difference_and_a_copy_of_the_same_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Callable[..., tuple[int, str, str]]
) -> None:
    """The key that says where data lie does not count, unless other data lie there, or nobody knows."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{at},{at % 2}" for at in range(60)]
    for name, text in (("a", rows), ("b", [*rows, "3,1"]), ("c", rows)):
        Path(f"{name}.csv").write_text("x,y\n" + "\n".join(text) + "\n")
        Path(f"{name}.yaml").write_text(
            f"data: {{name: table, path: {name}.csv, target: y}}\ntraining: {{epochs: 1}}\n"
        )
        assert say("train", f"{name}.yaml", "name=same", "--run", name, "-q")[0] == 0

    def told(*sides: str) -> tuple[list[str], list[str]]:
        found = json.loads(say("diff", *sides, "--json")[1])
        given = json.loads(say("diff", *sides, "--as-args", "--json")[1])["arguments"]
        return [each["key"] for each in found["changed"]], given

    assert told("a", "b") == (["data.path"], [f"data.path={tmp_path}/b.csv"])
    assert told("a.yaml", "b.yaml") == (["data.path"], [f"data.path={tmp_path}/b.csv"])
    assert told("a", "c") == told("a.yaml", "c.yaml") == told("a", "c.yaml") == ([], [])
    assert say("compare", "a", "c", "-q")[0] == 0  # the same data under another name
    code, _, err = say("compare", "a", "b")
    assert (code, "the groups are on different data" in err) == (2, True)
    changed = {each["run"]: each["changed"] for each in json.loads(say("runs", "--json")[1])["runs"]}
    assert changed == {
        "runs/a": None,
        "runs/b": {"data.path": f"{tmp_path}/b.csv"},
        "runs/c": {"data.path": f"{tmp_path}/c.csv"},
    }
