"""What holds for every choice of every family; a new class is tested here without a line added."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from tuner.choice import Choice, Field, InvalidError, Section, fold
from tuner.data.source import Source
from tuner.options.activations import Activation
from tuner.options.augmentations import Augmentation
from tuner.options.embeddings import Embedding
from tuner.options.initializers import Initializer
from tuner.options.losses import Loss
from tuner.options.models import Model
from tuner.options.optimizers.base import Optimizer
from tuner.options.schedulers import Scheduler

FAMILIES: list[type[Choice]] = [Activation, Augmentation, Embedding, Initializer, Loss, Optimizer, Scheduler]
MEMBERS: list[type[Any]] = [member for family in FAMILIES for member in family.members.values()]
SECTIONS: list[type[Any]] = [
    part for part in {field.bound.section for member in MEMBERS for field in member.fields.values()} if part
]

CATALOGUE: dict[type[Choice], str] = {
    Activation: "relu leaky_relu prelu elu selu gelu silu mish sigmoid hard_sigmoid tanh softplus softsign exponential "
    "softmax linear",
    Augmentation: "flip shift crop cutout noise brightness",
    Embedding: "piecewise_linear",
    Initializer: "uniform normal glorot_uniform glorot_normal he_uniform he_normal lecun_normal lecun_uniform "
    "neural_tangent orthogonal zeros ones constant default",
    Loss: "cross_entropy mse mae huber binary_cross_entropy hinge",
    Optimizer: "sgd adagrad rmsprop adadelta adam adamw nadam radam",
    Scheduler: "none step multistep exponential inverse_time cosine linear one_cycle plateau cosine_log",
}


def identify(member: type[Any]) -> str:
    return f"{member.kind}.{member.name}" if issubclass(member, Choice) else member.__name__


def schemas(member: type[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, JSON schema) of what each field takes: several where it takes one of several; sections and null aside."""
    for key, field in member.fields.items():
        if field.bound.section is None:
            yield from ((key, variant) for variant in variants(field.bound.schema))


def variants(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas of which a value fits one, but for null's."""
    inner = [variant for each in schema.get("anyOf", []) for variant in variants(each)]
    return inner if "anyOf" in schema else [schema] if schema != {"enum": [None, "none"]} else []


def outside(schema: dict[str, Any]) -> list[Any]:
    """Values just beyond each of the schema's bounds."""
    step = 1 if schema.get("type") == "integer" else 1e-9
    beyond: dict[str, Callable[[Any], Any]] = {
        "minimum": lambda bound: bound - step,
        "exclusiveMinimum": lambda bound: bound,
        "maximum": lambda bound: bound + max(step, abs(bound) * 1e-9),
        "exclusiveMaximum": lambda bound: bound,
        "minItems": lambda bound: [0.5] * (bound - 1),
        "maxItems": lambda bound: [0.5] * (bound + 1),
        "enum": lambda _: "neither of these",
        "const": lambda _: "not this",
    }
    return [value(schema[bound]) for bound, value in beyond.items() if bound in schema]


@pytest.mark.parametrize(("family", "names"), CATALOGUE.items(), ids=[family.kind for family in CATALOGUE])
def test_the_catalogue_is_complete(family: type[Choice], names: str) -> None:
    assert set(names.split()) <= set(family.members)


@pytest.mark.parametrize("member", MEMBERS, ids=identify)
class TestEveryChoice:
    def test_is_final_and_one_step_below_its_kind(self, member: type[Any]) -> None:
        assert member.__mro__[2] is Choice
        assert not inspect.isabstract(member)
        assert not member.__subclasses__()

    def test_docstring_says_what_when_and_where_from(self, member: type[Any]) -> None:
        lines = inspect.getdoc(member).splitlines()  # type: ignore[union-attr]
        assert len(lines[0]) > 10
        assert lines[0].endswith(".")
        assert lines[1] == ""
        labels = ["Formula:", "Choose it when:", "Source:"]
        places = [[n for n, line in enumerate(lines) if line.startswith(f"{label} ")] for label in labels]
        assert [len(found) for found in places] == [1, 1, 1]
        assert places == sorted(places)
        assert any(year.isdigit() for year in lines[places[2][0] :][0].replace("(", " ").replace(")", " ").split()) or (
            "torch" in " ".join(lines[places[2][0] :])
        )

    def test_is_found_by_each_of_its_names(self, member: type[Any]) -> None:
        for spelling in (member.name, member.name.upper(), member.name.replace("_", "-"), *member.aliases):
            family = next(family for family in FAMILIES if family.kind == member.kind)
            assert family.find(spelling) is member


@pytest.mark.parametrize("member", [*MEMBERS, *SECTIONS], ids=identify)
class TestSettings:
    """Of every choice, and of the sections that choices have."""

    def test_each_field_has_help_and_a_default(self, member: type[Any]) -> None:
        for key, field in member.fields.items():
            assert len(field.help) >= 10, key
            assert not field.required, key

    def test_each_field_is_bounded_and_the_bounds_hold(self, member: type[Any]) -> None:
        for key, schema in schemas(member):
            if schema["type"] == "boolean":
                continue
            values = outside(schema)
            assert values, f"{key} takes anything"
            if schema["type"] == "array":
                values += [[bad] * schema.get("minItems", 1) for bad in outside(schema["items"])]
            for value in values:
                with pytest.raises(InvalidError) as caught:
                    member(**{key: value})
                assert set(caught.value.refused) == {key}

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), "0.5", None])
    def test_numbers_are_finite_and_not_text(self, member: type[Any], bad: object) -> None:
        for key, schema in schemas(member):
            if schema["type"] in ("number", "integer"):
                with pytest.raises(InvalidError):
                    member(**{key: bad})

    def test_survives_being_written_and_read(self, member: type[Any]) -> None:
        choice = member()
        plain = {key: value.plain() if isinstance(value, Section) else value for key, value in vars(choice).items()}
        settings = json.loads(json.dumps(plain))
        for key, field in member.fields.items():
            settings[key] = field.bound.section(**settings[key]) if field.bound.section else settings[key]
        assert member(**settings) == choice
        assert set(plain) == set(member.fields)

    def test_unknown_settings_and_later_changes_are_refused(self, member: type[Any]) -> None:
        with pytest.raises(InvalidError):
            member(no_such_setting=1)
        for key, value in vars(member()).items():
            with pytest.raises(AttributeError):
                setattr(member(), key, value)


