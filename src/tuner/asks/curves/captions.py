"""What has to be said about curves: what a line and its band are, of how many seeds a mean is, what is not drawn."""

from __future__ import annotations

from collections.abc import Sequence

from tuner.asks.curves.panels import columns_of
from tuner.asks.curves.series import Series, Track, View, series_of, values_of
from tuner.chart import is_shown
from tuner.figures import plural, some

MOST_CHANGES = 5


def captions(tracks: Sequence[Track], metrics: Sequence[str], view: View) -> list[str]:
    """The lines under the picture."""
    groups = [track for track in tracks if track.is_group]
    found = []
    if groups:
        time = "; time is the mean, too" if view.axis == "time" else ""
        found.append(f"A group's line is the mean over its seeds, its band goes from the lowest to the highest{time}.")
    if view.layers:
        places = ", ".join(f"{place} {name}" for place, name in enumerate(view.layers, 1))
        found.append(f"Layers with weights: {places}.")
    if view.smooth:
        seeds = ", each seed by itself" if groups else ""
        found.append(f"Smoothed by {view.smooth:g} (exponential moving average{seeds}).")
    for track in groups:
        columns = [column for metric in metrics for column in columns_of([track], metric)]
        texts = {column: counts_text(series_of(track, column, view), len(track.members)) for column in columns}
        if len(set(texts.values())) == 1:
            texts = {"": next(iter(texts.values()))}
        for column, text in texts.items():
            found += [f"{track.name}{column and ', '}{column}: the mean is of {text}."] if text else []
    return found


def counts_text(series: Series, total: int) -> str:
    """Of how many of `total` members a mean is, where that is not all of them all the way: ``6 seeds, of 5 from epoch
    8``; "" where it is."""
    there = [place for place, count in enumerate(series.counts) if count]
    changes = series.changes()
    if not there or (not changes and series.counts[there[0]] == total):
        return ""
    start = series.counts[there[0]]
    first = plural(total, "seed") if start == total else f"{start} of {plural(total, 'seed')}"
    if len(changes) > MOST_CHANGES:
        return f"{first} at first, of {series.counts[there[-1]]} at the end (epoch {series.epochs[there[-1]]})"
    return ", ".join([first, *(f"of {series.counts[place]} from epoch {series.epochs[place]}" for place in changes)])


def not_drawn(tracks: Sequence[Track], metrics: Sequence[str], view: View) -> list[str]:
    """What of the metrics is not to be seen: tracks that do not have one, values that a log axis cannot hold."""
    found = []
    for metric in metrics:
        columns = columns_of(tracks, metric)
        values = {track.name: [each for column in columns for each in _values(track, column, view)] for track in tracks}
        for lacking, what in ((True, f"no {metric}"), (False, f"no finite {metric}")):
            without = [
                track.name
                for track in tracks
                if not values[track.name] and lacking == set(columns).isdisjoint(track.columns())
            ]
            if without:
                found.append(f"not drawn: {some(without, 8)}: {what}")
        below = sum(value <= 0 for each in values.values() for value in each)
        if view.log and below:
            found.append(f"not drawn: {plural(below, 'value')} of {metric} at or below 0: the axis is logarithmic")
    return found


def _values(track: Track, column: str, view: View) -> list[float]:
    """The values of all members that have a place on the x axis."""
    series = series_of(track, column, view)
    placed = {epoch for epoch, x in zip(series.epochs, series.x, strict=True) if is_shown(x)}
    known = [each for member in track.members for each in values_of(member, column).items()]
    return [value for epoch, value in known if epoch in placed]
