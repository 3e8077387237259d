"""The JSON Schema takes what `load` takes, and refuses unknown keys and values out of bounds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tuner.choice import Choice, Setting
from tuner.config.load import load
from tuner.config.schema import json_schema
from tuner.document.files import plain
from tuner.document.writing import flow, to_yaml
from tuner.errors import ConfigError, NotFoundError
from tuner.explain import explain
from tuner.explain.language import example, example_of_choice, kinds, settings, with_name
from tuner.shipped import configs

SCHEMA = json_schema()
VALIDATORS: list[Any] = [jsonschema.Draft202012Validator(SCHEMA), jsonschema.Draft7Validator(SCHEMA)]
MEMBERS: list[type[Choice]] = [member for kind in kinds().values() for member in kind.members.values()]


def accepts(values: Any) -> bool:
    """Whether the schema takes the config, by both drafts alike."""
    first, second = (validator.is_valid(values) for validator in VALIDATORS)
    assert first == second
    return bool(first)


def is_loaded(folder: Path, text: str) -> bool:
    """Whether `load` takes it."""
    (folder / "c.yaml").write_text(text)
    try:
        load(str(folder / "c.yaml"))
    except ConfigError:
        return False
    return True


def both(folder: Path, text: str) -> tuple[bool, bool]:
    """(whether `load` takes it, whether the schema does)."""
    is_good = is_loaded(folder, text)
    return is_good, accepts(plain(folder / "c.yaml"))


def test_is_a_schema_of_both_drafts() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert "prefixItems" not in json.dumps(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")


def test_says_what_each_key_is_and_its_default() -> None:
    parts = [SCHEMA, *(part for key, part in SCHEMA["$defs"].items() if "." in key), SCHEMA["properties"]["training"]]
    keys = [about for part in parts for key, about in part["properties"].items() if key != "name"]
    assert len(keys) > 100
    assert all(about["description"] for about in keys)
    assert SCHEMA["properties"]["seed"]["default"] == 0
    assert SCHEMA["$defs"]["optimizer.adam"]["properties"]["lr"]["exclusiveMinimum"] == 0
    assert SCHEMA["$defs"]["optimizer.adam"]["properties"]["lr"]["default"] == 0.001


def test_is_the_same_on_every_machine() -> None:
    code = "import json; from tuner.config.schema import json_schema; print(json.dumps(json_schema()))"
    environment = {"HOME": "/nowhere", "TUNER_DATA": "/elsewhere", "PATH": "", "PYTHONHASHSEED": "7"}
    environment["PYTHONPATH"] = str(Path(sys.modules["tuner"].__path__[0]).parent)
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd="/", capture_output=True, check=True)
    assert json.loads(done.stdout) == SCHEMA


# ---- it takes what load takes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", configs())
def test_takes_the_configs_that_come_with_tuner(name: str) -> None:
    assert accepts(plain(configs()[name]))


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: f"{member.kind}.{member.name}")
def test_takes_each_choice_as_given_and_as_resolved(member: type[Choice], tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text("a,y\n1,p\n2,q\n3,p\n4,q\n5,p\n6,q\n7,p\n8,q\n9,p\n")
    np.savez(tmp_path / "my.npz", x=np.eye(20), y=np.arange(20) % 2)
    values = example_of_choice(member, kinds()[member.kind])
    (tmp_path / "c.yaml").write_text(to_yaml(values))
    resolved = load(str(tmp_path / "c.yaml")).resolved
    assert accepts(values)
    assert accepts(resolved)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "extends: base.yaml",
        "extends: [a.yaml, b.yaml]\nmodel: {name: layers}\noptimizer: {momentum: 0.9}",
        "{optimizer: adam, model: cnn, loss: mse, scheduler: cosine, data: digits}",
        "{model: {activation: LeakyReLU, initializer: xavier-uniform}, optimizer: SGD}",
        "{model: {activation: {name: L-RELU, slope: 0.2}, output: {initializer: svd}}}",
        "{optimizer: {lr: 1}, model: {dropout: 0.5}, scheduler: {warmup_epochs: 2}}",
        "{early_stopping: none, scheduler: null, model: {activation: null}}",
        "{early_stopping: null, scheduler: none, data: {normalize: null, limit: none, root: none}}",
        "{early_stopping: {patience: 3}, training: {batch_size: full, threads: 2, gradient_clip: none}}",
        "model: {name: layers, layers: [{conv: 8, kernel_size: 5, activation: tanh}, {pool: 2, mode: mean}]}",
        "model: {name: layers, layers: [{name: conv, conv: 8}, {dropout: 0.5}]}",
        "data: {name: digits, augment: [flip, {name: shift, pixels: 1}], shift: []}",
        "{loss: {name: cross_entropy, class_weights: [1, 2, 3]}, data: iris}",
        "{loss: {class_weights: balanced}, scheduler: cosine_log, optimizer: {lr_factors: {bias: 0.1}}}",
        "optimizer: {name: sgd, lr_factors: {weights: inverse_sqrt_fan_in, input_scale: 6}}",
        "{name: a-b_c.1, tags: [x, y], seed: 9223372036854775807}",
        "data: {fold: {of: 3, index: 2}}",
        "data: {name: moons, test: null, fold: {}}",
        "data: {test: 0, fold: null}",
    ],
)
def test_takes_every_form_of_the_language(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    if "extends" not in text:
        assert is_loaded(tmp_path, text)
    assert accepts(plain(tmp_path / "c.yaml"))


def scalar(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the schema of one setting allows."""
    if "anyOf" in schema:
        return st.one_of([scalar(one) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    low, high = schema.get("minimum"), schema.get("maximum", schema.get("exclusiveMaximum"))
    if schema["type"] == "integer":
        return st.integers(low, high)
    if schema["type"] == "number":
        low = schema.get("exclusiveMinimum", low)
        above, below = "exclusiveMinimum" in schema, "exclusiveMaximum" in schema
        return st.floats(low, high, allow_nan=False, allow_infinity=False, exclude_min=above, exclude_max=below)
    if schema["type"] == "array":
        return st.lists(scalar(schema["items"]), min_size=schema.get("minItems", 0), max_size=schema.get("maxItems", 4))
    if schema["type"] == "object":
        if "properties" not in schema:
            return st.dictionaries(st.from_regex(r"\A[a-z]+\Z"), scalar(schema["additionalProperties"]), max_size=3)
        return st.fixed_dictionaries({}, optional={key: scalar(one) for key, one in schema["properties"].items()})
    return {"boolean": st.booleans(), "null": st.none(), "string": st.from_regex(schema.get("pattern", r"\A[a-z]*\Z"))}[
        schema["type"]
    ]


def simple(setting: Setting) -> dict[str, Any] | None:
    """The schema of a setting that takes neither choices nor sections."""
    owner = setting.owner
    part = SCHEMA["$defs"][f"{owner.kind}.{owner.name}"] if issubclass(owner, Choice) else None
    found: dict[str, Any] | None = part["properties"][setting.key] if part else None
    return found if found is not None and "$ref" not in json.dumps(found) and "properties" not in found else None


SIMPLE = [setting for setting in settings() if simple(setting) is not None]


@st.composite
def one_choice(draw: st.DrawFn) -> dict[str, Any]:
    """A config with one choice and random values for some of its settings."""
    setting = draw(st.sampled_from(SIMPLE))
    owner = setting.owner
    assert issubclass(owner, Choice)
    siblings = [other for other in SIMPLE if other.owner is owner and other.above == setting.above]
    chosen = draw(st.lists(st.sampled_from(siblings), unique_by=lambda other: other.key))
    values = {other.key: draw(scalar(simple(other) or {})) for other in chosen}
    return example_with(setting, owner, values)


def example_with(setting: Setting, owner: type[Choice], values: dict[str, Any]) -> dict[str, Any]:
    """The config around the choice that `setting` belongs to."""
    place, value = setting.above, with_name(owner, values)
    assert place is not None
    return example(place, [value] if place.listed else value)


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=one_choice())
def test_takes_whatever_load_takes(values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(to_yaml(values))
    try:
        resolved = load(str(tmp_path / "c.yaml")).resolved
    except (ConfigError, NotFoundError):  # a table whose file is not there
        return
    assert accepts(plain(tmp_path / "c.yaml"))
    assert accepts(resolved)


# ---- it refuses what load refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "nonsense: 1",
        "{optimizer: {name: adam, leraning_rate: 1}}",
        "{optimizer: {name: adam, momentum: 0.9}}",
        "{optimizer: adamant}",
        "{optimizer: {name: adamant}}",
        "{training: {epoch: 3}}",
        "{training: {epochs: 0}}",
        "{training: {batch_size: all}}",
        "{training: {device: gpu}}",
        "{model: {dropout: 1}}",
        "{model: {name: mlp, channels: [3]}}",
        "{model: {name: layers, layers: [{kernel_size: 3}]}}",
        "{model: {name: layers, layers: [dense]}}",
        "{early_stopping: {patience: 0}}",
        "{early_stopping: 5}",
        "{data: {name: mnist, test: 0.2}}",
        "{data: {name: mnist, fold: {of: 5}}}",
        "{data: {fold: 5}}",
        "{data: {fold: {of: 1}}}",
        "{data: {fold: {index: -1}}}",
        "{data: {validation: 1}}",
        "{data: {normalize: both}}",
        "{data: {augment: {name: flip}}}",
        "{seed: -1}",
        "{seed: none}",
        "{name: ../up}",
        "{tags: one}",
        "{loss: null}",
        "{extends: 3}",
        "[]",
    ],
)
def test_refuses_what_load_refuses(text: str, tmp_path: Path) -> None:
    assert not is_loaded(tmp_path, text)
    assert not accepts([] if text == "[]" else plain(tmp_path / "c.yaml"))


