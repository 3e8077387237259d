"""What a section and a choice are: settings that were checked, equal by type and values, and frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tuner.bounds import Integer, ListOf, Null, Number, Part
from tuner.choice import InvalidError, Section, kinds_below, setting
from tuner.config.settings import Config
from tuner.options.activations import LeakyReLU, ReLU
from tuner.options.optimizers.of_torch import SGD


class Inner(Section):
    """Settings inside others."""

    depth: int = setting(Integer(ge=0), "how deep", default=1)


class Outer(Section):
    """Settings for these tests."""

    width: float = setting(Number(gt=0), "how wide")
    sizes: list[int] = setting(ListOf(Integer(ge=1)), "how large each is", default=[1, 2])
    inner: Inner = setting(Part(Inner), "what is inside", default=Inner())
    other: Inner | None = setting(Null(Part(Inner), empty="none"), "what may be inside", default=None)

    @classmethod
    def clashes(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if values.get("width", 0) > sum(values.get("sizes", [])):
            yield "width", "wider than all of them"


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong: Any = {"width": -1, "sizes": [1, 0, 0], "height": 3}
    with pytest.raises(InvalidError) as caught:
        Outer(**wrong)
    assert caught.value.refused == {"height": (), "width": (), "sizes": (1, 2)}
    assert str(caught.value) == "Outer: height: no such setting; width: a number > 0; sizes: a list of integers >= 1"
    nothing: Any = {}
    with pytest.raises(InvalidError, match="width: a number > 0"):
        Outer(**nothing)


def test_what_clashes_is_told_only_of_values_that_are_good() -> None:
    with pytest.raises(InvalidError) as caught:
        Outer(width=9)
    assert (caught.value.refused, caught.value.clashes) == ({}, (("width", "wider than all of them"),))
    with pytest.raises(InvalidError) as caught:
        SGD(nesterov=True, momentum=2)  # whether it has momentum is not known
    assert (caught.value.refused, caught.value.clashes) == ({"momentum": ()}, ())


def test_equal_by_type_and_values() -> None:
    assert Outer(width=1) == Outer(width=1.0, sizes=[1, 2])
    assert Outer(width=1) != Outer(width=2)
    assert LeakyReLU(slope=0.0) != ReLU()
    assert repr(LeakyReLU()) == "LeakyReLU(slope=0.01)"


def test_frozen_and_replaced() -> None:
    first: Any = Outer(width=1)
    with pytest.raises(AttributeError, match="Outer is frozen"):
        first.width = 2.0
    assert first.replace(width=2, other=Inner()) == Outer(width=2, other=Inner())
    with pytest.raises(InvalidError):
        first.replace(width=-1)


def test_plain_values() -> None:
    assert Outer(width=1).plain() == {"width": 1.0, "sizes": [1, 2], "inner": {"depth": 1}, "other": "none"}
    assert ReLU().plain() == "relu"
    assert LeakyReLU().plain() == {"name": "leaky_relu", "slope": 0.01}


def test_settings_of_a_class_stand_below_those_it_inherits_and_an_overridden_one_keeps_its_place() -> None:
    assert list(SGD.fields) == ["lr", "weight_decay", "decay_bias_and_norm", "lr_factors", "momentum", "nesterov"]
    assert SGD.fields["lr"].default == 0.01
    assert Outer.fields["width"].required and not Outer.fields["sizes"].required


def test_the_kinds_of_the_language() -> None:
    assert set(kinds_below(Config)) == {
        "data", "model", "loss", "optimizer", "scheduler", "augmentation", "activation", "initializer", "layer",
        "embedding",
    }  # fmt: skip
