"""Schedulers against formulas written again, at every step, with warm-up and at the borders of epochs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.choice import InvalidError
from tuner.config.checks import contradictions
from tuner.config.settings import Config, Training
from tuner.options.optimizers.of_torch import SGD
from tuner.options.schedulers import (
    Cosine,
    CosineLog,
    Exponential,
    InverseTime,
    LinearDecay,
    MultiStep,
    NoSchedule,
    OneCycle,
    Plateau,
    Scheduler,
    Step,
    learning_rate,
)

LR, PER_EPOCH, EPOCHS = 0.4, 7, 12


def cycle(p: float) -> float:
    low, end = LR / 10, LR / 10 / 100
    if p < 0.25:
        return low + (LR - low) * 0.5 * (1 - math.cos(math.pi * p / 0.25))
    return end + (LR - end) * 0.5 * (1 + math.cos(math.pi * (p - 0.25) / 0.75))


class Place(NamedTuple):
    """A moment after the warm-up: whole epochs, epochs in fractions, share of the schedule."""

    whole: int
    epochs: float
    share: float


FORMULAS: list[tuple[Scheduler, Callable[[Place], float]]] = [
    (NoSchedule(), lambda _: LR),
    (Step(), lambda at: LR * 0.1 ** (at.whole // 10)),
    (Step(step_size=3, gamma=0.5), lambda at: LR * 0.5 ** (at.whole // 3)),
    (MultiStep(), lambda at: LR * 0.1 ** ((at.whole >= 10) + (at.whole >= 15))),
    (
        MultiStep(milestones=[1, 4, 5], gamma=0.2),
        lambda at: LR * (1 if at.whole < 1 else 0.2 if at.whole < 4 else 0.04 if at.whole < 5 else 0.008),
    ),
    (Exponential(), lambda at: LR * math.exp(math.log(0.95) * at.epochs)),
    (Exponential(gamma=0.7), lambda at: LR * math.exp(math.log(0.7) * at.epochs)),
    (InverseTime(decay=0.6), lambda at: LR / (1 + 0.6 * at.epochs)),
    (Cosine(), lambda at: LR * math.cos(math.pi * at.share / 2) ** 2),
    (Cosine(min_lr=0.1), lambda at: 0.1 + 0.3 * math.cos(math.pi * at.share / 2) ** 2),
    (CosineLog(), lambda at: LR * math.sin(math.pi * math.log(1 + 15 * at.share, 2)) ** 2),
    (CosineLog(min_lr=0.1), lambda at: 0.1 + 0.3 * math.sin(math.pi * math.log(1 + 15 * at.share, 2)) ** 2),
    (LinearDecay(), lambda at: LR * (1 - at.share)),
    (LinearDecay(end_lr=0.1), lambda at: LR * (1 - at.share) + 0.1 * at.share),
    (OneCycle(rise=0.25, initial_division=10, final_division=100), lambda at: cycle(at.share)),
]


@pytest.mark.parametrize("warmup", [0, 1, 3])
@pytest.mark.parametrize(("scheduler", "formula"), FORMULAS, ids=[repr(scheduler) for scheduler, _ in FORMULAS])
def test_every_step_follows_the_formula(scheduler: Scheduler, formula: Callable[[Place], float], warmup: int) -> None:
    if warmup and isinstance(scheduler, OneCycle):
        with pytest.raises(InvalidError, match="its rise is one"):
            OneCycle(warmup_epochs=warmup)
        return
    scheduler = type(scheduler)(**{**vars(scheduler), "warmup_epochs": warmup})
    for step in range(PER_EPOCH * EPOCHS):
        after = step - PER_EPOCH * warmup
        if after < 0:
            expected = LR * (step + 1) / (PER_EPOCH * warmup)
        else:
            expected = formula(Place(after // PER_EPOCH, after / PER_EPOCH, after / (PER_EPOCH * (EPOCHS - warmup))))
        assert learning_rate(scheduler, LR, step, PER_EPOCH, EPOCHS) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("warmup", "steps"), [(0.5, 4), (1 / 7, 1), (0.1, 1), (1.5, 11), (0.001, 1)])
def test_warm_up_may_end_within_an_epoch(warmup: float, steps: int) -> None:
    rates = [learning_rate(NoSchedule(warmup_epochs=warmup), LR, step, PER_EPOCH, EPOCHS) for step in range(steps + 2)]
    assert rates == pytest.approx([LR * (step + 1) / steps for step in range(steps)] + [LR, LR])
    assert rates[steps - 1] == LR


def test_a_warm_up_of_whole_steps_is_not_rounded_up() -> None:
    assert learning_rate(NoSchedule(warmup_epochs=0.07), LR, 6, 100, EPOCHS) == LR  # 0.07 * 100 is 7.000000000000001
    assert learning_rate(NoSchedule(warmup_epochs=0.07), LR, 5, 100, EPOCHS) < LR


def test_falls_come_at_the_borders_of_the_runs_epochs() -> None:
    falling = Step(step_size=1, gamma=0.5, warmup_epochs=0.5)
    rates = [learning_rate(falling, LR, step, PER_EPOCH, EPOCHS) for step in range(4, PER_EPOCH * 4)]
    # warm-up ends inside epoch 0; whole epochs are counted from the first border, after step 6
    assert rates == [LR] * 3 + [LR] * 7 + [LR / 2] * 7 + [LR / 4] * 7


def test_a_warm_up_as_long_as_the_run_is_all_there_is() -> None:
    for warmup in (EPOCHS, EPOCHS + 5):
        cosine = Cosine(warmup_epochs=warmup)
        last = learning_rate(cosine, LR, PER_EPOCH * EPOCHS - 1, PER_EPOCH, EPOCHS)
        assert last == pytest.approx(LR * EPOCHS / warmup)


def test_one_cycle_peaks_at_the_optimizers_rate() -> None:
    rates = [learning_rate(OneCycle(), LR, step, 100, 10) for step in range(1000)]
    assert rates[0] == pytest.approx(LR / 25)
    assert max(rates) == pytest.approx(LR)
    assert rates.index(max(rates)) == 300
    assert rates[-1] == pytest.approx(LR / 25e4, rel=2)
    assert learning_rate(OneCycle(), LR, 1000, 100, 10) == pytest.approx(LR / 25e4)


@pytest.mark.parametrize("lowest", [0.0, 0.1])
def test_cosine_log_makes_four_waves_that_each_last_twice_as_long(lowest: float) -> None:
    waves = CosineLog(min_lr=lowest)
    rates = [learning_rate(waves, LR, step, 150, 10) for step in range(1501)]  # of 1,500 steps: 100, 200, 400 and 800
    assert [rates[step] for step in (0, 100, 300, 700, 1500)] == pytest.approx([lowest] * 5, abs=1e-12)
    assert all(lowest - 1e-12 <= rate <= LR for rate in rates)
    turns = [step for step in range(1, 1500) if (rates[step] - rates[step - 1]) * (rates[step + 1] - rates[step]) < 0]
    peaks = [1500 * (2 ** (wave + 0.5) - 1) / 15 for wave in range(4)]
    assert turns == [round(step) for step in (peaks[0], 100, peaks[1], 300, peaks[2], 700, peaks[3])]
    assert [rates[step] for step in turns[::2]] == pytest.approx([LR] * 4, rel=1e-3)


@pytest.mark.parametrize("milestones", [[3, 3], [5, 2], [0, 2], []])
def test_milestones_ascend(milestones: list[int]) -> None:
    with pytest.raises(InvalidError):
        MultiStep(milestones=milestones)


def lowered(plateau: Plateau, history: list[float]) -> list[int]:
    """The epochs from whose first step on the rate is lower than in the epoch before."""
    rates = [
        learning_rate(plateau, LR, epoch * PER_EPOCH, PER_EPOCH, 100, history[:epoch])
        for epoch in range(len(history) + 1)
    ]
    return [epoch for epoch in range(1, len(rates)) if rates[epoch] < rates[epoch - 1]]


@pytest.mark.parametrize(
    ("plateau", "history", "falls"),
    [
        (Plateau(patience=2), [5, 4, 3, 2, 1], []),
        (Plateau(patience=2), [math.inf] * 6, []),  # never finite: nothing was there to be worse than
        (Plateau(patience=2), [math.inf, math.inf, math.inf, 5, 6, math.inf, 6], [6]),
        (Plateau(patience=2), [5, 4, 4, 4, 4, 4, 4], [4, 6]),
        (Plateau(patience=2), [5, 6, 4, 6, 3, 6, 6], [7]),
        (Plateau(patience=1), [5, 5, 5, 5], [2, 3, 4]),
        (Plateau(patience=3), [1, 2, 2], []),
        (Plateau(patience=2, cooldown=2), [5, 5, 5, 5, 5, 5, 5, 5], [3, 7]),
        (Plateau(patience=2, threshold=0.5), [5.0, 4.6, 4.4, 4.0, 3.95], [5]),
        (Plateau(patience=2, threshold=0), [5.0, 4.9999, 4.9998, 4.9997], []),
        (Plateau(patience=2), [5.0, 4.99999, 4.99998], [3]),
        (Plateau(patience=2), [-0.5, -0.7, -0.7, -0.69, -0.9], [4]),
        (Plateau(patience=2), [1, math.nan, math.nan, 0.5], [3]),
    ],
)
def test_plateau_waits_for_patience_epochs(plateau: Plateau, history: list[float], falls: list[int]) -> None:
    assert lowered(plateau, history) == falls


def test_plateau_falls_by_its_factor_and_stops_at_its_floor() -> None:
    plateau = Plateau(patience=1, factor=0.5, min_lr=0.09)
    rates = [learning_rate(plateau, LR, epoch * 3, 3, 50, [1.0] * epoch) for epoch in range(6)]
    assert rates == pytest.approx([0.4, 0.4, 0.2, 0.1, 0.09, 0.09])
    assert learning_rate(Plateau(min_lr=1.0), LR, 0, 3, 50) == LR


def test_plateau_neither_counts_the_warm_up_nor_knows_the_future() -> None:
    history = [0.1, 9.0, 8.0, 8.0, 8.0, 1.0]
    plateau = Plateau(patience=2, warmup_epochs=1)
    rates = [learning_rate(plateau, LR, step, 3, 50, history) for step in range(18)]
    assert rates[3:15] == [LR] * 12
    assert rates[15:] == pytest.approx([LR / 10] * 3)
    seen = [learning_rate(plateau, LR, step, 3, 50, history[: step // 3]) for step in range(18)]
    assert seen == rates


def settings_of(member: type[Scheduler]) -> st.SearchStrategy[dict[str, Any]]:
    """Settings as their bounds allow them, at their ends, too; what the checks refuse is among them."""
    share, large = st.floats(0, 1), st.one_of(st.floats(1, 1e6), st.just(1.0))
    values: dict[str, st.SearchStrategy[Any]] = {
        "warmup_epochs": st.one_of(st.just(0.0), st.floats(0, EPOCHS + 2)),
        "milestones": st.lists(st.integers(1, EPOCHS + 2), min_size=1, max_size=4),
        "decay": st.floats(0, 1e6),
        **dict.fromkeys(("min_lr", "end_lr"), st.one_of(share, st.just(LR))),
        **dict.fromkeys(("gamma", "factor", "rise", "threshold"), share),
        **dict.fromkeys(("initial_division", "final_division"), large),
        **dict.fromkeys(("step_size", "patience"), st.integers(1, EPOCHS + 2)),
        "cooldown": st.integers(0, 3),
    }
    return st.fixed_dictionaries({}, optional={key: values[key] for key in member.fields})


def accepted(member: type[Scheduler], given: dict[str, Any]) -> Scheduler | None:
    """The scheduler of a config with these settings under lr LR; None where it is refused."""
    try:
        scheduler = member(**given)
    except InvalidError:
        return None
    optimizer, training = SGD(lr=LR), Training(epochs=EPOCHS)
    config = Config(scheduler=scheduler, optimizer=optimizer, training=training)
    return None if list(contradictions(config, set())) else scheduler


HISTORIES = st.lists(st.one_of(st.floats(-3, 3), st.just(math.inf)), min_size=EPOCHS, max_size=EPOCHS)


FALLING = [member for member in Scheduler.members.values() if member is not CosineLog]


@pytest.mark.parametrize("member", FALLING, ids=lambda member: member.name)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_is_accepted_rises_first_and_then_falls(member: type[Scheduler], data: st.DataObject) -> None:
    """No schedule ends above lr, and after its warm-up (one_cycle: its rise) none goes up again."""
    scheduler, history = accepted(member, data.draw(settings_of(member))), data.draw(HISTORIES)
    if scheduler is None:
        return
    rates = [
        learning_rate(scheduler, LR, step, PER_EPOCH, EPOCHS, history[: step // PER_EPOCH])
        for step in range(PER_EPOCH * EPOCHS)
    ]
    assert all(0 <= rate <= LR * (1 + 1e-12) for rate in rates)
    moves = list(itertools.pairwise(rates))
    rise = getattr(scheduler, "rise", 0) * PER_EPOCH * EPOCHS if isinstance(scheduler, OneCycle) else 0
    rising = math.ceil(scheduler.warmup_epochs * PER_EPOCH + rise)
    assert all(after >= before * (1 - 1e-12) for before, after in moves[: max(0, rising - 2)])
    assert all(after <= before * (1 + 1e-12) for before, after in moves[rising:])


WARMED = [member for member in Scheduler.members.values() if member is not OneCycle]


@pytest.mark.parametrize("member", WARMED, ids=lambda member: member.name)
class TestWarmUp:
    def test_warm_up_comes_first_and_ends_at_the_rate(self, member: type[Scheduler]) -> None:
        rates = [learning_rate(member(warmup_epochs=2), LR, step, PER_EPOCH, EPOCHS) for step in range(14)]
        assert rates == pytest.approx([LR * (step + 1) / 14 for step in range(14)])

    def test_after_the_warm_up_it_is_the_schedule_of_a_shorter_run(self, member: type[Scheduler]) -> None:
        history = [3.0, 2.0, *[1.0] * EPOCHS]
        for step in range(PER_EPOCH * (EPOCHS - 2)):
            late = learning_rate(member(warmup_epochs=2), LR, step + 14, PER_EPOCH, EPOCHS, history)
            assert late == pytest.approx(learning_rate(member(), LR, step, PER_EPOCH, EPOCHS - 2, history[2:]))


@pytest.mark.parametrize("member", Scheduler.members.values(), ids=lambda member: member.name)
class TestEveryScheduler:
    def test_rates_are_positive_finite_and_at_most_the_optimizers(self, member: type[Scheduler]) -> None:
        for step in range(PER_EPOCH * EPOCHS):
            rate = learning_rate(member(), LR, step, PER_EPOCH, EPOCHS, [1.0] * (step // PER_EPOCH))
            assert isinstance(rate, float)
            assert 0 <= rate <= LR * (1 + 1e-12)
            assert rate > 0 or member is CosineLog

    def test_scales_with_the_rate(self, member: type[Scheduler]) -> None:
        for step in range(0, PER_EPOCH * EPOCHS, 5):
            one, two = (learning_rate(member(), lr, step, PER_EPOCH, EPOCHS) for lr in (0.1, 0.2))
            assert two == pytest.approx(2 * one)

    def test_a_run_of_one_step_has_a_rate(self, member: type[Scheduler]) -> None:
        begins_low = {"min_lr": 0.1} if member is CosineLog else {}
        assert 0 < learning_rate(member(**begins_low), LR, 0, 1, 1) <= LR
