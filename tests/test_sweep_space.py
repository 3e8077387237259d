"""What a sweep searches: the language of a space, its points, who plans them, and which trials are given up."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.config.load import load
from tuner.config.searched import takes_whole
from tuner.config.space import Range, Space, space_of
from tuner.config.sweep import Search, load_search
from tuner.errors import ConfigError
from tuner.options.pruners import Halving, NoPruner
from tuner.runs.sweep import settings_of
from tuner.sweep.halving import Progress, due
from tuner.sweep.planner import Drawn, plan

BASE = "data: digits\nmodel: {name: mlp, hidden: [8]}\ntraining: {epochs: 6}\n"
PLAIN: dict[str, Any] = {
    "optimizer": [{"name": "adam"}, {"name": "sgd", "momentum": {"low": 0.5, "high": 0.99}}],
    "optimizer.lr": {"low": 1e-4, "high": 0.1, "log": True},
    "training.batch_size": {"low": 16, "high": 64},
    "model.hidden": [[8], [16, 8]],
}
SPACE = space_of(PLAIN, takes_whole)


def searched(folder: Path, sweep: str, *overrides: str, endless: bool = False) -> Search:
    file = folder / "c.yaml"
    file.write_text(f"{BASE}sweep:\n{sweep}")
    return load_search(str(file), overrides, {}, endless=endless)[1]


def faults(folder: Path, sweep: str, *overrides: str) -> list[tuple[int, str, str]]:
    """(line, key, message) of each fault; line 1 is the one after `sweep:`."""
    with pytest.raises(ConfigError) as raised:
        searched(folder, sweep, *overrides)
    return [(fault.line and fault.line - 4, fault.key, fault.message) for fault in raised.value.faults]


# ---- the language ----------------------------------------------------------------------------------------------------

REFUSED = [
    ("optimizer.name: [adam]", "optimizer.name", "a choice is searched under its own key"),
    ("optimizer.lrr: [1]", "optimizer.lrr", "there is no setting optimizer.lrr"),
    ("lr: 0.1", "optimizer.lr", "one value is nothing to search in optimizer.lr"),
    ("lr: []", "optimizer.lr", "an empty list is nothing to search in optimizer.lr"),
    ("lr: [0.1, 0.01, 0.1]", "optimizer.lr", "0.1 is there twice"),
    ("model.activation: [relu, tanh, rectifier]", "model.activation", "rectifier is the same as relu"),
    ("optimizer: [adam, sgd, {name: adam, lr: 0.001}]", "optimizer", "{name: adam, lr: 0.001} is the same"),
    ("lr: 1e-4..1e-1 log", "optimizer.lr", "one value is nothing to search in optimizer.lr"),
    ("lr: [0.1, fast]", "optimizer.lr", "expected a number in (0, 3e+38], got the text fast"),
    ("lr: {low: 0.1}", "optimizer.lr", "high is missing"),
    ("lr: {low: 0.1, high: 0.01}", "optimizer.lr", "low is 0.1 and high is 0.01: low has to be below high"),
    ("lr: {low: 0, high: 1, log: true}", "optimizer.lr.low", "a range in logarithms begins above 0, not at 0"),
    ("lr: {low: 0, high: 1}", "optimizer.lr", "expected a number in (0, 3e+38], got 0"),
    ("lr: {low: 0.1, high: 1, log: 3}", "optimizer.lr.log", "expected true or false"),
    ("lr: {low: 0.1, high: 1, step: 3}", "optimizer.lr.step", "a range has no step"),
    ("lr: {low: 0.1, high: 1, points: 1}", "optimizer.lr.points", "expected an integer from 2 to 1000, got 1"),
    ("lr: {low: a, high: 1}", "optimizer.lr.low", "expected a number, got a"),
    ("batch_size: {low: 1.5, high: 8}", "training.batch_size.low", "training.batch_size takes whole numbers, not 1.5"),
    ("model.activation: {low: 1, high: 2}", "model.activation", "model.activation takes no numbers"),
    ("model.activation: [relu, swosh]", "model.activation", "there is no activation called swosh"),
    (
        "optimizer: [{name: sgd, momentum: {low: 0, high: 2}}]",
        "optimizer.momentum",
        "expected a number in [0, 1), got 2",
    ),
    (
        "optimizer: [{name: sgd, momentum: [0, 0.5]}]",
        "optimizer.momentum",
        "inside a value only {low: ..., high: ...} is",
    ),
    (
        "optimizer: [{name: adam, betas: [[0.9, 0.99]]}]",
        "optimizer.betas",
        "inside a value only {low: ..., high: ...} is",
    ),
    ("optimizer: [{name: adam, betas: [0.9, 2]}]", "optimizer.betas[1]", "expected a number in [0, 1), got 2"),
    ("optimizer: [{name: adam, betas: {low: 0, high: 2}}]", "optimizer.betas", "optimizer.betas takes no numbers"),
    ("seed: [1, 2]", "seed", "seed is not searched: the best of several is luck, and no better config"),
    ("data.split_seed: [1, 2]", "data.split_seed", "data.split_seed is not searched: the best of several is luck"),
    ("data.limit: [100, 200]", "data.limit", "data.limit is not searched: it changes which samples val_loss"),
    ("data.validation: [0.1, 0.2]", "data.validation", "data.validation is not searched: it changes which samples"),
    ("training.monitor: [val_loss, val_accuracy]", "training.monitor", "training.monitor is not searched: it chooses"),
    ("tags: [[a], [b]]", "tags", "tags is not searched: it changes nothing of what is trained"),
    ("loss: [cross_entropy, focal]", "loss", "loss is not searched: it changes what val_loss measures"),
]


@pytest.mark.parametrize(("line", "key", "message"), REFUSED, ids=[line for line, *_ in REFUSED])
def test_what_is_not_searched_is_refused_at_its_place(tmp_path: Path, line: str, key: str, message: str) -> None:
    [(at, where, said)] = faults(tmp_path, f"  trials: 8\n  space:\n    {line}\n")
    assert (at, where, said.startswith(message)) == (3, f"sweep.space.{key}", True), said


def test_all_faults_of_a_space_are_told_at_once(tmp_path: Path) -> None:
    found = faults(tmp_path, "  trails: 3\n  metric: test_loss\n  space:\n    lr: 3\n    model.dropout: [0, 2]\n")
    assert [(line, key) for line, key, _ in found] == [
        (1, "sweep.trails"), (2, "sweep.metric"), (4, "sweep.space.optimizer.lr"), (5, "sweep.space.model.dropout"),
    ]  # fmt: skip


TYPOS = [
    ("learning_rate: [0.1, 0.2]", "optimizer.lr"),
    ("optimizer.learning_rate: [0.1, 0.2]", "optimizer.lr"),
    ("optimizer: {learning_rate: [0.1, 0.2]}", "optimizer.lr"),
    ("training.lr: [0.1, 0.2]", "optimizer.lr"),
    ("optimzer.lr: {low: 0.1, high: 0.2}", "optimizer.lr"),
    ("optimizer.lrr: {high: 0.2}", "optimizer.lr"),
    ("hiden: [[32], [64]]", "model.hidden"),
    ("num_train_epochs: [3, 4]", "training.epochs"),
    ("num_workers: [1, 2]", "leave it out: the data stays in memory"),
    ("frobnicate: [1, 2]", None),
]


@pytest.mark.parametrize(("line", "meant"), TYPOS, ids=[line for line, _ in TYPOS])
def test_a_setting_that_there_is_not_is_answered_as_check_answers_it(
    tmp_path: Path, line: str, meant: str | None
) -> None:
    with pytest.raises(ConfigError) as raised:
        searched(tmp_path, f"  trials: 8\n  space:\n    {line}\n")
    [fault] = raised.value.faults
    assert (fault.message.startswith("there is no setting "), fault.suggestion) == (True, meant)


def test_a_setting_of_one_choice_is_shown_inside_that_choice(tmp_path: Path) -> None:
    for values, inner in {
        "{low: 0, high: 0.9}": "{name: sgd, momentum: {low: 0, high: 0.9}}",
        "[0.1, 0.2]": "{name: sgd, momentum: 0.1}, {name: sgd, momentum: 0.2}",
    }.items():
        for above, others in (("optimizer: [adam, sgd]", "adam, "), ("lr: [0.1, 0.2]", "")):
            lines = f"  trials: 8\n  space:\n    {above}\n    optimizer.momentum: {values}\n"
            with pytest.raises(ConfigError) as raised:
                searched(tmp_path, lines)
            [fault] = raised.value.faults
            assert fault.message == "unknown key momentum in optimizer (adam); it belongs to sgd, rmsprop"
            assert fault.suggestion == f"optimizer: [{others}{inner}]"
            searched(tmp_path, f"  trials: 8\n  space:\n    {fault.suggestion}\n")


def test_faults_of_the_config_and_of_its_space_are_told_at_once(tmp_path: Path) -> None:
    lines = "  space:\n    hiden: [[3]]\n    lr: [0.1, fast]\n    seed: [1, 2]\n    dropout: [0, 2]\n"
    found = faults(tmp_path, lines, "optimizer.lrr=3", "epochs=many")
    keys = ["hiden", "optimizer.lr", "seed", "model.dropout"]
    assert {key for _, key, _ in found} == {"optimizer.lrr", "training.epochs", *(f"sweep.space.{key}" for key in keys)}
    assert len(found) == 6  # none of the config's comes again with a value of the space


def test_faults_that_data_alone_tells_come_with_those_of_the_space(tmp_path: Path) -> None:
    found = faults(tmp_path, "  space:\n    hiden: [[3]]\n    lr: {low: 2, high: 1, lug: 3}\n", "data=diabetes")
    inner = ["hiden", "optimizer.lr", "optimizer.lr.lug"]
    assert sorted(key for _, key, _ in found) == ["loss.name", *(f"sweep.space.{key}" for key in inner)]


# ---- the command line and the file's space ---------------------------------------------------------------------------

FILES = """  trials: 4
  space:
    training.batch_size: [16, 32]
    optimizer: [adam, {name: sgd, momentum: {low: 0.1, high: 0.9}}, {name: sgd, momentum: 0.95}]
    optimizer.lr: [0.1, 0.2]
    early_stopping: [none, {patience: 3}, {patience: 5}]
    model.activation: [relu, {name: leaky_relu, slope: {low: 0.1, high: 0.2}}]
