"""What a YAML file says under `sweep`: which settings are searched, how, and what is made of the best. `tuner sweep`
alone reads it; no run's config has it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tuner.choice import nearest
from tuner.config.comparison import SWEEP
from tuner.config.load import Documents, documents_of, read, read_settings, read_source
from tuner.config.loaded import Loaded
from tuner.config.reader import Reader
from tuner.config.searched import SPACE, check_key, check_shape, entries, inside, is_several, ranges, takes_whole
from tuner.config.settled import settled
from tuner.config.space import Point, Space, range_in, space_of
from tuner.config.sweep_settings import Anything, Sweep
from tuner.config.tried import Trial
from tuner.document.nodes import Map, Node, Place, shown, to_plain
from tuner.errors import OVERRIDE, ConfigError, Fault, Faults
from tuner.monitor import EPOCH
from tuner.options.metrics import Column, column
from tuner.options.pruners import Halving

GENERATION = 8
"""Trials that are planned together where nobody says how many."""


@dataclass(frozen=True)
class Search:
    """A checked sweep: its settings and its space, with `planner` and `metric` that are no longer left open. `trials`
    is None where only time ends it."""

    settings: Sweep
    space: Space
    planner: str
    metric: str
    trials: int | None

    @property
    def generation(self) -> int:
        """How many trials are planned together."""
        return self.settings.generation or GENERATION

    @property
    def is_by_result(self) -> bool:
        """Whether what comes next depends on what came before, so that generations follow each other."""
        return self.planner == "tpe" or isinstance(self.settings.prune, Halving)

    def wanted(self, before: Iterable[Point] = ()) -> int | None:
        """How many trials there are to be, with those that are there at points `before`: no more than the space has
        points, and those that lie outside of it, for it was another one then."""
        if self.planner == "grid" or (count := self.space.count) is None:
            return self.trials
        most = count + sum(not self.space.has(point) for point in before)
        return most if self.trials is None else min(self.trials, most)


def load_search(
    source: str, overrides: Sequence[str], options: Mapping[str, str], *, endless: bool = False
) -> tuple[Loaded, Search]:
    """The config of a sweep and what it searches; `endless`: time ends it where `trials` does not. Raises ConfigError
    with every fault, each with its place in the space; NotFoundError where data is missing."""
    given = read_source(source)
    documents = documents_of(source, overrides, given, options)
    loaded, faults = _base(documents, source, given)
    config = loaded.config if loaded else read_settings(documents, source)[0]
    top = documents.sweep[-1].place if documents.sweep else Place("stdin" if source == "-" else source)
    reader = Reader(Sweep, top, Faults())
    settings: Sweep = reader.section(Sweep, documents.sweep, SWEEP)
    trial = Trial(documents, source, loaded, reader)
    open_still = settled(dict(entries(documents.sweep, reader, trial.meant)), documents, config, reader)
    metric = settings.metric or config.training.monitor
    if loaded:
        _check_metric(metric, loaded, reader)
    good = _good(open_still.found, metric, reader)
    trial.check(good)
    if not open_still.found and not reader.faults and not any(each.file == OVERRIDE for each in faults):
        told = ": the command line sets " * bool(open_still.gone) + ", ".join(open_still.gone)
        fix = "sweep.space in the file, --grid optimizer.lr=0.1,0.01 or --space 'optimizer.lr=1e-4..1e-1 log'"
        reader.fault(reader.top, SPACE, f"there is nothing to search{told}", allowed=Anything.words, suggestion=fix)
    space = space_of({key: to_plain(node) for key, node in good.items()}, takes_whole)
    search = Search(settings, space, _planner(settings, space), metric, settings.trials)
    if not reader.faults:
        _check_search(search, open_still.found, reader, endless)
    faults += reader.faults
    if loaded is None or faults:
        raise ConfigError(faults)
    loaded = replace(loaded, notes=(*loaded.notes, *open_still.notes))
    return loaded, replace(search, trials=space.size if search.planner == "grid" else search.trials)


def _base(documents: Documents, source: str, given: bytes) -> tuple[Loaded | None, Faults]:
    """The config that is searched around, or its faults: they are told with those of the space."""
    try:
        return read(documents, source, data=given), Faults()
    except ConfigError as error:
        return None, Faults(map(_searchable, error.found))


def _searchable(fault: Fault) -> Fault:
    """With how several values are written that the command line gives to one setting."""
    key, _, values = fault.excerpt.partition("=")
    option = "--space" if range_in(values) else "--grid" if is_several(key, values) else ""
    if fault.file != OVERRIDE or fault.skipped or fault.column <= len(key) + 1 or not option:
        return fault
    fix = f"{option} {shlex.quote(fault.excerpt)} to search them"
    return replace(fault, suggestion=f"{fault.suggestion}, or {fix}" if fault.suggestion else fix)


def _good(found: Mapping[str, Node], metric: str, reader: Reader) -> dict[str, Node]:
    """The settings of a space that may be searched by what is known of them alone."""
    good: dict[str, Node] = {}
    for key, node in found.items():
        before = reader.faults.count
        check_key(key, node, metric, reader)
        check_shape(key, node, reader)
        if reader.faults.count == before:
            good[key] = node
    return good


def _planner(settings: Sweep, space: Space) -> str:
    if settings.planner != "auto":
        return settings.planner
    return "grid" if settings.trials is None and space.size is not None else "tpe"


def _check_metric(metric: str, loaded: Loaded, reader: Reader) -> None:
    """Faults a metric that trials do not have."""
    allowed = [name for name in loaded.metrics if name != EPOCH]
    if metric in allowed:
        return
    place = reader.origins.get(f"{SWEEP}.metric", reader.top)
    why = "the trials of a sweep do not have it"
    if column(metric).part == "test":
        why = "test data is left alone until the best are confirmed"
    elif metric == EPOCH:
        why = "which epoch is the last is no measure of a config"
    like = str(Column("val", column(metric).name))
    meant = f"{SWEEP}.metric={like}" if like in allowed else nearest(metric, allowed)
    said = f"{metric} cannot be searched for: {why}"
    reader.fault(place, f"{SWEEP}.metric", said, given=metric, allowed=", ".join(allowed), suggestion=meant)


def _check_search(search: Search, found: Mapping[str, Node], reader: Reader, endless: bool) -> None:
    """Faults settings of the sweep that exclude each other."""
    settings, space = search.settings, search.space
    if (twice := _set_twice(space)) is not None:
        reader.fault(
            found[twice].place, f"{SPACE}.{twice}", f"{twice} is searched twice: here, and in a value above it"
        )
    if search.planner == "grid" and space.size is None:
        for key, node in found.items():
            for inner, each in ranges(node, key) if isinstance(node, Map) else inside(node, key):
                if "points" not in each.entries:
                    told = "a grid has no end of this range: say how many points it has"
                    reader.fault(each.place, f"{SPACE}.{inner}", told, given=shown(each), suggestion="points: 5")
    elif search.planner == "grid" and settings.trials is not None:
        place = reader.origins.get(f"{SWEEP}.trials", reader.top)
        told = f"a grid trains all its {space.size:,} points"
        reader.fault(place, f"{SWEEP}.trials", told, suggestion="leave it out, or planner: random")
    elif search.planner != "grid" and settings.trials is None and not endless:
        told = "it is not said how many configs are to be trained"
        reader.fault(reader.top, f"{SWEEP}.trials", told, allowed=Sweep.fields["trials"].bound.words,
                     suggestion="--trials 40, or a time: --budget 2h")  # fmt: skip
    count = space.size if search.planner == "grid" else settings.trials
    if search.is_by_result and count is not None and count < (settings.generation or 1):
        place = reader.origins.get(f"{SWEEP}.generation", reader.origins.get(f"{SWEEP}.trials", reader.top))
        told = f"{count} trials are too few for a generation of {settings.generation}"
        reader.fault(place, f"{SWEEP}.generation", told, suggestion=f"{SWEEP}.generation={count}, or more trials")


def _set_twice(space: Space) -> str | None:
    """A setting that is searched on its own and in a value of a setting above."""
    for above in space.dimensions:
        for value in above.values if isinstance(above.values, tuple) else ():
            inner = {".".join((above.key, *keys)) for keys, _, _ in value.inner}
            if isinstance(value.plain, dict):
                inner |= {f"{above.key}.{key}" for key in value.plain if key != "name"}
            for each in space.dimensions:
                if each.key in inner:
                    return each.key
    return None
