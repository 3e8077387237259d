"""Training that ended while it still got better."""

from __future__ import annotations

from tuner.bounds import Integer, Number
from tuner.choice import setting
from tuner.figures import plural
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence


class TooFewEpochs(Rule, name="too-few-epochs"):
    """Training ended while the metric on training data was still rising.

    Seen by: what the last epochs gained on training data, with the best validation epoch at or near the end.
    Change: four times as many epochs; else ten times.
    Not when: early stopping ended it (early-stop-too-soon), or the curve lies flat.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 11.4.
    """

    stage = "training"
    order = 22
    title = "too few epochs"
    harm = "Training ended before it was done."
    proof = "not-overfitting"
    chinese = ("训练轮数不足", "欠拟合", "训练不足")

    gain: float = setting(Number(gt=0), "of the metric on training data in the last sixth of the epochs", default=0.008)

    steps: int = setting(Integer(ge=1), "of the whole run, below which they are few", default=120)

    def check(self, evidence: Evidence) -> Finding | None:
        if evidence.is_stopped_early or evidence.run.state != "finished":
            return None
        gain = evidence.late_gain(evidence.train)
        column = f"train_{evidence.metric}"
        is_short = evidence.epochs <= 2 or (evidence.epochs <= 5 and evidence.steps < self.steps)
        if not is_short and not gain > self.gain:
            return None
        if is_short:
            confidence = 0.85 if evidence.epochs == 1 else 0.75
            if gain > self.gain:
                confidence = max(confidence, grade(gain, self.gain, 0.12, 0.6, 0.9))
            words = f"the run has {plural(evidence.epochs, 'epoch')}, {plural(evidence.steps, 'step')} in all"
        else:
            confidence = grade(gain, self.gain, 0.12, 0.6, 0.9)
            words = f"{column} grew by {gain:.3f} in the last of its {evidence.epochs} epochs"
        signals = [evidence.of_epoch(column, -1, None), evidence.of_setting("training.epochs")]
        factors = (4, 10, 30) if is_short else (4, 10)
        more = [{"training.epochs": min(10_000, evidence.planned * times)} for times in factors]
        if evidence.epochs == 1:
            more = [more[1], more[2], more[0]]
        return self.found(confidence, words, signals, *more)
