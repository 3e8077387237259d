"""Steps that are too long."""

from __future__ import annotations

from tuner.bounds import Number
from tuner.choice import setting
from tuner.figures import number
from tuner.rules import Finding, Rule, Sign, grade
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import METRICS, STATUS

FAR = 30.0
"""Times the usual learning rate from which on nothing but the usual one is tried first."""


class LearningRateTooHigh(Rule, name="learning-rate-too-high"):
    """The steps are so long that they jump over what they are to find.

    Seen by: training that broke off; steps that move the weights of most layers by a large share of their size; a loss
    that rises above where it had been, or does not fall below that of the first epoch; under a learning rate many times
    the optimizer's usual one.
    Change: a tenth of the learning rate; else the optimizer's default; else a hundredth.
    Not when: the loss is still high only because it falls slowly: that is learning-rate-too-low.
    Source: Bengio (2012), "Practical Recommendations for Gradient-Based Training of Deep Architectures", section 3.1.
    """

    stage = "training"
    order = 15
    title = "the learning rate is too high"
    harm = "Each step overshoots: the loss stays high, jumps, or is no longer a number."
    folds = (
        "invalid-run", "oscillation", "dead-units", "saturated-units", "optimizer-mismatch", "capacity-too-small",
        "early-stop-too-soon", "needs-early-stopping", "over-regularised", "overfitting", "too-few-epochs",
        "missing-batch-norm", "batch-too-small", "exploding-gradient", "vanishing-gradient", "batch-too-large",
    )  # fmt: skip
    proof = "learning-rate"
    chinese = ("学习率过大", "学习率过高", "学习率")

    step: float = setting(Number(gt=0), "size of a step by that of the weights, in the middle layer", default=0.06)
    times: float = setting(Number(gt=1), "times the optimizer's default", default=8.0)
    rise: float = setting(Number(gt=1), "the last training loss by the lowest", default=1.3)

    def check(self, evidence: Evidence) -> Finding | None:
        factor = evidence.lr_factor
        signs: list[Sign] = []
        if evidence.run.state == "diverged":
            reason = str(evidence.run.status.get("reason") or "a number was not finite")
            signs.append(Sign(0.7 if factor < self.times else 0.9, reason, Signal("reason", reason, None, STATUS)))
        step, row = evidence.typical_step
        if row is not None and step > self.step:
            words = f"one step moves the weights of {row['layer']} by {step:.0%} of their size"
            name = f"update_ratio({row['layer']})@{row['epoch']}"
            signal = Signal(name, step, self.step, evidence.line(row))
            signs.append(Sign(grade(step, self.step, 0.6, 0.55, 0.9), words, signal))
        loss = evidence.course("train_loss")
        lowest = min((value for value in loss if value == value), default=0.0)
        if loss and lowest > 0 and loss[-1] > self.rise * lowest:
            words = f"the training loss ended at {loss[-1]:.3g}, and had been {lowest:.3g}"
            signal = Signal(f"train_loss@{len(loss)}", loss[-1], self.rise * lowest, f"{METRICS}:{len(loss) + 1}")
            signs.append(Sign(grade(loss[-1] / lowest, self.rise, 3, 0.5, 0.75), words, signal))
        if factor >= self.times:
            words = f"the learning rate is {number(factor)} times what is usual for {evidence.usual_for}"
            signal = evidence.of_setting("optimizer.lr", evidence.usual_lr)
            signs.append(Sign(grade(factor, self.times, 100, 0.6, 0.9), words, signal))
        if factor <= 1:
            signs = [sign._replace(sure=sign.sure - 0.15) for sign in signs]
        if factor < 1 and evidence.run.state != "diverged":
            return None
        tenth = evidence.lr_times(0.1)
        usual = {"optimizer.lr": evidence.usual_lr}
        first = [usual, tenth] if factor >= FAR else [tenth, *[usual] * (usual != tenth and factor > 1)]
        return self.of_signs(signs, *first, evidence.lr_times(0.01))
