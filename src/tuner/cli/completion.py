"""What a shell offers on Tab: runs, configs, settings. Nothing here imports torch; whoever asks keeps what begins as is
typed, and nothing where a folder cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from tuner import explain, shipped
from tuner.bounds import Flag, Null, plural
from tuner.document.writing import flow
from tuner.explain import language
from tuner.explain.language import kinds
from tuner.paths import path_of
from tuner.runs.files import IDENTITY
from tuner.runs.folder import SWEEP, folders_in, headline, kind_of, natural


def runs(ctx: Any, incomplete: str) -> Iterable[str]:
    """Runs, groups and sweeps, newest first; after ``GROUP/`` its members, after ``SWEEP/`` its groups, too."""
    place = path_of(ctx.params.get("runs_dir") or os.environ.get("TUNER_RUNS") or "runs")
    parent, slash, _ = incomplete.rpartition("/")
    if slash:
        inside = [path for path in folders_in(place / parent) if kind_of(path)]
        return (f"{parent}/{path.name}" for path in sorted(inside, key=lambda path: natural(path.name)))
    found = [(headline(path, SWEEP if kind == "sweep" else IDENTITY)[0], path.name)
             for path in folders_in(place) if (kind := kind_of(path))]  # fmt: skip
    return (name for _, name in sorted(found, reverse=True))


def configs(ctx: Any, incomplete: str) -> Iterable[str]:  # noqa: ARG001 - typer gives both
    """YAML files and folders beside, then the configs that come with tuner."""
    folder, slash, _ = incomplete.rpartition("/")
    entries = sorted(path_of(folder or ".").iterdir())
    files = [entry.name for entry in entries if entry.suffix in (".yaml", ".yml") and entry.is_file()]
    folders = [f"{entry.name}/" for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    known = [] if slash else list(shipped.configs())
    return [*(f"{folder}{slash}{name}" for name in (*files, *folders)), *known]


def settings(ctx: Any, incomplete: str) -> Iterable[str]:
    """Keys with their defaults (``optimizer.lr=0.001``); after ``optimizer=`` the choices there are.

    bash takes ``key=value`` apart at the ``=``: there the key comes as an argument of its own.
    """
    given = ctx.params.get("overrides") or []
    if given and not incomplete and (values := _values(given[-1])):
        return values
    if len(given) > 1 and given[-1] == "=":
        return _values(given[-2])
    key, equals, _ = incomplete.partition("=")
    return [f"{key}={value}" for value in _values(key)] if equals else _keys()


def names(ctx: Any, incomplete: str) -> Iterable[str]:  # noqa: ARG001 - typer gives both
    """What `explain` knows."""
    return dict.fromkeys(name for name in explain.names() if " " not in name)


def recipes(ctx: Any, incomplete: str) -> Iterable[str]:  # noqa: ARG001 - typer gives both
    """The recipes that come with tuner."""
    return shipped.recipes()


def lists(ctx: Any, incomplete: str) -> Iterable[str]:  # noqa: ARG001 - typer gives both
    """What `list` lists."""
    return [*map(plural, kinds()), "configs", "recipes"]


def _keys() -> list[str]:
    """Every key with its default, where that is one word, else with nothing after the ``=``."""
    found: dict[str, str] = {}
    for setting in language.settings():
        if "[]" not in setting.path and setting.key != "layers":
            field = setting.field
            default = "" if field.required else flow(field.plain(field.default))
            found.setdefault(setting.path, default if " " not in default and "{" not in default else "")
    return [f"{path}={default}" for path, default in found.items()]


def _values(path: str) -> list[str]:
    """What may stand after ``path=``: the choices of a kind, true and false, the words of a fixed list."""
    found = next((setting for setting in language.settings() if setting.path == path.removesuffix(".name")), None)
    if found is None or found.listed:
        return []
    if found.kind is not None:
        return list(found.kind.members)
    bound = found.field.bound
    is_flag = isinstance(bound.inner if isinstance(bound, Null) else bound, Flag)
    return [*bound.options, *(["true", "false"] if is_flag else []), *(["none"] if bound.optional else [])]
