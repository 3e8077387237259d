"""What a card tells of data, against formulas of another kind."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from tuner.data.card.equal import equal, hashes
from tuner.data.card.facts import Card, Equal, Given, card_of
from tuner.data.card.making import make
from tuner.data.card.scores import STRENGTHS, discriminant, distances, nearness, r2, ridge
from tuner.data.card.spelled import spelled
from tuner.data.columns import Column
from tuner.data.encoding import encode, fitted
from tuner.data.source import Array, Description
from tuner.data.splits import Part, Splits
from tuner.data.statistics import measure, of_each_byte

RNG = np.random.default_rng(3)


def splits_of(x: Array, y: Array, held: int = 0, tested: int = 0, columns: tuple[Column, ...] = ()) -> Splits:
    """The last `tested` samples are the test part, the `held` ones before them validation. Rows with `columns` are as
    stored, the others as the network is given them."""
    cuts = len(x) - held - tested, len(x) - tested
    if columns:
        columns = fitted(columns, x[: cuts[0]])
        x = encode(columns, x)
    if np.issubdtype(y.dtype, np.integer):
        y, target, classes = y.astype(np.int64), "class", tuple(map(str, range(int(y.max()) + 1)))
    else:
        y, target, classes = y.astype(np.float32), "number", ()
    known = Description(x.shape[1:], target, classes, cuts[1], tested, columns)  # type: ignore[arg-type]
    train, validation, test = (Part(*each) for each in zip(np.split(x, cuts), np.split(y, cuts), strict=True))
    statistics = measure(train.x, "none", known.features)
    return Splits(known, train, validation, test, np.arange(len(train)), statistics, 0.0, 1.0, "f")


def numbers(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def pictures(count: int, *shape: int) -> Array:
    return RNG.integers(0, 256, (count, *shape), dtype=np.uint8)


# ---- models ----------------------------------------------------------------------------------------------------------


def solved(x: Array, y: Array, strength: float) -> tuple[Array, Array]:
    """Slopes and offset of a ridge regression, by the normal equations."""
    centred = x - x.mean(axis=0)
    slopes = np.linalg.solve(centred.T @ centred + strength * np.eye(x.shape[1]), centred.T @ (y - y.mean(axis=0)))
    return slopes, y.mean(axis=0) - x.mean(axis=0) @ slopes


@pytest.mark.parametrize(("samples", "columns"), [(15, 3), (9, 14)])
@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_ridge_is_the_best_when_each_sample_is_left_out_in_turn(samples: int, columns: int, noise: float) -> None:
    x, others = RNG.normal(size=(samples, columns)), RNG.normal(size=(5, columns))
    y = x[:, :1] * [1.0, -2.0] + noise * RNG.normal(size=(samples, 2))
    errors = {}
    for strength in STRENGTHS * ((x - x.mean(axis=0)) ** 2).sum():
        errors[strength] = 0.0
        for left in range(samples):
            # Leaving one out of a centred problem: the others are centred by all, as the intercept's own weight is.
            kept = np.arange(samples) != left
            penalty = np.diag([0.0] + [strength] * columns)
            wide = np.column_stack([np.ones(samples), x])
            found = np.linalg.solve(wide[kept].T @ wide[kept] + penalty, wide[kept].T @ y[kept])
            errors[strength] += float(((y[left] - wide[left] @ found) ** 2).sum())
    slopes, offset = solved(x, y, min(errors, key=errors.__getitem__))
    own, told = ridge(x, others, y)
    np.testing.assert_allclose(own, x @ slopes + offset, atol=1e-9)
    np.testing.assert_allclose(told, others @ slopes + offset, atol=1e-9)


def test_with_all_samples_for_landmarks_the_functions_products_are_the_kernel() -> None:
    x = RNG.normal(size=(30, 4))
    apart = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances(x, x), apart, atol=1e-12)
    functions = nearness(x)(x)
    width = np.median(np.sqrt(apart[apart > 0]))
    np.testing.assert_allclose(functions @ functions.T, np.exp(-apart / (2 * width**2)), atol=1e-2)


def test_the_class_in_the_middle_of_a_row_is_found() -> None:
    x = np.repeat([0.0, 1.0, 2.0], 20)[:, None] + 0.05 * RNG.normal(size=(60, 1))
    y = np.repeat([0, 1, 2], 20)
    answers = ridge(x, x, np.eye(4)[y])
    assert (answers[0].argmax(axis=1) == y).mean() < 0.7, "the largest answer alone"
    fits = discriminant(answers, y, 4)
    assert (fits[0].argmax(axis=1) == y).all() and (fits[1] == fits[0]).all()


def test_scores_are_what_closed_forms_get() -> None:
    x = numbers(300, 4)
    y = x @ [1.0, 2.0, 0.0, -1.0] + 0.3 * numbers(300)
    splits = splits_of(x, y, held=100)
    scores = make(splits).scores
    wide = np.column_stack([np.ones(300), x])
    least = np.linalg.lstsq(wide[:200], splits.train.y, rcond=None)[0]
    assert scores.metric == "r2" and scores.samples == 200
    assert scores.linear.train == pytest.approx(r2(wide[:200] @ least[:, None], splits.train.y), abs=1e-4)
    assert scores.linear.validation == pytest.approx(r2(wide[200:] @ least[:, None], splits.validation.y), abs=1e-3)
    away = splits.validation.y.mean() - splits.train.y.mean()
    assert scores.chance.train == 0.0
    assert scores.chance.validation == pytest.approx(-((away / splits.validation.y.std()) ** 2), abs=1e-5)


def test_a_kernel_gets_what_no_line_gets() -> None:
    x = RNG.uniform(-1, 1, (600, 2)).astype(np.float32)
    scores = make(splits_of(x, (x[:, 0] * x[:, 1] > 0).astype(int), held=200)).scores
    assert scores.linear.validation is not None and scores.linear.validation < 0.65
    assert scores.kernel.validation is not None and scores.kernel.validation > 0.93
    assert scores.chance.train == pytest.approx(0.5, abs=0.1)


def test_without_validation_a_fifth_of_the_samples_is_held_out() -> None:
    scores = make(splits_of(numbers(100, 3), np.arange(100) % 2)).scores
    assert scores.samples == 80 and scores.kernel.validation is not None


def test_codes_are_categories() -> None:
    """Each code has an effect that its number does not tell; an embedding changes nothing but the form of the input."""
    rows = np.column_stack([RNG.integers(0, 6, 400), RNG.normal(size=400)]).astype(np.float32)
    y = np.array([3.0, -1.0, 2.0, -3.0, 1.0, 0.0])[rows[:, 0].astype(int)] + 0.1 * rows[:, 1]
    category = Column("colour", "category", tuple("abcdef"))
    cards = [make(splits_of(rows, y, 80, 80, (replace(category, embedding=size), Column("size")))) for size in (0, 3)]
    for card in cards:
        assert card.scores.linear.validation == pytest.approx(1, abs=1e-4)
    assert cards[0].shift == cards[1].shift
    assert cards[0].inputs == replace(cards[1].inputs, features=7)


# ---- inputs, prior, shift --------------------------------------------------------------------------------------------


def test_prior_and_inputs_of_a_table() -> None:
    rows = np.array([[1, 5, 0], [3, 5, 1], [np.nan, 5, 0], [8, 5, 1]], dtype=np.float32)
    columns = (Column("a", missing=1), Column("b"), Column("c", "boolean", ("no", "yes")))
    card = make(splits_of(rows, np.array([0, 1, 1, 1]), columns=columns))
    assert card.prior.shares == (0.25, 0.75) and card.prior.mean is None
    inputs = card.inputs
    assert (inputs.features, inputs.low, inputs.high, inputs.mean) == (4, 1, 8, 5)
    assert inputs.least_std == inputs.most_std == pytest.approx(np.std([1, 3, 3, 8]), rel=1e-5)
    assert (inputs.constant, inputs.missing) == (1, 1)


def test_inputs_of_pictures_are_by_channel() -> None:
    x = pictures(50, 2, 5, 4)
    x[:, 1] = 7
    inputs = make(splits_of(x, np.arange(50) % 2)).inputs
    assert (inputs.features, inputs.low, inputs.constant) == (40, x.min(), 1)
    assert inputs.mean == pytest.approx(x[:, 0].mean(), rel=1e-5)
    assert inputs.least_std == inputs.most_std == pytest.approx(x[:, 0].std(), rel=1e-5)


def test_prior_of_numbers() -> None:
    prior = make(splits_of(numbers(4, 2), np.array([1.0, 2.0, 3.0, 6.0]))).prior
    assert prior.shares == () and prior.mean == 3 and prior.std == pytest.approx(math.sqrt(3.5), rel=1e-5)


def test_the_shift_of_a_column_is_told_with_its_size() -> None:
    rows = numbers(1000, 5) * np.float32(7)
    rows[800:, 3] += 14
    shift = make(splits_of(rows, np.arange(1000) % 2, 100, 100, tuple(map(Column, "abcde")))).shift
    for name, part in (("validation", rows[800:900, 3]), ("test", rows[900:, 3])):
        both, away = np.concatenate([rows[:800, 3], part]), part.mean() - rows[:800, 3].mean()
        told = shift[name]
        assert told.column == "d" and told.brightness is None
        assert told.difference == pytest.approx(away / both.std(), rel=1e-4)
        assert told.z == pytest.approx(away / both.std() / math.sqrt(1 / 100 + 1 / 800), rel=1e-4)
        assert told.chance == pytest.approx(math.sqrt(2 * math.log(10)), rel=1e-5)
        assert told.classes == 0


def test_what_is_drawn_alike_differs_by_about_chance() -> None:
    ratios = []
    for _ in range(20):
        told = make(splits_of(numbers(300, 30), np.arange(300) % 2, 100)).shift["validation"]
        assert told.z is not None and told.chance is not None
        ratios.append(told.z / told.chance)
    assert 0.6 < np.mean(ratios) < 1.05 and max(ratios) < 1.5


def test_brighter_pictures_and_other_shares_are_told() -> None:
    x = pictures(300, 1, 6, 5) // 2
    x[:, :, 0] = 0  # a flat border tells nothing, though one pixel of it is not 0
    x[250, 0, 0, 0] = 1
    x[200:] += 20
    y = np.concatenate([np.arange(200) % 2, np.ones(100, int)])
    told = make(splits_of(x, y, held=100)).shift["validation"]
    bright = x.reshape(300, -1).mean(axis=1)
    assert told.brightness == pytest.approx((bright[200:].mean() - bright[:200].mean()) / bright.std(), rel=1e-4)
    assert told.classes == 0.5 and told.column is not None and len(told.column.split(",")) == 3
    wide = make(splits_of(np.concatenate([numbers(500, 3), 2 * numbers(500, 3)]), np.arange(1000) % 2, 500))
    assert wide.shift["validation"].spread == pytest.approx(2, rel=0.1)


def test_a_column_that_is_constant_in_training_shifts_too() -> None:
    rows = numbers(200, 2)
    rows[:150, 1] = 2020
    rows[150:, 1] = 2021
    told = make(splits_of(rows, np.arange(200) % 2, 50)).shift["validation"]
    assert told.column == "1" and told.difference == pytest.approx(1 / math.sqrt(0.25 * 0.75), rel=1e-5)


@pytest.mark.parametrize("samples", [1, 255, 700])
def test_moments_of_bytes_are_exact(samples: int) -> None:
    x = pictures(samples, 30) | 128
    x[:, :3] = 255, 0, 1
    mean, deviation = of_each_byte(x)
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(deviation, x.std(axis=0), rtol=1e-9, atol=1e-12)


# ---- equal samples, a column that tells ------------------------------------------------------------------------------


def test_equal_samples_are_counted() -> None:
    x = numbers(100, 3)
    x[[10, 11]] = x[1]
    x[20] = x[2]
    x[60:63] = x[5]  # validation
    x[90] = x[91] = x[1]  # test
    x[3, 0], x[92] = 0.0, x[3]
    x[92] = x[3]
    x[92, 0] = -0.0
    y = np.zeros(100)
    y[10], y[1], y[11] = 1, 0, 1
    for target in (y, y.astype(int)):
        assert make(splits_of(x, target, 30, 20)).equal == Equal(train=3, validation=3, test=3, conflicting=3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("width", [7, 8, 9, 300])
def test_samples_that_differ_in_little_are_not_equal(dtype: Any, width: int) -> None:
    """One number of one value at each place, each power of two at the same place, neighbours changing places."""
    rows = [np.eye(width), np.diag(np.full(width, 128.0)), *(2.0**power * np.eye(width)[:1] for power in range(8))]
    rows += [np.roll(np.arange(width), step)[None] % 200 for step in range(1, width)]
    x = np.unique(np.concatenate(rows).astype(dtype), axis=0)
    assert len(np.unique(hashes(x))) == len(x) >= 2 * width
    assert (hashes(x[::-1])[::-1] == hashes(x)).all()
    assert equal(x, np.zeros(len(x)), x[:0], x[:3]) == Equal(0, 0, 3, 0)


Y = np.arange(300) % 3


@pytest.mark.parametrize(
    ("values", "columns", "y", "found"),
    [
        (Y * 10.0, (Column("z"),), Y, "z"),
        ((Y == 0) * 1.0, (Column("z", "boolean", ("no", "yes")),), (Y == 0).astype(int), "z"),
        ((Y * 2) % 3 * 1.0, (Column("z", "category", ("p", "q", "r")),), Y, "z"),
        (RNG.normal(size=300) + 100 * Y, (), Y, "1"),
        (2 - 3.0 * np.arange(300), (Column("z"),), np.arange(300.0), "z"),
        (RNG.normal(size=300), (Column("z"),), Y, None),
        (RNG.normal(size=300) + Y, (Column("z"),), Y, None),
        (np.arange(300) + 9 * RNG.normal(size=300), (Column("z"),), np.arange(300.0), None),
        ((np.arange(300) < 5) * 1.0, (Column("z"),), (np.arange(300) < 5).astype(int), None),  # rare: says little
    ],
)
def test_a_column_that_gives_the_target_away(values: Array, columns: Any, y: Array, found: str | None) -> None:
    rows = np.column_stack([RNG.normal(size=300), values]).astype(np.float32)
    card = make(splits_of(rows, y, columns=(Column("noise"), *columns) if columns else ()))
    assert (card.gives_away and card.gives_away.column) == found
    assert card.gives_away is None or 0.99 <= card.gives_away.score <= 1


def test_one_of_very_many_columns_is_found() -> None:
    rows = numbers(200, 500)
    rows[:, 321] = Y[:200] + 0.01 * numbers(200)
    assert make(splits_of(rows, Y[:200])).gives_away == Given("321", 1.0)


# ---- any data --------------------------------------------------------------------------------------------------------


def extremes(rows: int) -> Array:
    return np.column_stack([np.full(rows, 3e38), -3e38 * (np.arange(rows) % 2), 1e-38 * np.arange(rows)])


ODD: dict[str, tuple[Any, ...]] = {
    "one feature": (numbers(40, 1), Y[:40], 10),
    "all constant": (np.full((40, 3), 0.1, np.float32), Y[:40], 10, 10),
    "all constant, numbers": (np.full((40, 3), 0.1, np.float32), np.full(40, 0.1), 10),
    "two samples": (numbers(2, 3), np.array([0, 1])),
    "one sample": (numbers(1, 3), np.array([0])),
    "one number": (numbers(1, 3), np.array([0.5])),
    "ten samples": (numbers(10, 3), Y[:10], 3, 3),
    "a class that validation lacks": (numbers(40, 3), np.sort(Y[:40])[::-1].copy(), 10, 10),
    "as many classes as samples": (numbers(25, 3), np.arange(25)),
    "extremes": (extremes(40).astype(np.float32), Y[:40], 10, 10),
    "extreme numbers": (numbers(40, 2), np.linspace(-3e38, 3e38, 40), 10),
    "black pictures": (np.zeros((40, 1, 4, 4), np.uint8), Y[:40], 10),
    "pictures of one pixel": (pictures(40, 3, 1, 1), Y[:40], 10, 0),
    "pictures of numbers": (numbers(40, 2, 5, 3), Y[:40], 10),
    "sequences": (numbers(40, 6, 2), Y[:40] * 1.0, 10),
    "more columns than samples": (numbers(30, 700), Y[:30], 5),
    "nothing but codes": (
        np.repeat(np.arange(4.0, dtype=np.float32), 10)[:, None],
        Y[:40],
        10,
        0,
        (Column("c", "category", tuple("abcd"), missing=1, embedding=2),),
    ),
    "a column without a value in training": (
        np.column_stack([np.repeat([np.nan, 3], [30, 10]), np.arange(40)]).astype(np.float32),
        Y[:40],
        10,
        0,
        (Column("a", missing=30), Column("b")),
    ),
    "dates and gaps": (
        np.where(RNG.random((60, 3)) < 0.3, np.nan, RNG.integers(0, 2, (60, 3))).astype(np.float32),
        Y[:60],
        10,
        10,
        (
            Column("d", "date", missing=1, form="%Y-%m-%d"),
            Column("b", "boolean", ("no", "yes"), missing=1),
            Column("c", "category", ("p", "q"), missing=1),
        ),
    ),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.filterwarnings("error")
def test_any_data_has_a_card_that_json_holds(name: str) -> None:
    splits = splits_of(*ODD[name])
    card = make(splits)
    told = asdict(card)
    assert card_of(json.loads(json.dumps(told, allow_nan=False))) == card == make(splits)
    assert set(card.shift) == {part for part in ("validation", "test") if len(getattr(splits, part))}
    shares = [score for model in ("chance", "linear", "kernel") for score in told["scores"][model].values()]
    assert splits.description.classes == () or all(score is None or 0 <= score <= 1 for score in shares)
    assert len(splits.train) < 3 or splits.description.classes == () or None not in shares


def test_the_columns_of_codes() -> None:
    column = Column("c", "category", ("a", "b"), missing=1, embedding=2)
    columns = spelled(Description((2,), "number", (), 4, 0, (column, Column("x"))))
    x = np.array([[1, 5], [2, 6], [3, 7], [1, 8]], dtype=np.float32)
    assert [columns.name(index) for index in range(5)] == ["c = not seen", "c = a", "c = b", "c = missing", "x"]
    table = columns.of(x, np.arange(5))
    np.testing.assert_array_equal(table, [[0, 1, 0, 0, 5], [0, 0, 1, 0, 6], [0, 0, 0, 1, 7], [0, 1, 0, 0, 8]])
    mean, variance = columns.moments(x)
    np.testing.assert_allclose(mean, table.mean(axis=0))
    np.testing.assert_allclose(variance, table.var(axis=0))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.pop("equal"),
        lambda told: told.update(prior=None),
        lambda told: told["prior"].update(shares=["a"]),
        lambda told: told["scores"].update(metric="loss"),
        lambda told: told["scores"].update(linear=None),
        lambda told: told["equal"].update(train=True),
        lambda told: told["inputs"].update(low="0"),
        lambda told: told.update(shift=[]),
        lambda told: told.update(gives_away={"column": 3, "score": 1.0}),
    ],
)
def test_what_is_no_card_is_refused(change: Any) -> None:
    told = asdict(make(splits_of(numbers(40, 2), Y[:40], 10)))
    assert isinstance(card_of({**told, "more": 1}), Card)
    change(told)
    with pytest.raises((KeyError, TypeError, ValueError)):
        card_of(told)
