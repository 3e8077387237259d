"""What a run measures of itself: the row of an epoch, what happens in its layers, the test part."""

from __future__ import annotations

import math

from tuner.layer_stats import Movement, measure, probe_of
from tuner.loop import NonFinite, evaluate
from tuner.options.metrics import Column
from tuner.runs.files import LayerRow, Row
from tuner.train.prepare import Setup


def columns(setup: Setup) -> tuple[str, ...]:
    """The columns of metrics.csv."""
    measured = [str(Column(part, metric.name)) for part in setup.evaluated for metric in setup.measure.metrics]
    return ("epoch", "step", "lr", "batch_loss", *measured, "grad_norm")


def epoch_row(setup: Setup, monitored: tuple[float, ...]) -> Row:
    """The row of metrics.csv for the epoch that was just trained; `monitored` are the epochs before, as `train_epoch`
    was given them. Raises NonFinite when the weights are spoilt."""
    state, task = setup.state, setup.task
    loss_sum, norm_sum = state.sums.tolist()
    rate = task.lr_of(state.step - 1, monitored)
    row: Row = {"epoch": state.epoch, "step": state.step, "lr": rate, "batch_loss": loss_sum / len(task.train)}
    for part, samples in setup.evaluated.items():
        found = evaluate(state.network, samples, setup.measure, task.normalizer)
        row |= {str(Column(part, name)): value for name, value in found.items()}
    row["grad_norm"] = norm_sum / len(task.batches)
    if not state.finite() or not math.isfinite(row["train_loss"] or 0):
        raise NonFinite
    return row


def layer_rows(setup: Setup, epoch: int, movement: Movement) -> list[LayerRow]:
    """What happens inside the network after this epoch, a row a layer."""
    probe = probe_of(setup.evaluated["train"], setup.task.normalizer)
    return measure(setup.state.network, probe, setup.task.objective, epoch, setup.state.step, movement)


def test_metrics(setup: Setup) -> dict[str, float] | None:
    """The metrics of the test part, which is looked at once."""
    if setup.test is None:
        return None
    return evaluate(setup.state.network, setup.test, setup.measure, setup.normalizer)
