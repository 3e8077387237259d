"""The commands that train the seeds a comparison lacks."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from tuner.asks.compare.differences import Difference
from tuner.asks.compare.pairs import WITHOUT_VALUE, Side
from tuner.runs.folder import GROUP


def training_commands(differences: Sequence[Difference]) -> list[str]:
    """One shell command for each group that has to grow before there are pairs enough for every verdict."""
    wanted: dict[str, int] = {}
    sides: dict[str, Side] = {}
    for difference in differences:
        for side in (difference.base, difference.side) if _is_worth_it(difference) else ():
            sides[side.name] = side
            wanted[side.name] = max(difference.seeds, wanted.get(side.name, 0))
    commands = [_command(side, wanted[name]) for name, side in sides.items()]
    return [command for command in commands if command]


def _is_worth_it(difference: Difference) -> bool:
    """Whether more pairs are needed and can be had: not where runs ended and none of one side has a value."""
    sides = (difference.base, difference.side)
    return difference.missing > 0 and not any(side.why(*WITHOUT_VALUE) and not side.values for side in sides)


def _command(side: Side, count: int) -> str:
    """Trains the seeds below `count` that `side` lacks; "" where it lacks none."""
    config = str(side.group.first.path / "config.yaml")
    if side.group.is_single and (side.path.parent / GROUP).is_file():
        return ""  # one of several seeds: its group is what has more pairs
    if side.group.is_single:
        return shlex.join(["tuner", "train", config, "--seeds", str(count), *_runs_dir(side.path.parent)])
    lacking = [seed for seed in range(count) if _is_lacking(side, seed)]
    if not lacking:
        return ""
    if (side.path / GROUP).is_file():
        named = ["--run", side.path.name, "--seeds", str(count)]
        return shlex.join(["tuner", "train", config, *named, *_runs_dir(side.path.parent)])
    folder = shlex.quote(str(side.path))
    one = f"tuner train {shlex.quote(config)} seed=$seed --run seed-$seed --runs-dir {folder}"
    return f"for seed in {' '.join(map(str, lacking))}; do {one}; done"


def _is_lacking(side: Side, seed: int) -> bool:
    """Whether the run of that seed is not there, or not trained to its end in the folder it would be looked for."""
    run = side.group.runs.get(seed)
    return run is None or (run.state in ("stopped", "crashed") and run.path.name == f"seed-{seed}")


def _runs_dir(folder: Path) -> list[str]:
    """The option, where it is not the default."""
    return [] if folder == Path("runs") else ["--runs-dir", str(folder)]
