"""Inputs whose numbers are far from 1."""

from __future__ import annotations

from typing import Any

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import CARD


class InputScale(Rule, name="input-scale"):
    """The inputs come in as they are stored, and their numbers are far from 1, or far from each other.

    Seen by: data.normalize none, and a largest number, or columns that spread far more than others, for which the first
    layer's weights were not made; or a target far from 1 under data.standardize_target false.
    Change: data.normalize standard, and no more than the usual learning rate; data.standardize_target true.
    Not when: the first layer has batch norm, which scales by itself, or the numbers lie about in -1 to 1 already.
    Source: LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", section 4.3.
    """

    stage = "training"
    order = 4
    title = "inputs are not normalised"
    harm = (
        "Large inputs make steps that are too long for their weights, small ones steps that are too short; no single "
        "learning rate fits both."
    )
    folds = (
        "learning-rate-too-high", "learning-rate-too-low", "saturated-units", "dead-units", "exploding-gradient",
        "vanishing-gradient", "init-scale", "too-few-epochs", "invalid-run", "optimizer-mismatch", "oscillation",
        "capacity-too-small", "overfitting", "batch-too-large", "over-regularised", "missing-batch-norm",
        "needs-early-stopping",
    )  # fmt: skip
    proof = "normalisation"
    chinese = ("数据未归一化", "输入缩放", "数据预处理")

    largest: float = setting(Number(gt=1), "a size of the inputs from which on they are too large", default=8.0)
    smallest: float = setting(Number(gt=0, lt=1), "a size below which they are too small", default=0.12)
    uneven: float = setting(
        Number(gt=1), "how many times the spread of one column may be that of another", default=100.0
    )

    def far_target(self, evidence: Evidence) -> Finding | None:
        """A target whose numbers are far from 1, and are not standardised."""
        card = evidence.card
        if card is None or card.prior.mean is None or getattr(evidence.config.data, "standardize_target", True):
            return None
        size = max(abs(card.prior.mean), card.prior.std or 0.0)
        if size < self.largest:
            return None
        words = f"the target's numbers are as large as {size:.3g}, and are not standardised"
        signals = [Signal("size of the target", size, self.largest, CARD)]
        signals.append(evidence.of_setting("data.standardize_target", "true"))
        return self.found(grade(size, self.largest, 100), words, signals, {"data.standardize_target": True})

    def check(self, evidence: Evidence) -> Finding | None:
        card = evidence.card
        if (far := self.far_target(evidence)) is not None:
            return far
        if evidence.config.data.normalize != "none" or card is None or card.inputs.low is None:
            return None
        inputs = card.inputs
        size = max(abs(inputs.low or 0), abs(inputs.high or 0))
        uneven = (inputs.most_std or 0) / inputs.least_std if inputs.least_std else 1.0
        first = next(iter(evidence.inner.values()), None)
        if first is not None and first.batch_norm and uneven < self.uneven:
            return None
        signals = [evidence.of_setting("data.normalize", "standard")]
        if size >= self.largest:
            confidence, words = grade(size, self.largest, 100), f"the inputs go up to {size:g}"
            signals.append(Signal("largest input", size, self.largest, CARD))
        elif size <= self.smallest:
            confidence, words = grade(size, self.smallest, 0.01), f"no input is larger than {size:g}"
            signals.append(Signal("largest input", size, self.smallest, CARD))
        elif uneven >= self.uneven:
            confidence, words = (
                grade(uneven, self.uneven, 1e4),
                f"one column spreads {uneven:,.0f} times as far as another",
            )
            signals.append(Signal("largest spread of a column by the smallest", uneven, self.uneven, CARD))
        else:
            return None
        scaled: dict[str, Any] = {"data.normalize": "standard"}
        calmer = [scaled | {"optimizer.lr": evidence.usual_lr}] if evidence.lr_factor > 1 else []
        return self.found(confidence, words, signals, scaled, *calmer)
