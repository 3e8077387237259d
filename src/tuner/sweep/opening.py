"""A sweep before it goes on: found, or made. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tuner.config.comparison import brief
from tuner.config.load import documents_of, load, read
from tuner.config.loaded import Loaded
from tuner.config.space import Point, Range
from tuner.config.sweep import Search
from tuner.document.writing import flow, to_yaml
from tuner.durable.reading import json_bytes, shown
from tuner.errors import ConfigError, NotFoundError, UsageError
from tuner.opening import Request, Session, identified
from tuner.paths import typed
from tuner.runs.apart import Apart, apart
from tuner.runs.creating import create_held, now
from tuner.runs.files import CONFIG, ORIGINS, SOURCE
from tuner.runs.folder import SWEEP, folders_in, is_sweep, number_of
from tuner.runs.lock import Lock, making
from tuner.runs.sweep import SweepHead, Trial, read_sweep

AGAIN = "--run NAME begins another sweep under a name of its own, --again under the next number."


@dataclass(frozen=True)
class SweepSession(Session):
    """A sweep that is to go on. `path` is None before its folder is made; `identity` is that of the config without a
    change. With `extend` its space may be another than it was."""

    key = SWEEP
    source: str = ""
    overrides: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    search: Search = None  # type: ignore[assignment]  # always given
    extend: bool = False
    path: Path | None = None
    budget: float | None = None

    def asked(self, trials: Mapping[int, Trial] = MappingProxyType({})) -> dict[str, Any]:
        """The settings of the sweep, as sweep.json has them beside these trials."""
        settings = self.search.settings
        return {
            "planner": {"name": self.search.planner, "seed": settings.seed, "generation": self.search.generation,
                        "trials": self.search.wanted(each.values for each in trials.values())},
            "prune": settings.prune.plain(),
            "keep": settings.keep,
            "confirm": settings.confirm.plain() if settings.confirm else None,
            "space": self.search.space.plain(),
        }  # fmt: skip

    def under(self, head: SweepHead) -> SweepHead:
        """The sweep of `head` as it goes on with what is asked for now: a trial that has the config of a point of the
        space is that point, also where it was planned in another one."""
        is_same = head.space == self.search.space.plain()
        if is_same and (head.spaces or all(self.search.space.has(trial.values) for trial in head.trials.values())):
            return head.under(self.asked(head.trials))  # its trials were placed when the space became this one
        trials = {number: self._placed(trial) for number, trial in head.trials.items()}
        return replace(head, trials=trials).under(self.asked(trials))

    def _placed(self, trial: Trial) -> Trial:
        """The trial at its point of the space, which may be another than it was planned in."""
        space = self.search.space
        with suppress(ConfigError, LookupError):
            there = self.config(trial.overrides, "")
            point = space.chosen(_Alike(self, trial, there))
            if space.has(point) and self.config(tuple(space.overrides(point)), "").hash == there.hash:
                return replace(trial, values=point)
        # it lies outside: what is called as in this space, and is another config, is called by all that it is
        return replace(trial, values={**trial.values, **trial.given}) if space.has(trial.values) else trial

    def refused(self, point: Point) -> str:
        """Why a point of the space cannot be trained: its settings exclude each other; "" of one that can."""
        try:
            self.config(tuple(self.search.space.overrides(point)), "")
        except ConfigError as error:
            return error.faults[0].message
        return ""

    def fits(self, point: Point) -> bool:
        """Whether a point of the space can be trained at all."""
        return not self.refused(point)

    def config(self, overrides: tuple[str, ...], trial: str) -> Loaded:
        """The config of a trial. Raises ConfigError."""
        given = self.loaded.source
        documents = documents_of(self.source, self.overrides, given, self.trial_options(overrides, trial))
        opened = None if any(each.startswith("data.") for each in overrides) else self.loaded.dataset
        return read(documents, self.source, data=given, dataset=opened)

    def trial_options(self, overrides: tuple[str, ...], trial: str) -> dict[str, str]:
        """The overrides of a trial with where they come from; test data is left alone, for what is best is open."""
        return {**self.options, **dict.fromkeys(overrides, trial), "training.test=ask": trial}

    @property
    def head(self) -> SweepHead:
        """The sweep before its first trial."""
        config = self.loaded.config
        return SweepHead(Path(), config.name, now(), self.identity, self.request.argv, tuple(config.tags),
                         self.search.metric, config.training.monitor, self.asked(), budget=self.budget)  # fmt: skip

    def files(self) -> dict[str, bytes]:
        """The small files of a new folder. Its config.yaml is one that `tuner sweep` goes on with."""
        loaded = self.loaded
        return {
            CONFIG: self.config_file(),
            SOURCE: loaded.source,
            ORIGINS: json_bytes(dict(loaded.origins)),
            SWEEP: self.head.as_bytes(),
        }

    def config_file(self) -> bytes:
        search = self.search
        trials = None if search.planner == "grid" else search.trials or search.wanted()
        settings = {**search.settings.plain(), "planner": search.planner, "space": search.space.plain(),
                    "metric": search.metric, "trials": trials}  # fmt: skip
        # a default that was written down would stay when a trial takes another choice, whose own it is not
        given = _given(self.loaded.resolved, self.loaded.origins)
        return to_yaml({**given, "name": self.loaded.config.name, "sweep": settings}).encode()


@dataclass(frozen=True)
class _Alike:
    """Chooses the point of a space that has the config of a `trial`, which is `there`. Raises LookupError."""

    session: SweepSession
    trial: Trial
    there: Loaded

    def number(self, name: str, values: Range) -> float:
        found = self._plain(name.partition(" ")[0].split("."))  # behind the key stands in which value it is
        allowed = values.grid if self.session.search.planner == "grid" else (found,)
        if isinstance(found, bool) or not isinstance(found, int | float) or found not in allowed:
            raise LookupError(name)
        return found

    def label(self, name: str, labels: Sequence[str]) -> str:
        [dimension] = [each for each in self.session.search.space.dimensions if each.key == name]
        others = [each for each in self.trial.overrides if each.partition("=")[0] != name]
        for label, value in zip(labels, dimension.values, strict=True):  # type: ignore[arg-type]  # no range
            with suppress(ConfigError, LookupError):
                inner = {at: self.number(at, values) for _, at, values in value.inner}
                own = [*others, f"{name}={flow(value.filled(inner))}"]
                own.sort(key=lambda each: each.partition("=")[0].count("."))  # a choice before what lies in it
                if self.session.config(tuple(own), "").hash == self.there.hash:
                    return label
        raise LookupError(name)

    def _plain(self, keys: Sequence[str]) -> Any:
        found: Any = self.there.resolved
        for key in keys:
            found = found[key] if isinstance(found, Mapping) else None
        return found


def open_sweep(
    source: str,
    overrides: tuple[str, ...],
    options: Mapping[str, str],
    loaded: Loaded,
    search: Search,
    request: Request,
    *,
    extend: bool = False,
    budget: float | None = None,
) -> SweepSession:
    """Reads the data and looks whether the sweep is there already. Raises NotFoundError (data missing; another sweep
    under the name that --run gives), UsageError (it searches something else), ResourceError (no CUDA)."""
    one = identified(SWEEP, loaded, replace(request, auto_threads=1))
    session = SweepSession(
        **vars(one), source=source, overrides=overrides, options=options, search=search, extend=extend, budget=budget
    )
    path = find(session)
    return replace(session, path=path, notes=() if path else _why_new(session))


def find(session: SweepSession) -> Path | None:
    """The folder of the sweep, if it is there. Raises NotFoundError, UsageError where that is another one."""
    request = session.request
    if request.again:
        return None
    if request.run_name is not None:
        path = request.named_folder
        if not is_sweep(path):
            return None  # create_held says what is wrong with it, if anything
        head = read_sweep(path)
        if differences := _differences(session, head):
            raise differences.error(by_folder=request.by_folder)
        _check_search(session, head)
        return path
    same = [head for head in _of_name(session) if not _differences(session, head)]
    alike = [head for head in same if not _apart(session, head)]
    # one that searches otherwise is in the way, unless somebody gave it a name of its own
    unnamed = [head for head in same if number_of(head.path.name, head.name)]
    for head in (alike or unnamed)[:1]:
        _check_search(session, head)
        return head.path
    return None


def made(session: SweepSession) -> Path:
    """The folder of the sweep, which is made if it is not there. Raises what `find` and `create_held` do."""
    request = session.request
    if session.path is not None:
        return session.path
    with making(request.runs_dir):
        path = find(session)  # another process may have made it since
        if path is not None:
            return path
        lock: Lock = create_held(request.runs_dir, session.loaded.config.name, request.run_name, session.files())
    lock.release()  # several processes may go on with it
    return lock.path


def _given(settings: Mapping[str, Any], origins: Mapping[str, str], above: str = "") -> dict[str, Any]:
    """Of the settings of a config those that are no defaults; the name of a choice always, and what is one value to the
    language whole."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping) and any(each.startswith(f"{path}.") for each in origins):
            found[key] = _given(value, origins, f"{path}.")
        elif path in origins or key == "name":
            found[key] = value
    return found


