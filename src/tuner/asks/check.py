"""Is a config good, and is a run whole?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Block, Column, Commented, Note, Table, Text
from tuner.config.comparison import leaves, meaning_hash
from tuner.config.load import load
from tuner.config.loaded import Loaded
from tuner.data.files import locate
from tuner.document.writing import flow, to_yaml
from tuner.durable.writing import verify_folder
from tuner.errors import ConfigError, NotFoundError, TunerError
from tuner.figures import plural, scaled
from tuner.machine import device_for
from tuner.paths import expanded
from tuner.plan import Plan
from tuner.runs.family import find_group
from tuner.runs.files import CONFIG, apart, check_files, check_position, checkpoints
from tuner.runs.find import resolve
from tuner.runs.folder import Run, is_run, members, read
from tuner.shipped import find_config


def ask(reference: str, overrides: Sequence[str], resolved: bool, origin: bool, runs_dir: Path) -> Answer:
    """What can be known of a config without training, or whether the files of a run or group are whole.

    Raises ConfigError with all faults, NotFoundError for a run that is damaged.
    """
    reference = expanded(reference)
    asks_settings = bool(resolved or origin or overrides)
    try:
        source = find_config(reference)
    except ConfigError as error:
        try:
            path = resolve(reference, runs_dir)
        except NotFoundError:
            raise error from None
        if not asks_settings:
            return of_runs(path)
        source = str(find_group(str(path), runs_dir).first.path / CONFIG)
    if not asks_settings and Path(source) == Path(reference, CONFIG):
        return of_runs(Path(reference))
    return of_config(load(source, overrides), source, resolved, origin)


def of_config(loaded: Loaded, source: str, resolved: bool, origin: bool) -> Answer:
    """The one line that a good config gets, its settings, layers and cost. With `resolved` what is shown is a config
    again."""
    config, parts, data = loaded.config, loaded.sizes, data_of(loaded)
    about: list[Block] = [layer_table(loaded.plan)] if resolved else []
    if origin:
        rows = [[key, flow(value), loaded.origins.get(key, "default")] for key, value in leaves(loaded.resolved)]
        about.append(Table([Column("key"), Column("value"), Column("set in")], rows))
    samples = f"{parts.train:,} training, {parts.validation:,} validation, {parts.test:,} test samples"
    summary = (
        f"{'stdin' if source == '-' else source} is good: {config.model.name} with {data['parameters']:,} parameters "
        f"on {config.data.name} ({samples}), {scaled(data['epoch_flops'])}FLOP an epoch"
    )
    about.append(Text(summary))
    notes = [Note(f"note: {each}", problem=True) for each in (*loaded.notes, *missing(loaded))]
    settings = to_yaml(loaded.resolved)
    shown: list[Block] = [Text(settings.removesuffix("\n"), code=True), Commented(about)] if resolved else about
    return Answer([*notes, *shown], {"ok": True, "errors": [], **data}, settings if resolved else "")


def data_of(loaded: Loaded) -> dict[str, Any]:
    """What ``--json`` tells of a good config; the operations of an epoch are those of training, and of the evaluation
    of training and validation samples."""
    plan, parts = loaded.plan, loaded.sizes
    evaluated = parts.validation + min(parts.train, max(parts.validation, 1000))
    return {
        "config": loaded.resolved,
        "hash": loaded.hash,
        "origins": loaded.origins,
        "notes": list(loaded.notes),
        "layers": [
            {"name": block.name, "outputs": list(block.outputs), "parameters": block.size, "flops": block.flops}
            for block in plan.blocks
        ],
        "parameters": plan.parameters,
        "epoch_flops": int(plan.train_flops * parts.train + plan.flops * evaluated),
    }


def missing(loaded: Loaded) -> Iterator[str]:
    """What a good config needs and this machine lacks: its data, its device."""
    config = loaded.config
    for look in (partial(locate, config.data), partial(device_for, config.training.device)):
        try:
            look()
        except TunerError as error:
            yield f"{error.message}; {error.fix}"


def layer_table(plan: Plan) -> Table:
    """The layers with their output shapes, parameters and operations."""
    rows = [["input", "", " x ".join(map(str, plan.inputs)), "", ""]]
    for block in plan.blocks:
        said = block.layer.plain()
        kind = ", ".join([f"{key} {value}" for key, value in said.items() if not isinstance(value, dict)][:2])
        kind += ", batch norm" * block.batch_norm
        if block.activation is not None and block.activation.name != "linear":
            kind += f", {block.activation.name}"
        shape = " x ".join(map(str, block.outputs))
        rows.append([block.name, kind, shape, f"{block.size:,}", f"{block.flops:,}"])
    heads = [Column(head) for head in ("layer", "what", "output")]
    return Table([*heads, Column("parameters", side="r"), Column("FLOPs a sample", side="r")], rows)


def of_runs(path: Path) -> Answer:
    """What was checked of a run, or of each of a group. Raises NotFoundError for damage."""
    checked = [read(each) for each in ([path] if is_run(path) else members(path))]
    lines, runs = [], []
    for run in checked:
        names = verify(run)
        counts = f"{plural(len(run.rows), 'epoch')}, {plural(len(names), 'checkpoint')}"
        lines.append(f"{run.path}: {run.state}, {counts}, all checksums agree")
        runs.append({"run": str(run.path), "checkpoints": names})
    told = {"checkpoints": runs[0]["checkpoints"]} if is_run(path) else {"members": runs}
    return Answer([Text("\n".join(lines))], {"ok": True, "errors": [], "run": str(path), **told})


def verify(run: Run) -> list[str]:
    """The names of a run's checkpoints, oldest first, all files checked against their checksums; without those that a
    process that trains the run took away meanwhile. Raises NotFoundError."""
    if meaning_hash(run.config) != run.identity.config_hash:
        raise NotFoundError(f"{run.path / CONFIG} is damaged: it is not the config that run.json names")
    names = []
    for folder in checkpoints(run.path):
        try:
            verify_folder(folder)
            check_position(folder)
        except NotFoundError:
            if os.path.lexists(folder):
                raise
        else:
            names.append(folder.name)
    if not names and run.state == "finished":
        raise NotFoundError(f"{run.path} has no checkpoints, though it finished")
    if disagreeing := apart(run.path, run.told):
        raise NotFoundError("\n".join(disagreeing))
    check_files(run.path, run.told)
    return names
