"""The weights of a run that nobody will ask for are taken away; all that it measured stays."""

from __future__ import annotations

import os
from pathlib import Path

from tuner.durable.writing import remove_folder, writing
from tuner.runs.files import BEST, CHECKPOINTS, read_status, write_status
from tuner.runs.lock import Lock


def let_go(run: Path, wait: float = 0.0) -> None:
    """Takes the checkpoints and the best weights of the run folder `run` away; nothing where there are none. Raises
    HeldError where another process has it for longer than `wait` seconds, NotFoundError where its status.json is
    damaged, ResourceError."""
    places = [place for place in (run / CHECKPOINTS, run / BEST) if os.path.lexists(place)]
    if not places:
        return
    with Lock(run, wait):
        status = read_status(run)  # it no longer speaks of them before they go
        write_status(run, status.values, {name: each for name, each in status.files.items() if name != BEST})
        for place in places:
            if place.is_dir():
                remove_folder(place)
            else:
                with writing(place):
                    place.unlink(missing_ok=True)
