"""Training that went on long after its best epoch."""

from __future__ import annotations

from tuner.bounds import Number
from tuner.choice import setting
from tuner.figures import finite, mean
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence


class NeedsEarlyStopping(Rule, name="needs-early-stopping"):
    """Validation data were best long before the end, and got worse from then on.

    Seen by: a best epoch in the first part of the run, and a metric on validation data that fell after it, or a loss
    that rose by a third or more.
    Change: early_stopping with a patience of 5; it ends the run soon after its best epoch.
    Not when: the metric on training data fell as far: that is no learning by heart. Nor when the metric stays as it was
    and only the loss rises a little: the network grows too sure, and that is all.
    Source: Prechelt (1998), "Early Stopping - But When?"; Goodfellow, Bengio, Courville (2016), "Deep Learning",
    section 7.8.
    """

    stage = "generalization"
    order = 31
    title = "training went on for too long"
    harm = "From its best epoch on the network learns its training samples by heart, and gets worse on all others."
    proof = "early-stopping"
    chinese = ("早停", "需要早停", "提前停止")

    share: float = setting(Number(gt=0, lt=1), "of the run, before which the best epoch lies", default=0.6)
    fall: float = setting(Number(gt=0, lt=1), "of the metric on validation data since then", default=0.02)
    gap: float = setting(
        Number(gt=0, lt=1), "between training and validation data, or the loss says little", default=0.08
    )
    rise: float = setting(Number(gt=1), "of the loss on validation data since its lowest", default=1.3)

    def check(self, evidence: Evidence) -> Finding | None:
        losses = finite(evidence.course("val_loss"))
        if not evidence.val or len(losses) < 8 or evidence.config.early_stopping is not None:
            return None
        best = max(range(len(evidence.val)), key=lambda place: (evidence.val[place], -place))
        lowest = min(range(len(losses)), key=losses.__getitem__)
        tail = slice(-max(1, len(losses) // 10), None)
        fall, lost = (course[best] - mean(course[tail]) for course in (evidence.val, evidence.train))
        fall -= max(0.0, lost)  # what is lost on training data, too, is nothing learned by heart
        rise = losses[-1] / losses[lowest] if losses[lowest] > 0 else 1.0
        is_early = lowest < self.share * len(losses)
        is_steep = rise > self.rise and lowest < len(losses) / 3 and evidence.widest_gap > self.gap
        least = max(self.fall, 1.5 * evidence.swings(evidence.val))  # or the best epoch was best by accident
        if not is_early or not (is_steep or (fall > least and rise > 1.05)):
            return None
        words = f"val_loss was lowest in epoch {lowest + 1} of {len(losses)} and rose to {rise:.2f} times that"
        signals = [
            evidence.of_epoch("val_loss", lowest, None),
            evidence.of_epoch("val_loss", -1, self.rise * losses[lowest]),
            evidence.of_epoch(f"val_{evidence.metric}", -1, evidence.val[best] - self.fall),
        ]
        confidence = grade(max(fall, 1e-6), self.fall, 0.05, 0.6, 0.9)
        if is_steep:
            confidence = max(confidence, grade(rise, self.rise, 2, 0.86, 0.95))
        if evidence.config.scheduler.name == "cosine_log":
            confidence -= 0.3  # each of its waves gets worse before it gets better
        return self.found(confidence, words, signals, {"early_stopping": {"patience": 5}})
