"""How the command line names a run, and what to type next about one."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from tuner.durable.reading import JSON_LIMIT, read_bytes, shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import some
from tuner.paths import expanded, normal, typed
from tuner.paths import reference as reference_to
from tuner.runs.files import CONFIG, IDENTITY, UNFINISHED
from tuner.runs.folder import (
    SWEEP,
    Run,
    folder_called,
    folders_in,
    folders_of,
    glance,
    glance_group,
    headline,
    is_group,
    is_run,
    is_sweep,
    kind_of,
    members,
    natural,
    number_of,
    there_are,
)
from tuner.runs.identity import Identity
from tuner.runs.sweep import going_on, in_sweep, read_sweep
from tuner.runs.trials import OVER, check_begun, let_go, one_of, trial_of

_LATEST = "9"  # later than any time of creation, as text


def newest(
    runs_dir: Path, name: str, identity: Identity, ignore: Collection[str] = (), key: str = IDENTITY
) -> Path | None:
    """The newest run right in `runs_dir`, or with group.json as `key` the newest group, of the config name `name` and
    of `identity`, but for the parts in `ignore`. Raises NotFoundError for one that cannot be read, may be the one, and
    is newer than any other that is."""
    for path in _of_name(runs_dir, name, key):
        try:
            found = glance(path) if key == IDENTITY else glance_group(path)
        except NotFoundError as error:
            if _is_another(path, identity):
                continue
            what = f"{shown(path.name)} may be what this command trains"
            fix = f"{error.fix} {what}: repair it or move it away, or train beside it with --again."
            raise NotFoundError(error.message, fix=fix.strip()) from error
        if found.name == name and not identity.differences(found.identity, ignore):
            return path
    return None


def _of_name(runs_dir: Path, name: str, key: str) -> list[Path]:
    """The runs or groups whose config or folder has this name, newest first. One whose run.json or group.json cannot be
    read counts as NAME-<number> does: made before all with a higher number."""
    found = [(path, number_of(path.name, name), *headline(path, key)) for path in folders_of(runs_dir, key)]
    times = [(number, created) for _, number, created, _ in found if created]
    dated = []
    for path, number, created, its_name in found:
        if number or its_name == name:
            time = created or min((time for other, time in times if other > number), default=_LATEST)
            dated.append((time, number, path))
    return [path for *_, path in sorted(dated, reverse=True)]


def _is_another(path: Path, identity: Identity) -> bool:
    """Whether a run that cannot be read is known by its config not to be of `identity`."""
    from tuner.config.comparison import meaning_hash
    from tuner.document.files import plain

    try:
        config = plain(path / CONFIG, read_bytes(path / CONFIG, JSON_LIMIT))
    except NotFoundError:
        return False
    return meaning_hash(config) != identity.config_hash


def resolve(reference: str, runs_dir: Path) -> Path:
    """The folder of the run, group or sweep that `reference` names. In this order: a path, a folder's exact name,
    GROUP/seed-3 or SWEEP/trial-7, a config name (its newest result), the unique beginning of a folder's name, @1 for
    the newest. A shell completes a folder with a / at its end. Raises NotFoundError with what fits or comes near."""
    reference = expanded(reference.rstrip("/") or reference)
    if reference and "\0" not in reference:
        parts = reference.split("/")
        leads_out = not {"", ".", ".."}.isdisjoint(parts)
        for place in (Path(reference), *([] if leads_out else [reduce(folder_called, parts, runs_dir)])):
            if _is_result(found := in_sweep(place)):
                return found
            if is_sweep(found.parent):
                check_begun(found)
        if os.path.isdir(reference) and "/" in reference:  # noqa: PTH112 - Path.is_dir raises on a name that is too long
            raise NotFoundError(f"{shown(reference)} is not a run folder: it has no run.json and no runs in it")
    everything = results_in(runs_dir)
    named = [path for path, name in everything if name and name == normal(reference)]
    if named:
        return named[0]
    starting = [path for path, _ in everything if reference and normal(path.name).startswith(normal(reference))]
    if len(starting) == 1:
        return starting[0]
    if len(starting) > 1:
        names = [shown(name) for name in sorted((path.name for path in starting), key=natural)]
        raise NotFoundError(f"{shown(reference)} is the beginning of {len(names)} runs: {some(names, 8)}")
    message = f"there is no run {shown(reference)} in {shown(runs_dir)}"
    if re.fullmatch(r"@[0-9]{1,9}", reference):
        number = int(reference[1:])
        if not 1 <= number <= len(everything):
            raise NotFoundError(f"{message}: @1 is the newest of {len(everything)}")
        return everything[number - 1][0]
    known = dict.fromkeys(text for path, name in everything for text in (path.name, name) if text)
    near = difflib.get_close_matches(reference[:64], known, n=4, cutoff=0.5)
    fix = there_are([path for path, _ in everything])
    raise NotFoundError(message + (f"; near: {shown(', '.join(near))}" if near else ""), fix=fix)


def resolve_run(reference: str, runs_dir: Path) -> Path:
    """As `resolve`, where one run is asked for: of a sweep its best trial. Raises NotFoundError also for a group,
    naming one of its runs."""
    path = one_of(resolve(reference, runs_dir))
    if is_group(path):
        one = next(iter(members(path)), None)
        fix = f"Say which one: {shown(one)}." if one else ""
        raise NotFoundError(f"{shown(path)} is a group of runs, and one run is asked for", fix=fix)
    return path


def instead_of_config(reference: str, runs_dir: Path) -> UsageError | None:
    """What to say of the name of a run, group or sweep where a config is asked for; None for what is none of these."""
    places = [] if "\0" in reference else map(in_sweep, (Path(reference), runs_dir / reference))
    path = next(filter(_is_result, places), None)
    if path is None:
        return None
    what = kind_of(path)
    if what == "sweep":
        on = going_on(read_sweep(path))
        fix = f"`{on}` goes on with it; `tuner show {reference_to(path)}` tells what is best."
    elif found := trial_of(path):
        what, again = f"trial of the sweep {shown(found[0].path)}", typed(path / CONFIG)
        fix = f"`{going_on(found[0])}` goes on with it; `tuner train {again}` trains its config for itself."
    else:
        runs = members(path)[:1] if what == "group" else [path]
        fix = " ".join(f"`tuner train {typed(each)}` goes on with that run." for each in runs)
    return UsageError(f"{shown(reference)} is a {what}, and a config is asked for", fix=fix)


def _is_result(place: Path) -> bool:
    return os.path.isdir(place) and kind_of(place) != ""  # noqa: PTH112


def results_in(runs_dir: Path) -> list[tuple[Path, str]]:
    """(folder, config name) of the runs, groups and sweeps in `runs_dir`, newest first; a group is as new as its newest
    run, a sweep as old as it is."""
    found = []
    for path in folders_in(runs_dir):
        if not is_run(path) and is_sweep(path):
            time, name = headline(path, SWEEP)
            found.append((time, natural(path.name), path, name))
            continue
        try:
            inside = [path] if is_run(path) else [inner for inner in folders_in(path) if is_run(inner)]
        except NotFoundError:  # a folder that cannot be listed must not hide the others
            continue
        if inside:
            time, name = max(map(headline, inside))
            found.append((time, natural(path.name), path, name))
    return [(path, name) for *_, path, name in sorted(found, reverse=True)]


def next_command(run: Run) -> str:
    """The command that goes on with a run that is not over, or with the sweep whose trial it is, tries a smaller lr
    after divergence, else shows it. Raises NotFoundError where the config of a diverged run cannot be read."""
    if found := trial_of(run.path):
        state = found[1].state_of(run)
        if state == "finished" and not let_go(run):
            return afterwards(run.path, run.config)
        return f"tuner show {reference_to(found[0].path)}" if state in OVER else going_on(found[0])
    if run.state in UNFINISHED:
        return f"tuner train {typed(run.path)}"
    if run.state == "diverged":
        return calmer_command(run.path, run.config.get("optimizer"))
    return afterwards(run.path, run.config)


def afterwards(path: Path, config: Mapping[str, Any]) -> str:
    """The command for a run or group that is finished: one on data of one's own, if they are still there, is put to
    use, another looked at."""
    data = config.get("data")
    own = (data.get("test_path") or data.get("path")) if isinstance(data, Mapping) else None
    file, here = Path(own if isinstance(own, str) else own[0] if own else ""), Path.cwd()
    if isinstance(data, Mapping) and own and os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises for what cannot be looked at
        rows = f" {typed(file.relative_to(here) if file.is_relative_to(here) else file)}"
        has_own = data.get("fold") is not None and is_group(path)  # each answers for the rows it was tested on
        return f"tuner predict {reference_to(path)}{'' if has_own else rows}"
    return f"tuner curves {reference_to(path)}"


def group_command(path: Path, config: Path, asked: Sequence[str]) -> tuple[str, ...]:
    """The command that trains what the family in the folder `path` lacks, with a member's config.yaml; `asked` are the
    options that ask for its members."""
    where = () if path.parent == Path("runs") else ("--runs-dir", str(path.parent))
    return ("tuner", "train", str(config), "--run", path.name, *asked, *where)


def calmer_command(path: Path, optimizer: Any) -> str:
    """Trains the run's config anew with a tenth of its lr, or the optimizer's default where that is smaller."""
    from tuner.options.optimizers.base import Optimizer

    command = f"tuner train {typed(path)}"
    choice = Optimizer.find(str(optimizer.get("name"))) if isinstance(optimizer, Mapping) else None
    if choice is None or not isinstance(optimizer.get("lr"), int | float):
        return command
    return f"{command} optimizer.lr={min(optimizer['lr'] / 10, choice.fields['lr'].default):g}"
