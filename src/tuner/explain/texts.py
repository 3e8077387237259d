"""What names outside the config language mean: techniques, words of tuner and the field, columns, recipes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any

from tuner.document.files import plain as plain_map
from tuner.errors import ConfigError, NotFoundError
from tuner.explain.language import plain
from tuner.options.metrics import Metric
from tuner.options.metrics import column as column_of
from tuner.quantities import EPOCH, LAYER, TIME, WHOLE_RUN
from tuner.shipped import CLAIM, recipes

KINDS = {"printed": "word of tuner", "field": "word of the field"}
PARTS = {
    "train": "Measured on training samples in evaluation mode, with the weights at the end of the epoch: on as many\n"
    "samples as validation has, at least 1,000, always the same ones. What is worse in val_ than here is overfitting.",
    "val": "Measured on the validation samples, with the weights at the end of the epoch.",
    "test": "Measured on the test samples, once, when the run ends, with the best weights (unless training.test is "
    "ask); it stands in status.json.",
}
EPOCHS = (
    "The first epoch of a run in which the condition holds; a run that never gets there has none.\n"
    "For example epochs(val_accuracy>=0.9), in compare, runs and --require. The lower the better."
)
_OF_LAYER = re.compile(r"(\([a-z0-9_.]+\))?(@(last|[0-9]+))?")


@dataclass(frozen=True)
class Meaning:
    """One thing that a name means. `columns` and `rows` are a table; `yaml` and `overrides` show how to set it."""

    title: str
    what: str
    text: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    also: tuple[str, ...] = ()
    yaml: str = ""
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Topic:
    """One technique, explained. A new one is a new file in topics/: ``# Title``, then ``also:`` (other words for it)
    and ``keys:`` (the settings it is about), lists with commas, then the text, with an example of a config between
    fences."""

    title: str
    also: tuple[str, ...]
    keys: tuple[str, ...]
    text: str
    example: str


_TOPIC = re.compile(r"# ([^\n]+)\nalso: ([^\n]+)\nkeys: ([^\n]+)\n\n(.+?)\n\n```yaml\n(.+?)```\n", re.DOTALL)


def topics() -> list[Topic]:
    """All of them, by file name. Raises ValueError where a part of one is missing."""
    told = []
    for path in sorted((Path(__file__).parent / "topics").glob("*.md")):
        if not (found := _TOPIC.fullmatch(path.read_text(encoding="utf-8"))):
            raise ValueError(f"not a topic: {path}")
        title, also, keys, text, example = found.groups()
        told.append(Topic(title, tuple(also.split(", ")), tuple(keys.split(", ")), text, example))
    return told


@cache
def glossary() -> tuple[Meaning, ...]:
    """All words of glossary.md. A line ``word | other | ...`` begins one, the indented lines below it are its text; a
    heading names the kind of those that follow."""
    found: list[Meaning] = []
    kind = ""
    text = (Path(__file__).parent / "glossary.md").read_text(encoding="utf-8")
    for heading, names, lines in re.findall(r"^(?:# (.+)|(\S.*)\n((?:  .*\n)+))", text, re.MULTILINE):
        kind = heading or kind
        if names:
            title, *others = [name.strip() for name in names.split(" | ")]
            also = tuple(other for other in others if plain(other) != plain(title))
            found.append(Meaning(title, KINDS[kind], cleandoc(f"\n{lines}"), also=also))
    return tuple(found)


def columns() -> list[str]:
    """Every column there can be."""
    of_parts = [f"{part}_{metric}" for part in PARTS for metric in Metric.members]
    return [*EPOCH, *TIME, *WHOLE_RUN, *LAYER, *Metric.members, *of_parts]


def column_text(name: str) -> str | None:
    """What a metric holds: a column, ``COLUMN@last``, ``epochs(...)``, ``activation_std(LAYER)@EPOCH``; else None."""
    number = re.split(r"[(@]", name, maxsplit=1)[0]
    if number in LAYER and _OF_LAYER.fullmatch(name[len(number) :]):
        how = f"Of one layer, in layer_stats.jsonl: `compare --metric '{number}(hidden.0)@0' --direction up` reads it"
        return f"{LAYER[number].help}\n{how};\n@0 is before the first step, @last the last time it was measured."
    if number == "epochs" and name.endswith(")"):
        return EPOCHS
    column, at, epoch = name.partition("@")
    asked, known = column_of(column), {**EPOCH, **TIME, **WHOLE_RUN}
    metric = Metric.find(asked.name)
    if column in known:
        text = known[column].help
    elif metric is not None:
        better = f"The {'higher' if metric.direction == 'up' else 'lower'} the better."
        here = f"Here it is called {asked.spelled}." if asked.name != metric.name else ""
        text = "\n".join(filter(None, (cleandoc(metric.__doc__ or ""), PARTS.get(asked.part), better, here)))
    else:
        return None
    if not at:
        return text
    when = "Of the last epoch of a run." if epoch == "last" else f"Of epoch {epoch}." if epoch.isdecimal() else ""
    return f"{text}\n{when}" if when and column not in WHOLE_RUN and asked.part != "test" else None


@cache
def claims() -> dict[str, dict[str, Any]]:
    """name -> claim.yaml, of the shipped recipes that can be read."""
    found: dict[str, dict[str, Any]] = {}
    with suppress(NotFoundError):  # an installation without recipes explains all the rest
        for name, path in recipes().items():
            with suppress(NotFoundError, ConfigError):  # one that is damaged hides no other
                found[name] = plain_map(path / CLAIM)
    return found


def proofs(names: Iterable[str], said: str = "Recipe") -> list[str]:
    """A line for each recipe that proves one of the names: ``Recipe: dropout (title)``."""
    asked = {plain(name) for name in names}
    found = []
    for recipe, claim in claims().items():
        proven = claim.get("proves")
        if isinstance(proven, list) and asked & {plain(str(name)) for name in proven}:
            found.append(f"{said}: {recipe} ({claim.get('title', '')}).")
    return found


def recipe_text(recipe: str) -> str:
    """A recipe's title, and its README without the picture and the marks of its generated part."""
    lines: list[str] = []
    with suppress(OSError):
        lines = (recipes()[recipe] / "README.md").read_text(encoding="utf-8").strip().splitlines()
    kept = [line for line in lines if not line.startswith(("<!--", "![", "# "))]
    return "\n".join([str(claims()[recipe].get("title", "")), *kept]).strip()
