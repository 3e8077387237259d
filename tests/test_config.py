"""The config language: what a file, what it extends and the overrides come to."""

from __future__ import annotations

import io
import os
import random
import string
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tuner.asks.runs.columns import OWN, find_column
from tuner.asks.runs.entries import Entry
from tuner.bounds import Bound, Either, Flag, Integer, ListOf, MapOf, Null, Number
from tuner.choice import Choice, Section, key_paths
from tuner.config.comparison import NEUTRAL, NOT_MEANING, meaning_hash, side_by_side
from tuner.config.load import Documents, load
from tuner.config.loaded import Loaded
from tuner.config.settings import Config
from tuner.document.nodes import Map, Place, to_plain
from tuner.document.parsing import parse
from tuner.document.writing import to_yaml
from tuner.errors import ConfigError, NotFoundError, UsageError

Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file below the working directory; its name."""
    monkeypatch.chdir(tmp_path)

    def written(name: str, text: str) -> str:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
        return name

    return written


@pytest.fixture
def read(write: Write) -> Callable[..., Loaded]:
    """The config with this text under these overrides."""
    return lambda text, *overrides: load(write("c.yaml", text), overrides)


Read = Callable[..., Loaded]


def faults(read: Read, text: str, *overrides: str) -> list[tuple[str, str]]:
    """(key, message) of each fault."""
    with pytest.raises(ConfigError) as raised:
        read(text, *overrides)
    return [(fault.key, fault.message) for fault in raised.value.faults]


def at(resolved: dict[str, Any], path: str) -> Any:
    value: Any = resolved
    for part in path.split("."):
        value = value[part]
    return value


# Defaults


@pytest.mark.parametrize("text", ["{}", "# all of it\n--- {}\n...\n"])
def test_braces_ask_for_all_defaults(read: Read, text: str) -> None:
    found = read(text)
    assert found.config == Config(name="c")
    values = {
        "data.name": "digits",
        "data.test": 0.2,
        "data.validation": 0.1,
        "data.normalize": "standard",
        "data.shuffle": True,
        "model.name": "mlp",
        "model.hidden": [128],
        "model.activation": "relu",
        "model.initializer": "he_normal",
        "model.batch_norm": False,
        "model.dropout": 0,
        "loss.name": "cross_entropy",
        "optimizer.name": "adam",
        "optimizer.lr": 1e-3,
        "scheduler.name": "none",
        "training.epochs": 20,
        "training.batch_size": 128,
        "training.monitor": "val_loss",
        "early_stopping": "none",
        "seed": 0,
        "tags": [],
    }
    assert {path: at(found.resolved, path) for path in values} == values
    assert (found.origins, found.notes) == ({}, ())


EMPTY = ["", "\n\n \n", "\ufeff", "# nothing\n", "---", "---\n...\n", "null", "~ # nothing", "--- null"]


@pytest.mark.parametrize("text", EMPTY)
def test_an_empty_config_is_a_fault(read: Read, write: Write, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A generator that failed must not train the defaults, whichever way its output gets here."""
    assert faults(read, text)[0][1].startswith("c.yaml is empty")
    assert len(faults(read, text, "seed=1", "optimizer=sgd")) == 1, "overrides alone make no config"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    for source, where in (("-", "stdin"), (write("d.yaml", "seed: 1\nextends: [c.yaml]"), "c.yaml")):
        with pytest.raises(ConfigError) as raised:
            load(source)
        (fault,) = raised.value.faults
        assert (fault.file, fault.line, fault.column) == (where, 1, 1)
        assert fault.message.startswith(f"{where} is empty")
        assert fault.allowed == "a map of settings; {} asks for all defaults"


def test_a_parent_of_braces_adds_nothing(write: Write) -> None:
    write("base.yaml", "{}")
    assert load(write("c.yaml", "extends: base.yaml\nseed: 3")).config.seed == 3


def test_the_bytes_given_are_kept(write: Write) -> None:
    data = b"\xef\xbb\xbf# mine\r\nseed: 3\r\n"
    Path("c.yaml").write_bytes(data)
    assert load("c.yaml").source == data


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("mnist-cnn.yaml", "mnist-cnn"),
        ("a b&c.yaml", "a-b-c"),
        ("größe.yaml", "größe"),
        (".hidden.yaml", "hidden"),
        ("--x.yml", "x"),
        ("...yaml", "run"),
        ("v1.2.yaml", "v1.2"),
        ("x" * 90 + ".yaml", "x" * 64),
        ("noextension", "noextension"),
    ],
)
def test_the_name_is_the_stem_made_safe(write: Write, file: str, name: str) -> None:
    assert load(write(file, "{}")).config.name == name


def test_a_name_that_is_given_stays(write: Write) -> None:
    assert load(write("c.yaml", "name: mine")).config.name == "mine"
    assert load("c.yaml", ["name=other"]).config.name == "other"
    assert load(write("d.yaml", "{}"), default_name="a b").config.name == "a-b"


def test_standard_input(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("base.yaml", "seed: 7")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"extends: base.yaml\ndata: {root: here}")))
    found = load("-")
    assert (found.config.name, found.config.seed, found.config.data.root) == ("stdin", 7, str(Path.cwd() / "here"))
    assert found.origins["data.root"] == "stdin:2"


# Extends


def test_extends_merges_maps_and_replaces_lists(write: Write) -> None:
    write(
        "low.yaml",
        "seed: 1\ntags: [a, b]\nmodel: {hidden: [8, 8], dropout: 0.1}\noptimizer: {name: sgd, momentum: 0.9}",
    )
    write("high.yaml", "seed: 2\ntags: [c]\nmodel: {hidden: [4]}")
    found = load(write("c.yaml", "extends: [low.yaml, high.yaml]\noptimizer: {lr: 0.5}"))
    config = found.resolved
    assert (config["seed"], config["tags"], config["model"]["hidden"]) == (2, ["c"], [4])
    assert config["model"]["dropout"] == 0.1
    assert {key: config["optimizer"][key] for key in ("name", "momentum", "lr")} == {
        "name": "sgd",
        "momentum": 0.9,
        "lr": 0.5,
    }
    where = {
        "seed": "high.yaml:1",
        "model.dropout": "low.yaml:3",
        "optimizer.lr": "c.yaml:2",
        "optimizer.name": "low.yaml:4",
    }
    assert {key: found.origins[key] for key in where} == where
    assert found.config.name == "c", "the name is the file's own stem"


