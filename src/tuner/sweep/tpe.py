"""Points near those that were good, by a tree-structured Parzen estimator. Optuna is imported here alone; it thinks in
memory and keeps nothing.

Source: Bergstra, Bardenet, Bengio, Kegl (2011), "Algorithms for Hyper-Parameter Optimization", NeurIPS; all parameters
at once: Falkner, Klein, Hutter (2018), "BOHB", ICML.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from tuner.config.space import Point, Range, Space

if TYPE_CHECKING:
    from tuner.sweep.halving import Progress
    from tuner.sweep.planner import Before

GOOD, MOST_GOOD = 0.05, 25
"""The share of the trials that count as good, and how many at most. Halving ends one trial of a generation, also where
all of it were poor: of the usual tenth most are such winners, and the search stays where its first generation was."""


def points(space: Space, seed: int, numbers: Sequence[int], before: Before, direction: str) -> Iterator[dict[str, Any]]:
    """The points of the trials `numbers`. Those that were planned beside a point count as bad ones, for their results
    are not known; trials `before` that could not be trained, or lie outside the space, which was another one then, do
    not count."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    drawn = int.from_bytes(hashlib.sha256(f"{seed} {numbers[0]}".encode()).digest()[:4])
    known = {name: _distribution(values) for name, values in space.varied.items()}
    told = [_told(known, point, trial) for point, trial in before.values()
            if trial.state != "failed" and space.holds(point)]  # fmt: skip
    good = min(math.ceil(GOOD * len(told)), MOST_GOOD)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what its authors may still change
        sampler = TPESampler(
            seed=drawn,
            n_startup_trials=1,
            gamma=lambda _: good,
            prior_weight=max(1.0, good),  # with less the labels of the first good trials are hardly ever left
            multivariate=True,
            constant_liar=True,
        )
        study = optuna.create_study(sampler=sampler, direction="maximize" if direction == "up" else "minimize")
        study.add_trials(told)
        asked = [space.chosen(Asked(study.ask())) for _ in numbers] if told else []
    yield from asked


@dataclass
class Asked:
    """One point, as Optuna chooses it."""

    trial: Trial

    def number(self, name: str, values: Range) -> float:
        if values.whole:
            return self.trial.suggest_int(name, int(values.low), int(values.high), log=values.log)
        return values.rounded(self.trial.suggest_float(name, values.low, values.high, log=values.log))

    def label(self, name: str, labels: Sequence[str]) -> str:
        return str(self.trial.suggest_categorical(name, list(labels)))


def _told(known: Mapping[str, BaseDistribution], point: Point, trial: Progress) -> FrozenTrial:
    """A trial with its result, of a space with the parameters `known`: one that was pruned counts by how far it got,
    one that diverged as the worst of them."""
    is_whole = trial.state == "finished" and trial.value is not None
    course = {} if trial.state == "diverged" or trial.value is None else {trial.done: trial.value}
    return optuna.create_trial(
        state=TrialState.COMPLETE if is_whole else TrialState.PRUNED,
        value=trial.value if is_whole else None,
        params={name: value for name, value in point.items() if name in known},
        distributions={name: values for name, values in known.items() if name in point},
        intermediate_values=course,
    )


def _distribution(values: Range | tuple[str, ...]) -> BaseDistribution:
    if not isinstance(values, Range):
        return CategoricalDistribution(values)
    if values.whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)
