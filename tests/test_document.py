"""Text -> nodes: what scalars mean, what is refused, where everything stands, and back to text."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tuner.document import nodes, parsing
from tuner.document.files import MAX_BYTES, decode, plain, read_bytes
from tuner.document.nodes import MAX_DIGITS, Items, Map, Node, Place, Scalar, core_value, shown, to_plain
from tuner.document.parsing import MAX_DEPTH, MAX_NODES, parse, parse_value
from tuner.document.writing import to_yaml, word
from tuner.errors import ConfigError, Fault, NotFoundError

START = Place("c.yaml", 1, 1)


def read(text: str) -> Any:
    """The plain values of a text without faults."""
    node, faults = parse(text, START)
    assert not faults
    return None if node is None else to_plain(node)


def faults_of(text: str) -> list[Fault]:
    return list(parse(text, START)[1])


def fault_of(text: str) -> Fault:
    faults = faults_of(text)
    assert len(faults) == 1, faults
    return faults[0]


# What scalars mean


def same(a: Any, b: Any) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    return type(a) is type(b) and bool(a == b)


def by_the_table(text: str) -> Any:
    """The table of YAML 1.2.2, section 10.3.2, line by line."""
    if text in ("", "null", "Null", "NULL", "~"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text[0] in "tT"
    if re.match(r"^[-+]?[0-9]+$", text):
        digits = text.lstrip("+-")
        return (-1 if text[0] == "-" else 1) * sum(int(d) * 10**n for n, d in enumerate(reversed(digits)))
    if re.match(r"^0o[0-7]+$", text):
        return int(text[2:], 8)
    if re.match(r"^0x[0-9a-fA-F]+$", text):
        return int(text[2:], 16)
    if re.match(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", text):
        return float(Decimal(text))
    if re.match(r"^[-+]?(\.inf|\.Inf|\.INF)$", text):
        return -math.inf if text[0] == "-" else math.inf
    return math.nan if text in (".nan", ".NaN", ".NAN") else text


LIKE_NUMBERS = st.text(alphabet="0123456789+-.eExo_:", max_size=8)
LIKE_WORDS = st.text(alphabet="~nulNULtrueTRUEfalsFALSE.infINFaNyo", max_size=5)
WORDS = st.sampled_from(["null", "~", "true", "FALSE", "yes", "no", "on", "off", "y", "-.Inf", ".NAN", "+.inf", "0o17"])


@settings(max_examples=600, deadline=None)
@given(st.one_of(LIKE_NUMBERS, LIKE_WORDS, WORDS))
@example("1e-3")
@example("017")
@example("-0")
@example("1.")
@example(".5E+3")
@example("0x1F")
@example("1:30")
@example("2023-99-99")
def test_scalars_mean_what_the_core_schema_says(text: str) -> None:
    assert same(core_value(text), by_the_table(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1e5", 1e5), ("017", 17), ("0o17", 15), ("0x1f", 31), ("-.5", -0.5), ("+3", 3), ("1.", 1.0)]
    + [("~", None), ("Null", None), ("TRUE", True), ("False", False), (".inf", math.inf), ("-.INF", -math.inf)]
    + [
        (word, word)
        for word in [
            "no",
            "off",
            "on",
            "yes",
            "y",
            "n",
            "Yes",
            "nUll",
            "tRue",
            "1_000",
            "0b101",
            "1:30",
            "60:30.5",
            "2023-99-99",
            "0o8",
            ".e1",
            "1e",
        ]
    ]
    + [("9" * (MAX_DIGITS + 1), "9" * (MAX_DIGITS + 1))],
)
def test_scalars_in_a_file(text: str, value: Any) -> None:
    assert same(read(f"key: {text}"), {"key": value})
    assert same(read(f"key: '{text}'"), {"key": text}), "what is quoted is text"


def test_words_that_yaml_1_1_turns_into_truth_are_good_keys() -> None:
    assert read("on: no\noff: yes") == {"on": "no", "off": "yes"}


@pytest.mark.parametrize("empty", ["", "\n\n", "# a comment", "---", "\ufeff", "null", "~"])
def test_empty_documents(empty: str) -> None:
    assert read(empty) is None


# What is refused


REFUSED = [
    ("a: &x 1", "anchor", "&x 1"),
    ("a: *x", "alias", "*x"),
    ("a: &x [*x]", "anchor", "&x ["),
    ("<<: {a: 1}", "merge", "<<"),
    ("a: !!python/object:os.system x", "tag !!python", "!!python/object:os.system x"),
    ("a: !!int ''", "tag !!int", "!!int ''"),
    ("a: !!float abc", "tag !!float", "!!float abc"),
    ("a: !!timestamp x", "tag", "!!timestamp x"),
    ("a: !!binary x", "tag", "!!binary x"),
    ("a: !!set {x}", "tag", "!!set {"),
    ("a: ! 1", "tag !", "! 1"),
    ("a: !local {}", "tag !local", "!local {"),
    ("a: 1\na: 2", "a second time; first on line 1", "a"),
    ("{a: 1, b: 2, 'a': 2}", "a second time; first on line 1", "'a'"),
    ("1: a", "a key is a word", "1"),
    ("null: a", "a key is a word", "null"),
    ("? [a]\n: b", "a key is a word", "["),
    ('a: "\\ud800"', "cannot be stored", '"\\ud800"'),
    ('a: "\\0"', "cannot be stored", '"\\0"'),
    ('a: "\\UFFFFFFFF"', "no such character", "\\"),
    ('a: "\\U00110000"', "no such character", "\\"),
    ("a: 1\n---\nb: 2", "second document", "---"),
    ("%YAML 1.1\n---\na: 1", "directives", "%YAML 1.1"),
    ("%TAG ! tag:x,2000:\n---\na: 1", "directives", "%TAG ! tag:x,2000:"),
    ("a: \x01", "U+0001 is not allowed", "\x01"),
    ("a: \x00", "U+0000 is not allowed", "\x00"),
    ("a: b\ud800", "U+D800 is not allowed", "\ud800"),
    ("\ta: 1", "tab", "\t"),
    ("a:\n\tb: 1", "tab", "\t"),
    ("a: [1, 2", "bracket is never closed", "["),
    ("a: {b: 1", "bracket is never closed", "{"),
    ("a: 'b", "quote is never closed", "'"),
    ("a: b: c", "second colon", ":"),
    ("a: b\n  c: d", "has a value already", ":"),
    ("a: 1\nb\nc: 1", "no colon follows", "b"),
    ("a:\n    b: 1\n  c: 2", "does not line up", "c"),
    ('a: "\\d"', "escape", "d"),
    ("a: @b", "can begin with", "@"),
    ("a: - b", "list cannot begin here", "-"),
]


@pytest.mark.parametrize(("text", "message", "token"), REFUSED)
def test_what_is_refused_is_named_where_it_stands(text: str, message: str, token: str) -> None:
    fault = faults_of(text)[0]
    assert message in fault.message
    assert at(text, fault).startswith(token[:1])
    assert token.startswith(at(text, fault)) or at(text, fault).startswith(token)


def test_percent_yaml_1_2_is_what_we_speak() -> None:
    assert read("%YAML 1.2\n---\na: 1") == {"a": 1}


def test_a_quoted_merge_key_is_a_key() -> None:
    assert read("'<<': 1") == {"<<": 1}


def test_all_that_is_refused_is_found_at_once() -> None:
    faults = faults_of("a: &x 1\nb: *x\nc: !!int 3\n<<: {}\n1: 2\na: 3\nd: ok")
    assert [fault.line for fault in faults] == [1, 2, 3, 4, 5, 6]


def at(text: str, fault: Fault) -> str:
    """What stands where a fault points at."""
    line = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)[fault.line - 1]
    assert line == fault.excerpt
    return line[fault.column - 1 : fault.column - 1 + fault.width]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 1500), st.integers(0, 3000))
@example(0, 1, 0)
@example(400, 1, 400)
@example(401, 1, 401)
@example(0, 402, 0)
def test_a_fault_shows_what_stands_around_it_in_a_long_line(before: int, width: int, behind: int) -> None:
    line = "é" * before + "x" * width + "y" * behind
    fault = Place("c.yaml", 7, before + 1, line, width).fault("wrong" * 1000, given="g" * 10_000)
    assert (fault.line, fault.column) == (7, before + 1)
    assert len(fault.excerpt) <= 2 * nodes.AROUND + 7
    assert len(fault.message) == len(fault.given) == nodes.LONGEST
    token = fault.excerpt[fault.column - fault.skipped - 1 :][: fault.width]
    assert token.strip("x") == ""
    assert token.startswith("x") and (fault.width == width or fault.excerpt.endswith("..."))
    assert fault.excerpt.strip(".") in line


# Bounds


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_depth_is_bounded() -> None:
    assert not faults_of(nested(MAX_DEPTH))
    assert "deeper than 32 levels" in fault_of(nested(MAX_DEPTH + 1)).message
    assert "deeper than 32 levels" in fault_of("[" * 100_000).message


def test_the_number_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "more than 50,000 values" in fault_of("[" + "1," * MAX_NODES + "]").message
    monkeypatch.setattr(parsing, "MAX_NODES", 100)
    assert not faults_of("[" + "1," * 99 + "]")
    assert "more than 100 values" in fault_of("[" + "1," * 100 + "]").message


def test_size_is_bounded(tmp_path: Path) -> None:
    assert len(decode(b"#" * MAX_BYTES, "c")) == MAX_BYTES
    with pytest.raises(ConfigError) as raised:
        decode(b"#" * (MAX_BYTES + 1), "c")
    assert raised.value.faults[0].message == "the file is larger than 1 MiB"
    (tmp_path / "big").write_bytes(b"#" * (3 * MAX_BYTES))
    assert len(read_bytes(tmp_path / "big")) == MAX_BYTES + 1, "no more than needed is read"


@pytest.mark.parametrize(
    "part",
    ["#", "[", "{", "- ", "? ", "a: ", "- a\n", "a,", "'", "&a ", "!a ", "%a\n", "---\n", "\t", "\x85", "|\n a\n"],
)
def test_a_mebibyte_of_anything_is_read_in_seconds(part: str) -> None:
    began = time.process_time()
    parse(part * (MAX_BYTES // 4 // len(part)), START)
    assert time.process_time() - began < 5


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))))
@example(b"\xff\xfea\x00")
@example(b"\xef\xbb\xbfa: 1")
@example(b"\xef\xbb\xbfa: \xff")
@example(b"a: \x80")
def test_any_bytes_give_nodes_or_faults(data: bytes) -> None:
    try:
        text = decode(data, "c.yaml")
    except ConfigError as error:
        (fault,) = error.faults
        offset = int(fault.message.rpartition(" ")[2])
        assert f"0x{data[offset]:02x}" in fault.message
        data[:offset].decode()
        assert fault.excerpt[fault.column - 1] == "\ufffd"
        return
    node, faults = parse(text, START)
    assert (
        node is not None or faults or not text.strip("\ufeff \n\r\t\x85\u2028\u2029-.#") or "#" in text or "." in text
    )
    for fault in faults:
        at(text, fault)


MARKS = ("é", "\ufeff", "𝛼", "&a ", "*a ", "!!int ", "<<", "\\ud800", "key: ", "\u2028")
YAMLISH = st.lists(
    st.sampled_from(
        [
            *"[]{}:,-?&*!|>'\"%@`#~",
            ": ",
            "- ",
            "? ",
            "\n",
            "\n  ",
            "\t",
            "\r\n",
            "\x85",
            "a",
            "1",
            "\\",
            "---",
            "...",
            *MARKS,
        ]
    ),
    max_size=25,
).map("".join)


@settings(max_examples=1500, deadline=None)
@given(YAMLISH)
@example("\ufeffa: *b")
@example("\ufeff\ufeffa: *b")
@example("a: \ufeff*b")
@example("%\ufeff")
@example("é: \r\n  - *x")
def test_anything_like_yaml_gives_nodes_or_faults_that_point_into_the_text(text: str) -> None:
    node, faults = parse(text, START)
    for fault in faults:
        at(text, fault)
    if node is not None and not faults:
        check_places(text, node)


# Places


def check_places(text: str, node: Node) -> None:
    """The token at each scalar's place is that scalar."""
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    for place, scalar in scalars(node):
        assert lines[place.line - 1] == place.excerpt
        token = place.excerpt[place.column - 1 :][: place.width]
        assert token == place.token
        if scalar is None or not place.token:
            continue
        if not scalar.quoted and scalar.text and "\n" not in scalar.text and scalar.text.isascii():
            assert token == scalar.text or scalar.text.startswith(token), "a text over several lines begins here"
        elif scalar.quoted and token[0] not in "|>" and token[-1] == token[0] and len(token) > 1:
            again, faults = parse(token, START)
            assert faults or (isinstance(again, Scalar) and again.value == scalar.value)


