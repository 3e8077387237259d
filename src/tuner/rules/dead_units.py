"""Units that are zero on every sample."""

from __future__ import annotations

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence


class DeadUnits(Rule, name="dead-units"):
    """Many units of a layer are zero on every sample: they pass nothing on, and no gradient comes back to them.

    Seen by: the share of a layer's units that are 0 on all of 256 training samples, the last time it was measured. A
    unit that is zero on most samples is sparse, not dead, and does no harm.
    Change: leaky_relu with batch norm; else fewer layers where the units began dead, and the usual learning rate where
    they died under a higher one; else he_normal.
    Not when: the layer is wide enough without them and the run is good.
    Source: Lu, Shin, Su, Karniadakis (2020), "Dying ReLU and Initialization: Theory and Numerical Examples".
    """

    stage = "training"
    order = 13
    title = "units are dead"
    harm = "A dead unit never comes back by itself; a layer of them passes nothing on."
    folds = (
        "vanishing-gradient", "learning-rate-too-low", "too-few-epochs", "capacity-too-small", "optimizer-mismatch",
        "missing-batch-norm", "oscillation", "over-regularised", "batch-too-large", "early-stop-too-soon",
    )  # fmt: skip
    proof = "dying-units"
    chinese = ("神经元死亡", "死亡ReLU")

    share: float = setting(Number(gt=0, le=1), "of a layer's units, from which on they are many", default=0.5)

    times: float = setting(Number(gt=1), "a usual learning rate, above which units die of it", default=4.0)

    def check(self, evidence: Evidence) -> Finding | None:
        zero = evidence.of_layers(evidence.last, "zero_units")
        if not zero or max(zero.values()) < self.share:
            return None
        worst = max(zero, key=zero.__getitem__)
        was = evidence.of_layers(evidence.first, "zero_units").get(worst, 0.0)
        confidence = grade(zero[worst], self.share, 0.95, 0.6)
        has_died = was < self.share
        if has_died and (evidence.lr_factor > self.times or evidence.epochs < 3):
            confidence -= 0.3  # they died of long steps, or had no time to come back
        since = f"{was:.0%} before the first step" if has_died else "from the start"
        words = f"{zero[worst]:.0%} of the units of {worst} are zero on every sample ({since})"
        signals = [evidence.of_layer(evidence.last, worst, "zero_units", self.share)]
        calmer = {"optimizer.lr": evidence.usual_lr} if has_died and evidence.lr_factor > 1 else {}
        leaky = evidence.changed_layers(activation="leaky_relu", initializer="he_normal")
        norm = evidence.changed_layers(batch_norm=True)
        fewer = [] if has_died else [leaky | norm | change for change in evidence.shallower]
        is_new = calmer or evidence.config.model.initializer.name != "he_normal"
        anew = [evidence.changed_layers(initializer="he_normal") | calmer] if is_new else []
        changes = [leaky | norm | calmer, *fewer, *anew, leaky | calmer, norm | calmer]
        return self.found(confidence, words, signals, *changes)
