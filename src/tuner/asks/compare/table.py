"""Ideas and data sets: on each data set every idea against the same one, all verdicts corrected together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuner.asks.compare.comparison import Comparison, judged, notes_on
from tuner.asks.compare.pairs import Side, asked_metric, better_way, check_groups, data_sets, sides_of, training
from tuner.config import varied
from tuner.config.comparison import ABSENT, brief, side_by_side
from tuner.document.writing import flow
from tuner.durable.reading import shown
from tuner.errors import UsageError
from tuner.figures import mean
from tuner.runs.family import Group
from tuner.runs.values import Metric


@dataclass(frozen=True)
class Ideas:
    """The answer. `ideas` begins with the baseline; `sides` are what each has on each data set where it was tried, by
    (data set, idea), and `comparison` all of them, each difference against the baseline on the same data set."""

    ideas: tuple[str, ...]
    data: tuple[str, ...]
    sides: dict[tuple[str, str], Side]
    comparison: Comparison

    @property
    def missing(self) -> list[str]:
        """``idea on data set`` where no group was given."""
        return [f"{idea} on {each}" for each in self.data for idea in self.ideas if (each, idea) not in self.sides]

    @property
    def ranked(self) -> list[str]:
        """The data sets on which every idea has a value."""
        known = [place for place, side in self.sides.items() if side.values]
        return [each for each in self.data if all((each, idea) in known for idea in self.ideas)]

    @property
    def ranks(self) -> dict[str, float]:
        """The mean of an idea's ranks (1: best) over the data sets `ranked`; equal ones share the mean of theirs.

        Source: Demšar (2006), "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, section 3.2.
        """
        sign, found = -1 if self.comparison.direction == "up" else 1, {}
        for idea in self.ideas if self.ranked else ():
            places = []
            for each in self.ranked:
                own, *values = (sign * (self.sides[each, one].mean or 0.0) for one in (idea, *self.ideas))
                places.append(sum(value < own for value in values) + (values.count(own) + 1) / 2)
            found[idea] = mean(places)
        return found

    def as_data(self) -> dict[str, Any]:
        """What ``compare --by data --json`` tells: the comparison, and which group is which idea on which data set."""
        names: dict[str, dict[str, str]] = {idea: {} for idea in self.ideas}
        for (each, idea), side in self.sides.items():
            names[idea][each] = side.name
        more = {"ideas": names, "mean_ranks": self.ranks, "ranked": self.ranked, "missing": self.missing}
        return self.comparison.as_data() | {"baseline": self.ideas[0], "by": "data"} | more


def compare_ideas(
    groups: Sequence[Group],
    metric: Metric | None = None,
    least_effect: float | None = None,
    direction: str | None = None,
) -> Ideas:
    """Compares on each data set the groups with that of the first group's idea. Raises as `compare` does, and
    UsageError for two groups of one idea on one data set, or where no data set has the baseline and another idea."""
    check_groups(groups, by_data=True)
    metric, data = asked_metric(groups, metric), data_sets(groups)
    ideas = ideas_of(groups, data)
    there: dict[str, dict[str, Group]] = {each: {} for each in data}
    for each, idea, group in zip(data, ideas, groups, strict=True):
        if there[each].setdefault(idea, group) is not group:
            said = f"{shown(there[each][idea].path)} and {shown(group.path)} are the same idea on {each}: {idea}"
            raise UsageError(said, fix="Leave one of them out.")
    sides: dict[tuple[str, str], Side] = {}
    pairs, notes = [], list[str]()
    for each, known in there.items():
        order = sorted(known, key=lambda idea: idea != ideas[0])
        here = sides_of([known[idea] for idea in order], metric, [f"{idea} on {each}" for idea in order])
        sides |= dict(zip([(each, idea) for idea in order], here, strict=True))
        if ideas[0] in known:
            pairs += [(here[0], side) for side in here[1:]]
            notes += notes_on(here, metric)
    if not pairs:
        raise UsageError(f"on no data set is there another idea beside {ideas[0]}", fix="Add its groups, of two ideas.")
    direction = better_way(metric, direction)
    found, all_ = tuple(judged(pairs, direction, least_effect)), tuple(sides.values())
    whole = Comparison(metric, direction, least_effect, all_, found, tuple(notes), tuple(training(found)))
    return Ideas(tuple(dict.fromkeys(ideas)), tuple(there), sides, whole)


def ideas_of(groups: Sequence[Group], data: Sequence[str]) -> list[str]:
    """What each group tries: its config's name where that says it, else in what it differs from the first one's. A
    setting of `data` belongs to an idea where groups of one data set differ in it, else to the data set."""
    configs = [varied.shared(group.first.config, group.varies) for group in groups]
    tried: set[str] = set()
    for each in set(data):
        here = [config["data"] for config, own in zip(configs, data, strict=True) if own == each]
        tried |= {setting.key.split(".")[1] for setting in side_by_side(here, "data") if setting.differs}
    for config in configs:
        config["data"] = {key: value for key, value in config["data"].items() if key in tried}
    keys = [json.dumps(config, sort_keys=True) for config in configs]
    names = {(key, group.first.name) for key, group in zip(keys, groups, strict=True)}
    if len(names) == len(set(keys)) == len({name for _, name in names}):
        return [group.first.name for group in groups]
    apart = [[each for each in side_by_side([configs[0], config]) if each.differs] for config in configs]
    texts: list[str] = []
    for write in (brief, flow):  # choices by their name, unless two settings of one choice are tried
        found = [[(each.key, each.values[1]) for each in settings] for settings in apart]
        texts = [", ".join(f"{key}: {write(value)}" for key, value in each if value is not ABSENT) for each in found]
        if len(set(texts)) == len(set(keys)):
            break
    return [text or "baseline" for text in texts]
