"""Is a config good, and is a run whole?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Block, Column, Commented, Note, Table, Text
from tuner.config.comparison import leaves, meaning_hash
from tuner.config.load import documents_of, load, read_settings
from tuner.config.loaded import Loaded
from tuner.config.settings import Config
from tuner.config.sweep import Search, load_search
from tuner.data.files import locate
from tuner.data.tabular.asked import check_config
from tuner.document.writing import flow, to_yaml
from tuner.durable.reading import JSON_LIMIT, damaged, read_bytes, shown
from tuner.durable.writing import verify_folder
from tuner.errors import ConfigError, Faults, NotFoundError, TunerError
from tuner.figures import plural, scaled
from tuner.machine import device_for
from tuner.paths import expanded, typed
from tuner.plan import Plan
from tuner.runs.family import find_group
from tuner.runs.files import (
    BEST,
    CONFIG,
    IDENTITY,
    JOURNALS,
    STATUS,
    Status,
    check_position,
    checkpoints,
    faults,
    read_status,
)
from tuner.runs.find import resolve
from tuner.runs.folder import GROUP, SWEEP, folders_in, glance_group, is_run, kind_of, members, natural, read
from tuner.runs.sweep import FAILED, check_not_lost, read_sweep
from tuner.runs.trials import OVER, as_told, let_go
from tuner.shipped import find_config


def ask(reference: str, overrides: Sequence[str], resolved: bool, origin: bool, runs_dir: Path) -> Answer:
    """What can be known of a config without training, or whether the files of a run, a group or all runs in a folder
    are whole. Raises ConfigError with all faults."""
    reference = expanded(reference)
    check_config(reference)
    asks_settings = bool(resolved or origin or overrides)
    try:
        source = find_config(reference)
    except ConfigError as error:
        try:
            path = resolve(reference, runs_dir)
        except NotFoundError:
            path = Path(reference)
            if not os.path.isdir(path) or not _places(path):  # noqa: PTH112 - Path.is_dir raises for what cannot be
                raise error from None
        if not asks_settings:
            return of_runs(path)
        source = str(find_group(str(path), runs_dir).first.path / CONFIG)
    if not asks_settings and Path(source) == Path(reference, CONFIG):
        return of_runs(Path(reference))
    loaded, search = load(source, overrides), None
    if loaded.sweep:
        loaded, search = load_search(source, overrides, {}, endless=True)
    return of_config(loaded, source, resolved, origin, search)


def of_config(loaded: Loaded, source: str, resolved: bool, origin: bool, search: Search | None) -> Answer:
    """The one line that a good config gets, which may be that of a `search`, its settings, layers and cost. With
    `resolved` what is shown is a config again."""
    config, parts, data = loaded.config, loaded.sizes, data_of(loaded)
    what, good = "stdin" if source == "-" else source, "is good"
    if search is not None:
        data["sweep"] = {"planner": search.planner, "metric": search.metric, "trials": search.trials}
        trials = "" if search.trials is None else f"{plural(search.trials, 'trial')} "
        good += f" for tuner sweep: {trials}by {search.planner} over {', '.join(search.space.plain())};"
    else:
        good += ":"
    about: list[Block] = [layer_table(loaded.plan)] if resolved else []
    if origin:
        rows = [[key, flow(value), loaded.origins.get(key, "default")] for key, value in leaves(loaded.resolved)]
        about.append(Table([Column("key"), Column("value"), Column("set in")], rows))
    samples = f"{parts.train:,} training, {parts.validation:,} validation, {parts.test:,} test samples"
    summary = (
        f"{what} {good} {config.model.name} with {data['parameters']:,} parameters "
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
    device, precision = config.training.device, config.training.precision
    for look in (partial(locate, config.data), partial(device_for, device, precision)):
        try:
            look()
        except TunerError as error:
            yield f"{error.message}; {error.fix}"


def layer_table(plan: Plan) -> Table:
    """The layers with their output shapes, parameters and operations."""
    first = "sample" if plan.blocks[0].name == "input" else "input"
    rows = [[first, "", " x ".join(map(str, plan.inputs)), "", ""]]
    for block in plan.blocks:
        kind = block.layer.words + ", batch norm" * block.batch_norm
        if block.activation is not None and block.activation.name != "linear":
            kind += f", {block.activation.name}"
        shape = " x ".join(map(str, block.outputs))
        rows.append([block.name, kind, shape, f"{block.size:,}", f"{block.flops:,}"])
    heads = [Column(head) for head in ("layer", "what", "output")]
    return Table([*heads, Column("parameters", side="r"), Column("FLOPs a sample", side="r")], rows)


def of_runs(path: Path) -> Answer:
    """What was checked of a run, of a group, or of all that lies in a folder of runs: which are whole, and everything
    that is damaged, for which the exit code is 4."""
    check_not_lost(path)
    lines: list[str] = []
    runs: list[dict[str, Any]] = []
    errors: list[TunerError] = []
    for place in _places(path):
        head = {GROUP: faults_of_group, SWEEP: faults_of_sweep}.get(place.name)
        found = {error.message: error for error in (head(place.parent) if head else faults_of_run(place))}
        errors += found.values()
        if not found and head:
            lines.append(f"{place}: whole")
        elif not found:
            run, names = as_told(read(place)), [folder.name for folder in checkpoints(place)]
            counts = f"{plural(len(run.rows), 'epoch')}, {plural(len(names), 'checkpoint')}"
            counts += ", its weights were let go" * bool(let_go(run))
            lines.append(f"{place}: {run.state}, {counts}, all checksums agree")
            runs.append({"run": str(place), "checkpoints": names})
    told = [one for error in errors for one in error.as_json()["errors"]]
    code = NotFoundError.exit_code if errors else 0
    more = {"members": runs} if not is_run(path) else {"checkpoints": runs[0]["checkpoints"]} if runs else {}
    data = {"ok": not errors, **({"exit_code": code} if code else {}), "errors": told, "run": str(path), **more}
    blocks: list[Block] = [Text("\n".join(lines))] if lines else []
    blocks += [Note(f"error: {error.line}", problem=True) for error in errors]
    return Answer(blocks, data, exit_code=code)


def _places(path: Path) -> list[Path]:
    """The run in a folder, or the runs in it and in the groups and sweeps in it, and each one's group.json or
    sweep.json."""
    if is_run(path):
        return [path]
    inside = sorted(folders_in(path), key=lambda folder: natural(folder.name))
    below = [place for folder in inside if kind_of(folder) in ("group", "sweep") for place in _places(folder)]
    return [place for place in (path / GROUP, path / SWEEP, *members(path), *below) if os.path.lexists(place)]


def faults_of_group(path: Path) -> Iterator[NotFoundError]:
    """What is wrong with what a group says of its members."""
    try:
        glance_group(path)
    except NotFoundError as error:
        yield error


def faults_of_sweep(path: Path) -> Iterator[NotFoundError]:
    """What is wrong with what a sweep says of its trials, and which of their folders hold another config than its own
    with their overrides."""
    try:
        head = read_sweep(path)
        check_not_lost(path)
        for fault in _language(path / CONFIG)[1]:
            yield damaged(path / CONFIG, f"line {fault.line}, {fault.message}")
    except (ConfigError, NotFoundError) as error:
        yield error if isinstance(error, NotFoundError) else damaged(path / CONFIG, error.faults[0].message)
        return
    for trial in head.trials.values():
        if trial.told in OVER and trial.told != FAILED and not is_run(trial.path):
            yield NotFoundError(f"{shown(trial.path)} is missing, though {SWEEP} calls it {trial.told}")
        group = head.confirmed.get(trial.number)
        for run in (trial.path, *(members(group) if group else ())):
            with suppress(ConfigError, NotFoundError, OSError):  # not begun, or damaged, which its own folder tells
                if _language(run / CONFIG)[0] != _language(run / CONFIG, trial.overrides)[0]:
                    yield damaged(run / CONFIG, f"it is not the config of trial {trial.number} in {SWEEP}")


def _language(file: Path, overrides: Sequence[str] = ()) -> tuple[Config, Faults]:
    """What the config language makes of a file under some overrides, whether or not its data is there. Raises
    ConfigError, NotFoundError."""
    return read_settings(documents_of(str(file), overrides, read_bytes(file, JSON_LIMIT), {}), str(file))


def faults_of_run(path: Path) -> Iterator[NotFoundError]:
    """All that is wrong with a run folder: its files against their checksums, its checkpoints, and where they do not
    agree; without the checkpoints that a process that trains the run took away meanwhile. Some are told twice."""
    status, names = Status(), checkpoints(path)
    try:
        status = read_status(path)
        run = read(path)
    except NotFoundError as error:
        yield error
    else:
        if meaning_hash(run.config) != run.identity.config_hash:
            yield damaged(path / CONFIG, f"it is not the config that {IDENTITY} names")
        if run.state == "finished" and not names and not let_go(run):
            yield NotFoundError(f"{shown(path)} has no checkpoints, though it finished")
        if (run.rows or names) and not os.path.lexists(path / STATUS):
            fix = f"`tuner train {typed(path)}` goes on from the newest checkpoint and writes it anew."
            yield NotFoundError(f"{shown(path / STATUS)} is missing, though epochs were trained", fix=fix)
    for folder in names:
        try:
            verify_folder(folder)
            check_position(folder)
        except NotFoundError as error:
            if os.path.lexists(folder):
                yield error
    yield from faults(path, status, dict.fromkeys([*(status.files or JOURNALS), BEST]))
