"""Settings read by libyaml are those that the careful reader finds, or none."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tuner.document import writing
from tuner.document.files import plain, quick_map
from tuner.document.nodes import Map, Place, to_plain
from tuner.document.parsing import parse
from tuner.document.writing import to_yaml
from tuner.shipped import configs

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
ODD = "\n\n  :-,[]{}'\"abc01.e+~_=/()<^;$\r\t&*!%?|>#`@\\é日\x85\u2028\u3000\u0301\u200b\x01\xad\ufeff"


def careful(text: str) -> dict[str, Any] | None:
    """What `parse` makes of a text; None for what it refuses."""
    node, faults = parse(text, Place("c.yaml", 1, 1))
    if faults or not isinstance(node, Map):
        return None
    return {key: to_plain(value) for key, (_, value) in node.entries.items()}


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_what_tuner_writes_reads_the_same(values: dict[str, Any]) -> None:
    text = to_yaml(values)
    found = quick_map(text)
    assert found is None or repr(found) == repr(careful(text))


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)


@given(st.dictionaries(st.text(max_size=8), VALUES | PRINTABLE | st.lists(PRINTABLE), max_size=4), st.booleans())
@example({"a": ":]😀"}, True)  # what libyaml writes otherwise
@example({"a": {"": 1}}, True)
@example({"a": "\n" + "a b " * 40}, True)
def test_what_libyaml_writes_is_what_pyyaml_would(values: dict[str, Any], broken: bool) -> None:
    width = 120 if broken else 1 << 30
    by_pyyaml = yaml.dump(values, Dumper=writing._Dumper, sort_keys=False, allow_unicode=True, width=width)
    assert to_yaml(values, width) == by_pyyaml


@pytest.mark.parametrize("name", sorted({*configs()} - {"table"}))  # it has no file
def test_a_resolved_config_is_read_by_it(name: str, tmp_path: Path) -> None:
    from tuner.config.load import load

    text = to_yaml(load(str(configs()[name])).resolved)
    assert quick_map(text) is not None
    assert repr(quick_map(text)) == repr(careful(text))


def test_it_never_reads_what_the_careful_reader_reads_otherwise() -> None:
    """Texts with a few characters put in, taken out or replaced."""
    chance = random.Random(0)  # noqa: S311 - nothing secret
    sources = [path.read_text() for path in configs().values()]
    taken = 0
    for _ in range(3000):
        source = chance.choice(sources)
        begin = chance.randrange(len(source))
        text = source[begin : begin + 60]
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(text) + 1)
            new = "".join(chance.choice(ODD) for _ in range(chance.randrange(1, 4)))
            text = text[:place] + chance.choice(["", new]) + text[place + chance.randrange(3) :]
        found = quick_map(text)
        if found is not None:
            taken += 1
            assert repr(found) == repr(careful(text)), text
    assert taken > 100


@pytest.mark.parametrize(
    "text",
    ["", "- a", "a", "a: &x 1", "a: *x", "a: !!str 1", "a: 1\na: 2", "<<: {a: 1}", "1: 2", "a: 1\n---\nb: 2", "a: \t1"],
)
def test_what_is_refused_is_left_to_the_careful_reader(text: str) -> None:
    assert quick_map(text) is None


def test_it_is_what_reads_a_run(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: {b: [1, '1', 1e-3, no]}\n")
    assert (
        plain(tmp_path / "c.yaml") == quick_map("a: {b: [1, '1', 1e-3, no]}\n") == {"a": {"b": [1, "1", 0.001, "no"]}}
    )