def scalars(node: Node) -> list[tuple[Place, Scalar | None]]:
    if isinstance(node, Scalar):
        return [(node.place, node)]
    if isinstance(node, Items):
        return [pair for item in node.nodes for pair in scalars(item)]
    keys: list[tuple[Place, Scalar | None]] = [(place, None) for place, _ in node.entries.values()]
    return keys + [pair for _, value in node.entries.values() for pair in scalars(value)]


def test_places_in_a_file() -> None:
    text = "\ufeff# first\r\nmodel: {name: mlp,  hidden: [64, 'é', 3]}\r\nseed:   0x1f  # six\r\nlist:\n- -1.5\n"
    node, faults = parse(decode(text.encode(), "c"), START)
    assert isinstance(node, Map) and not faults
    seen = {place.token: (place.line, place.column) for place, _ in scalars(node)}
    assert seen["mlp"] == (2, 15)
    assert seen["hidden"] == (2, 21)
    assert (seen["64"], seen["'é'"], seen["3"]) == ((2, 30), (2, 34), (2, 39))
    assert (seen["seed"], seen["0x1f"], seen["-1.5"]) == ((3, 1), (3, 9), (5, 3))


def test_places_in_an_argument_count_from_its_beginning() -> None:
    text = "model={name: mlp,\n hidden: [x, *y]}"
    start = Place("override", 3, len("model=") + 1, text, 1, Path(), argument=True)
    node, faults = parse(text.removeprefix("model="), start)
    assert node is not None
    for place, _ in scalars(node):
        assert text[place.column - 1 : place.column - 1 + place.width] == place.token
    assert [(fault.line, fault.column, text[fault.column - 1 :][: fault.width]) for fault in faults] == [(3, 32, "*y")]
    assert str(start) == f"override: {text}"


