"""What `tuner.train` does: the command of that name, for programs and notebooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner import machine
from tuner.config.load import kept_config, load
from tuner.config.loaded import Loaded
from tuner.document.writing import to_yaml
from tuner.errors import HeldError, ResourceError, UsageError
from tuner.events import Ended, Event
from tuner.opening import Answered, Request, Session, open_session
from tuner.paths import expanded, path_of
from tuner.runs.files import CONFIG
from tuner.runs.find import next_command
from tuner.runs.folder import glance, is_run
from tuner.shipped import find_config
from tuner.stopping import StopRequests


@dataclass(frozen=True)
class Result:
    """The folder of a run, and what its status.json tells of it: how it ended, its best epoch, its test metrics."""

    path: Path
    status: dict[str, Any]


def train(
    config: str | Path | Mapping[str, Any], overrides: Sequence[str], runs_dir: str | Path, run: str | None, again: bool
) -> Result:
    """`tuner.train`."""
    machine.git_commit.cache_clear()  # a notebook lives for days
    if isinstance(config, Mapping):
        named, loaded = "-", load("config", overrides, given=_as_yaml(config)).for_one_run()
    else:
        named, loaded = str(config), load(find_settings(str(config)), overrides).for_one_run()
    where = ("--runs-dir", str(runs_dir), *(() if run is None else ("--run", run)))
    request = Request(path_of(runs_dir), run, again, argv=("tuner", "train", named, *overrides, *where))
    _, ended = settle(loaded, request, _last)
    return Result(ended.run, ended.status)


def find_settings(reference: str) -> str:
    """What `find_config` finds. Of a run's folder its config.yaml is read: raises NotFoundError where it is damaged."""
    source = find_config(reference)
    folder = Path(source).parent
    if source != expanded(reference) and is_run(folder):
        kept_config(folder / CONFIG, glance(folder).content(CONFIG))
    return source


def _last(session: Session) -> Ended:
    for event in begin(session, StopRequests()):
        last = event
    assert isinstance(last, Ended)  # noqa: S101 - training ends with it or raises
    return last


def settle(loaded: Loaded, request: Request, training: Callable[[Session], Ended]) -> tuple[Session | Answered, Ended]:
    """A run that was made before, or that is trained here, and its end. Where the same command made the run since it
    was looked for, this one looks again, as if it had come a moment later. Raises TunerError."""
    opened = open_session(loaded, request)
    while isinstance(opened, Session):
        try:
            return opened, training(opened)
        except HeldError as error:
            if not error.meanwhile:
                raise
            opened = open_session(loaded, request, opened.splits)
    return opened, Ended(opened.run.path, {**opened.run.status, "next": next_command(opened.run)})


def begin(session: Session, stop: StopRequests) -> Iterator[Event]:
    """The events of the training. Raises ResourceError where torch cannot even be loaded."""
    try:
        from tuner.train import train as training
    except ImportError as error:
        fix = "`tuner doctor --torch` tells more; too little memory, or a broken installation, is the usual cause"
        raise ResourceError(f"torch cannot be imported: {error}", fix=fix) from None
    return training(session, stop)


def _as_yaml(config: Mapping[str, Any]) -> bytes:
    """A config as its file would hold it; numpy's numbers and arrays are numbers and lists. Raises UsageError."""
    try:
        return to_yaml(json.loads(json.dumps(config, default=lambda value: value.tolist()))).encode()
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        message = f"the config holds something else than maps, lists, texts and numbers: {error}"
        raise UsageError(message, fix="It is what a YAML file would hold, as a dict.") from None
