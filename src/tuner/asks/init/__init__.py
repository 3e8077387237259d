"""What config fits a file of one's own? What was found in it, and a shipped config, filled in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Block, Column, Command, Note, Table, Text
from tuner.asks.init.found import Found, look
from tuner.asks.init.writing import of_arrays, of_table
from tuner.config.load import STDIN, load, settings_of
from tuner.data.arrays import Arrays
from tuner.data.files import shown
from tuner.data.tabular import asked
from tuner.document.writing import flow
from tuner.durable.writing import write_file
from tuner.errors import UsageError
from tuner.figures import plural
from tuner.paths import typed
from tuner.shipped import check_target, configs, own_text

FIRST = "digits"
OPTIONS = ("data.name", "data.path", "data.target", "data.task")
"""Settings that the command's own arguments and options say."""


def ask(path: Path | None, target: str | None, task: str, output: Path | None, overrides: Sequence[str] = ()) -> Answer:
    """The config for the table or the arrays in `path`, put in a file of its own: `output`, else one called like it, in
    the working directory; ``-``: printed. `overrides` are settings of data under which the file is looked at. Without a
    file it is the digits' config. Raises UsageError where a file is in the way, where the target is not named or not
    there; ConfigError, NotFoundError for what cannot be trained on."""
    to = place(output, path.name.partition(".")[0] if path else FIRST)
    is_arrays = path is not None and asked.ARRAYS_FILE.search(path.name) is not None
    if to != Path(STDIN) and (target or not path or is_arrays):
        check_target(to, f"-o {typed(free(to))} chooses another name")
    if path is None:
        return answer(to, own_text(configs()[FIRST]), [Text(f"{to} trains the {FIRST} that come with tuner")], {})
    if path == Path(STDIN):
        raise UsageError("a config names a file, and standard input is none", fix="Save the table in a file first.")
    source, given = source_of(path, "arrays" if is_arrays else "table", overrides)
    if isinstance(source, Arrays):
        if target:
            fix = "The target is the array y: leave --target out."
            raise UsageError(f"{shown(path)} holds arrays, which have no columns", fix=fix)
        source = source.replace(task=task)
        text, head, data = of_arrays(path, source.open(), to, given)
        return answer(to, text, [Text(head), *problems(to, text)], data)
    found = look(path, target, task, source, given)
    text = of_table(found, to)
    return answer(to, text, [*told(found, to), *problems(to, text)], found.as_json())


def source_of(path: Path, name: str, overrides: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """The source of that `name` in a file under these settings, and those of them that were given. Raises UsageError
    for settings of other things, ConfigError for wrong ones."""
    target = ", target: 0" if name == "table" else ""
    text = f"data: {{name: {name}, path: {flow(os.path.realpath(path))}{target}}}"
    config, keys = settings_of(STDIN, overrides, text.encode())
    sections = {key.rpartition(".")[0] for key in keys}
    if others := sorted(key for key in keys - sections if not key.startswith("data.") or key in OPTIONS):
        fix = "Settings of data may stand here, but for --target and --task; others belong into the config it writes."
        raise UsageError(f"{others[0]} is no setting for a look at {shown(path)}", fix=fix)
    plain = config.data.plain()
    source = config.data.replace(path=str(path))  # as it was given, for messages
    return source, {key: plain[key] for key in plain if f"data.{key}" in keys}


def told(found: Found, to: Path) -> list[Block]:
    """What was found, for a person."""
    facts = found.facts
    head = f"{shown(found.path)}: {sum(facts.rows):,} rows, {plural(len(facts.columns), 'column')} ({facts.dialect})"
    blocks: list[Block] = [Text(head)]
    if found.dropped:
        blocks.append(Table([Column("left out", least=20), Column("why")], [[*each] for each in found.dropped.items()]))
    if found.remarks:
        blocks.append(Text("\n".join(found.remarks)))
    inputs = plural(len(facts.columns) - 1 - len(found.dropped), "column")
    return [*blocks, Text(f"{to} predicts {found.target.name} as {found.task} ({found.why}) from {inputs}")]


def problems(to: Path, text: str) -> list[Block]:
    """What the config as it is written has to be told. Raises ConfigError, NotFoundError where it cannot be trained."""
    loaded = load(str(to), given=text.encode())
    return [Note(f"note: {each}", problem=True) for each in loaded.notes[len(loaded.dataset.notes) :]]


def answer(to: Path, text: str, blocks: Sequence[Block], data: dict[str, Any]) -> Answer:
    """The config is put where it belongs; what is said of it."""
    if to == Path(STDIN):
        notes = [block for block in blocks if isinstance(block, Note)]
        return Answer([Text(text.removesuffix("\n"), code=True), *notes], {"path": None, "config": text, **data}, text)
    write_file(to, text.encode())
    then = f"tuner train {typed(to)}"
    return Answer([*blocks, Command(then)], {"path": str(to), **data, "next": then}, f"{to}\n")


def place(output: Path | None, stem: str) -> Path:
    """Where the config goes."""
    if output is None or output.is_dir():
        return (output or Path()) / f"{stem}.yaml"
    return output


def free(path: Path) -> Path:
    """A name like this one that is not taken."""
    others = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, 1_000_000))
    return next(each for each in others if not os.path.lexists(each))
