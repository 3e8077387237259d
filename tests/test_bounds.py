"""A bound checks a value, says itself in words, and its JSON Schema says the same."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tuner.bounds import (
    Bound,
    Either,
    Flag,
    Integer,
    ListOf,
    Null,
    Number,
    Of,
    OneOf,
    Part,
    RefusedError,
    Text,
)
from tuner.config.settings import RunName, Training
from tuner.options.activations import Activation, ReLU

DEVICE = Text(pattern=r"^(cpu|cuda(:[0-9]+)?)$", words="cpu or cuda:N", options=("cpu", "cuda"))

BOUNDS: list[tuple[Bound, str, list[Any], list[Any]]] = [
    (Integer(), "an integer", [0, -7, 10**300], [1.0, True, "1", None]),
    (Integer(ge=1), "an integer >= 1", [1, 2], [0, -1]),
    (Integer(ge=0, le=2**63 - 1), "an integer from 0 to 2^63 - 1", [0, 2**63 - 1], [2**63]),
    (Integer(ge=1, le=10_000), "an integer from 1 to 10,000", [1, 10_000], [0, 10_001]),
    (Number(), "a number", [0, -1.5], [math.inf, math.nan, 10**400, True, "1", None]),
    (Number(gt=0), "a number > 0", [1e-300, 1], [0, -1.0]),
    (Number(ge=0, lt=1), "a number in [0, 1)", [0, 0.999], [1, -1e-9]),
    (Number(gt=0, le=3e38), "a number in (0, 3e+38]", [3e38], [0, 3.1e38]),
    (Number(ge=-1000, le=1000), "a number from -1000 to 1,000", [-1000, 1000], [-1001]),
    (Flag(), "true or false", [True, False], [0, 1, "true", None]),
    (Text(), "text", ["", "a"], [1, None, ["a"]]),
    (Text(least=1), "text", ["a"], [""]),
    (DEVICE, "cpu or cuda:N", ["cpu", "cuda:12"], ["cuda:", "xcpu", "cpu "]),
    (Text(least=1, words="a path", is_path=True), "a path", ["a/b"], ["", 3]),
    (OneOf("max", "mean"), "one of max, mean", ["max", "mean"], ["Max", "", None, 1]),
    (OneOf("full"), "full", ["full"], ["Full"]),
    (OneOf("auto", "none"), "one of auto, none", ["auto", "none", None], ["off"]),
    (ListOf(Integer(ge=1), most=3), "a list of integers >= 1", [[], [1, 2, 3]], [[1, 2, 3, 4], [0], 1, (1,)]),
    (ListOf(Text(), least=1), "a list of text, not empty", [["a"]], [[], [1]]),
    (ListOf(Number(gt=0), least=2, most=9), "a list of numbers > 0, at least 2 of them", [[1, 2.0]], [[1], [1, 0]]),
    (ListOf(Number(ge=0, lt=1), least=2, most=2), "a list of 2 numbers in [0, 1)", [[0, 0.5]], [[0], [0, 0, 0]]),
    (ListOf(Of(Activation)), "a list of activations", [[]], [["relu"]]),
    (Null(Number(gt=0)), "a number > 0 or null", [None, "none", 1], [0, "null"]),
    (Null(Part(Training)), "a map or null", [None], [{}, 1]),
    (Null(Part(Training), empty="none"), "a map or none", [None], [{}, 1]),
    (
        Null(Of(Activation)),
        "the name of an activation, or a map with it, or null",
        [None, ReLU()],
        ["relu", Training()],
    ),
    (Either(Integer(ge=1), OneOf("full")), "an integer >= 1 or full", [1, "full"], [0, "half", None]),
    (Of(Activation), "the name of an activation, or a map with it", [ReLU()], ["relu", None]),
    (Part(Training), "a map", [Training()], [{}, None]),
    (RunName(), "1 to 64 letters, digits, dots, dashes, underscores, no dot or dash first", ["a-1"], ["", ".a", "a/b"]),
]


@pytest.mark.parametrize(("bound", "words", "good", "bad"), BOUNDS, ids=[words for _, words, _, _ in BOUNDS])
def test_what_it_takes_and_says(bound: Bound, words: str, good: list[Any], bad: list[Any]) -> None:
    assert bound.words == words
    for value in good:
        bound.check(value)
    for value in bad:
        with pytest.raises(RefusedError):
            bound.check(value)


@pytest.mark.parametrize(("bound", "words", "good", "bad"), BOUNDS, ids=[words for _, words, _, _ in BOUNDS])
def test_its_schema_agrees_on_what_json_can_say(bound: Bound, words: str, good: list[Any], bad: list[Any]) -> None:
    if "$ref" in json.dumps(bound.schema) or "properties" in json.dumps(bound.schema):
        return  # a choice or a section is read from a map, and checked as an object
    validator = Draft202012Validator(bound.schema)
    for value in good:
        assert validator.is_valid(value), value
    for value in bad:
        same_to_json = isinstance(value, float) and (value.is_integer() or not math.isfinite(value))
        huge = isinstance(value, int) and value > 1e300
        if not same_to_json and not huge and not isinstance(value, tuple):
            assert not validator.is_valid(value), value


def test_values_are_kept_in_one_form() -> None:
    assert type(Number().check(3)) is float
    assert OneOf("auto", "none").check(None) == "none"
    assert Null(Integer()).check("none") is None
    given = [1, 2]
    assert ListOf(Number()).check(given) == [1.0, 2.0]
    assert given == [1, 2]
    assert RunName().check("Cafe\u0301") == "Caf\xe9"


def test_every_wrong_item_of_a_list_is_told_unless_the_list_is_too_long() -> None:
    for value, indices in (([0, 1, 0], (0, 2)), ([0] * 4, ()), ([], ())):
        with pytest.raises(RefusedError) as caught:
            ListOf(Integer(ge=1), least=1, most=3).check(value)
        assert caught.value.indices == indices


@given(st.integers() | st.floats() | st.text() | st.booleans() | st.none() | st.lists(st.integers(), max_size=3))
def test_any_value_is_taken_or_refused(value: Any) -> None:
    for bound, *_ in BOUNDS:
        try:
            kept = bound.check(value)
        except RefusedError:
            continue
        assert bound.check(kept) == kept
