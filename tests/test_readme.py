"""The README's generated parts are those that the code gives now; `--update-golden` writes them anew."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tuner.choice import Choice
from tuner.config.schema import json_schema
from tuner.data.source import Source
from tuner.durable import json_bytes
from tuner.errors import EXIT_CODES
from tuner.options.activations import Activation
from tuner.options.augmentations import Augmentation
from tuner.options.initializers import Initializer
from tuner.options.layers.base import Layer
from tuner.options.losses import Loss
from tuner.options.models import Model
from tuner.options.optimizers.base import Optimizer
from tuner.options.schedulers import Scheduler
from tuner.render.markdown import choices_table, exit_codes_table

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


def errors() -> str:
    """What `tuner check` says of a config with mistakes."""
    done = subprocess.run([sys.executable, "-m", "tuner", "check", "-"], input=MISTAKEN, capture_output=True, text=True)
    assert done.returncode == 2
    lines = "\n".join(line.rstrip() for line in done.stderr.rstrip().splitlines())
    return f"```yaml\n{MISTAKEN}```\n\n```\n{lines}\n```"


GENERATED: dict[str, Callable[[], str]] = {
    "choices": choices,
    "exit-codes": lambda: exit_codes_table(EXIT_CODES),
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
    done = subprocess.run(
        [sys.executable, "-m", "tuner", "check", "my-first.yaml", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
