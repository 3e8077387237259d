"""Run folders: read, one or many."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tuner.config import varied
from tuner.config.comparison import ABSENT, NEUTRAL, name_of
from tuner.durable.reading import JSON_LIMIT, damaged, list_folder, parse_json, read_bytes, shown
from tuner.durable.writing import LEFTOVERS
from tuner.errors import NotFoundError
from tuner.paths import is_run_name, normal
from tuner.runs.files import (
    CONFIG,
    ENDED,
    IDENTITY,
    LAYERS,
    METRICS,
    ORIGINS,
    TIMING,
    LayerRow,
    Row,
    Status,
    checked,
    parse_layer_rows,
    parse_rows,
    read_status,
)
from tuner.runs.identity import Identity
from tuner.runs.lock import holder

FORMAT = 1
GROUP, SWEEP = "group.json", "sweep.json"
_CLOSED = (errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE)


@dataclass(frozen=True, eq=False)
class Run:
    """A run as its folder tells it. `config` and `rows` are read when first asked for (`read` asks at once)."""

    path: Path
    name: str  # the config's name; the folder's is path.name
    created: str
    identity: Identity
    about: dict[str, Any]  # all of run.json
    told: Status  # status.json: what the files are checked against
    state: str  # one of STATES

    @property
    def status(self) -> dict[str, Any]:
        """What status.json tells; {} before the first one was written."""
        return self.told.values

    def content(self, name: str) -> bytes:
        """The content of one of its files, checked where status.json tells its checksum. Raises NotFoundError."""
        return checked(self.path, name, self.told)[0]

    @cached_property
    def config(self) -> dict[str, Any]:
        """Every value the run used. Raises NotFoundError."""
        from tuner.document.files import plain

        return plain(self.path / CONFIG, self.content(CONFIG))

    @cached_property
    def origins(self) -> dict[str, str]:
        """Where its settings were set; {} for a folder that does not tell. Raises NotFoundError where it is damaged."""
        if not self.has(ORIGINS):
            return {}
        told = parse_json(self.content(ORIGINS), self.path / ORIGINS)
        return {key: str(place) for key, place in told.items()}

    def setting(self, key: str) -> Any:
        """A setting by its dotted key; of a choice its name. Raises NotFoundError where config.yaml lacks it."""
        value: Any = self.config
        for part in key.split("."):
            value = value.get(part, ABSENT) if isinstance(value, dict) else ABSENT
        value = NEUTRAL.get(key, ABSENT) if value is ABSENT else value
        if value is ABSENT:
            raise damaged(self.path / CONFIG, f"{key} is missing")
        return name_of(value)

    @property
    def monitor(self) -> str:
        """The metric that chooses its best epoch. Raises NotFoundError."""
        return str(self.setting("training.monitor"))

    @cached_property
    def rows(self) -> list[Row]:
        """The whole lines of metrics.csv, in the order of their epochs. Raises NotFoundError."""
        file = self.path / METRICS
        if not self.has(METRICS):
            return []
        try:
            text = self.content(METRICS).decode("ascii")
        except UnicodeDecodeError as error:
            raise damaged(file, "it holds bytes that are no text") from error
        rows = parse_rows(text, shown(file))
        epochs = [epoch for row in rows if isinstance(epoch := row.get("epoch"), int)]
        if len(epochs) != len(rows) or any(one >= other for one, other in pairwise(epochs)):
            raise damaged(file, "its epochs do not grow line by line")
        return rows

    @cached_property
    def timing(self) -> list[Row]:
        """The whole lines of timing.csv. Raises NotFoundError."""
        return parse_rows(self.content(TIMING).decode("ascii", "replace"), shown(self.path / TIMING))

    @cached_property
    def seconds(self) -> dict[int, float]:
        """Epoch -> how long it took, as timing.csv has it. Raises NotFoundError."""
        pairs = [(row.get("epoch"), row.get("seconds")) for row in self.timing]
        return {int(epoch): float(taken) for epoch, taken in pairs if epoch is not None and taken is not None}

    @cached_property
    def layers(self) -> list[LayerRow]:
        """The whole lines of layer_stats.jsonl: what a layer did after an epoch. Raises NotFoundError."""
        file = self.path / LAYERS
        rows = parse_layer_rows(self.content(LAYERS), shown(file)) if self.has(LAYERS) else []
        if self.state in ENDED and self.config.get("layer_stats") == "auto" and not rows:
            raise damaged(file, "what was measured is missing")
        return rows

    def has(self, name: str) -> bool:
        """Whether a file of its own is there, or ought to be."""
        return name in self.told.files or os.path.lexists(self.path / name)


def read(path: Path) -> Run:
    """The run in the folder `path`, all of it. Raises NotFoundError naming the file that is missing or damaged."""
    run = glance(path)
    _ = run.config, run.rows
    return run


def glance(path: Path) -> Run:
    """The run in the folder `path` from run.json and status.json alone: what a list of many runs needs. Raises
    NotFoundError naming the file that is missing or damaged."""
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises on a name that is too long
        try:
            beside = runs_in(path.parent)
        except (NotFoundError, ValueError):  # ValueError: a path that cannot be one
            beside = []
        raise NotFoundError(f"there is no run folder {shown(path)}", fix=there_are(beside))
    status, state = standing(path)
    about = about_in(path / IDENTITY, checked(path, IDENTITY, status)[0])
    identity = Identity.from_json(about.get("identity"), shown(path / IDENTITY))
    return Run(path, about["name"], about["created"], identity, about, status, state)


def standing(path: Path) -> tuple[Status, str]:
    """What status.json tells, and the state that the run in the folder `path` is in now. Raises NotFoundError."""
    status = read_status(path)
    state = status.values.get("state", "running")
    if state == "running" and holder(path) is None:
        status = read_status(path)  # its holder may have written the end between our two looks
        state = status.values.get("state", "crashed").replace("running", "crashed")
    return status, state


ELSEWHERE = "--runs-dir names another folder (in Python: runs_dir)"


def there_are(newest_first: Sequence[Path]) -> str:
    """The newest runs by name, for the fix of an error about one that is not there."""
    if not newest_first:
        return f"No runs are there: {ELSEWHERE}."
    names = ", ".join(shown(path.name) for path in newest_first[:5])
    more = f" and {len(newest_first) - 5} older" if len(newest_first) > 5 else ""
    verb = "is" if len(newest_first) == 1 else "are"
    return f"There {verb} {names}{more}; {ELSEWHERE}."


class GroupHead(NamedTuple):
    """What group.json says of a family: the config's name, the members' identity, one of `varied.KINDS`, what each
    member sets, by the names of their folders, and how it was begun."""

    name: str
    identity: Identity
    varies: tuple[str, ...]
    members: dict[str, list[str]]
    argv: tuple[str, ...]


def glance_group(path: Path) -> GroupHead:
    """The group in the folder `path`. Raises NotFoundError where its group.json is missing or damaged."""
    file = path / GROUP
    about = about_in(file, read_bytes(file, JSON_LIMIT))
    if "varies" not in about:  # from before there were other families than groups of seeds
        seeds = about.get("seeds") if isinstance(about.get("seeds"), list) else []
        keys = [(seed,) for seed in seeds or [] if type(seed) is int]
        about |= {"varies": list(varied.SEEDS), "members": varied.members(varied.SEEDS, keys)}
    varies = next((kind for kind in varied.KINDS if list(kind) == about["varies"]), None)
    if varies is None:
        raise damaged(file, "what its members differ in is nothing that a family varies")
    members = about.get("members") if isinstance(about.get("members"), dict) else {}
    argv = about["argv"] if isinstance(about.get("argv"), list) else []
    identity = Identity.from_json(about.get("identity"), shown(file))
    return GroupHead(about["name"], identity, varies, members or {}, tuple(map(str, argv)))


def about_in(file: Path, data: bytes) -> dict[str, Any]:
    """run.json, group.json or sweep.json, which holds `data`, with its `format`, `name` and `created` checked."""
    about = parse_json(data, file)
    check_format(about, file)
    if type(about.get("format")) is not int or about["format"] != FORMAT:
        raise damaged(file, f"its format is not {FORMAT}")
    if not isinstance(about.get("name"), str) or not is_run_name(normal(about["name"])):
        raise damaged(file, "its name is missing or not a name")
    about["name"] = normal(about["name"])
    try:
        time = datetime.fromisoformat(about["created"])
        if time.tzinfo is None:
            raise ValueError("no time zone")
        about["created"] = time.astimezone(UTC).isoformat(timespec="microseconds")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise damaged(file, "its time of creation is missing or not one") from error
    return about


def check_format(value: dict[str, Any], file: Path) -> None:
    """Raises NotFoundError where a later tuner wrote the JSON `value` of `file`."""
    written = value.get("format")
    if type(written) is int and written > FORMAT:
        raise NotFoundError(f"{shown(file)} was written by a later tuner (format {written})", fix="Update tuner.")


# ---- many ------------------------------------------------------------------------------------------------------------


def runs_in(runs_dir: Path) -> list[Path]:
    """The run folders right in `runs_dir`, newest first; [] when it is not there. What is no run (no run.json) is left
    out; a run whose run.json is damaged comes last, so that its reader can say so."""
    found = [(headline(path)[0], natural(path.name), path) for path in folders_in(runs_dir) if is_run(path)]
    return [path for *_, path in sorted(found, reverse=True)]


def folders_of(runs_dir: Path, key: str) -> list[Path]:
    """The runs right in `runs_dir` (`key` is run.json), or the groups (group.json) and what may be one: its group.json
    is lost, its members are there."""
    return [path for path in folders_in(runs_dir) if (is_run(path) if key == IDENTITY else _may_be_group(path))]


def _may_be_group(path: Path) -> bool:
    if may_be_there(path / GROUP) or is_run(path):
        return may_be_there(path / GROUP)
    with suppress(NotFoundError):
        return any(varied.is_folder(inside.name) and is_run(inside) for inside in folders_in(path))
    return False


def members(group: Path) -> list[Path]:
    """The run folders of a family in the order of their names: seed-0, seed-1, ..., seed-10."""
    return sorted(filter(is_run, folders_in(group)), key=lambda path: natural(path.name))


def folders_in(folder: Path) -> list[Path]:
    """The folders in `folder`, whatever they are called, but for what a killed writer left. Raises NotFoundError when
    it cannot be listed."""
    try:
        names = [name for name in list_folder(folder) if not name.startswith(LEFTOVERS)]
    except NotFoundError as error:
        raise NotFoundError(error.message, fix="Choose a folder with --runs-dir, in Python runs_dir.") from error
    return [folder / name for name in names if os.path.isdir(folder / name)]  # noqa: PTH112 - never raises


def folder_called(folder: Path, name: str) -> Path:
    """The folder `name` in `folder`; where there is none, one whose name is the same in another Unicode form. Raises
    NotFoundError when `folder` cannot be listed."""
    path = folder / name
    if name.isascii() or os.path.lexists(path):
        return path
    return next((other for other in folders_in(folder) if normal(other.name) == normal(name)), folder / normal(name))


def is_group(path: Path) -> bool:
    """Whether `path` holds runs: a family made by train, or any folder with run folders in it but a sweep's."""
    if is_run(path) or is_sweep(path):
        return False
    return os.path.lexists(path / GROUP) or any(is_run(inner) for inner in folders_in(path))