def test_a_syntax_fault_in_an_argument_has_its_column() -> None:
    start = Place("override", 1, 4, "lr=[1, 2", 1, Path(), argument=True)
    _, (fault,) = parse("[1, 2", start)
    assert (fault.line, fault.column, fault.excerpt) == (1, 4, "lr=[1, 2")


# Back to text


def trees(scalar: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalar,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
        max_leaves=12,
    )


TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    YAMLISH.filter(lambda text: "\0" not in text),
    st.one_of(LIKE_NUMBERS, LIKE_WORDS, WORDS),
    st.sampled_from(
        ["<<", "=", "a" * 200, "- a", "a: b", "a #b", " a ", "a\n\nb", "\ta", "!a", "%a", "x" * 130 + " y"]
    ),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), TEXT)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(TEXT, trees(SCALARS), max_size=5))
@example({"<<": "<<", "": "", "a": [".inf", math.inf, -math.inf, math.nan, "1e3", 1e300, -0.0, "~", None]})
@example({"a": "\x85\u2028 b", "b": "\ufeff", "c": "\U0001f600", "d": "\x7f\x1b"})
def test_to_yaml_reads_back_the_same(values: dict[str, Any]) -> None:
    assert same(read(to_yaml(values)), values)


def test_a_list_that_stands_in_two_places_is_written_twice() -> None:
    shared = [1, 2]
    assert (
        to_yaml({"a": shared, "b": shared, "c": [shared, shared]}) == "a: [1, 2]\nb: [1, 2]\nc:\n- [1, 2]\n- [1, 2]\n"
    )


