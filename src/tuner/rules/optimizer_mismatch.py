"""An optimizer that is slow on such a problem."""

from __future__ import annotations

from typing import Any

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence

SLOW = {"sgd": 0.6, "adagrad": 0.6, "adadelta": 0.6, "rmsprop": 0.45, "nadam": 0.4, "radam": 0.4}
"""How sure an optimizer makes where training is slow for no better reason."""


class OptimizerMismatch(Rule, name="optimizer-mismatch"):
    """The optimizer gets on slowly although its learning rate is a usual one.

    Seen by: sgd without momentum, adagrad or adadelta, and a training metric below what is within reach that rises
    slowly or lies flat.
    Change: adam with its default learning rate; else sgd with momentum 0.9.
    Not when: another reason is known: a wrong learning rate, signals that vanish, too few epochs.
    Source: Choi et al. (2019), "On Empirical Comparisons of Optimizers for Deep Learning"; Sutskever et al. (2013),
    "On the Importance of Initialization and Momentum in Deep Learning".
    """

    stage = "training"
    order = 17
    title = "another optimizer would get on faster"
    harm = "The same epochs bring less than they would with steps that adapt to each weight, or keep their momentum."
    folds = ("too-few-epochs", "capacity-too-small", "missing-batch-norm", "over-regularised", "oscillation")
    proof = "optimizers"
    chinese = ("优化器不合适", "优化器", "自适应学习率")

    momentum: float = setting(Number(ge=0, lt=1), "of sgd, from which on it is not slow", default=0.5)

    def check(self, evidence: Evidence) -> Finding | None:
        optimizer = evidence.config.optimizer
        if optimizer.name not in SLOW or getattr(optimizer, "momentum", 0.0) >= self.momentum > 0:
            return None
        name = optimizer.name + (" without momentum" if optimizer.name == "sgd" else "")
        column = f"train_{evidence.metric}"
        words = f"under {name} {column} has come to {evidence.reached(evidence.train):.3g}"
        signals = [evidence.of_setting("optimizer", "adam"), evidence.of_epoch(column, -1, None)]
        changes: list[dict[str, Any]] = [{"optimizer": "adam"}]
        changes.append({"optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9}})
        return self.found(SLOW[optimizer.name], words, signals, *changes)