def _of_name(session: SweepSession) -> list[SweepHead]:
    """The sweeps of the config's name, newest first. Raises NotFoundError for one that is damaged and may be one."""
    runs_dir, name = session.request.runs_dir, session.loaded.config.name
    found = []
    for path in filter(is_sweep, folders_in(runs_dir) if runs_dir.is_dir() else ()):
        try:
            head = read_sweep(path)
        except NotFoundError:
            if number_of(path.name, name):
                raise
        else:
            found += [head] if head.name == name else []
    return sorted(found, key=lambda head: head.created, reverse=True)


def _differences(session: SweepSession, head: SweepHead) -> Apart:
    """In what the sweep of `head` is another."""
    return apart(head.path, "sweep", head.identity, session.identity, session.loaded, reading=_resolved)


def _resolved(file: Path) -> dict[str, Any]:
    """The config in a sweep's folder with the defaults, which it leaves out. Raises ConfigError, NotFoundError."""
    return load(str(file)).resolved


def _check_search(session: SweepSession, head: SweepHead) -> None:
    """Raises UsageError where the sweep of `head` searches otherwise."""
    apart, name = _apart(session, head), shown(head.path)
    space, config = apart.pop("space", ""), head.path / CONFIG
    by_folder = f"`tuner sweep {typed(config)} --run NAME` begins another sweep."
    another = by_folder if session.source == str(config) else AGAIN
    if apart:
        raise UsageError(f"{name} searches otherwise: {'; '.join(apart.values())}", fix=another)
    if space and not session.extend:
        fix = f"--extend goes on with the new space, and its trials stay. {another}"
        raise UsageError(f"{name} searches another space: {space}", fix=fix)