def test_plain_reads_what_tuner_wrote(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(to_yaml({"a": {"b": [1, "1"]}}))
    assert plain(tmp_path / "config.yaml") == {"a": {"b": [1, "1"]}}


@pytest.mark.parametrize("data", [b"", b"- a", b"a: [", b"a: 1\na: 1", b"\xff"])
def test_plain_names_damage(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "config.yaml").write_bytes(data)
    with pytest.raises(NotFoundError, match="damaged"):
        plain(tmp_path / "config.yaml")


def test_plain_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="No such file"):
        plain(tmp_path / "config.yaml")


def test_messages_quote_yaml_and_are_short() -> None:
    node, _ = parse("a: [1, {b: true, c: null}, '']\nd: " + "x" * 100, START)
    assert isinstance(node, Map)
    assert shown(node.entries["a"][1]) == "[1, {b: true, c: null}, '']"
    assert shown(node.entries["d"][1]) == "x" * 57 + "..."


# The right side of key=value

ARGUMENT = Place("override", 1, 5, "key=", 1, Path(), argument=True)


def value_of(text: str) -> Any:
    """What ``key=text`` sets; the faults' messages where it is refused."""
    node, faults = parse_value(text, replace(ARGUMENT, excerpt=f"key={text}"))
    assert (node is None) == bool(faults)
    for fault in faults:
        at(f"key={text}".replace("\n", " "), replace(fault, excerpt=f"key={text}".replace("\n", " ")))
    return to_plain(node) if node is not None else [fault.message for fault in faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("/a #b", "/a #b"),
        ("#b", "#b"),
        ("3 # c", "3 # c"),
        ("null # c", "null # c"),
        ("a: b", "a: b"),
        ("a:", "a:"),
        ("- a", "- a"),
        ("? a", "? a"),
        ("| a", "| a"),
        (">a", ">a"),
        ("%a", "%a"),
        ("@a", "@a"),
        ("`a", "`a"),
        ("---", "---"),
        ("...", "..."),
        ("--- a", "--- a"),
        ("1\n---\n2", "1\n---\n2"),
        ("a\nb", "a\nb"),
        ("a\tb", "a\tb"),
        ("a, b]", "a, b]"),
        ("it's", "it's"),
        (" 0.5\t\n", 0.5),
        ("~", None),
        ("null", None),
        ("''", ""),
        ("'a #b' ", "a #b"),
        ('"a\\n---"', "a\n---"),
        ("[1, 'a #b']", [1, "a #b"]),
        ("[a#b,\n c]", ["a#b", "c"]),
        ("{a: [1, {b: '#'}]}", {"a": [1, {"b": "#"}]}),
    ],
)
def test_a_value_on_the_command_line_goes_to_its_end(text: str, value: Any) -> None:
    assert same(value_of(text), value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2] # c", "the value has ended before #"),
        ("{a: 1} # c", "the value has ended before #"),
        ("'a' #b", "the value has ended before #b"),
        ("[1, # c\n 2]", "the value has ended before #"),
        ("[1]\n...\n", "the value has ended before ..."),
        ("[1]\n---\n[2]", "a second document starts here"),
        ("[1] [2]", "not YAML: nothing can follow here: the document is complete"),
        ("'a' b", "not YAML: nothing can follow here: the document is complete"),
        ("[a #b]", "not YAML: this bracket is never closed"),
        ("[a]: b", "a key is a word"),
        ("&a 1", "YAML's anchor is not part of the language"),
        ("*a", "YAML's alias is not part of the language"),
        ("!!int 1", "the tag !!int is not part of the language"),
        ("a\x01", "not YAML: the character U+0001 is not allowed"),
        ("a\udcff", "not YAML: the character U+DCFF is not allowed"),
    ],
)
def test_a_value_on_the_command_line_is_refused_where_it_is_not_one(text: str, message: str) -> None:
    assert message in value_of(text)


@settings(max_examples=500, deadline=None)
@given(YAMLISH.filter(str.strip))
@example("''\x85")  # a line break that only YAML knows
def test_no_letter_of_a_value_on_the_command_line_is_dropped(text: str) -> None:
    """What is no list, map or quoted text is the text itself; of the others every letter that means something is in
    what is read back."""
    node, faults = parse_value(text, ARGUMENT)
    if isinstance(node, Scalar) and not node.quoted:
        assert node.text == text.strip(" \t\r\n")
    elif node is not None and "\\" not in text:
        assert not faults
        assert sorted(filter(str.isalnum, text)) == sorted(filter(str.isalnum, "".join(words_in(node))))


def words_in(node: Node) -> list[str]:
    """The texts of a node's keys and values, as they were written."""
    if isinstance(node, Scalar):
        return [node.text]
    if isinstance(node, Items):
        return [text for item in node.nodes for text in words_in(item)]
    return [text for key, (_, value) in node.entries.items() for text in (key, *words_in(value))]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees(SCALARS))
@example("/a #b")
@example("---")
@example(" a ")
@example("")
def test_what_word_writes_can_be_given_on_the_command_line(value: Any) -> None:
    assert same(value_of(word(value)), value)
