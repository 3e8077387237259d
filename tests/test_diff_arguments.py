"""`tuner diff A B --as-args`: put on A, however A is written, the arguments make it mean what B means."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tuner.asks.diff.arguments import arguments, as_text
from tuner.bounds import Bound, Either, Flag, Integer, ListOf, Null, Number, OneOf
from tuner.choice import Choice, Section
from tuner.config.load import load
from tuner.config.loaded import Loaded
from tuner.config.settings import Config
from tuner.document.nodes import Place, to_plain
from tuner.document.parsing import parse
from tuner.document.writing import to_yaml, word
from tuner.errors import ConfigError, NotFoundError

# ---- random configs, drawn from the classes of the language ---------------------------------------------------------

SHELLS_OWN = r"[\s'*?$`!&|;<>()#~]"
"""What a shell would take for itself outside quotes; brackets and braces in the result of ``$(...)`` stay."""
MONITORS = ("val_loss", "val_accuracy", "train_loss", "val_r2", "val_mae")
TEXTS = ("a b", "x.y", "auto", "/data/my file.csv")


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Settings as somebody might write them; those that contradict others go again in `valid`."""
    drawn = draw(sections(Config))
    if draw(st.booleans()):
        drawn.setdefault("training", {})["monitor"] = draw(st.sampled_from(MONITORS))
    return drawn


@st.composite
def sections(draw: st.DrawFn, cls: type[Section]) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    for key, field in cls.fields.items():
        if key != "monitor" and (cls is Config or field.required or draw(st.booleans())):
            drawn[key] = draw(values_of(field.bound))
    return drawn


@st.composite
def choices(draw: st.DrawFn, kind: type[Choice]) -> Any:
    member = draw(st.sampled_from(list(kind.members.values())))
    inside = draw(sections(member))
    if kind.kind == "layer":
        return inside
    is_bare = not inside and draw(st.booleans())
    return member.name if is_bare else {"name": member.name, **inside}


def values_of(bound: Bound) -> st.SearchStrategy[Any]:
    if bound.listed is not None:
        return st.lists(choices(bound.listed), max_size=3)
    if bound.kind is None and bound.section is None:
        return leaves(bound)
    inside: st.SearchStrategy[Any] = choices(bound.kind) if bound.kind else sections(cast(type[Section], bound.section))
    return st.one_of(inside, st.just("none")) if bound.optional else inside


def leaves(bound: Bound) -> st.SearchStrategy[Any]:
    if isinstance(bound, Null):
        return st.one_of(leaves(bound.inner), st.none())
    if isinstance(bound, Either):
        return st.one_of(leaves(bound.first), leaves(bound.second))
    if isinstance(bound, OneOf):
        return st.sampled_from(bound.options)
    if isinstance(bound, ListOf):
        return st.lists(leaves(bound.item), min_size=bound.least, max_size=int(min(bound.most, bound.least + 3)))
    if isinstance(bound, Flag):
        return st.booleans()
    return numbers(bound) if isinstance(bound, Integer | Number) else st.sampled_from(TEXTS)


def numbers(bound: Integer | Number) -> st.SearchStrategy[Any]:
    """Within the bounds, and at most 40 above the lower one."""
    if isinstance(bound, Integer):
        low = bound.ge or 0
        return st.integers(low, low + 40 if bound.le is None else min(bound.le, low + 40))
    least = next((limit for limit in (bound.ge, bound.gt) if limit is not None), 0)
    most = next((limit for limit in (bound.le, bound.lt) if limit is not None), least + 40)
    open_low, open_high = bound.gt is not None, bound.lt is not None and bound.lt <= least + 40
    return st.floats(least, min(most, least + 40), exclude_min=open_low, exclude_max=open_high, allow_subnormal=False)


def valid(drawn: dict[str, Any], file: Path, above: str = "") -> Loaded:
    """The config in `file` of the settings drawn, less those that its faults name; `above` are lines before them."""
    for attempt in range(100):
        file.write_text(above + (to_yaml(drawn) if drawn else ""))
        try:
            return load(str(file))
        except NotFoundError:  # data in a file that is not there
            del drawn["data"]
        except ConfigError as error:
            for key in {fault.key for fault in error.faults}:
                if key == "loss.name" and attempt < 10:  # one that fits the data
                    drawn["loss"] = "mse" if drawn.get("loss") != "mse" else "cross_entropy"
                else:
                    leave_out(drawn, re.split(r"[.\[]", key))
    raise AssertionError(f"nothing valid is left: {drawn}")


def leave_out(drawn: dict[str, Any], path: list[str]) -> None:
    """Removes the setting there, or what is nearest above it, or any."""
    inner = drawn.get(path[0])
    if isinstance(inner, dict) and len(path) > 1 and path[1] in inner and path[1] != "name":
        leave_out(inner, path[1:])
    elif path[0] in drawn:
        del drawn[path[0]]
    elif drawn:
        drawn.popitem()


def without_defaults(cls: type[Section], resolved: dict[str, Any]) -> dict[str, Any]:
    """The settings that have other values than by default, written as shortly as can be."""
    kept: dict[str, Any] = {}
    for key, field in cls.fields.items():
        default = None if field.required else field.plain(field.default)
        if key not in resolved or (resolved[key] == default and not field.required):
            continue
        kind, part = field.bound.kind, field.bound.section
        value = resolved[key]
        if kind is not None and isinstance(value, dict):
            inside = without_defaults(kind.members[value["name"]], value)
            value = {"name": value["name"], **inside} if inside else value["name"]
        elif part is not None and isinstance(value, dict):
            value = without_defaults(part, value) if default != "none" else value
        kept[key] = value
    return kept


