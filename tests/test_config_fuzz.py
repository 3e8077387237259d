"""Whatever a config holds, `load` gives a config or names its faults; it neither breaks nor hangs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuner.choice import key_paths
from tuner.config.load import load
from tuner.config.settings import Config
from tuner.document.writing import to_yaml
from tuner.errors import ConfigError
from tuner.render.errors import error_text
from tuner.shipped import configs

CASES = Path(__file__).parent / "cases" / "config"
SOURCES = [path.read_bytes() for path in [*configs().values(), *sorted(CASES.glob("**/*.yaml"))]]
RESOLVED = [
    to_yaml(load(str(path)).resolved).encode() for name, path in configs().items() if name != "table"
]  # no file
TOKEN = re.compile(rb"\s+|[\w.]+|.", re.DOTALL)

PLAIN = "null none true false 0 1 -1 1e-3 1e999 .nan 017 0x1f '1' ~ yes cnn mlp rnn layers sgd mse relu digits"
SIGNS = '{ } [ ] : , - ? & * ! | > % @ ` # << --- ... \\ " {} [] [['
SPACED = (": ", "- ", "\n", "\n  ", "\t", "\r\n", "&a ", "*a", "!!int ", "\x85", "\u2028")
LETTERS = ("é", "\ufeff", "𝛼", "\0", "\x1b[31m", "9" * 300, "1000000", "~nobody/x")
PARTS = ("extends: fuzzed.yaml", "extends: [.]", "extends: /dev/null", "data: blobs", "data.root: ~", "name: x")
HEAVY = "model: {name: cnn, channels: [1000000], kernel_size: 1000}"
KEYS = tuple(path.rpartition(".")[2] for path in key_paths(Config))
WORDS = [*KEYS, *PLAIN.split(), *SIGNS.split(), *SPACED, *LETTERS, *PARTS, HEAVY]

Edit = tuple[str, float, float, bytes]
PAYLOAD = st.one_of(
    st.sampled_from(WORDS).map(str.encode),
    st.binary(max_size=4),
    st.text(max_size=5).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
POSITION = st.floats(0, 1, exclude_max=True)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["delete", "double", "replace", "insert", "swap", "cut", "flip"]), POSITION, POSITION, PAYLOAD
    ),
    min_size=1,
    max_size=6,
)


def mutated(source: bytes, edits: list[Edit]) -> bytes:
    """The source with its tokens, or single bytes, edited."""
    tokens = TOKEN.findall(source)
    for what, first, second, payload in edits:
        if not tokens:
            break
        at, other = int(first * len(tokens)), int(second * len(tokens))
        if what == "delete":
            del tokens[at : at + 1 + int(second * 4)]
        elif what == "double":
            tokens[at:at] = tokens[at : at + 1 + int(second * 8)]
        elif what == "replace":
            tokens[at] = payload
        elif what == "insert":
            tokens.insert(at, payload)
        elif what == "swap":
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif what == "cut":
            tokens = tokens[: max(at, 1)]
        elif tokens[at]:
            token = bytearray(tokens[at])
            token[int(second * len(token))] ^= 1 << (len(payload) % 8)
            tokens[at] = bytes(token)
    return b"".join(tokens)


@pytest.fixture(scope="module", autouse=True)
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("fuzz"))
        yield


def survives(overrides: list[str]) -> None:
    """Loads fuzzed.yaml: a config that reads back the same, or faults that can be shown; each within a second."""
    began = time.process_time()
    try:
        found = load("fuzzed.yaml", overrides)
    except ConfigError as error:
        assert time.process_time() - began < 1
        assert error.faults
        json.dumps(error.as_json())
        error_text(error)
        for fault in error.faults:
            column = fault.column - fault.skipped
            end = column - 1 + fault.width
            assert fault.line == 0 or 0 < column <= end <= max(len(fault.excerpt), column)
        return
    assert time.process_time() - began < 1
    Path("again.yaml").write_text(to_yaml(found.resolved))
    again = load("again.yaml")
    assert (again.config, again.hash) == (found.config, found.hash)


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SOURCES + RESOLVED), EDITS)
def test_mutations_of_the_configs_there_are(source: bytes, edits: list[Edit]) -> None:
    Path("fuzzed.yaml").write_bytes(mutated(source, edits))
    survives([])


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    Path("fuzzed.yaml").write_bytes(data)
    survives([])


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(),
        st.sampled_from([word for word in WORDS if "\0" not in word]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    ),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(list(Config.fields)), VALUES, min_size=1, max_size=5))
def test_right_keys_with_any_values(values: dict[str, Any]) -> None:
    Path("fuzzed.yaml").write_text(to_yaml(values))
    survives([])


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(key_paths(Config)), st.sampled_from(WORDS)).map("=".join),
            st.tuples(st.sampled_from(key_paths(Config)), st.text(max_size=10)).map("=".join),
            st.text(st.characters(codec=None), max_size=20),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_overrides(overrides: list[str]) -> None:
    Path("fuzzed.yaml").write_text("model: cnn\nearly_stopping: {patience: 3}")
    survives(overrides)