def _apart(session: SweepSession, head: SweepHead) -> dict[str, str]:
    """In what the sweep of `head` searches otherwise, in words; its space under ``space``."""
    here, there = {**session.asked(), "metric": session.search.metric}, {**head.asked, "metric": head.metric}
    planner = {f"planner.{key}": (value, here["planner"].get(key)) for key, value in there["planner"].items()}
    both = {**planner, **{key: (there[key], here[key]) for key in ("metric", "prune")}}
    found = {key: f"{key}: {brief(one)} there, {brief(other)} here" for key, (one, other) in both.items()
             if one != other and key != "planner.trials"}  # fmt: skip
    before, after = there["space"], here["space"]
    spaces = [f"{key}: {_told(before, key)} there, {_told(after, key)} here"
              for key in dict.fromkeys([*before, *after]) if before.get(key) != after.get(key)]  # fmt: skip
    return found | ({"space": "; ".join(spaces)} if spaces else {})


def _told(space: Mapping[str, Any], key: str) -> str:
    return flow(space[key]) if key in space else "nothing"


def _why_new(session: SweepSession) -> tuple[str, ...]:
    """Why a new sweep begins, where the newest of its name is one of the same config under another identity, or of one
    that is not much different."""
    if session.request.again or session.request.run_name:
        return ()
    for head in _of_name(session)[:1]:
        differences = _differences(session, head)
        if len(differences.settings or ()) <= 2:
            return (f"{head.path.name} {differences}; this is a new sweep",)
    return ()
