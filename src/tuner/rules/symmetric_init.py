"""Units that begin as one another's copies."""

from __future__ import annotations

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence


class SymmetricInit(Rule, name="symmetric-init"):
    """All units of a layer begin with the same weights, and so do the same for ever.

    Seen by: before the first step, units of a layer that give one and the same number on every sample; or weights that
    are all 0.
    Change: an initializer that draws: he_normal for relu, glorot_normal for sigmoid and tanh.
    Not when: it is the output layer: zeros do no harm there.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 8.4.
    """

    stage = "training"
    order = 9
    title = "all units of a layer begin alike"
    harm = "Units that begin alike get the same gradient and stay alike: a layer of them is as good as one unit."
    folds = (
        "vanishing-gradient", "dead-units", "init-scale", "learning-rate-too-low", "too-few-epochs",
        "capacity-too-small", "optimizer-mismatch", "missing-batch-norm", "exploding-gradient", "saturated-units",
        "learning-rate-too-high", "oscillation", "over-regularised", "batch-too-large", "overfitting",
        "needs-early-stopping", "structure-mismatch",
    )  # fmt: skip
    proof = "initializers"
    chinese = ("对称初始化", "权重初始化为零", "初始化")

    spread: float = setting(Number(gt=0, lt=1), "between units, by the size of what they hand on", default=1e-4)

    def check(self, evidence: Evidence) -> Finding | None:
        alike = []
        for name in evidence.hidden:
            row, block = evidence.first.get(name, {}), evidence.blocks.get(name)
            if block is None or block.outputs[-1 if len(block.outputs) < 3 else 0] < 2 or row.get("unit_std") is None:
                continue
            size = abs(row.get("activation_mean") or 0) + (row.get("activation_std") or 0)
            is_drawn = block.initializer is None or block.initializer.name not in ("zeros", "ones", "constant")
            if row["unit_std"] <= self.spread * size and not (size == 0 and is_drawn):
                alike.append(name)
        if not alike:
            return None
        words = f"the units of {', '.join(alike[:4])} all give the same number"
        signals = [evidence.of_layer(evidence.first, name, "unit_std", "more than 0") for name in alike[:3]]
        return self.found(0.95, words, signals, evidence.changed_layers(initializer=evidence.fitting_initializer))