@pytest.fixture(scope="module", autouse=True)
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("arguments"))
        yield


SEEN: set[str] = set()
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # shrinking takes minutes: an example reads and writes files


@settings(max_examples=80, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(configs(), configs())
def test_put_on_a_they_make_it_b(first: dict[str, Any], second: dict[str, Any]) -> None:
    a, b = valid(first, Path("a.yaml")), valid(second, Path("b.yaml"))
    given_arguments = list(map(as_text, arguments(a.resolved, b.resolved)))
    assert not any(re.search(SHELLS_OWN, each) for each in given_arguments)
    Path("resolved.yaml").write_text(to_yaml(a.resolved))
    Path("short.yaml").write_text(to_yaml(without_defaults(Config, a.resolved)))
    assert load("short.yaml").hash == a.hash
    for file in ("a.yaml", "resolved.yaml", "short.yaml"):
        assert load(file, given_arguments).hash == b.hash, (file, given_arguments)
    SEEN.update(
        f"{key} {value['name']}" for key, value in b.resolved.items() if isinstance(value, dict) and "name" in value
    )


@settings(max_examples=30, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(configs(), configs(), configs())
def test_put_on_a_config_that_extends_another_one(
    below: dict[str, Any], above: dict[str, Any], other: dict[str, Any]
) -> None:
    valid(below, Path("below.yaml"))
    a, b = valid(above, Path("above.yaml"), "extends: below.yaml\n"), valid(other, Path("b.yaml"))
    given_arguments = list(map(as_text, arguments(a.resolved, b.resolved)))
    assert load("above.yaml", given_arguments).hash == b.hash, given_arguments


def test_the_pairs_were_of_many_kinds() -> None:
    """After the test above: over the whole catalogue, not always the same few."""
    if SEEN:
        assert len(SEEN) > 25, sorted(SEEN)


def turned(a: str, b: str) -> list[str]:
    Path("a.yaml").write_text(a)
    Path("b.yaml").write_text(b)
    return list(map(as_text, arguments(load("a.yaml").resolved, load("b.yaml").resolved)))


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ("data: digits", "data: {name: digits}", ""),
        ("optimizer: {lr: 0.1}", "{}", "optimizer.lr=0.001"),
        ("{}", "model: {hidden: [256, 128]}", "model.hidden=[256,128]"),
        ("{}", "optimizer: sgd", "optimizer=sgd optimizer.lr=0.01"),
        ("optimizer: {lr: 0.01}", "optimizer: sgd", "optimizer=sgd"),
        (
            "optimizer: {weight_decay: 0.1}",
            "optimizer: sgd",
            "optimizer=sgd optimizer.lr=0.01 optimizer.weight_decay=0.0",
        ),
        ("{}", "optimizer: {name: sgd, momentum: 0.9}", "optimizer=sgd optimizer.lr=0.01 optimizer.momentum=0.9"),
        ("{}", "early_stopping: {}", "early_stopping.patience=5"),
        ("{}", "early_stopping: {min_delta: 0.1}", "early_stopping.min_delta=0.1"),
        ("early_stopping: {patience: 3}", "{}", "early_stopping=none"),
        ("early_stopping: {patience: 3}", "early_stopping: {}", "early_stopping.patience=5"),
        ("model: {activation: tanh}", "model: cnn", "model=cnn model.activation=relu"),
        ("{}", "data: {limit: 100}", "data.limit=100"),
        ("{}", "data: {fold: {index: 2}}", "data.test=null data.fold.index=2"),
        ("data: {fold: {index: 1}}", "data: {fold: {index: 2}}", "data.fold.index=2"),
        ("data: {fold: {of: 3}}", "{}", "data.test=0.2 data.fold=null"),
        ("data: {limit: 100}", "{}", "data.limit=null"),
        ("{}", "data: {augment: [{name: shift, pixels: 3}]}", 'data.augment=[{"name":shift,"pixels":3}]'),
        ("loss: {name: mse, outputs: raw}", "data: diabetes\nloss: mse", "data=diabetes loss.outputs=softmax"),
        ("name: x\ntags: [a]\ncheckpoint: {keep: 5}", "training: {device: cpu}", ""),
    ],
)
def test_they_are_few_where_that_is_safe(a: str, b: str, wanted: str) -> None:
    assert turned(a, b) == wanted.split()


LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXT = st.text(LETTERS)
KEY = st.text(LETTERS, min_size=1, max_size=64)  # YAML takes none above 1,024 characters as written, with its escapes


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3),
    )
)
def test_a_word_is_one_argument_and_reads_back_the_same(value: Any) -> None:
    text = word(value)
    assert text.split() == [text]
    assert not re.search(SHELLS_OWN, text)
    node, faults = parse(text, Place("test", 1, 1))
    assert not faults
    assert node is not None
    assert to_plain(node) == value


def test_a_shell_hands_them_on_as_they_are(tmp_path: Path) -> None:
    values = [["a b", "tab\there", "*", "?", "[x]", "~", "$HOME", "\\n", "it's", 'say "é"', ""], {"name": "no"}, "1e3"]
    words_of_it = [as_text(("some.key", value)) for value in values]
    (tmp_path / "words").write_text("".join(f"{each}\n" for each in words_of_it))
    for shell in ("sh", "bash"):
        script = 'printf "%s\\n" $(cat words)'
        done = subprocess.run([shell, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == words_of_it
