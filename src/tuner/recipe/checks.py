"""What has to hold between a recipe's claims and its configs, known before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.config.comparison import meaning, side_by_side
from tuner.config.loaded import Loaded
from tuner.config.words import nearest
from tuner.document.nodes import Place
from tuner.errors import Fault, UsageError
from tuner.options.metrics import column as column_of
from tuner.quantities import LAYER, WHOLE_RUN
from tuner.runs.requirements import layer_metrics, possible_metrics
from tuner.runs.values import Metric, measured_loss, parse_metric

if TYPE_CHECKING:
    from tuner.recipe.reading import Claim, Curves

Places = Mapping[str, Place]
"""Where a claim's values stand: key -> place."""


def differences(claim: Claim, places: Places, configs: Mapping[str, Loaded]) -> Iterator[Fault]:
    """The claim's two configs differ in its keys, in all of them and in nothing else; a group has seeds of its own."""
    both = [meaning(configs[stem].resolved) for stem in (claim.baseline, claim.treatment)]
    differing = [setting.key for setting in side_by_side(both) if setting.differs and setting.key != "seed"]
    pair = f"{claim.baseline} and {claim.treatment}"
    more = [key for key in differing if not any(_covers(said, key) for said in claim.keys)]
    same = [said for said in claim.keys if not any(_covers(said, key) or _covers(key, said) for key in differing)]
    if more:
        message = f"{pair} differ in more than the claim says: {', '.join(more)}"
        kept = [said for said in claim.keys if said not in same]
        yield places["keys"].fault(message, key="keys", suggestion=f"[{', '.join([*kept, *more])}]")
    if same:
        allowed = ", ".join(differing) or "two configs that differ in something"
        yield places["keys"].fault(f"{pair} do not differ in {', '.join(same)}", key="keys", allowed=allowed)


def _covers(said: str, key: str) -> bool:
    return key == said or key.startswith(f"{said}.")


def named_apart(path: Path, configs: Mapping[str, Loaded]) -> Iterator[Fault]:
    """No two configs have the same name, by which a person tells their runs apart."""
    holders: dict[str, str] = {}
    for stem, loaded in configs.items():
        holder = holders.setdefault(loaded.config.name, stem)
        if holder != stem:
            message = f"{stem} is called {loaded.config.name}, and so is {holder}: their runs could not be told apart"
            yield Fault(message, str(path / f"{stem}.yaml"), 1, 1, key="name", suggestion=f"name: {path.name}-{stem}")


def measured(claim: Claim, places: Places, configs: Mapping[str, Loaded]) -> Iterator[Fault]:
    """Runs of both configs have the claim's metric, it means the same in both, and better is where it should be."""
    place = places["metric"]
    try:
        metric = parse_metric(claim.metric)
    except UsageError as error:
        yield place.fault(error.message, key="metric", given=claim.metric, suggestion=error.fix)
        return
    if metric.direction not in (None, claim.direction):
        message = f"of {metric} {metric.direction} is better, not {claim.direction}"
        yield places["direction"].fault(
            message, key="direction", given=claim.direction, suggestion=f"direction: {metric.direction}"
        )
    for stem in dict.fromkeys((claim.baseline, claim.treatment)):
        if stem in configs:
            yield from _has(configs[stem], stem, metric, place)
    both = [configs[stem].resolved for stem in (claim.baseline, claim.treatment) if stem in configs]
    if metric.column.endswith("_loss") and len(both) == 2:
        one, other = (measured_loss(config, metric.column) for config in both)
        if one != other:
            message = f"{metric.column} is not the same loss in {claim.baseline} and {claim.treatment}"
            yield place.fault(message, key="metric", allowed="a metric that both measure alike, such as an accuracy")


def _has(loaded: Loaded, stem: str, metric: Metric, place: Place) -> Iterator[Fault]:
    """A fault where runs of a config have no such metric."""
    config, column = loaded.config, metric.column
    there, inside = possible_metrics(loaded), layer_metrics(loaded)
    if column in (*there, *inside):
        return
    is_of_layer = column.startswith(tuple(LAYER))
    message = f"runs of {stem} have no metric {column}"
    if is_of_layer and config.layer_stats == "none":
        message += ": its layer_stats is none"
    if column_of(column).part == "test" and config.training.test == "ask":
        message += ": its training.test is ask"
    near = nearest(column, inside if is_of_layer else there)
    yield place.fault(message, key="metric", given=column, allowed=", ".join(inside if is_of_layer else there),
                      suggestion=near)  # fmt: skip


def drawn(curves: Curves, place: Place, configs: Mapping[str, Loaded]) -> Iterator[Fault]:
    """Faults where a run of no config has one of the metrics that curves.svg is to show."""
    if curves.x == "layer":
        for metric in curves.metrics:
            if metric.partition("@")[0] not in LAYER:
                message = f"{metric} is nothing that a layer has"
                yield place.fault(message, key="curves.metrics", given=metric, allowed=", ".join(LAYER))
        return
    columns = [column_of(each) for loaded in configs.values() for each in possible_metrics(loaded)]
    kept = [each for each in columns if each.part != "test" and each.name not in WHOLE_RUN]
    known = dict.fromkeys([*map(str, kept), *(each.name for each in kept if each.part)])
    for metric in curves.metrics:
        if known and metric not in known:
            message = f"there are no curves of {metric}"
            yield place.fault(message, key="curves.metrics", given=metric, allowed=", ".join(known))