def test_extends_is_relative_to_the_file_that_says_it(write: Write) -> None:
    write("deep/er/low.yaml", "extends: ../mid.yaml\nseed: 3")
    write("deep/mid.yaml", "extends: ../top.yaml\ntags: [mid]")
    write("top.yaml", "name: top\nseed: 9")
    found = load(write("c.yaml", f"extends: {Path.cwd()}/deep/er/low.yaml"))
    assert (found.config.seed, found.config.tags, found.config.name) == (3, ["mid"], "top")
    assert found.origins["tags"] == "deep/mid.yaml:2"


def test_extends_nothing(read: Read) -> None:
    assert read("extends: []\nseed: 1").config.seed == 1


def test_a_file_may_be_extended_twice(write: Write) -> None:
    write("base.yaml", "seed: 1\ntags: [a]")
    write("left.yaml", "extends: base.yaml\nseed: 2")
    write("right.yaml", "extends: base.yaml\ntags: [b]")
    found = load(write("c.yaml", "extends: [left.yaml, right.yaml]"))
    assert (found.config.seed, found.config.tags) == (1, ["b"]), "in the order of the list, each with what it extends"
    write("base.yaml", "sed: 1")
    with pytest.raises(ConfigError) as raised:
        load("c.yaml")
    assert [str(fault.message) for fault in raised.value.faults] == ["unknown key sed"], "named once"


@pytest.mark.parametrize(
    ("files", "message", "place"),
    [
        ({"c.yaml": "extends: c.yaml"}, "leads back to itself", ("c.yaml", 1, 10)),
        ({"c.yaml": "extends: d/a.yaml", "d/a.yaml": "seed: 1\nextends: ../d/../c.yaml"}, "back", ("d/a.yaml", 2, 10)),
        ({"c.yaml": "extends: [gone.yaml]"}, "No such file", ("c.yaml", 1, 11)),
        ({"c.yaml": "extends: d", "d/a.yaml": "{}"}, "it is a folder", ("c.yaml", 1, 10)),
        ({"c.yaml": f"extends: {'x' * 300}"}, "File name too long", ("c.yaml", 1, 10)),
        ({"c.yaml": "extends: 3"}, "expected a file, got 3", ("c.yaml", 1, 10)),
        ({"c.yaml": "extends: [a.yaml, {}]", "a.yaml": "{}"}, "expected a file, got {}", ("c.yaml", 1, 19)),
        ({"c.yaml": "extends:"}, "expected a file, got null", ("c.yaml", 1, 9)),
        ({"c.yaml": "extends: a.yaml", "a.yaml": "seed: [\n"}, "a closing bracket is missing", ("a.yaml", 2, 1)),
        ({"c.yaml": "extends: a.yaml", "a.yaml": "text"}, "a config is a map", ("a.yaml", 1, 1)),
        ({"c.yaml": "extends: a.yaml", "a.yaml": "seed: -1"}, "from 0 to 2^63 - 1", ("a.yaml", 1, 7)),
        ({"c.yaml": "model: {extends: a.yaml}"}, "unknown key extends in model", ("c.yaml", 1, 9)),
    ],
)
def test_faults_of_extends(write: Write, files: dict[str, str], message: str, place: tuple[str, int, int]) -> None:
    for name, text in files.items():
        write(name, text)
    with pytest.raises(ConfigError) as raised:
        load("c.yaml")
    (fault,) = raised.value.faults
    assert message in fault.message
    assert (fault.file, fault.line, fault.column) == place


def test_a_parent_that_is_not_utf_8(write: Write) -> None:
    Path("a.yaml").write_bytes(b"tags:\n- \xe9t\xe9\n")
    with pytest.raises(ConfigError) as raised:
        load(write("c.yaml", "extends: a.yaml"))
    fault = raised.value.faults[0]
    assert (fault.file, fault.line, fault.column, fault.suggestion) == ("a.yaml", 2, 3, "save the file as UTF-8")


def test_where_a_parent_is_missing_nothing_is_made_of_the_rest(write: Write) -> None:
    text = "extends: gone.yaml\nmodel: {channels: [3]}"  # right, if gone.yaml says `model: cnn`
    with pytest.raises(ConfigError) as raised:
        load(write("c.yaml", text))
    assert [fault.key for fault in raised.value.faults] == ["extends"]


def test_the_number_of_files_is_bounded(write: Write) -> None:
    for number in range(40):
        write(f"{number}.yaml", f"extends: [{number + 1}.yaml, {number + 1}.yaml]")
    began = time.process_time()
    with pytest.raises(ConfigError) as raised:
        load("0.yaml")
    assert "more than 16 files one after the other, or 100 in all" in raised.value.faults[0].message
    assert time.process_time() - began < 5, "65,536 ways lead down"


def test_pipes_are_not_waited_for(write: Write) -> None:
    os.mkfifo("pipe")
    for source in ("pipe", write("c.yaml", "extends: pipe")):
        with pytest.raises(ConfigError) as raised:
            load(source)
        assert "- reads standard input" in raised.value.faults[0].message