SWITCHED: list[type[Choice]] = [Activation, Embedding, Initializer, Loss, Model, Optimizer, Scheduler, Source]
"""The kinds of which a layer of a config may name another choice than the layers below it."""


def declared(choice: type[Any], key: str) -> type[Any]:
    """The class that says what a setting is."""
    return next(cls for cls in choice.__mro__ if isinstance(vars(cls).get(key), Field))


@pytest.mark.parametrize("family", SWITCHED, ids=lambda family: family.kind)
def test_of_each_setting_that_choices_share_it_is_known_what_a_switch_does_to_it(family: type[Choice]) -> None:
    """It is declared once for all of them, or each says what it means there."""
    having: dict[str, list[type[Any]]] = {}
    for member in family.members.values():
        for key in member.fields:
            having.setdefault(key, []).append(member)
    for key, members in having.items():
        if len({declared(member, key) for member in members}) > 1:
            unmarked = [member.name for member in members if not member.fields[key].shared.meaning]
            assert not unmarked, f"{family.kind}.{key} needs a mark of what it means: tuner.choice.Shared"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.kind)
def test_no_two_choices_share_a_spelling(family: type[Choice]) -> None:
    spellings = [fold(s) for member in family.members.values() for s in (member.name, *member.aliases)]
    assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize(
    ("family", "spelling", "name"),
    [
        (Activation, "LeakyReLU", "leaky_relu"),
        (Activation, "swish", "silu"),
        (Activation, "identity", "linear"),
        (Activation, "none", "linear"),
        (Initializer, "xavier_uniform", "glorot_uniform"),
        (Initializer, "XavierNormal", "glorot_normal"),
        (Initializer, "kaiming_uniform", "he_uniform"),
        (Initializer, "kaiming_normal", "he_normal"),
        (Initializer, "svd", "orthogonal"),
        (Initializer, "gaussian", "lecun_normal"),
        (Initializer, "zero", "zeros"),
        (Initializer, "one", "ones"),
    ],
)
def test_words_of_other_tools_are_known(family: type[Choice], spelling: str, name: str) -> None:
    found = family.find(spelling)
    assert found is not None
    assert found.name == name


def test_a_new_choice_needs_one_class_and_nothing_else() -> None:
    class Cube(Activation, name="cube"):
        flops: ClassVar[int] = 2

        def build(self) -> Any:
            return lambda x: x**3

    try:
        assert Activation.find("Cube") is Cube
        assert Activation.members["cube"]().build()(2) == 8
    finally:
        del Activation.members["cube"]


def test_importing_the_choices_does_not_import_torch() -> None:
    heavy = "torch", "numpy", "sklearn", "scipy", "matplotlib", "rich"
    script = f"import sys, tuner.options; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
