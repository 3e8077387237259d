"""What runs and groups become when they are drawn: each a track with a label that tells it from the others, epoch by
epoch or, from layer_stats.jsonl, layer by layer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuner.asks.curves.series import Member, Track
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import plural
from tuner.quantities import LAYER
from tuner.runs.family import Group
from tuner.runs.folder import Run
from tuner.runs.values import Metric, parse_metric, value

USUAL = ("activation_std@0", "gradient_norm@0")
"""What is drawn unless something else is asked for: before the first step."""
WHEN = {None: "at the best epoch", 0: "before the first step", -1: "at the end"}


def tracks_of(
    groups: Sequence[Group], axis: str = "epoch", metrics: Sequence[str] = (), members: bool = False
) -> tuple[list[Track], list[str]]:
    """A track a run or group, or one a member with `members`; with the seconds of epochs where `axis` is ``time``, and
    the metrics of layers where it is ``layer``. Beside them, what could not be read, has nothing to draw or was named
    twice.

    Raises NotFoundError when a run that was named is damaged, or when nothing is left.
    """
    complaints = [text for group in groups for text in group.damaged]
    entries = _entries(groups, members, complaints)
    tracks = []
    for (path, group, runs), name in zip(entries, distinct([path for path, *_ in entries]), strict=True):
        found = [_member(run, axis, metrics, complaints, must=group.is_single) for run in runs]
        monitor, family = runs[0].monitor, str(group.path)
        if not any(member.rows for member in found):
            complaints.append(f"{name} has no finished epoch yet")
        elif path == group.path and not group.is_single:
            lost = [Member(()) for _ in group.damaged]
            tracks.append(Track(name, [*found, *lost], True, _mean_of(group, found), family, monitor))
        else:
            about = "" if runs[0].state == "finished" else runs[0].state
            best = None if axis == "layer" else runs[0].status.get("best_epoch")
            tracks.append(Track(name, found, False, about, family, monitor, best))
    if not tracks:
        raise NotFoundError("; ".join(dict.fromkeys(complaints)), fix=f"tuner show {shown(groups[0].path)} says more")
    if axis == "time" and not any(member.seconds for track in tracks for member in track.members):
        raise NotFoundError("; ".join(dict.fromkeys(complaints)), fix="--x epoch and --x step need no times")
    return tracks, complaints


def _entries(groups: Sequence[Group], members: bool, complaints: list[str]) -> list[tuple[Path, Group, list[Run]]]:
    """What becomes a track: its folder, its group, its runs. Each folder once."""
    found: dict[str, tuple[Path, Group, list[Run]]] = {}
    for group in groups:
        runs = list(group.runs.values())
        parts = [(run.path, group, [run]) for run in runs] if members else [(group.path, group, runs)]
        for part in parts:
            place = os.path.realpath(part[0])
            if place in found:
                complaints.append(f"{shown(part[0])} is drawn once, though named twice")
            found.setdefault(place, part)
    return list(found.values())


def distinct(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, with as many of those before it as tell the paths apart; neighbours are named alike,
    and seeds after their group where there is more than one."""
    parts = [Path(os.path.abspath(path)).parts for path in paths]  # noqa: PTH100 - links keep the name they were given
    folders = {part[:-1] for part in parts}
    lengths = {part: 2 if len(folders) > 1 and part[-1].startswith("seed-") else 1 for part in parts}
    while True:
        names = {part: "/".join(part[-length:]) for part, length in lengths.items()}
        alike = {part[:-1] for part in names if list(names.values()).count(names[part]) > 1}
        if not alike:
            return [names[part] for part in parts]
        lengths = {part: length + (part[:-1] in alike) for part, length in lengths.items()}


def _member(run: Run, axis: str, metrics: Sequence[str], complaints: list[str], must: bool) -> Member:
    """What is drawn of a run; nothing, and a complaint, where a member's files are damaged."""
    seconds: Mapping[int, float] = {}
    try:
        rows: Sequence[Mapping[str, Any]] = layer_rows(run, metrics) if axis == "layer" else run.rows
    except NotFoundError as error:
        if must:
            raise
        complaints.append(error.message)
        return Member(())
    if axis == "time" and rows:
        try:
            seconds = run.seconds
        except NotFoundError as error:
            complaints.append(error.message)
    return Member(rows, seconds)


def _mean_of(group: Group, read: Sequence[Member]) -> str:
    """``mean of 6 seeds``, ``mean of 5 of 6 seeds, 1 diverged``."""
    there, all_of_them = sum(bool(member.rows) for member in read), len(read) + len(group.damaged)
    count = plural(all_of_them, "seed") if there == all_of_them else f"{there} of {plural(all_of_them, 'seed')}"
    states = [run.state for run in group.runs.values()]
    odd = [f"{states.count(state)} {state}" for state in dict.fromkeys(states) if state != "finished"]
    return ", ".join([f"mean of {count}", *odd])


# ---- layers ----------------------------------------------------------------------------------------------------------


def layer_metric(text: str) -> Metric:
    """``activation_std``, ``activation_std@0``, ``activation_std@last``. Raises UsageError for what has no value in
    every layer."""
    with suppress(UsageError):
        metric = parse_metric(text)
        if metric.column in LAYER:
            return metric
    forms = ", ".join([*LAYER, USUAL[0], f"{list(LAYER)[-1]}@last"])
    raise UsageError(f"{shown(text)} is nothing that a layer has", fix=f"--x layer draws {forms}.")


def layer_label(metric: Metric) -> str:
    """What an axis calls it: ``norm of the gradient (before the first step)``."""
    return f"{LAYER[metric.column].label} ({WHEN.get(metric.at, f'after epoch {metric.at}')})"


def layer_rows(run: Run, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """A row a layer with weights, first to last: its name under ``layer``, and the metrics.

    Raises NotFoundError, and UsageError where nothing was measured at that epoch.
    """
    layers = dict.fromkeys(str(row["layer"]) for row in run.layers)
    if not layers:
        raise NotFoundError(f"the layers of {shown(run.path)} were not measured", fix="layer_stats=auto measures them.")
    rows: list[dict[str, Any]] = [{"layer": layer} for layer in layers]
    for text in metrics:
        asked = layer_metric(text)
        for row in rows:
            row[text] = value(run, replace(asked, column=f"{asked.column}({row['layer']})"))
    return rows