@pytest.mark.parametrize(
    ("source", "message"),
    [("gone.yaml", "No such file"), (".", "it is a folder"), ("a\0b", "null"), ("x" * 300, "too long")],
)
def test_what_cannot_be_read(write: Write, source: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(source)
    assert message in raised.value.faults[0].message


# Overrides


def test_precedence_is_default_extends_file_override(write: Write) -> None:
    write("base.yaml", "seed: 1\ntraining: {epochs: 2, batch_size: 3}\noptimizer: {lr: 0.1}")
    write("c.yaml", "extends: base.yaml\ntraining: {epochs: 4}\noptimizer: {lr: 0.2}")
    found = load("c.yaml", ["optimizer.lr=0.3"])
    training = found.config.training
    assert (found.config.optimizer.lr, training.epochs, training.batch_size, found.config.seed) == (0.3, 4, 3, 1)
    assert found.origins["optimizer.lr"] == "override: optimizer.lr=0.3"
    assert found.origins["training.epochs"] == "c.yaml:2"
    assert "training.monitor" not in found.origins


@pytest.mark.parametrize(
    ("overrides", "path", "value"),
    [
        (["optimizer=sgd"], "optimizer.name", "sgd"),
        (["optimizer.name=sgd"], "optimizer.name", "sgd"),
        (["optimizer={name: sgd, lr: 1}"], "optimizer.lr", 1.0),
        (["optimizer.lr=1e-2"], "optimizer.lr", 0.01),
        (["optimizer.lr=1", "optimizer.lr=2"], "optimizer.lr", 2.0),
        (["optimizer=sgd", "optimizer=adagrad"], "optimizer.name", "adagrad"),
        (["optimizer.momentum=0.5", "optimizer=sgd"], "optimizer.momentum", 0.5),
        (["optimizer={momentum: 0.5}", "optimizer=sgd"], "optimizer.momentum", 0.5),
        (["optimizer=adamw", "optimizer={name: sgd}", "optimizer.momentum=0.5"], "optimizer.momentum", 0.5),
        (["model.hidden=[256,128]"], "model.hidden", [256, 128]),
        (["model.activation=leaky_relu", "model.activation.slope=0.3"], "model.activation.slope", 0.3),
        (["model.activation.slope=0.3", "model.activation=leaky_relu"], "model.activation.slope", 0.3),
        (["model={name: cnn, activation: elu}", "model.activation.alpha=2"], "model.activation.alpha", 2.0),
        (["scheduler=none", "scheduler.warmup_epochs=2"], "scheduler.name", "none"),
        (["scheduler.warmup_epochs=2", "scheduler=none"], "scheduler.warmup_epochs", 2.0),
        (["early_stopping.patience=3"], "early_stopping.patience", 3),
        (["early_stopping=none"], "early_stopping", "none"),
        (["early_stopping=null"], "early_stopping", "none"),
        (["early_stopping=none", "early_stopping.patience=3"], "early_stopping.patience", 3),
        (["early_stopping.patience=3", "early_stopping=none"], "early_stopping", "none"),
        (["tags=[a=b, 'c=d']"], "tags", ["a=b", "c=d"]),
        (['tags=["1"]'], "tags", ["1"]),
        (["tags=[\n a,\n b]"], "tags", ["a", "b"]),
        (["data.augment=[{name: shift, pixels: 1}, flip]"], "data.augment", [{"name": "shift", "pixels": 1}, None]),
        (["training.gradient_clip=none"], "training.gradient_clip", None),
        (["seed=017"], "seed", 17),
    ],
)
def test_overrides(read: Read, overrides: list[str], path: str, value: Any) -> None:
    text = "scheduler: cosine\nearly_stopping: {patience: 9, min_delta: 0.5}"
    found = at(read(text, *overrides).resolved, path)
    if isinstance(value, list) and None in value:
        found = [given if expected is not None else None for given, expected in zip(found, value, strict=True)]
    assert found == value


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("data.root=/a #b", "data.root", "/a #b"),
        ("data.root=/a: b", "data.root", "/a: b"),
        ("data.root=/a [1", "data.root", "/a [1"),
        ("data.root='/a #b' ", "data.root", "/a #b"),
        ("data.root= /a ", "data.root", "/a"),
        ("optimizer.lr= 0.5 ", "optimizer.lr", 0.5),
        ("tags=[a, 'b #c']", "tags", ["a", "b #c"]),
    ],
)
def test_an_override_is_one_value_to_its_end(read: Read, override: str, path: str, value: Any) -> None:
    assert at(read("{}", override, "seed=1").resolved, path) == value


@pytest.mark.parametrize(
    "override", ["seed=3 # c", "seed=", "seed= ", "data.limit=", "tags=[a] # b", "tags='a'", "name=a\n---", "name=a #b"]
)
def test_an_override_that_is_no_value_to_its_end_is_refused(read: Read, override: str) -> None:
    ((key, _),) = faults(read, "{}", override)
    assert key in ("", override.partition("=")[0])


def test_the_last_part_of_one_key_alone_means_that_key(read: Read) -> None:
    loaded = read("optimizer: {name: adam, lr: 1}", "lr=0.5", "epochs=3", "optimizer.lr=0.25", "output.activation=relu")
    assert (loaded.config.optimizer.lr, loaded.config.training.epochs) == (0.25, 3)
    assert loaded.config.model.output.activation.name == "relu"
    notes = [note for note in loaded.notes if " is " in note]
    assert notes[:2] == ["lr is optimizer.lr (override: lr=0.5)", "epochs is training.epochs (override: epochs=3)"]
    assert loaded.origins["training.epochs"] == "override: epochs=3"
    assert faults(read, "{}", "patience=3") == [
        ("patience", "it may be scheduler.patience or early_stopping.patience"),
    ]


@given(st.sampled_from(sorted({path.partition(".")[2] for path in key_paths(Config) if "." in path})))
def test_train_and_runs_take_a_short_key_for_the_same(short: str) -> None:
    """Each refuses it with the same keys, or takes it for the same one."""
    assume(short not in OWN)  # time, of which `runs` has a column
    entry = Entry(Path("r"), "r", "finished")
    entry.__dict__["settings"] = dict.fromkeys(key_paths(Config), 1)
    try:
        listed = find_column(short, [entry]).name
    except UsageError as error:
        listed = error.message.partition(" may be ")[2]
    documents = Documents()
    documents.add_overrides([f"{short}=1"])
    told = [fault.message.partition(" may be ")[2] for fault in documents.faults]
    taken = [note.partition(" is ")[2].partition(" (")[0] for note in documents.notes]
    assert listed in ([*told, *taken] or [short])


def test_several_overrides_are_one_layer(read: Read) -> None:
    said = faults(read, "optimizer: adam", "optimizer=sgd", "optimizer.betas=[0.9, 0.99]")
    assert said == [
        ("optimizer.betas", "unknown key betas in optimizer (sgd); it belongs to adam, adamw, nadam, radam")
    ]
    assert not read("optimizer: {name: adam, betas: [0.9, 0.99]}", "optimizer=sgd").origins.get("optimizer.momentum")


