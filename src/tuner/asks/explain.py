"""What does a name mean?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tuner.answer import Answer, Block, Column, Table, Text
from tuner.explain import explain, meanings
from tuner.explain.texts import Meaning

_MARKDOWN = re.compile(r"^## (.+)\n|((?:^\|.*\n)+)|((?:^(?!## |\|).*\n)+)", re.MULTILINE)
_BAR = re.compile(r"(?<!\\)\|")


def ask(names: Sequence[str], commands: Mapping[str, str]) -> Answer:
    """Everything that each of the names means; all together first, as ``early stopping``. `commands` are the commands
    and what they do in a line. Raises UsageError naming the nearest where one means nothing."""
    together = " ".join(names)
    found = {together: meanings(together)} if len(names) > 1 else {}
    if not found.get(together):
        found = {name: meanings(name) for name in names}
        for name in names:
            if name in commands:
                says = f"{commands[name]}\n`tuner {name} --help` shows examples."
                found[name] = [*found[name], Meaning(f"tuner {name}", "command", says)]
            found[name] = found[name] or explain(name)
    told = [meaning for each in found.values() for meaning in each]
    return Answer(
        blocks=[block for meaning in told for block in _blocks(meaning)],
        data=[{"name": name, "meanings": list(map(_data, each))} for name, each in found.items()],
        result="".join(f"{first_sentence(meaning.text)}\n" for meaning in told),
    )


def first_sentence(text: str) -> str:
    """On one line, and its paragraph's first line where that ends without a full stop."""
    paragraph = text.partition("\n\n")[0]
    found = re.match(r".+?[.](?=\s|$)", paragraph, re.DOTALL)
    return " ".join((found[0] if found else paragraph).split())


def _data(meaning: Meaning) -> dict[str, Any]:
    """Its table as a list of maps."""
    data = asdict(meaning)
    columns, rows = data.pop("columns"), data.pop("rows")
    return {**data, "table": [dict(zip(columns, row, strict=True)) for row in rows]}


def _blocks(meaning: Meaning) -> Iterator[Block]:
    """A headline, the text, the settings, how to write it. In a text of Markdown a heading, ``## ``, and a table begin
    a block."""
    title = f"{meaning.title} ({meaning.what})"
    for heading, rows, words in _MARKDOWN.findall(f"{meaning.text}\n"):
        if rows:
            head, rule, *lines = [[cell.strip() for cell in _BAR.split(row)[1:-1]] for row in rows.splitlines()]
            sides = ["r" if each.endswith(":") else "l" for each in rule]
            yield Table([Column(name, side=side) for name, side in zip(head, sides, strict=True)], lines, title)
            title = ""
        elif heading:
            title = heading
        elif words.strip():
            yield Text(words.strip("\n"), title=title)
            title = ""
    if meaning.rows:
        yield Table([Column(head, side="l") for head in meaning.columns], meaning.rows)
    last = [f"Also called: {', '.join(meaning.also)}"] if meaning.also else []
    if meaning.yaml:
        last += ["In a config:", *(f"  {line}".rstrip() for line in meaning.yaml.rstrip().split("\n"))]
    if meaning.overrides:
        command = "sweep" if meaning.overrides[0].lstrip("'").startswith("sweep.") else "train"
        last.append(f"On the command line: tuner {command} CONFIG {' '.join(meaning.overrides)}")
    if last:
        yield Text("\n".join(last))
