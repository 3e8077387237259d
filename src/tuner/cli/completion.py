"""What a shell offers on Tab: runs, configs, settings. Nothing here imports torch, and nothing here may fail aloud."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.paths import path_of

if TYPE_CHECKING:
    from tuner.choice import Field

MOST = 200
"""More candidates than that help nobody."""


def runs(ctx: Any, incomplete: str) -> list[str]:
    """Runs and groups, newest first; after ``GROUP/`` its members."""
    from tuner.errors import TunerError
    from tuner.runs.folder import folders_in, headline, is_group, is_run, members

    place = _runs_dir(ctx)
    group, slash, _ = incomplete.partition("/")
    try:
        if slash:
            return _starting((f"{group}/{path.name}" for path in members(place / group)), incomplete)
        found = [path for path in folders_in(place) if is_run(path) or is_group(path)]
        found.sort(key=lambda path: (headline(path)[0], path.name), reverse=True)
        return _starting((path.name for path in found), incomplete)
    except (TunerError, OSError):
        return []


def configs(ctx: Any, incomplete: str) -> list[str]:  # noqa: ARG001 - typer gives both
    """YAML files and folders beside, then the configs that come with tuner."""
    from tuner.errors import TunerError
    from tuner.shipped import configs as shipped

    folder, slash, _ = incomplete.rpartition("/")
    try:
        entries = sorted(path_of(folder or ".").iterdir())
        known = [] if slash else list(shipped())
    except (OSError, TunerError):
        return []
    files = [entry.name for entry in entries if entry.suffix in (".yaml", ".yml") and entry.is_file()]
    folders = [f"{entry.name}/" for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    return _starting([*(f"{folder}{slash}{name}" for name in (*files, *folders)), *known], incomplete)


def settings(ctx: Any, incomplete: str) -> list[str]:
    """Keys with their defaults (``optimizer.lr=0.001``); after ``optimizer=`` the choices there are.

    bash takes ``key=value`` apart at the ``=``: there the key comes as an argument of its own.
    """
    given = ctx.params.get("overrides") or []
    if given and not incomplete and (values := _values(given[-1])):
        return values
    if len(given) > 1 and given[-1] == "=":
        return _starting(_values(given[-2]), incomplete)
    key, equals, start = incomplete.partition("=")
    if equals:
        return [f"{key}={value}" for value in _starting(_values(key), start)]
    return _starting(_keys(), incomplete)


def metrics(ctx: Any, incomplete: str) -> list[str]:
    """The metrics of the first run that was named."""
    from tuner.errors import TunerError
    from tuner.runs.family import find_group
    from tuner.runs.values import metrics_of_run

    named = [value for value in ctx.params.values() if isinstance(value, list | tuple) and value]
    named += [[value] for key, value in ctx.params.items() if key == "run" and value]
    place = _runs_dir(ctx)
    try:
        return _starting(metrics_of_run(find_group(str(named[0][0]), place).first), incomplete) if named else []
    except (TunerError, OSError):
        return []


def names(ctx: Any, incomplete: str) -> list[str]:  # noqa: ARG001 - typer gives both
    """What `explain` knows."""
    from tuner.explain import names as known

    return _starting(dict.fromkeys(name for name in known() if " " not in name), incomplete)


def recipes(ctx: Any, incomplete: str) -> list[str]:  # noqa: ARG001 - typer gives both
    """The recipes that come with tuner."""
    from tuner.errors import TunerError
    from tuner.shipped import recipes as shipped

    try:
        return _starting(shipped(), incomplete)
    except TunerError:
        return []


def lists(ctx: Any, incomplete: str) -> list[str]:  # noqa: ARG001 - typer gives both
    """What `list` lists."""
    from tuner.bounds import plural
    from tuner.explain.language import kinds

    return _starting([*map(plural, kinds()), "configs", "recipes"], incomplete)


def _runs_dir(ctx: Any) -> Path:
    return path_of(ctx.params.get("runs_dir") or os.environ.get("TUNER_RUNS") or "runs")


def _starting(candidates: Iterable[str], start: str) -> list[str]:
    return [each for each in candidates if each.startswith(start)][:MOST]


def _keys() -> list[str]:
    """Every key with its default, where that is one word, else with nothing after the ``=``."""
    from tuner.explain.language import settings as known

    found: dict[str, str] = {}
    for setting in known():
        if "[]" not in setting.path and setting.key != "layers":
            found.setdefault(setting.path, _default(setting.field))
    return [f"{path}={default}" for path, default in found.items()]


def _default(field: Field) -> str:
    from tuner.document import flow

    text = "" if field.required else flow(field.plain(field.default))
    return text if " " not in text and "{" not in text else ""


def _values(path: str) -> list[str]:
    """What may stand after ``path=``: the choices of a kind, true and false, the words of a fixed list."""
    from tuner.bounds import Flag, Null
    from tuner.explain.language import settings as known

    found = next((setting for setting in known() if setting.path == path.removesuffix(".name")), None)
    if found is None or found.listed:
        return []
    if found.kind is not None:
        return list(found.kind.members)
    bound = found.field.bound
    is_flag = isinstance(bound.inner if isinstance(bound, Null) else bound, Flag)
    return [*bound.options, *(["true", "false"] if is_flag else []), *(["none"] if bound.optional else [])]
