"""`tuner check`: everything that can be known of a config or a run without training."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli.options import RUNS, Json, Overrides, Quiet, RunsDir
from tuner.cli.reading import say_error
from tuner.figures import plural
from tuner.paths import expanded

if TYPE_CHECKING:
    from tuner.runs.folder import Run


def check(
    config: Annotated[str, typer.Argument(metavar="CONFIG|RUN", help="A config as for `train`, or a run to verify.")],
    overrides: Overrides = None,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print every setting as YAML, the layers and the cost.")
    ] = False,
    origin: Annotated[bool, typer.Option("--origin", help="Print where each setting was set.")] = False,
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check a config, or the files of a run, without training.

    \b
    tuner check my.yaml                         all faults at once, or one line
    tuner check my.yaml --resolved              every setting, the layers, the cost of an epoch
    tuner check my.yaml --resolved > full.yaml  that is a config again
    tuner check my.yaml optimizer=sgd --origin  where each setting was set
    tuner check digits-1                        the checksums of a run's or a group's files
    tuner check digits-1 --resolved             the config of a run
    """
    from tuner.config import load
    from tuner.errors import ConfigError
    from tuner.shipped import find_config

    config = expanded(config)
    asks_settings = bool(resolved or origin or overrides)
    try:
        source = find_config(config)
    except ConfigError:
        found = settings_of_run(config, runs_dir) if asks_settings else None
        if found is None and check_run_named(config, runs_dir, quiet, as_json):
            return
        if found is None:
            raise
        source = found
    if not asks_settings and Path(source).name == "config.yaml" and Path(source).parent == Path(config):
        check_run_named(config, runs_dir, quiet, as_json)
        return
    loaded = load(source, overrides or [])
    if not as_json:
        print_report(loaded, source, resolved, origin, quiet)
        return
    typer.echo(json.dumps({"ok": True, "errors": [], **as_data(loaded)}))


def settings_of_run(reference: str, runs_dir: Path) -> str | None:
    """The config.yaml of the run that `reference` names, or of the first of a group; None where it names none."""
    from tuner.errors import NotFoundError
    from tuner.runs.family import find_group

    try:
        return str(find_group(reference, runs_dir).first.path / "config.yaml")
    except NotFoundError:
        return None


def check_run_named(reference: str, runs_dir: Path, quiet: bool, as_json: bool) -> bool:
    """Verifies the run or group that `reference` names; False where it names none. Raises NotFoundError for damage."""
    from tuner.errors import NotFoundError
    from tuner.runs.find import resolve
    from tuner.runs.folder import is_run, members, read

    try:
        path = resolve(reference, runs_dir)
    except NotFoundError:
        return False
    checked = {each: read(each) for each in ([path] if is_run(path) else members(path))}
    names = {each: verify(run) for each, run in checked.items()}
    if as_json and is_run(path):
        typer.echo(json.dumps({"ok": True, "errors": [], "run": str(path), "checkpoints": names[path]}))
    elif as_json:
        runs = [{"run": str(each), "checkpoints": found} for each, found in names.items()]
        typer.echo(json.dumps({"ok": True, "errors": [], "run": str(path), "members": runs}))
    elif not quiet:
        for each, run in checked.items():
            counts = f"{plural(len(run.rows), 'epoch')}, {plural(len(names[each]), 'checkpoint')}"
            typer.echo(f"{each}: {run.state}, {counts}, all checksums agree")
    return True


def verify(run: Run) -> list[str]:
    """The names of a run's checkpoints, all files checked against their checksums. Raises NotFoundError."""
    from tuner.config import meaning_hash
    from tuner.errors import NotFoundError
    from tuner.runs.files import apart, check_files

    if meaning_hash(run.config) != run.identity.config_hash:
        raise NotFoundError(f"{run.path / 'config.yaml'} is damaged: it is not the config that run.json names")
    names = verify_checkpoints(run)
    if not names and run.state == "finished":
        raise NotFoundError(f"{run.path} has no checkpoints, though it finished")
    disagreeing = apart(run.path, run.told)
    if disagreeing:
        raise NotFoundError("\n".join(disagreeing))
    check_files(run.path, run.told)
    return names


def verify_checkpoints(run: Run) -> list[str]:
    """Their names, oldest first, without those that a process that trains the run took away meanwhile."""
    from tuner.durable import verify_folder
    from tuner.errors import NotFoundError
    from tuner.runs.files import check_position, checkpoints

    found = []
    for folder in checkpoints(run.path):
        try:
            verify_folder(folder)
            check_position(folder)
        except NotFoundError:
            if os.path.lexists(folder):
                raise
        else:
            found.append(folder.name)
    return found