def beyond(schema: dict[str, Any]) -> list[Any]:
    """Values just out of the bounds of a setting's schema."""
    step = 1 if schema.get("type") == "integer" else 1e-9
    values = [schema[key] - step for key in ("minimum",) if key in schema]
    values += [schema[key] for key in ("exclusiveMinimum", "exclusiveMaximum") if key in schema]
    values += [schema[key] + max(step, abs(schema[key]) * 1e-6) for key in ("maximum",) if key in schema]
    return [int(value) if schema.get("type") == "integer" else value for value in values]


def test_refuses_every_value_out_of_bounds(tmp_path: Path) -> None:
    count = 0
    for setting in {(setting.path, setting.owner): setting for setting in SIMPLE}.values():
        for value in beyond(simple(setting) or {}):
            count += 1
            values = example(setting, value)
            assert not accepts(values), values
            if count % 10 == 0:
                assert not is_loaded(tmp_path, to_yaml(values)), values
    assert count > 100


def test_explains_agree_with_it_on_defaults() -> None:
    (told,) = (meaning for meaning in explain("sgd") if meaning.what == "optimizer")
    defaults = {row[0]: row[2] for row in told.rows}
    properties = SCHEMA["$defs"]["optimizer.sgd"]["properties"]
    assert defaults == {key: flow(about["default"]) for key, about in properties.items() if key != "name"}