"""
WON = [
    (("training.batch_size=16",), {"training.batch_size": None}),
    (("batch_size=16",), {"training.batch_size": None}),
    (("training={batch_size: 16}",), {"training.batch_size": None}),
    (("lr=0.1", "batch_size=8"), {"optimizer.lr": None, "training.batch_size": None}),
    (("optimizer=sgd",), {"optimizer": None}),
    (("optimizer.name=sgd",), {"optimizer": None}),
    (("optimizer={name: sgd, momentum: 0.5, lr: 0.3}",), {"optimizer": None, "optimizer.lr": None}),
    (("optimizer={lr: 0.3}",), {"optimizer.lr": None}),
    (("early_stopping=none",), {"early_stopping": None}),
    (("early_stopping.patience=4",), {"early_stopping": ["none", {}]}),
    (("model={activation: tanh}",), {"model.activation": None}),
    (("model.activation.name=tanh",), {"model.activation": None}),
    (("epochs=4", "model.dropout=0.1"), {}),
]


@pytest.mark.parametrize(("given", "left"), WON, ids=[" ".join(given) for given, _ in WON])
def test_what_the_command_line_sets_is_not_searched(tmp_path: Path, given: tuple[str, ...], left: Any) -> None:
    whole = searched(tmp_path, FILES).space.plain()
    loaded, search = load_search(str(tmp_path / "c.yaml"), given, {})
    expected = {key: left.get(key, values) for key, values in whole.items()}
    assert search.space.plain() == {key: values for key, values in expected.items() if values is not None}
    told = [note for note in loaded.notes if "falls away: the command line sets it (override: " in note]
    assert len(told) == len(left)
    for key in left:
        assert any(note.startswith(f"sweep.space.{key}") and " (" in note and "c.yaml:" in note for note in told), told


def test_a_setting_inside_the_values_of_a_choice_is_not_searched_there_either(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    searched(tmp_path, FILES)
    _, search = load_search(str(file), ["sweep.space.optimizer=[adam, rmsprop]", "optimizer.lr=0.3"], {})
    assert search.space.plain()["optimizer"] == ["adam", "rmsprop"]
    file.write_text(file.read_text().replace("model:", "optimizer: sgd\nmodel:"))
    loaded, search = load_search(str(file), ["optimizer.momentum=0.5"], {})
    assert search.space.plain()["optimizer"] == ["adam", {"name": "sgd"}]
    assert [note for note in loaded.notes if note.startswith("sweep.space.optimizer.momentum (")]


def test_a_setting_that_the_choice_of_the_command_line_lacks_falls_away(tmp_path: Path) -> None:
    lines = "  space:\n    optimizer.momentum: [0.1, 0.2]\n    lr: [0.1, 0.2]\n    early_stopping.patience: [1, 2]\n"
    (tmp_path / "c.yaml").write_text(f"{BASE}optimizer: sgd\nsweep:\n{lines}")
    loaded, search = load_search(str(tmp_path / "c.yaml"), ["optimizer=adam", "early_stopping=none"], {})
    assert search.space.plain() == {"optimizer.lr": [0.1, 0.2]}
    told = [note for note in loaded.notes if note.startswith("sweep.space.")]
    assert ["optimizer.momentum" in told[0], "which then has no such setting (override: optimizer=adam)" in told[0]]
    assert len(told) == 2


@pytest.mark.parametrize(
    ("space", "setting"),
    [
        ("lr=[0.1, 0.2]", "lr=0.1"),
        ("optimizer.lr=[0.1, 0.2]", "optimizer={lr: 0.1}"),
        ("optimizer=[adam, sgd]", "optimizer.name=adam"),
        ("optimizer=[{name: adam, lr: {low: 0.1, high: 0.2}}]", "lr=0.1"),
        ("early_stopping.patience=[1, 2]", "early_stopping=none"),
        ("model.kernel_size=[3, 5]", "model=rnn"),
    ],
)
def test_a_space_of_the_command_line_against_a_setting_there_is_a_contradiction(
    tmp_path: Path, space: str, setting: str
) -> None:
    for both in ([f"sweep.space.{space}", setting], [setting, f"sweep.space.{space}"]):
        [(_, key, said)] = faults(tmp_path, FILES, *both)
        assert (key.startswith("sweep.space."), " cannot be searched: the command line sets " in said) == (True, True)


def test_a_space_of_which_the_command_line_leaves_nothing_says_so(tmp_path: Path) -> None:
    [(_, key, said)] = faults(tmp_path, "  space: {lr: [0.1, 0.2]}\n", "lr=0.1")
    assert (key, said) == ("sweep.space", "there is nothing to search: the command line sets optimizer.lr")


def test_a_setting_of_the_file_is_the_value_to_begin_with(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(f"{BASE}optimizer: {{lr: 0.5}}\n")
    (tmp_path / "c.yaml").write_text("extends: base.yaml\nseed: 3\nsweep: {space: {lr: [0.1, 0.2]}}\n")
    loaded, search = load_search(str(tmp_path / "c.yaml"), [], {})
    assert (search.space.plain(), loaded.config.optimizer.lr) == ({"optimizer.lr": [0.1, 0.2]}, 0.5)


AGAINST = [
    ("  space: {lr: {low: 0.1, high: 1}}\n", "sweep.trials", "it is not said how many configs are to be trained"),
    ("  planner: grid\n  space: {lr: {low: 0.1, high: 1}}\n", "sweep.space.optimizer.lr", "a grid has no end of this"),
    ("  planner: grid\n  trials: 3\n  space: {lr: [0.1, 1]}\n", "sweep.trials", "a grid trains all its 2 points"),
    (
        "  trials: 4\n  generation: 8\n  space: {lr: {low: 0.1, high: 1}}\n",
        "sweep.generation",
        "4 trials are too few for a generation",
    ),
    (
        "  prune: halving\n  generation: 8\n  space: {lr: [0.1, 1]}\n",
        "sweep.generation",
        "2 trials are too few for a generation of 8",
    ),
    ("  trials: 8\n", "sweep.space", "there is nothing to search"),
    ("  metric: epoch\n  space: {lr: [0.1, 1]}\n", "sweep.metric", "epoch cannot be searched for"),
    ("  metric: val_r2\n  space: {lr: [0.1, 1]}\n", "sweep.metric", "val_r2 cannot be searched for"),
    (
        "  space: {optimizer: [{name: sgd, momentum: 0.9}, sgd], optimizer.momentum: [0.1, 0.2]}\n",
        "sweep.space.optimizer.momentum",
        "optimizer.momentum is searched twice",
    ),
]


@pytest.mark.parametrize(("sweep", "key", "message"), AGAINST)
def test_settings_that_exclude_each_other_are_refused(tmp_path: Path, sweep: str, key: str, message: str) -> None:
    [(_, where, said)] = faults(tmp_path, sweep)
    assert (where, said.startswith(message)) == (key, True), said


def test_a_setting_is_tried_under_each_choice_above_it(tmp_path: Path) -> None:
    [(line, key, said)] = faults(
        tmp_path, "  space:\n    optimizer: [adam, sgd]\n    optimizer.momentum: [0.1, 0.2]\n"
    )[:1]
    assert (line, key, said) == (
        3, "sweep.space.optimizer.momentum", "unknown key momentum in optimizer (adam); it belongs to sgd, rmsprop",
    )  # fmt: skip


def test_layers_of_a_space_are_merged_key_by_key_nested_or_dotted_or_short(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(f"{BASE}sweep: {{space: {{lr: [0.1, 0.2], model: {{dropout: [0, 0.1]}}}}}}\n")
    file = tmp_path / "mine.yaml"
    file.write_text("extends: base.yaml\nsweep: {space: {optimizer: {lr: [0.3, 0.4]}}}\n")
    _, search = load_search(str(file), ["sweep.space.batch_size=[8, 16]"], {})
    assert search.space.plain() == {
        "optimizer.lr": [0.3, 0.4], "model.dropout": [0, 0.1], "training.batch_size": [8, 16],
    }  # fmt: skip
    assert (search.planner, search.trials, search.metric) == ("grid", 8, "val_loss")


def test_the_config_of_a_run_has_no_sweep(tmp_path: Path) -> None:
    searched(tmp_path, "  space: {lr: [0.1, 0.2]}\n")
    loaded = load(str(tmp_path / "c.yaml"))
    assert "sweep" not in loaded.resolved
    assert not [key for key in loaded.origins if "sweep" in key]
    with pytest.raises(ConfigError, match="sweep is no setting of a run") as raised:
        loaded.for_one_run()
    assert raised.value.faults[0].line == 5


# ---- points ----------------------------------------------------------------------------------------------------------


def test_a_grid_is_every_combination_once_the_last_setting_first() -> None:
    space = space_of(
        {
            "optimizer": [{"name": "adam"}, {"name": "sgd", "momentum": {"low": 0.0, "high": 0.9, "points": 3}}],
            "model.dropout": [0, 0.5],
        },
        takes_whole,
    )
    points = [space.nth(number) for number in range(space.size or 0)]
    optimizers = [{"optimizer": "adam"}] + [
        {"optimizer": "sgd", "optimizer.momentum": momentum} for momentum in (0.0, 0.45, 0.9)
    ]
    expected = [{**one, "model.dropout": two} for one, two in product(optimizers, ("0", "0.5"))]
    assert points == expected
    assert space.overrides(points[-1]) == ["optimizer={name: sgd, momentum: 0.9}", "model.dropout=0.5"]


@given(seed=st.text(max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_drawn_point_lies_in_the_space_and_reads_back(seed: str) -> None:
    point = SPACE.chosen(Drawn(seed))
    assert SPACE.holds(point)
    assert 1e-4 <= point["optimizer.lr"] <= 0.1
    assert type(point["training.batch_size"]) is int
    assert ("optimizer.momentum" in point) == (point["optimizer"] == "sgd")
    read = load("digits", SPACE.overrides(point), given=b"data: digits\nmodel: mlp").config
    assert read.optimizer.lr == point["optimizer.lr"]
    assert read.optimizer.name == point["optimizer"]
    assert read.plain()["model"]["hidden"] == ([8] if point["model.hidden"] == "[8]" else [16, 8])


@given(low=st.floats(1e-6, 1e3), factor=st.floats(1.1, 1e6), log=st.booleans(), share=st.floats(0, 1))
def test_a_number_of_a_range_is_kept_in_it_with_few_digits(low: float, factor: float, log: bool, share: float) -> None:
    values = Range(low, low * factor, log)
    found = values.at(share)
    assert values.low <= found <= values.high
    assert len(f"{found:e}".partition("e")[0].rstrip("0")) <= 6 or found in (values.low, values.high)
    assert values.share(found) == pytest.approx(share, abs=0.02 if factor > 1.2 else 1)


LISTED = st.one_of(
    st.booleans(),
    st.none(),
    st.integers(-1000, 1000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["relu", "null", "1e-3", "yes", "a: b", "[8]", ""]),
    st.lists(st.integers(1, 512), max_size=3),
)


@given(st.lists(LISTED, min_size=2, max_size=4, unique_by=repr))
def test_programs_are_told_a_listed_value_as_what_it_is(values: list[Any]) -> None:
    space = space_of({"model.hidden": values}, takes_whole)
    labels = space.parameters["model.hidden"]
    assert not isinstance(labels, Range)
    told = [settings_of({"model.hidden": label})["model.hidden"] for label in labels]
    assert [(type(each), each) for each in told] == [(type(each), each) for each in values]


def test_a_space_survives_its_own_writing() -> None:
    assert space_of(SPACE.plain(), takes_whole) == SPACE


# ---- planners --------------------------------------------------------------------------------------------------------


def result(point: Mapping[str, Any], number: int) -> Progress:
    """Every fourth trial pruned, one diverged; else lr near 0.01 is best."""
    loss = abs(point["optimizer.lr"] - 0.01) + 0.1 * (point["optimizer"] == "sgd")
    if number % 4 == 3:
        return Progress(6, "pruned", [loss] * 2)
    return Progress(6, "diverged" if number == 5 else "finished", [loss] * 6)


def generations(planner: str, space: Space, count: int, size: int = 8) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = []
    while len(points) < count:
        before = {number: (point, result(point, number)) for number, point in enumerate(points)}
        found = plan(planner, space, 0, range(len(points), min(count, len(points) + size)), before, "down")
        if not found:
            break
        points += found
    return points


@pytest.mark.parametrize("planner", ["random", "tpe"])
def test_the_same_points_however_often_and_in_whatever_order_the_results_came(planner: str) -> None:
    points = generations(planner, SPACE, 24)
    assert points == generations(planner, SPACE, 24)
    assert len({tuple(sorted(point.items())) for point in points}) == 24
    before = {number: (point, result(point, number)) for number, point in enumerate(points[:16])}
    mixed = list(before.items())
    random.Random(1).shuffle(mixed)  # noqa: S311
    assert plan(planner, SPACE, 0, range(16, 24), dict(sorted(mixed)), "down") == points[16:]
    other = plan(planner, SPACE, 1, range(16, 24), before, "down")
    assert other != points[16:]


def test_the_points_of_random_do_not_hang_on_results_or_generations() -> None:
    assert generations("random", SPACE, 24, size=8) == generations("random", SPACE, 24, size=5)


def test_tpe_goes_where_it_was_good() -> None:
    points = generations("tpe", SPACE, 48)
    first, last = ([abs(point["optimizer.lr"] - 0.01) for point in part] for part in (points[:16], points[-16:]))
    assert sorted(last)[8] < sorted(first)[8]
    assert sum(point["optimizer"] == "adam" for point in points[-16:]) > 8


@pytest.mark.parametrize("planner", ["grid", "random", "tpe"])
def test_a_space_of_few_points_is_tried_once_each_and_then_at_its_end(planner: str) -> None:
    space = space_of({"optimizer.lr": [0.1, 0.2, 0.3], "optimizer": [{"name": "adam"}, {"name": "sgd"}]}, takes_whole)
    points = [space.nth(number) for number in range(6)]

    def known(count: int) -> dict[int, tuple[dict[str, Any], Progress]]:
        return {number: (point, Progress(1, "finished", [0.1])) for number, point in enumerate(found[:count])}

    found: list[dict[str, Any]] = []
    for first in (0, 4):
        found += plan(planner, space, 0, range(first, first + 4), known(first), "down")
    assert sorted(map(str, found)) == sorted(map(str, points))
    assert plan(planner, space, 0, range(6, 10), known(6), "down") == []


def test_of_many_whole_numbers_the_last_ones_come_too() -> None:
    space = space_of({"training.batch_size": {"low": 1, "high": 400, "log": True}}, takes_whole)
    before = {at: ({"training.batch_size": at + 1}, Progress(1, "finished", [0.1])) for at in range(398)}
    found = plan("random", space, 0, range(398, 410), before, "down")
    assert sorted(point["training.batch_size"] for point in found) == [399, 400]


@given(st.randoms())
def test_every_point_that_can_be_drawn_is_counted_and_in_the_space(chance: random.Random) -> None:
    low = chance.randint(1, 9)
    plain: dict[str, Any] = {
        "training.batch_size": {"low": low, "high": low + chance.randint(1, 3), "points": 2},
        "model.hidden": [[8], [16]][: chance.randint(1, 2)],
        "scheduler": ["none", {"name": "step", "step_size": {"low": 1, "high": chance.randint(2, 4)}}],
    }
    space = space_of(plain, takes_whole)
    every = [tuple(sorted(point.items())) for point in space.every()]
    drawn = {tuple(sorted(space.chosen(Drawn(f"{at}")).items())) for at in range(60)}
    assert (len(every), len(set(every)), drawn <= set(every)) == (space.count, space.count, True)
    assert all(space.has(dict(point)) for point in every)
    assert not space.has({}) and not space.has({**dict(every[0]), "training.batch_size": low - 1})
    assert not space.has(dict(every[0][1:]))


def test_there_is_no_end_of_a_space_with_a_range_of_numbers() -> None:
    assert SPACE.count is None
    assert space_of({"optimizer.lr": {"low": 0.1, "high": 0.2, "points": 2}}, takes_whole).count is None


# ---- halving ---------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**32), count=st.integers(1, 12), first=st.integers(1, 4), factor=st.integers(2, 4))
@settings(max_examples=300, deadline=None)
def test_halving_gives_up_the_same_trials_whatever_comes_first(seed: int, count: int, first: int, factor: int) -> None:
    """Some trials stop early by themselves, after `own` epochs, and some diverge after two. Each step trains one trial
    that is due, in any order, for as long as it is due, or stops it before."""
    prune, order = Halving(first=first, factor=factor), random.Random(seed)  # noqa: S311
    courses = [([order.random() for _ in range(9)], order.choice([0, 3, 9, 9, 9])) for _ in range(count)]

    def course(shuffled: bool) -> tuple[dict[int, str], int]:
        done: dict[int, int] = dict.fromkeys(range(len(courses)), 0)
        state: dict[int, str] = dict.fromkeys(done, "")
        spent = 0
        while True:
            progress = {
                number: Progress(9, state[number], [min(values[: epoch + 1]) for epoch in range(done[number])])
                for number, (values, _) in enumerate(courses)
            }
            found = due(progress, prune, "down")
            for number in found.pruned:
                assert not state[number]
                state[number] = "pruned"
            if not found.until:
                return state, spent
            number = order.choice(list(found.until)) if shuffled else min(found.until)
            until = found.until[number] or 9
            if shuffled and order.random() < 0.3:  # stopped on the way
                until = order.randint(done[number], until)
            own = courses[number][1]
            end = min(until, own or 2, 9) if own < 9 else until
            spent += end - done[number]
            done[number] = max(done[number], end)
            if not own and done[number] >= 2:
                state[number] = "diverged"
            elif done[number] >= 9 or (own and done[number] >= own):
                state[number] = "finished"

    states, spent = course(shuffled=False)
    assert course(shuffled=True) == (states, spent)
    if all(own == 9 for _, own in courses):
        kept = count  # after each rung, by the definition
        for _ in range(sum(first * factor**power < 9 for power in range(9))):
            kept = max(1, kept // factor)
        assert sum(state == "finished" for state in states.values()) == kept
        best = min(range(count), key=lambda number: min(courses[number][0]))
        assert states[best] == "finished" or courses[best][0].index(min(courses[best][0])) >= first


def test_halving_by_hand() -> None:
    """Nine trials, after 1 epoch three go on, after 3 epochs one."""
    trials = {number: Progress(9, "", [number / 10]) for number in range(9)}
    found = due(trials, Halving(first=1, factor=3), "up")
    assert (found.pruned, found.until) == ((0, 1, 2, 3, 4, 5), {8: 3, 7: 3, 6: 3} | {})
    trials |= {number: Progress(9, "pruned", [number / 10]) for number in range(6)}
    trials |= {6: Progress(9, "", [0.6, 0.6, 0.9]), 7: Progress(9, "", [0.7] * 3), 8: Progress(9, "", [0.8] * 3)}
    found = due(trials, Halving(first=1, factor=3), "up")
    assert (found.pruned, found.until) == ((7, 8), {6: None})


def test_without_halving_all_are_due_to_their_end() -> None:
    trials = {0: Progress(9, "", [0.1]), 1: Progress(9, "failed", []), 2: Progress(9)}
    assert due(trials, NoPruner(), "up").until == {0: None, 2: None}