def as_data(loaded: Any) -> dict[str, Any]:
    """What `check --json` tells of a good config."""
    plan = loaded.plan
    layers = [
        {"name": block.name, "outputs": list(block.outputs), "parameters": block.size, "flops": block.flops}
        for block in plan.blocks
    ]
    return {
        "config": loaded.resolved,
        "hash": loaded.hash,
        "origins": loaded.origins,
        "notes": list(loaded.notes),
        "layers": layers,
        "parameters": plan.parameters,
        "epoch_flops": epoch_flops(plan, loaded.sizes),
    }


def epoch_flops(plan: Any, parts: Any) -> int:
    """Operations of an epoch: training, and the evaluation of training and validation samples."""
    evaluated = min(parts.train, max(parts.validation, 1000))
    return int(plan.train_flops * parts.train + plan.flops * (parts.validation + evaluated))


def print_report(loaded: Any, source: str, resolved: bool, origin: bool, quiet: bool) -> None:
    from tuner.document import to_yaml

    for note in [*loaded.notes, *missing(loaded.config)]:
        say_error(f"note: {note}")
    plan = loaded.plan
    parts = [summary(loaded, source, plan, loaded.sizes)]
    if origin:
        parts = [origin_table(loaded), *parts]
    if resolved:
        typer.echo(to_yaml(loaded.resolved))
        parts = [layer_table(plan), *parts]
    if not quiet:
        typer.echo(commented(parts) if resolved else "\n\n".join(parts))


def commented(parts: list[str]) -> str:
    """As comments, so that what stands on stdout with ``--resolved`` is a config."""
    return "\n#\n".join("\n".join(f"# {line}".rstrip() for line in part.splitlines()) for part in parts)


def missing(config: Any) -> list[str]:
    """What a good config needs and this machine lacks: its data, its device."""
    from tuner.data.files import locate
    from tuner.errors import TunerError
    from tuner.session import device_for

    found = []
    for look in (lambda: locate(config.data), lambda: device_for(config.training.device)):
        try:
            look()
        except TunerError as error:
            found.append(f"{error.message}; {error.fix}")
    return found


def layer_table(plan: Any) -> str:
    """The layers with their output shapes, parameters and operations."""
    from tuner.render.tables import table

    rows = [["input", "", shape(plan.inputs), "", ""]]
    for block in plan.blocks:
        said = block.layer.plain()
        kind = ", ".join([f"{key} {value}" for key, value in said.items() if not isinstance(value, dict)][:2])
        kind += ", batch norm" * block.batch_norm
        if block.activation is not None and block.activation.name != "linear":
            kind += f", {block.activation.name}"
        rows.append([block.name, kind, shape(block.outputs), f"{block.size:,}", f"{block.flops:,}"])
    return table(["layer", "what", "output", "parameters", "FLOPs a sample"], rows, "lllrr")


def shape(numbers: tuple[int, ...]) -> str:
    """``16 x 8 x 8``."""
    return " x ".join(map(str, numbers))


def origin_table(loaded: Any) -> str:
    """Every setting with its value and where it was set."""
    from tuner.render.tables import table

    rows = [[key, str(value), loaded.origins.get(key, "default")] for key, value in leaves(loaded.resolved)]
    return table(["key", "value", "set in"], rows, "lll")


def leaves(values: Any, path: str = "") -> list[tuple[str, Any]]:
    """(key, value) of every setting; a list is one value."""
    if isinstance(values, dict):
        return [leaf for key, value in values.items() for leaf in leaves(value, f"{path}.{key}".lstrip("."))]
    return [(path, "null" if values is None else str(values).lower() if isinstance(values, bool) else values)]


def summary(loaded: Any, source: str, plan: Any, parts: Any) -> str:
    """The one line that a good config gets."""
    config = loaded.config
    samples = f"{parts.train:,} training, {parts.validation:,} validation, {parts.test:,} test samples"
    return (
        f"{'stdin' if source == '-' else source} is good: {config.model.name} with {plan.parameters:,} parameters on "
        f"{config.data.name} ({samples}), {scaled(epoch_flops(plan, parts))}FLOP an epoch"
    )


def scaled(count: float) -> str:
    """A large count with its unit: ``75.3 M``, ``1.48 T``."""
    for unit in ("", "K", "M", "G", "T", "P"):
        if count < 999.5 or unit == "P":
            break
        count /= 1000
    return f"{count:.3g} {unit}"
