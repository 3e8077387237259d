"""The parts of a run's data -> its card. Everything is a function of the data alone."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.data.card.equal import equal
from tuner.data.card.facts import Card, Inputs, Prior, Scores, card_of
from tuner.data.card.giving import gives_away
from tuner.data.card.scores import LANDMARKS, Samples, scores
from tuner.data.card.shift import Look, shift
from tuner.data.card.spelled import Spelled, spelled
from tuner.data.drawing import draw, random_bits
from tuner.data.source import Array

if TYPE_CHECKING:
    from tuner.data.splits import Splits

MOST_SAMPLES, MOST_COLUMNS = 2_000, 512
"""What the simple models are given: more would take seconds."""
DIGITS = 6


def make(splits: Splits) -> Card:
    """The card of what a run trains, validates and tests on."""
    known, train = splits.description, splits.train
    columns = spelled(known)
    look = Look.of(columns, train, len(known.classes))
    held_out = {"validation": splits.validation, "test": splits.test}
    shifts = {
        name: shift(columns, look, Look.of(columns, part, len(known.classes)), splits.statistics)
        for name, part in held_out.items()
        if len(part)
    }
    some = drawn(np.arange(len(train)), train.y, MOST_SAMPLES)
    half = np.isin(some, drawn(some, train.y, len(some) // 2))
    card = Card(
        prior=prior(train.y, look.shares),
        inputs=inputs(splits, columns, look),
        shift=shifts,
        equal=equal(train.x, train.y, splits.validation.x, splits.test.x),
        gives_away=gives_away(train.x[some], train.y[some], half, known),
        scores=scored(splits, columns, look, some),
    )
    return card_of(_rounded(asdict(card)))


def drawn(pool: Array, y: Array, most: int) -> Array:
    """At most so many of the samples in `pool`, ascending; of each class its share, at random but always the same."""
    return draw(pool, y, min(most, len(pool)), random_bits(0, "card"), by_class=y.dtype == np.int64)[0]


def prior(y: Array, shares: Array) -> Prior:
    """Of training targets (N,), and of the share of each class among them."""
    if len(shares):
        return Prior(tuple(shares.tolist()), None, None)
    return Prior((), float(y.mean(dtype=np.float64)), float(y.std(dtype=np.float64)))


def inputs(splits: Splits, columns: Spelled, look: Look) -> Inputs:
    """Of the training part."""
    known, told, numbers = splits.description, splits.statistics, columns.is_number
    mean, deviation = columns.by_channel(look.mean, look.variance)
    spreads = deviation[numbers & (deviation > 0)]
    has_any = bool(numbers.any())
    return Inputs(
        features=math.prod(known.shape),
        low=float(told.low.ravel()[numbers].min()) if has_any else None,
        high=float(told.high.ravel()[numbers].max()) if has_any else None,
        mean=float(np.abs(mean[numbers]).max()) if has_any else None,
        least_std=float(spreads.min()) if len(spreads) else None,
        most_std=float(spreads.max()) if len(spreads) else None,
        constant=int((deviation == 0).sum()),
        missing=sum(column.missing > 0 for column in known.columns),
    )


def scored(splits: Splits, columns: Spelled, look: Look, some: Array) -> Scores:
    """Of `some` training samples, and as many of validation; without a validation part a fifth of them is held out."""
    scale = columns.scale(look.mean, look.variance)
    order = np.argsort(-np.round(look.variance / scale**2, DIGITS), kind="stable")
    chosen = np.sort(order[:MOST_COLUMNS])
    fit, part, held_out = some, splits.validation, np.arange(len(splits.validation))
    if len(part):
        held_out = drawn(held_out, part.y, MOST_SAMPLES)
    else:
        part = splits.train
        fit = drawn(some, part.y, len(some) - len(some) // 5)
        held_out = np.setdiff1d(some, fit)

    def samples(x: Array, y: Array) -> Samples:
        return Samples((columns.of(x, chosen) - look.mean[chosen]) / scale[chosen], y)

    near = np.isin(fit, drawn(fit, splits.train.y, LANDMARKS))
    own = samples(splits.train.x[fit], splits.train.y[fit])
    return scores(own, samples(part.x[held_out], part.y[held_out]), len(splits.description.classes), near)


def _rounded(value: Any) -> Any:
    """Numbers to so many digits, so that the last bits of a machine's own way of adding do not show; None for those
    that are not finite."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if not isinstance(value, float):
        return value
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
