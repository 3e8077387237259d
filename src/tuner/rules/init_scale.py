"""First weights of a wrong size."""

from __future__ import annotations

import math

from tuner.bounds import Number
from tuner.choice import setting
from tuner.options.initializers import fans
from tuner.rules import Finding, Rule, Sign, grade
from tuner.runs.evidence import Evidence, Signal


class InitScale(Rule, name="init-scale"):
    """The first weights are far too large or too small for the number of inputs that a unit has.

    Seen by: the weights' root mean square times the root of the fan-in, which is 1 under lecun_normal and 1.41 under
    he_normal; and a loss before the first step far above that of a guess.
    Change: he_normal for relu, glorot_normal for sigmoid and tanh; else batch norm, too; else fewer layers, too; else
    relu where the activation is flat at its ends.
    Not when: every layer has batch norm, which undoes the scale of what comes before it.
    Source: He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers", section 2.2.
    """

    stage = "training"
    order = 10
    title = "first weights of a wrong size"
    harm = "Signals shrink or grow from layer to layer before anything is learned, and the gradient with them."
    folds = (
        "vanishing-gradient", "exploding-gradient", "dead-units", "saturated-units", "learning-rate-too-low",
        "learning-rate-too-high", "too-few-epochs", "invalid-run", "capacity-too-small", "optimizer-mismatch",
        "missing-batch-norm", "overfitting", "oscillation", "over-regularised", "batch-too-large",
        "needs-early-stopping", "structure-mismatch",
    )  # fmt: skip
    proof = "initializers"
    chinese = ("初始化尺度", "参数初始化")

    large: float = setting(Number(gt=1), "gain above which weights are too large", default=4.0)
    small: float = setting(Number(gt=0, lt=1), "gain below which they are too small", default=0.25)

    def check(self, evidence: Evidence) -> Finding | None:
        signs: list[Sign] = []
        for name, block in evidence.inner.items():
            norm = evidence.first.get(name, {}).get("weight_norm")
            shape = block.parameters.get("weight")
            if norm is None or shape is None or len(shape) < 2 or block.batch_norm:
                continue
            gain = norm / math.sqrt(math.prod(shape)) * math.sqrt(fans(shape)[0])
            source = evidence.line(evidence.first[name])
            if gain > self.large:
                words = f"the weights of {name} are {gain:.2g} times as large as its {fans(shape)[0]} inputs bear"
                signal = Signal(f"gain({name})@0", gain, self.large, source)
                signs.append(Sign(grade(gain, self.large, 20, 0.65), words, signal))
            elif gain < self.small:
                words = f"the weights of {name} are {gain:.2g} of what its {fans(shape)[0]} inputs need"
                sure = grade(max(gain, 1e-9), self.small, 0.05, 0.6)
                signs.append(Sign(sure, words, Signal(f"gain({name})@0", gain, self.small, source)))
        anew = evidence.changed_layers(initializer=evidence.fitting_initializer)
        norm_too = evidence.changed_layers(batch_norm=True)
        fewer = [anew | norm_too | change for change in evidence.shallower]
        is_flat = evidence.config.model.activation.limits is not None
        relu = [evidence.changed_layers(activation="relu", initializer="he_normal")] if is_flat else []
        return self.of_signs(signs, anew, anew | norm_too, *fewer, *relu)