@pytest.mark.parametrize(
    ("override", "key", "column", "width"),
    [
        ("optimizer.lr=x", "optimizer.lr", 14, 1),
        ("optimizer.lrr=1", "optimizer.lrr", 11, 3),
        ("optimiser.lr=1", "optimiser", 1, 9),
        ("model.hidden=[1, x, 2]", "model.hidden[1]", 18, 1),
        ("model={name: cnn, hidden: [1, 0]}", "model.hidden[1]", 31, 1),
        ("model.hidden=[1,\n x]", "model.hidden[1]", 19, 1),
        ("tags=[a, *b]", "", 10, 2),
        ("tags=[a", "", 6, 1),
        ("tags={a: b: c}", "", 11, 1),
        ("seed=1\n---\n", "seed", 6, 5),
        ("seed=\x01", "", 6, 1),
        ("seed", "", 1, 4),
        ("=3", "", 1, 2),
        ("a..b=3", "", 1, 6),
        ("", "", 1, 1),
        ("extends=a.yaml", "extends", 1, 14),
        ("seed=", "seed", 6, 1),
        ("data.root.x=3", "data.root", 11, 1),
    ],
)
def test_faults_stand_inside_the_argument(read: Read, override: str, key: str, column: int, width: int) -> None:
    with pytest.raises(ConfigError) as raised:
        read("{}", "seed=1", override)
    fault = raised.value.faults[0]
    assert (fault.file, fault.line, fault.column, fault.key) == ("override", 2, column, key)
    assert (fault.excerpt, fault.width) == (override, width)


def test_a_file_called_override_is_a_file(write: Write) -> None:
    write("override", "optimizer: {name: sgd, momentum: 0.5}")
    found = load("override", ["optimizer=adam"])
    assert found.origins["optimizer.name"] == "override: optimizer=adam"
    assert "optimizer.momentum (override:1) falls away" in found.notes[0]


# Switching a choice


def test_switching_keeps_what_the_new_choice_has_and_names_the_rest(write: Write) -> None:
    write("base.yaml", "optimizer:\n  name: sgd\n  lr: 0.5\n  momentum: 0.9\n  nesterov: true")
    found = load(write("c.yaml", "extends: base.yaml\n\noptimizer: adam"))
    assert (found.config.optimizer.name, found.config.optimizer.lr) == ("adam", 0.5)
    assert found.notes == (
        "optimizer.momentum (base.yaml:4), optimizer.nesterov (base.yaml:5) fall away: optimizer is now adam (c.yaml:3)",  # noqa: E501
        "optimizer.lr: 0.5 (base.yaml:3) was set for sgd and stays under adam, whose default is 0.001",
    )
    assert found.origins["optimizer.momentum"] == "base.yaml:4; fell away: optimizer is now adam (c.yaml:3)"
    stays = "base.yaml:3; set for sgd and stays under adam, whose default is 0.001"
    assert found.origins["optimizer.lr"] == stays


SWITCHES = [
    # what is set below, what is said above it, where the setting ends, what notes say of it
    ("optimizer: {name: sgd, lr: 0.1}", "optimizer=adam", 0.1, "stays under adam, whose default is 0.001"),
    ("optimizer: {lr: 0.1}", "optimizer=sgd", 0.1, "set for adam and stays under sgd, whose default is 0.01"),
    ("optimizer: {lr: 0.01}", "optimizer=sgd", 0.01, None),
    ("optimizer: {lr: 0.1}", "optimizer=adam", 0.1, None),
    ("optimizer: {lr: 0.1}", "optimizer={name: sgd, lr: 0.2}", 0.2, None),
    (
        "optimizer: {weight_decay: 0.1}",
        "optimizer=adamw",
        0.1,
        "stays under adamw, whose default is 0",
    ),
    ("optimizer: {name: sgd, momentum: 0.9}", "optimizer=rmsprop", 0.9, "stays under rmsprop, whose default is 0"),
    ("optimizer: {betas: [0.5, 0.9]}", "optimizer=radam", [0.5, 0.9], None),
    ("optimizer: {eps: 0.1}", "optimizer=rmsprop", 0.1, None),
    ("optimizer: {eps: 0.1}", "optimizer=adadelta", 1e-6, "falls away: optimizer is now adadelta"),
    ("scheduler: {name: step, gamma: 0.5}", "scheduler=multistep", 0.5, None),
    ("scheduler: {name: step, gamma: 0.1}", "scheduler=exponential", 0.95, "where gamma would mean something else"),
    ("scheduler: {name: exponential, gamma: 0.9}", "scheduler=step", 0.1, "where gamma would mean something else"),
    ("scheduler: {name: cosine, min_lr: 1e-5}", "scheduler=plateau", 1e-5, None),
    ("scheduler: {name: cosine, warmup_epochs: 2}", "scheduler=linear", 2, None),
    ("scheduler: {name: cosine, warmup_epochs: 2}", "scheduler=one_cycle", 0, "where warmup_epochs would mean"),
    ("loss: {name: mse, outputs: raw}", "loss=mae", "raw", None),
    ("model: {hidden: [9]}", "model=cnn", [9], None),
    ("data: {name: blobs, noise: 2}", "data=moons", 0.1, "where noise would mean something else"),
    ("data: {name: circles, noise: 0.3}", "data=moons", 0.3, None),
    ("data: {name: circles, limit: 300}", "data=moons", 300, None),
]


@pytest.mark.parametrize(("text", "override", "value", "note"), SWITCHES)
def test_what_a_setting_becomes_when_its_choice_is_switched(
    read: Read, text: str, override: str, value: Any, note: str | None
) -> None:
    kind, _, rest = text.partition(": {")
    key = f"{kind}.{rest.rpartition(', ')[2] if '[' not in rest or 'name' in rest else rest}".partition(":")[0]
    found = read(text, override)
    assert at(found.resolved, key) == value
    about = [said for said in found.notes if said.startswith((f"{key}: ", f"{key} ("))]
    assert len(about) == (note is not None)
    if note is not None:
        assert note in about[0]
        assert "c.yaml:1" in about[0], "with its origin"
    if note is not None and "stays" in note:
        assert found.origins[key] == f"c.yaml:1; set for {about[0].partition(' was set for ')[2]}"


