"""How often verdicts are right: experiments in which the truth is known, judged as `compare` judges.

    python tests/bench/verdicts.py

Both learners take the nearest class mean over six of the eight columns that each has of its own; the seed says which
two are left out, as it says the first weights of a network. Without a gain the two are equal in distribution: over
samples and seeds one is as good as the other, though on these samples and this split one may be ahead.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from tuner.asks.compare.statistics import sign_flip_p, t_p
from tuner.figures import LEVEL

UNITS = {"seeds": 8, "splits": 8, "folds": 10, "splits of one test part": 8}
RATIO = {"splits": 0.2 / 0.8, "folds": 1 / 9}
SAMPLES, COLUMNS, KEPT, SHIFT = 200, 8, 6, 0.3
GAINS = (0.0, 0.05, 0.1, 0.2)
COUNT = 2000
Array = npt.NDArray[np.float64]


@cache
def experiments(kind: str, gain: float, *, alike: bool) -> Array:
    """(COUNT, units): accuracy of B - accuracy of A, on other samples in each experiment, and in it with other seeds on
    one split, on other splits, on the folds of one partition, or after training on other nine in ten of the samples
    beside one test part (these three with another seed on each). `alike`: both have the same columns, so that they are
    equal on every split, too."""
    draw, units = np.random.default_rng(0), UNITS[kind]
    labels = np.repeat([-1.0, 1.0], SAMPLES // 2)
    order = draw.random((COUNT, units if kind == "splits" else 1, SAMPLES)).argsort(-1)
    places = np.arange(units)[:, None] if kind == "folds" else np.zeros((units, 1))
    test = order * (units if kind == "folds" else 5) // SAMPLES == places
    train = ~test if kind in ("seeds", *RATIO) else ~test & (draw.random((COUNT, units, SAMPLES)) < 0.9)
    accuracies: list[Array] = []
    for shift in (SHIFT, SHIFT + gain):
        if not accuracies or not alike:
            samples = draw.normal(size=(COUNT, SAMPLES, COLUMNS)) + shift * labels[:, None]
        kept = draw.random((COUNT, units, COLUMNS)).argsort(-1) < KEPT
        means = [_means(samples, train & (labels == label)) for label in (-1, 1)]
        score = ((means[1] - means[0]) * kept) @ samples.transpose(0, 2, 1)
        score -= ((means[1] ** 2 - means[0] ** 2) / 2 * kept).sum(-1, keepdims=True)
        accuracies.append(((score * labels > 0) & test).sum(-1) / test.sum(-1))
    found: Array = accuracies[1] - accuracies[0]
    return found


def _means(samples: Array, used: npt.NDArray[np.bool_]) -> Array:
    """(COUNT, units, columns): the mean of the samples used in each unit."""
    found: Array = used.astype(float) @ samples / used.sum(-1, keepdims=True)
    return found


def verdicts(kind: str, differences: Array) -> tuple[float, float]:
    """The shares of experiments in which B is better, and worse."""
    rows = differences.tolist()
    ps = [t_p(row, RATIO[kind]) if kind in RATIO else sign_flip_p(row) for row in rows]
    sides = differences.mean(1)[np.array(ps) <= LEVEL]
    return float(np.sum(sides > 0)) / len(rows), float(np.sum(sides < 0)) / len(rows)


def false_finds() -> dict[str, float]:
    """The share of verdicts between equals: of splits and folds about all samples, of the others about the samples that
    all their runs are tested on."""
    return {kind: sum(verdicts(kind, experiments(kind, 0.0, alike=kind not in RATIO))) for kind in UNITS}


def power() -> list[str]:
    """The table of `tuner explain compare`; the true difference is the mean over the experiments with splits."""
    lines = ["true difference   8 seeds on one split   8 splits"]
    for gain in GAINS:
        found = {kind: experiments(kind, gain, alike=False) for kind in ("seeds", "splits")}
        said = ["{:4.0%} better {:4.0%} worse".format(*verdicts(kind, each)) for kind, each in found.items()]
        lines.append(f"{abs(found['splits'].mean()):15.2f}   {said[0]}   {said[1]}")
    return lines


if __name__ == "__main__":
    print("\n".join(power()))
    print(
        *(f"{kind}: {share:.2%} of {COUNT:,} comparisons of equals" for kind, share in false_finds().items()), sep="\n"
    )
