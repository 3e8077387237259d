"""Whatever is suggested, put in place, passes: over every mistake in the corpus, one at a time.

A suggestion is put in place as a person would do it: into the text, where the fault points.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuner.choice import key_paths
from tuner.config.load import load
from tuner.config.settings import Config
from tuner.errors import ConfigError, Fault
from tuner.shipped import configs

CASES = Path(__file__).parent / "cases" / "config"
NAMES = sorted(path.stem for path in CASES.glob("*.yaml"))
MARK = "# overrides: "
DIGITS = str(configs()["digits"])
LEAVE = "leave it out"
TOP = ", at the top"
SPACED = ", with a space after the colon"


@dataclass
class Spot:
    """A node of a document: its path, the map or list that holds it, its place there, whether it is a key."""

    path: str
    node: yaml.Node
    parent: yaml.Node | None = None
    index: int = 0
    is_key: bool = False


def spots(node: yaml.Node, path: str = "") -> Iterator[Spot]:
    if isinstance(node, yaml.MappingNode):
        for index, (key, value) in enumerate(node.value):
            below = f"{path}.{key.value}".lstrip(".")
            yield Spot(below, key, node, index, is_key=True)
            yield Spot(below, value, node, index)
            yield from spots(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield Spot(f"{path}[{index}]", item, node, index)
            yield from spots(item, f"{path}[{index}]")


def node_of(text: str) -> yaml.Node:
    node = yaml.compose(text, yaml.SafeLoader)
    return node if node is not None else yaml.ScalarNode("tag:yaml.org,2002:null", "null")


def entry_of(text: str) -> tuple[yaml.Node, yaml.Node]:
    """The key and the value of ``key: value``."""
    ((key, value),) = node_of(text).value
    return key, value


def put(root: yaml.MappingNode, path: str, value: yaml.Node) -> None:
    """Sets a key below the top; the name of a choice on the way becomes a map with that name."""
    first, _, rest = path.partition(".")
    index = next((index for index, (key, _) in enumerate(root.value) if key.value == first), None)
    if index is None:
        index = len(root.value)
        root.value.append((node_of(first), node_of("{}")))
    if not rest:
        root.value[index] = (root.value[index][0], value)
        return
    inner = root.value[index][1]
    if not isinstance(inner, yaml.MappingNode):
        inner = node_of(f"{{name: {inner.value}}}")
        root.value[index] = (root.value[index][0], inner)
    put(inner, rest, value)


def find(root: yaml.Node, fault: Fault) -> Spot | None:
    """What a fault points at; None where it points at another setting than the one it is about."""
    keys = (fault.key, fault.key.removesuffix(".name"))
    is_key = fault.message.startswith("unknown key")
    for spot in spots(root):
        at = (spot.node.start_mark.line + 1, spot.node.start_mark.column + 1)
        if spot.path in keys and spot.is_key == is_key and at == (fault.line, fault.column):
            return spot
    return None


def mended(text: str, fault: Fault) -> list[str]:
    """The texts that a suggestion can be understood to ask for."""
    fix = fault.suggestion or ""
    for pattern, edit in BY_HAND:
        if re.fullmatch(pattern, fix):
            return [edit(text, fault)]
    variants = [LEAVE, fix] if fix.startswith(f"{LEAVE}, or name: ") else [fix]
    return [edited(text, fault, each) for each in variants]


def edited(text: str, fault: Fault, fix: str) -> str:
    root = node_of(text)
    assert isinstance(root, yaml.MappingNode)
    spot = find(root, fault)
    allowed = (fault.allowed or "").split(", ")
    if fix.startswith(LEAVE):
        assert spot is not None and spot.parent is not None
        value = spot.parent.value[spot.index][1] if spot.is_key else None
        del spot.parent.value[spot.index]
        if name := re.search(r", or (name: \w+)$", fix):
            spot.parent.value[:] = [entry for entry in spot.parent.value if entry[0].value != "name"]
            spot.parent.value += [entry_of(name[1]), (spot.node, value)]
    elif fix.startswith("a layer of its own: "):
        assert spot is not None and spot.parent is not None
        del spot.parent.value[spot.index]
        (layers,) = (each.node for each in spots(root) if each.path == fault.key.rpartition("[")[0] and not each.is_key)
        layers.value.insert(int(re.findall(r"\[(\d+)\]", fault.key)[-1]) + 1, node_of(fix.partition(": ")[2]))
    elif spot is not None and spot.is_key:
        assert spot.parent is not None
        key, _, value = fix.removesuffix(SPACED).removesuffix(TOP).partition(": ")
        node = node_of(value) if value else spot.parent.value[spot.index][1]
        if key in allowed and not fix.endswith(TOP):
            spot.parent.value[spot.index] = (node_of(key), node)
        else:
            del spot.parent.value[spot.index]
            put(root, key, node)
    elif (path := re.match(r"([a-z_.]+): ([^,]+)(, or .*)?$", fix)) and (spot is None or not fix.endswith(SPACED)):
        put(root, path[1], node_of(path[2]))
    else:
        assert spot is not None and spot.parent is not None, f"{fix} says of nothing where to put it"
        said = f"{{{fix.removesuffix(SPACED)}}}" if fix.endswith(SPACED) else fix.removesuffix(" without quotes")
        node = node_of(said)
        entry = spot.parent.value[spot.index]
        spot.parent.value[spot.index] = (entry[0], node) if isinstance(spot.parent, yaml.MappingNode) else node
    return yaml.serialize(root, Dumper=yaml.SafeDumper)


def at(text: str, fault: Fault, edit: Callable[[str, str, str], str]) -> str:
    """The text with what stands before, at and behind a fault edited."""
    lines = text.split("\n")
    line, begin = lines[fault.line - 1], fault.column - 1
    lines[fault.line - 1] = edit(line[:begin], line[begin : begin + fault.width], line[begin + fault.width :])
    return "\n".join(lines)


def setting(path: str, value: str) -> Callable[[str, Fault], str]:
    def edit(text: str, fault: Fault) -> str:
        root = node_of(text)
        assert isinstance(root, yaml.MappingNode)
        put(root, path, node_of(value))
        return yaml.serialize(root, Dumper=yaml.SafeDumper)

    return edit


def by_pattern(pattern: str, new: str) -> Callable[[str, Fault], str]:
    """Edits the line of a fault."""

    def edit(text: str, fault: Fault) -> str:
        lines = text.split("\n")
        lines[fault.line - 1], count = re.subn(pattern, new, lines[fault.line - 1], count=1)
        assert count, (pattern, lines[fault.line - 1])
        return "\n".join(lines)

    return edit


BY_HAND: list[tuple[str, Callable[[str, Fault], str]]] = [
    ("write the value out; .*", by_pattern(r"&\w+ ?|: \*\w+", "")),
    ("write the keys out, or share them .*", by_pattern(r"<<: \*\w+", "test: 0.3")),
    ("leave the tag out", by_pattern(r"!!\w+ ", "")),
    (r"single quotes, or .*", by_pattern(r'"(.*)"', r"'\1'")),
    ("no comma in a number", by_pattern(r"(\d),(\d)", r"\1\2")),
    ("add the closing quote", by_pattern(r"]$", '"]')),
    ("add the closing bracket", by_pattern(r"$", "]}")),
    ("keep one of the two", by_pattern(r"^optimizer: .*$|, epochs: \d+", "")),
    ("use spaces, not tabs, to indent", by_pattern(r"^\t", "  ")),
    ("one `key: value` a line, or quotes .*", by_pattern(r" (\w+: .*)$", r"\n\1")),
    ("the same column as the keys above, or .*", by_pattern(r"^\s+", "")),
    ("the keys of a map in the same column, .*", by_pattern(r"^\s+", "    ")),
    ("kernel_size at most 4, or fewer layers before it", setting("model.kernel_size", "4")),
    ("fewer convolutions or pooling layers before it", setting("model.channels", "[8, 8, 8]")),
    ("a larger batch, or model.batch_norm: false", setting("training.batch_size", "2")),
    ("leave it out for the defaults?", by_pattern(r"^\w+:.*$", "")),
]
"""Advice in words, and what someone who follows it does to the case where it stands."""


def override_mended(overrides: list[str], fault: Fault) -> list[str]:
    """The overrides with one suggestion put in place."""
    fix, number = (fault.suggestion or "").removesuffix(TOP), fault.line - 1
    key, _, value = overrides[number].partition("=")
    if fix.startswith(LEAVE):
        return overrides[:number] + overrides[number + 1 :]
    if fix.startswith("give the whole list"):
        new = [re.sub(r"\[.*", "=[]", key)]
    elif not fault.message.startswith("unknown key"):
        new = [f"{key}={fix.removeprefix(f'{key}: ').removesuffix(' without quotes')}"]
    elif fix in (fault.allowed or "").split(", "):
        begin, end = fault.column - 1, fault.column - 1 + fault.width
        new = [f"{overrides[number][:begin]}{fix}{overrides[number][end:]}"]
    else:
        new = ["=".join(fix.split(": ", 1)) if ": " in fix else f"{fix}={value}"]
    return [*overrides[:number], *new, *overrides[number + 1 :]]


def overrides_of(text: str) -> list[str]:
    first = text.partition("\n")[0]
    return first.removeprefix(MARK).split(" | ") if first.startswith(MARK) else []


def faults_in(source: str, overrides: list[str]) -> list[Fault]:
    try:
        load(source, overrides)
    except ConfigError as error:
        return list(error.faults)
    return []


def where(fault: Fault) -> set[str]:
    """The settings that a suggestion touches."""
    fix = (fault.suggestion or "").removesuffix(TOP).partition(":")[0]
    return {fault.key, f"{fault.key}.name", fault.key.removesuffix(".name"), fix, f"{fix}.name",
            f"{fault.key.rpartition('.')[0]}.{fix}"}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_is_suggested_passes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CASES, tmp_path / "cases")
    monkeypatch.chdir(tmp_path / "cases")
    text = Path(f"{name}.yaml").read_text()
    overrides = overrides_of(text)
    before = faults_in(f"{name}.yaml", overrides)
    told = [fault.message for fault in before]
    for fault in before:
        if not fault.suggestion:
            continue
        if fault.file == "override":
            trials = [("", override_mended(overrides, fault))]
        else:
            source = Path(fault.file).read_text()
            trials = [(each, overrides) for each in mended(source, fault)]
        for new, arguments in trials:
            if new:
                Path(fault.file).write_text(new)
            after = faults_in(f"{name}.yaml", arguments)
            if new:
                Path(fault.file).write_text(source)
            left = [each.message for each in after]
            assert left.count(fault.message) < told.count(fault.message), (fault, new, arguments)
            worse = [each for each in after if each.key in where(fault) and each.message not in told]
            assert not worse, (fault.suggestion, worse, new, arguments)


ODD = [
    "10%",
    "150%",
    "50",
    "-1",
    "0",
    "1.5",
    "true",
    "false",
    "off",
    "none",
    "null",
    "None",
    "2024",
    "[1]",
    "[]",
    "relu",
    "adam",
    "'0.1'",
    "1/3",
    "1,5",
    "10k",
    "auto",
    "all",
    "balanced",
    "[64,32]",
    "[relu]",
    "max",
    "gpu",
]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(key_paths(Config)), st.sampled_from(ODD))
def test_what_is_suggested_for_any_setting_passes(path: str, value: str) -> None:
    overrides = [f"{path}={value}"]
    for fault in faults_in(DIGITS, overrides):
        if fault.suggestion:
            after = faults_in(DIGITS, override_mended(overrides, fault))
            assert not [each for each in after if each.message == fault.message or each.key in where(fault)], fault


KINDS = {key: field.bound.kind for key, field in Config.fields.items() if field.bound.kind}


@pytest.mark.parametrize("top", KINDS)
@pytest.mark.parametrize("named", ["", "nosuch", "name: nosuch, ", "name: , ", "name: [1], "])
def test_keys_beside_an_unknown_name_are_faults_not_bugs(top: str, named: str) -> None:
    """No choice is known then: what the key was meant to be is asked of the kind."""
    kind = KINDS[top]
    assert kind is not None
    shared = [key for key in kind.fields if key != "name"]
    typos = [f"{key}x" for key in shared] + ["learning_rate", "lr0", "wd", "hiden", "path", "rho", "beta_1", "units"]
    for key in [*shared, *typos]:
        with suppress(ConfigError):  # some kinds have a default
            load("-", [f"{top}={{{named}{key}: 0.5}}"], given=b"{}")


def test_the_corpus_has_much_to_suggest() -> None:
    found = [fault for name in NAMES for fault in faults_in_case(name)]
    assert len([fault for fault in found if fault.suggestion]) >= 150


def faults_in_case(name: str) -> list[Fault]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(CASES)
        return faults_in(f"{name}.yaml", overrides_of(Path(f"{name}.yaml").read_text()))