def test_what_stays_over_two_switches_is_told_once(write: Write) -> None:
    write("a.yaml", "optimizer: {name: sgd, lr: 0.1}\nscheduler: {name: step, gamma: 0.1}")
    write("b.yaml", "extends: a.yaml\noptimizer: adam\nscheduler: exponential")
    found = load(write("c.yaml", "extends: b.yaml\noptimizer: nadam\nscheduler: step"))
    assert sorted(found.notes) == [
        "optimizer.lr: 0.1 (a.yaml:1) was set for sgd and stays under nadam, whose default is 0.001",
        "scheduler.gamma (a.yaml:2) falls away: scheduler is now exponential (b.yaml:3), where gamma would mean something else",  # noqa: E501
    ]
    assert len(load("c.yaml", ["optimizer.lr=0.1"]).notes) == 1, "said anew for the choice it has now"


def test_switching_drops_defaults_silently(read: Read) -> None:
    found = read("optimizer: {name: adam, weight_decay: 0.1}", "optimizer=sgd")
    assert (found.config.optimizer.lr, found.config.optimizer.weight_decay) == (0.01, 0.1)
    assert not any("lr" in note for note in found.notes)


def test_the_default_choice_is_switched_as_any_other(read: Read) -> None:
    found = read("optimizer: {eps: 1e-6}", "optimizer=sgd")
    assert found.notes == ("optimizer.eps (c.yaml:1) falls away: optimizer is now sgd (override: optimizer=sgd)",)


def test_naming_the_same_choice_again_keeps_all(read: Read) -> None:
    found = read("optimizer: {name: sgd, momentum: 0.9}", "optimizer=SGD")
    assert (at(found.resolved, "optimizer.momentum"), found.notes) == (0.9, ())


def test_a_switch_inside_a_switch(read: Read) -> None:
    text = "model: {name: cnn, channels: [3], activation: {name: leaky_relu, slope: 0.3}, hidden: [9]}"
    found = read(text, "model=mlp")
    assert at(found.resolved, "model.activation") == {"name": "leaky_relu", "slope": 0.3}
    assert at(found.resolved, "model.hidden") == [9]
    assert found.notes == ("model.channels (c.yaml:1) falls away: model is now mlp (override: model=mlp)",)
    found = read(text, "model=mlp", "model.activation=elu")
    assert at(found.resolved, "model.activation") == {"name": "elu", "alpha": 1.0}
    assert len(found.notes) == 2
    assert "model.activation.slope (c.yaml:1) falls away" in found.notes[1]


def test_what_fell_away_stays_away(write: Write) -> None:
    write("a.yaml", "optimizer: {name: sgd, momentum: 0.9}")
    write("b.yaml", "extends: a.yaml\noptimizer: adam")
    found = load(write("c.yaml", "extends: b.yaml\noptimizer: sgd"))
    assert at(found.resolved, "optimizer.momentum") == 0
    found = load("c.yaml", ["optimizer.momentum=0.5"])
    assert at(found.resolved, "optimizer.momentum") == 0.5
    assert found.origins["optimizer.momentum"] == "override: optimizer.momentum=0.5"


def test_turning_early_stopping_off_names_what_falls_away(read: Read) -> None:
    found = read("early_stopping: {patience: 3}", "early_stopping=none")
    assert found.resolved["early_stopping"] == "none"
    assert found.notes == (
        "early_stopping.patience (c.yaml:1) falls away: early_stopping is now none (override: early_stopping=none)",
    )


def test_within_one_layer_a_setting_the_choice_lacks_is_an_error(read: Read) -> None:
    assert [key for key, _ in faults(read, "optimizer: {name: adam, momentum: 0.9}")] == ["optimizer.momentum"]
    assert [key for key, _ in faults(read, "model: {name: mlp, channels: [3]}")] == ["model.channels"]


def test_under_an_unknown_choice_shared_keys_are_checked(read: Read) -> None:
    said = faults(read, "optimizer: {name: adm, lr: -1, momentum: 5, lrr: 0, weight_decay: x}")
    assert [key for key, _ in said] == ["optimizer.name", "optimizer.lr", "optimizer.lrr", "optimizer.weight_decay"]


def test_a_wrong_name_below_and_a_right_one_above(read: Read) -> None:
    said = faults(read, "optimizer: adm", "optimizer={name: sgd, momentum: 7}")
    assert [key for key, _ in said] == ["optimizer.name", "optimizer.momentum"]
    said = faults(read, "optimizer: {name: adm, lr: 1, eps: 1}", "optimizer=sgd")
    assert [key for key, _ in said] == ["optimizer.name"]


# Null and none, aliases, bare names


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("data.limit", None),
        ("data.root", None),
        ("data.normalize", "none"),
        ("training.gradient_clip", None),
        ("loss.class_weights", None),
        ("scheduler.name", "none"),
        ("early_stopping", "none"),
        ("model.activation", "linear"),
    ],
)
def test_null_and_none_are_each_accepted_for_the_other(read: Read, path: str, stored: Any) -> None:
    assert [at(read("{}", f"{path}={word}").resolved, path) for word in ("null", "none", "~")] == [stored] * 3


def test_in_a_layer_null_is_the_models_and_none_is_linear(read: Read) -> None:
    text = "model: {name: layers, layers: [{dense: 3, activation: %s}]}"
    assert at(read(text % "null").resolved, "model.layers") == [{"dense": 3}]
    assert at(read(text % "none").resolved, "model.layers") == [{"dense": 3, "activation": "linear"}]