def is_sweep(path: Path) -> bool:
    """Whether a folder is a sweep's."""
    return os.path.lexists(path / SWEEP)


def kind_of(path: Path) -> str:
    """What a folder is: run, sweep, group; "" for what is none of these."""
    return "run" if is_run(path) else "sweep" if is_sweep(path) else "group" if is_group(path) else ""


def headline(path: Path, key: str = IDENTITY) -> tuple[str, str]:
    """(time of creation, config name) in a folder's run.json, group.json or sweep.json (`key`); two "" (older than any)
    when it is damaged."""
    try:
        about = about_in(path / key, read_bytes(path / key, JSON_LIMIT))
    except NotFoundError:
        return "", ""
    return about["created"], about["name"]


def number_of(folder: str, name: str) -> int:
    """The number of a folder called NAME-<number>; 0 for another one."""
    found = re.fullmatch(rf"{re.escape(name)}-([0-9]{{1,9}})", normal(folder))
    return int(found[1]) if found else 0


def natural(name: str) -> list[tuple[str, int]]:
    """A key that sorts `run-9` before `run-10`."""
    return [(text, int(number or -1)) for text, number in re.findall(r"([^0-9]*)([0-9]{0,18})", name)]


def is_run(path: Path) -> bool:
    """Whether `path` is a run folder: it has a run.json, damaged or not, or lost it, for it has what came later."""
    return may_be_there(path / IDENTITY) or may_be_there(path / METRICS)


def may_be_there(path: Path) -> bool:
    """Whether a file is there, or stands where nobody may look: its reader then says why."""
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno in _CLOSED
    except ValueError:  # a path that cannot be one
        return False
    return True
