"""The options of `train` and `recipe` that ask for a family of runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from tuner.config.varied import FOLDS, FOLDS_BY_SEED, SEEDS, SPLITS, Key, counted
from tuner.durable.reading import shown
from tuner.errors import UsageError

MOST_SEEDS = 10_000
MOST_FOLDS = 1000


@dataclass(frozen=True)
class Members:
    """What a family varies, which members it is to have, and what it sets in the config, for its identity is that of
    its first split: overrides, each with the option that stands for it."""

    varies: tuple[str, ...]
    keys: tuple[Key, ...]
    options: Mapping[str, str]
    notes: tuple[str, ...] = ()


def parse_members(seeds: str | None, splits: str | None = None, folds: int | None = None) -> Members | None:
    """The family that --seeds, --splits and --folds ask for; None: one run. Raises UsageError."""
    if splits is not None:
        if seeds is not None or folds is not None:
            other = "--seeds" if folds is None else "--folds"
            fix = "A split has a seed of its own. --folds K --seeds N trains each fold with each seed."
            raise UsageError(f"--splits does not go together with {other}", fix=fix)
        keys = tuple((each, each) for each in parse_seeds(splits, "--splits"))
        options = dict.fromkeys(("data.split_seed=0", "seed=0"), f"--splits {splits}")
        return Members(SPLITS, keys, options, too_few(SPLITS, len(keys)))
    chosen = None if seeds is None else parse_seeds(seeds)
    options = {} if seeds is None else {"seed=0": f"--seeds {seeds}"}
    if folds is not None:
        if not 2 <= folds <= MOST_FOLDS:
            raise UsageError(f"--folds is a number from 2 to {MOST_FOLDS}, not {folds}", fix="--folds 5 is usual.")
        options |= {f"data.fold={{of: {folds}, index: 0}}": f"--folds {folds}"}
        both = tuple(product(range(folds), *([] if chosen is None else [chosen])))
        return Members(FOLDS if chosen is None else FOLDS_BY_SEED, both, options)
    if chosen is None:
        return None
    return Members(SEEDS, tuple((seed,) for seed in chosen), options, too_few(SEEDS, len(chosen)))


def too_few(varies: Sequence[str], count: int) -> tuple[str, ...]:
    """A note where no verdict can come of so many members."""
    from tuner.asks.compare.statistics import least_units  # it takes a while, and is of no use to a single run

    least = least_units(varies == SEEDS)
    return (f"a verdict of compare takes {counted(varies, least)}, these are {count}",) if count < least else ()


def parse_seeds(text: str, option: str = "--seeds") -> tuple[int, ...]:
    """``6`` is 0 to 5, ``3,5,8`` and ``3-5,8`` are those, ``7,`` is 7 alone. Raises UsageError."""
    what = option.removeprefix("--")
    fix = f"6 is {what} 0 to 5; 3,5,8 and 3-5 are those; {MOST_SEEDS:,} {what} at most."
    wrong = UsageError(f"{option} {shown(text[:60]) or repr(text)} is no number of {what} and no list of them", fix=fix)
    is_count, span = re.fullmatch(r"[0-9]{1,19}", text), r"[0-9]{1,19}(-[0-9]{1,19})?"
    if not is_count and not re.fullmatch(rf"{span}(,{span})*,?", text):
        raise wrong
    seeds: list[int] = []
    for part in [f"0-{int(text) - 1}"] if is_count else filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if last and not int(first) <= int(last) < int(first) + MOST_SEEDS:
            raise wrong
        seeds += range(int(first), int(last or first) + 1)
    if len(seeds) > MOST_SEEDS or max(seeds) >= 2**63:
        raise wrong
    if len(set(seeds)) < len(seeds):
        one = what.removesuffix("s")
        raise UsageError(f"{option} {shown(text[:60])} names a {one} twice", fix=f"Name each {one} once.")
    return tuple(seeds)