@pytest.mark.parametrize(
    ("text", "path", "stored"),
    [
        ("model: {activation: LeakyReLU}", "model.activation.name", "leaky_relu"),
        ("model: {activation: Leaky-ReLU}", "model.activation.name", "leaky_relu"),
        ("model: {activation: swish}", "model.activation", "silu"),
        ("model: {initializer: xavier_uniform}", "model.initializer", "glorot_uniform"),
        ("model: {initializer: kaiming_normal}", "model.initializer", "he_normal"),
        ("model: {initializer: svd}", "model.initializer", "orthogonal"),
        ("model: {initializer: gaussian}", "model.initializer", "lecun_normal"),
        ("model: MLP", "model.name", "mlp"),
        ("loss: CrossEntropy", "loss.name", "cross_entropy"),
        ("optimizer: {name: AdamW}", "optimizer.name", "adamw"),
    ],
)
def test_aliases_are_stored_under_the_canonical_name(read: Read, text: str, path: str, stored: str) -> None:
    assert at(read(text).resolved, path) == stored


def test_every_name_and_alias_means_its_choice(read: Read) -> None:
    for key in ("loss", "optimizer", "scheduler", "model.activation", "model.initializer"):
        kind = KINDS[key]
        for member in kind.members.values():
            for spelling in (member.name, member.name.upper().replace("_", "-"), *member.aliases):
                override = f"{key}={spelling}"
                needed = {"multistep": "scheduler.milestones=[1]", "constant": "model.initializer.value=1"}
                extra = [needed[member.name]] if member.name in needed else []
                value = at(read("{}", override, *extra).resolved, key)
                assert (value["name"] if isinstance(value, dict) else value) == member.name, override


KINDS: dict[str, type[Choice]] = {
    "loss": type(Config().loss).__mro__[1],
    "optimizer": type(Config().optimizer).__mro__[1],
    "scheduler": type(Config().scheduler).__mro__[1],
    "model.activation": type(Config().model.activation).__mro__[1],
    "model.initializer": type(Config().model.initializer).__mro__[1],
}


def test_a_bare_name_is_a_map_with_only_the_name(read: Read) -> None:
    assert read("loss: hinge").resolved == read("loss: {name: hinge}").resolved
    assert read("data: {augment: [flip]}").resolved == read("data: {augment: [{name: flip}]}").resolved


# Numbers


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), ("1.0", 1.0), ("1e-3", 0.001), ("0x1", 1.0), ("+.5", 0.5)])
def test_numbers(read: Read, text: str, value: float) -> None:
    found = read(f"optimizer: {{lr: {text}}}")
    assert found.config.optimizer.lr == value and isinstance(found.config.optimizer.lr, float)
    assert found.hash == read(f"optimizer: {{lr: {value!r}}}").hash


NO_EPOCHS = ("true", "1.0", "'3'", "1_000", "0", "[3]", "{}", "null", "9" * 399, "9" * 500, "3 4", ".inf")
NO_CLIP = ("true", ".inf", ".nan", "1e999", "-0.0", "9" * 399, "'1'", "[1]", "1,5")


@pytest.mark.parametrize("setting", [f"epochs={t}" for t in NO_EPOCHS] + [f"gradient_clip={t}" for t in NO_CLIP])
def test_what_no_number_is(read: Read, setting: str) -> None:
    assert len(faults(read, "{}", f"training.{setting}")) == 1


# Paths


