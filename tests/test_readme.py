"""The README's generated parts are those that the code gives now; `--update-golden` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Literal

import program
import pytest

from tuner.answer import Column, Table
from tuner.bounds import Flag, Integer, ListOf, Null, Number, OneOf, Text
from tuner.choice import Choice, setting
from tuner.config.schema import json_schema
from tuner.data.source import Source
from tuner.durable.reading import json_bytes
from tuner.errors import EXIT_CODES
from tuner.explain.language import default_text
from tuner.options.activations import Activation
from tuner.options.augmentations import Augmentation
from tuner.options.initializers import Initializer
from tuner.options.layers.base import Layer
from tuner.options.losses import Loss
from tuner.options.models import Model
from tuner.options.optimizers.base import Optimizer
from tuner.options.schedulers import Scheduler
from tuner.render.forms.md import table_text

PROJECT = Path(__file__).parents[1]
README = PROJECT / "README.md"
SCHEMA = PROJECT / "configs" / "schema.json"
KINDS: tuple[type[Choice], ...] = (
    Source,
    Model,
    Layer,
    Activation,
    Initializer,
    Loss,
    Optimizer,
    Scheduler,
    Augmentation,
)

MISTAKEN = """\
model: {name: mlp, hiden: [64], dropout: 1.5}
optimizer: {name: adm, lr: "1e-3"}
max_epochs: 30
"""


def choices() -> str:
    """A table for each kind, headed by the settings that all of its choices share."""
    parts = []
    for kind in KINDS:
        shared = ", ".join(f"`{key}`" for key in kind.fields)
        every = f"Each also has {shared}.\n\n" if shared else ""
        parts.append(f"### {kind.kind.capitalize()}\n\n{every}{choices_table(kind.kind, kind.members)}")
    return "\n\n".join(parts)


def choices_table(kind: str, members: Mapping[str, type[Choice]]) -> str:
    """The choices of a kind: name, what it is, its settings with their defaults, other names for it."""
    rows = [
        (
            f"`{name}`",
            cleandoc(choice.__doc__ or "").partition("\n")[0],
            ", ".join(own_settings(choice)),
            ", ".join(f"`{word}`" for word in choice.aliases),
        )
        for name, choice in members.items()
    ]
    used = [place for place in range(4) if place < 2 or any(row[place] for row in rows)]
    heads = (kind, "what it is", "settings", "also called")
    return table_text(Table([Column(heads[place]) for place in used], [[row[place] for place in used] for row in rows]))


def own_settings(choice: type[Choice]) -> list[str]:
    """A choice's own settings as the config spells them: ``slope: 0.01``; a required one without a value.

    Those that every choice of the kind has are not among them.
    """
    own = {key: field for key, field in choice.fields.items() if key not in choice.base.fields}
    return [f"`{key}`" if field.required else f"`{key}: {default_text(field)}`" for key, field in own.items()]


def exit_codes_table() -> str:
    """What each exit code means, and whether the same command should be run again."""
    rows = [(code, meaning, again) for code, (meaning, again) in EXIT_CODES.items()]
    return table_text(Table([Column("exit"), Column("meaning"), Column("run the same again?")], rows))


def errors() -> str:
    """What `tuner check` says of a config with mistakes."""
    done = program.run("check", "-", stdin=MISTAKEN)
    assert done.returncode == 2
    lines = "\n".join(line.rstrip() for line in done.stderr.rstrip().splitlines())
    return f"```yaml\n{MISTAKEN}```\n\n```\n{lines}\n```"


GENERATED: dict[str, Callable[[], str]] = {
    "choices": choices,
    "exit-codes": exit_codes_table,
    "errors": errors,
}


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_part_is_not_stale(name: str, request: pytest.FixtureRequest) -> None:
    text = README.read_text()
    part = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    assert part.search(text), f"README.md has no place for {name}"
    fresh = part.sub(lambda match: f"{match[1]}{GENERATED[name]()}\n{match[2]}", text)
    if request.config.getoption("--update-golden"):
        README.write_text(fresh)
    assert README.read_text() == fresh, "renew it with: pytest tests/test_readme.py --update-golden"


def test_the_schema_of_the_configs_is_not_stale(request: pytest.FixtureRequest) -> None:
    fresh = json_bytes(json_schema())
    if request.config.getoption("--update-golden"):
        SCHEMA.write_bytes(fresh)
    assert SCHEMA.read_bytes() == fresh, "renew it with: pytest tests/test_readme.py --update-golden"


def test_every_config_names_the_schema() -> None:
    for path in (PROJECT / "configs").glob("*.yaml"):
        assert "# yaml-language-server: $schema=schema.json\n" in path.read_text(), path.name


def test_figures_are_filled_in() -> None:
    text = README.read_text()
    for start, end in (("<!-- results:", "<!-- /results -->"), ("<!-- speed:", "<!-- /speed -->")):
        part = text.partition(start)[2].partition("-->")[2].partition(end)[0]
        assert "|" in part or "s/epoch" in part, f"{start} has no figures"


def test_the_example_config_is_good(tmp_path: Path) -> None:
    example = README.read_text().partition("## A config\n\n```yaml\n")[2].partition("```")[0]
    (tmp_path / "my-first.yaml").write_text(example)
    done = program.run("check", "my-first.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


class Shape(Choice, kind="shape"):
    """Only for this test."""


class Box(Shape, name="box", aliases=("crate",)):
    """Keeps its corners.

    Choose it when: corners matter.
    """

    size: float = setting(Number(), "edge", default=0.5)
    label: str | None = setting(Null(Text()), "name", default=None)
    sides: list[int] = setting(ListOf(Integer()), "lengths", default=[1, 2])
    open: bool = setting(Flag(), "no lid", default=False)
    reduction: Literal["mean"] = setting(OneOf("mean"), "required")


class Dot(Shape, name="dot"):
    """Has no extent."""


def test_choices_come_with_their_settings_and_other_names() -> None:
    assert choices_table("shape", Shape.members) == (
        "| shape | what it is | settings | also called |\n"
        "| --- | --- | --- | --- |\n"
        "| `box` | Keeps its corners. | `size: 0.5`, `label: null`, `sides: [1, 2]`, `open: false`, `reduction` "
        "| `crate` |\n"
        "| `dot` | Has no extent. |  |  |"
    )
    assert choices_table("shape", {"dot": Dot}) == "| shape | what it is |\n| --- | --- |\n| `dot` | Has no extent. |"


def test_every_exit_code_has_its_row() -> None:
    lines = exit_codes_table().split("\n")
    assert lines[:2] == ["| exit | meaning | run the same again? |", "| ---: | --- | --- |"]
    assert [int(line.split("|")[1]) for line in lines[2:]] == list(EXIT_CODES)
