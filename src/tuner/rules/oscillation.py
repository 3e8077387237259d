"""Metrics that go up and down from epoch to epoch."""

from __future__ import annotations

from typing import Any

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence


class Oscillation(Rule, name="oscillation"):
    """The metric on training data jumps from epoch to epoch, and does not settle.

    Seen by: changes between neighbouring epochs of the second half, against the trend, that are far larger than what
    so many samples make by chance.
    Change: a third of the learning rate with scheduler cosine; else a larger batch.
    Not when: only validation data jump, of which there are few.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 8.3.1.
    """

    stage = "training"
    order = 25
    title = "training does not settle"
    harm = "Which epoch is the last, and which the best, is decided by accident."
    folds = ("capacity-too-small",)
    proof = "learning-rate"
    chinese = ("震荡", "损失震荡", "训练不稳定")

    swing: float = setting(
        Number(gt=0, lt=1), "of the metric on training data between neighbouring epochs", default=0.03
    )

    def check(self, evidence: Evidence) -> Finding | None:
        swings = evidence.swings(evidence.train)
        if not swings > self.swing:
            return None
        column = f"train_{evidence.metric}"
        words = f"{column} changes by {swings:.3f} from epoch to epoch"
        signals = [evidence.of_epoch(column, place, None) for place in (-2, -1) if evidence.epochs > 1]
        calmer: dict[str, Any] = evidence.lr_times(1 / 3) | {"scheduler": "cosine"}
        larger = {"training.batch_size": min(256, 4 * evidence.batch)}
        tenth = evidence.lr_times(0.1)
        return self.found(
            grade(swings, self.swing, 0.15, 0.55, 0.85), words, signals, calmer, larger | tenth, tenth, larger
        )