def test_paths_are_relative_to_the_file_that_says_them(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path.cwd()
    write("lib/base.yaml", "data: {name: mnist, root: sets}")
    write("c.yaml", "extends: lib/base.yaml")
    assert load("c.yaml").config.data.root == f"{here}/lib/sets"
    assert load("c.yaml", ["data.root=sets"]).config.data.root == f"{here}/sets"
    assert load("c.yaml", ["data.root=/abs/x"]).config.data.root == "/abs/x"
    monkeypatch.setenv("HOME", "/home/me")
    assert load("c.yaml", ["data.root=~/sets"]).config.data.root == "/home/me/sets"
    assert load("c.yaml", ["data.root=~nobody.here/x"]).config.data.root == f"{here}/~nobody.here/x"
    monkeypatch.chdir("lib")
    assert load("../c.yaml").config.data.root == f"{here}/lib/sets"
    assert load("../c.yaml", ["data.root=sets"]).config.data.root == f"{here}/lib/sets"


@pytest.mark.parametrize("value", ["''", "3", "[a]", "true"])
def test_a_path_is_text(read: Read, value: str) -> None:
    (said,) = faults(read, f"data: {{root: {value}}}")
    assert said[1].startswith("expected a path or null, got")


# What is resolved


def test_a_fold_by_overrides(read: Read) -> None:
    whole = read("{}", "data.fold={of: 7, index: 2}")
    assert whole.config == read("data: {fold: {of: 7}}", "data.fold.index=2").config
    assert whole.config == read("{}", "data.fold.index=2", "data.fold.of=7").config
    assert whole.config == read(to_yaml(read("{}").resolved), "data.fold.of=7", "data.fold.index=2", "data.test=null",
                                "name=c").config  # fmt: skip
    assert (at(whole.resolved, "data.test"), at(whole.resolved, "data.fold")) == (None, {"of": 7, "index": 2})
    assert vars(whole.sizes) == {"train": 1386, "validation": 154, "test": 257}
    assert read(to_yaml(whole.resolved)).hash == whole.hash != read("{}").hash
    assert read("data: {fold: {of: 7}}", "data.fold=none").resolved == read("{}").resolved


def test_factors_are_merged_and_stay_when_the_optimizer_is_switched(read: Read) -> None:
    text = "optimizer: {name: adam, lr_factors: {bias: 0.1, input_scale: 6}}"
    found = read(
        text, "optimizer=sgd", "optimizer.lr_factors.weights=inverse_sqrt_fan_in", "optimizer.lr_factors.bias=1"
    )
    assert at(found.resolved, "optimizer.lr_factors") == {
        "weights": "inverse_sqrt_fan_in",
        "bias": 1.0,
        "input_scale": 6.0,
    }
    assert read(to_yaml(found.resolved)).hash == found.hash != read("optimizer: sgd").hash


@pytest.mark.parametrize("path", NEUTRAL)
def test_a_key_that_came_later_is_absent_at_its_neutral_value(read: Read, path: str) -> None:
    found = read("data: blobs" if path == "data.weights" else "{}")
    section, _, last = path.partition(".")
    inner = found.resolved[section]
    before = {**found.resolved, section: {key: value for key, value in inner.items() if key != last}}
    assert inner[last] == NEUTRAL[path]
    assert meaning_hash(before) == found.hash
    assert not [each.key for each in side_by_side([before, found.resolved]) if each.differs]
    if path == "optimizer.lr_factors":
        after = read("optimizer: {lr_factors: {bias: 0.1}}").resolved
        moved = [(each.key, each.values) for each in side_by_side([before, after]) if each.differs]
        assert moved == [("optimizer.lr_factors.bias", (1.0, 0.1))]


def test_no_fold_is_what_was_before_there_were_any(read: Read) -> None:
    found = read("{}")
    before = {**found.resolved, "data": {key: value for key, value in found.resolved["data"].items() if key != "fold"}}
    assert found.resolved["data"]["fold"] is None and meaning_hash(before) == found.hash
    assert not [each.key for each in side_by_side([before, found.resolved]) if each.differs]
    assert [
        each.key for each in side_by_side([before, read("data: {test: null, fold: {}}").resolved]) if each.differs
    ] == [
        "data.test",
        "data.fold",
    ]


def test_a_fold_falls_away_with_its_data(read: Read) -> None:
    found = read("data: {name: iris, fold: {of: 4}}", "data=mnist")
    assert "fold" not in found.resolved["data"]
    assert found.notes[0] == "data.fold (c.yaml:1) falls away: data is now mnist (override: data=mnist)"


BASE, FOLDED = "data: {name: iris, test: 0.3}", "extends: base.yaml\ndata: {fold: {of: 4}}"


@pytest.mark.parametrize(
    ("text", "overrides", "share", "fold", "note"),
    [
        (FOLDED, [], None, 4, "data.test (base.yaml:1) falls away: data.fold takes its place (c.yaml:2)"),
        (FOLDED, ["data.test=0.1"], 0.1, None,
         "data.fold (c.yaml:2) falls away: data.test takes its place (override: data.test=0.1)"),
        (FOLDED, ["data.fold=null"], 0.3, None,
         "data.fold.of (c.yaml:2) falls away: data.fold is now null (override: data.fold=null)"),
        (BASE, ["data.fold.of=3"], None, 3,
         "data.test (c.yaml:1) falls away: data.fold takes its place (override: data.fold.of=3)"),
        (f"{FOLDED[:-1]}, test: null}}", [], None, 4, None),
    ],
)  # fmt: skip
def test_a_fold_and_a_share_give_way_to_the_one_above(
    write: Write, read: Read, text: str, overrides: list[str], share: float | None, fold: int | None, note: str | None
) -> None:
    write("base.yaml", BASE)
    found = read(text, *overrides)
    assert at(found.resolved, "data.test") == share
    assert (at(found.resolved, "data.fold") or {}).get("of") == fold
    assert [each for each in found.notes if "falls away" in each] == ([note] if note else [])
    key = note.partition(" ")[0] if note else ""
    assert not note or "; fell away: " in found.origins[key]


def test_a_fold_beside_a_share_in_one_layer_is_a_mistake(read: Read) -> None:
    said = [("data.test", "data.fold is the test part: leave test out")]
    assert faults(read, "data: {name: iris, test: 0.3, fold: {}}") == said
    assert faults(read, "data: iris", "data.test=0.3", "data.fold.of=3") == said


def test_an_argument_that_a_later_one_takes_the_place_of_is_named(read: Read, write: Write) -> None:
    again = ["seed=1", "seed=2", "optimizer=adam", "optimizer=sgd", "model.hidden=[8]", "model.hidden=[8]"]
    found = read("seed: 5", *again, "data.limit=90", "data.limit=null", "training.epochs=3")
    assert (found.config.seed, found.config.optimizer.name, found.config.data.limit) == (2, "sgd", None)
    assert sorted(found.notes) == [
        "data.limit: 90 (override: data.limit=90) does not count: it is set again (override: data.limit=null)",
        "optimizer.name: adam (override: optimizer=adam) does not count: it is set again (override: optimizer=sgd)",
        "seed: 1 (override: seed=1) does not count: it is set again (override: seed=2)",
    ]
    option = load(write("c.yaml", "seed: 5"), ["seed=1"], options={"seed=0": "--seeds 6"})
    assert (option.config.seed, option.origins["seed"]) == (0, "--seeds 6")
    assert option.notes == ("seed: 1 (override: seed=1) does not count: it is set again (--seeds 6)",)


def test_outputs_stand_only_where_they_count(read: Read) -> None:
    assert at(read("loss: mse").resolved, "loss") == {"name": "mse", "outputs": "softmax"}
    assert read("data: diabetes\nloss: mse").resolved["loss"] == "mse"
    assert read("data: diabetes\nloss: {name: huber, delta: 2}").resolved["loss"] == {"name": "huber", "delta": 2.0}
    assert read("data: diabetes\nloss: {name: mse, outputs: softmax}").resolved["loss"] == "mse"


def test_a_run_can_be_repeated_from_its_config(read: Read, write: Write) -> None:
    found = read("extends: base.yaml" if Path("base.yaml").exists() else "data: {name: diabetes, root: x}\nloss: mae")
    again = load(write("elsewhere/config.yaml", to_yaml(found.resolved)))
    assert (again.config, again.hash, again.resolved) == (found.config, found.hash, found.resolved)


SKIPPED = {"name", "monitor"}
"""Keys whose values are drawn by hand: a choice's name, and what has to fit the rest."""


class Drawer:
    """Draws plain values that fit the fields of the language."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - nothing secret

    def section(self, cls: type[Section], share: float) -> dict[str, Any]:
        fields = {key: field for key, field in cls.fields.items() if key not in SKIPPED}
        drawn = {key: field for key, field in fields.items() if field.required or self.random.random() < share}
        return {key: self.field(field.bound, share) for key, field in drawn.items()}

    def choice(self, kind: type[Choice], share: float) -> Any:
        member = self.random.choice(list(kind.members.values()))
        settings = self.section(member, share)
        if kind.kind == "layer":
            return settings
        named = {"name": self.random.choice([member.name, *member.aliases]), **settings}
        return named if settings or self.random.random() < 0.5 else named["name"]

    def field(self, bound: Bound, share: float) -> Any:
        if bound.optional and self.random.random() < 0.3:
            return self.random.choice([None, "none"]) if bound.kind is None else None
        if bound.kind is not None:
            return self.choice(bound.kind, share / 2)
        if bound.section is not None:
            return self.section(bound.section, share)
        return self.value(bound, share)

    def value(self, bound: Bound, share: float) -> Any:
        if isinstance(bound, Null):
            return self.value(bound.inner, share)
        if isinstance(bound, Either):
            return self.value(self.random.choice([bound.first, bound.second]), share)
        if isinstance(bound, ListOf):
            items = range(self.random.randint(bound.least, min(max(int(min(bound.most, 3)), bound.least), 3)))
            values = [self.field(bound.item, share) for _ in items]
            return sorted(set(values)) if all(isinstance(item, int) for item in values) else values
        if isinstance(bound, MapOf):
            return {name: self.value(bound.item, share) for name in self.random.choices(string.ascii_letters, k=2)}
        if isinstance(bound, Flag):
            return self.random.random() < 0.5
        if isinstance(bound, Integer):
            return self.random.randint(bound.ge or 0, min(50 if bound.le is None else bound.le, 50))
        if isinstance(bound, Number):
            low = next((limit for limit in (bound.ge, bound.gt) if limit is not None), 0)
            high = next((limit for limit in (bound.le, bound.lt) if limit is not None), 50)
            return self.random.choice([self.random.uniform(low + 1e-9, high - 1e-9), (low + high) / 2])
        if bound.options:
            return self.random.choice(bound.options)
        return "".join(self.random.choices(string.ascii_letters + "é1", k=6))


def drawn_config(seed: int) -> dict[str, Any]:
    drawer = Drawer(seed)
    values = drawer.section(Config, 0.35)
    for key in ("data", "model", "loss", "optimizer", "scheduler"):
        if drawer.random.random() < 0.4:
            values[key] = drawer.choice(Config.fields[key].bound.kind or Choice, 0.5)
    return values


SINGLE = ("expected", "unknown key", "there is no ", "not YAML")
"""How the faults of single settings begin: no drawn config has one of them."""


def test_any_config_is_read_back_from_its_dump(write: Write) -> None:
    good, seen = 0, set()
    for seed in range(500):
        text = to_yaml(drawn_config(seed))
        try:
            found = load(write("c.yaml", text))
        except NotFoundError:  # a table whose file is not there
            continue
        except ConfigError as error:
            for fault in error.faults:
                assert fault.line > 0, (text, fault)
                single = fault.message.startswith(SINGLE) or fault.message.endswith("is missing")
                assert not single or fault.message.startswith("there is no val_"), (text, fault)
            continue
        good += 1
        seen |= {f"{key}={value}" for key, value in leaves(found.resolved) if key.endswith("name")}
        again = load(write("again.yaml", to_yaml(found.resolved)))
        assert (again.config, again.resolved) == (found.config, found.resolved), text
        assert (again.hash, again.notes) == (found.hash, found.notes)
        everything = {key for key, _ in leaves(found.resolved)}
        assert everything <= set(again.origins) | {"name"}, "every value that counts stands in the dump"
    assert good > 150
    assert len(seen) > 40, "many choices were among them"


def leaves(values: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(values, dict) and values:
        return [leaf for key, value in values.items() for leaf in leaves(value, f"{path}.{key}".lstrip("."))]
    return [(path, values)]


# The hash


def another(path: str, value: Any) -> Any:
    """A value that is not `value`."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return [*value, 1] if isinstance(value, list) else f"{value} and more"


def changed(resolved: dict[str, Any], path: str) -> dict[str, Any]:
    """The same settings but for one."""
    node, _ = parse(to_yaml(resolved), Place("c", 1, 1))
    assert isinstance(node, Map)
    copy: Any = to_plain(node)
    *above, last = path.split(".")
    inner = copy
    for part in above:
        inner = inner[part]
    inner[last] = another(path, inner[last])
    assert isinstance(copy, dict)
    return copy


@pytest.mark.parametrize(
    "text",
    [
        "early_stopping: {patience: 3}",
        "data: {name: diabetes, root: /x}\nloss: huber\nmodel: {activation: {name: elu, alpha: 2}}",
        "data: mnist\nmodel: {name: cnn, hidden: []}\noptimizer: sgd\nscheduler: plateau",
        "data: blobs\nmodel: {name: layers, layers: [{dense: 3}]}\nscheduler: one_cycle",
        "data: {name: moons, fold: {of: 3}}",
        "optimizer: {lr_factors: {weights: inverse_sqrt_fan_in}}\nloss: {class_weights: balanced}",
    ],
)
def test_only_keys_that_name_place_or_save_a_run_do_not_count(read: Read, text: str) -> None:
    found = read(text)
    free = set()
    for path, _ in leaves(found.resolved):
        if meaning_hash(changed(found.resolved, path)) == found.hash:
            free.add(path)
    assert free == {
        "name",
        "tags",
        "data.root",
        "checkpoint.every",
        "checkpoint.keep",
        "layer_stats",
        "training.test",
        "training.device",
        "training.threads",
    }
    assert {path.split(".")[0] for path in free} == {path.split(".")[0] for path in NOT_MEANING}


def test_the_hash_does_not_depend_on_how_it_is_said(read: Read, write: Write) -> None:
    write("base.yaml", "optimizer: {name: SGD, lr: 1.0}")
    a = read("optimizer: {lr: 1, name: sgd}\nmodel: {activation: ReLU}\nname: a")
    b = read("extends: base.yaml\ntags: [b]", "training.device=cpu", "data.limit=none")
    assert a.hash == b.hash
    assert a.hash != read("optimizer: {lr: 1, name: sgd}", "seed=1").hash


def test_dump_of_a_section_is_plain() -> None:
    assert Config().training.plain()["epochs"] == 20
    assert Config().model.activation.plain() == "relu"
