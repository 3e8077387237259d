"""A learning rate that falls to nothing long before the end."""

from __future__ import annotations

from tuner.bounds import Number
from tuner.choice import setting
from tuner.figures import finite
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence


class ScheduleEndsTooSoon(Rule, name="schedule-ends-too-soon"):
    """The schedule has brought the learning rate down to next to nothing when most of the epochs are still to come.

    Seen by: the epochs that the mean learning rate comes to, had it stayed at its highest: few of those trained.
    Change: scheduler cosine, which falls to nothing at the last epoch; else none.
    Not when: training was done by then.
    Source: Loshchilov, Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", section 3.
    """

    stage = "training"
    order = 18
    title = "the schedule ends too soon"
    harm = "Steps of a learning rate near 0 change nothing: the epochs after that are wasted."
    folds = ("learning-rate-too-low", "too-few-epochs", "capacity-too-small", "optimizer-mismatch", "over-regularised",
             "early-stop-too-soon", "batch-too-large", "missing-batch-norm")  # fmt: skip
    proof = "learning-rate"
    chinese = ("学习率衰减过快", "学习率调度")

    share: float = setting(Number(gt=0, lt=1), "of the epochs, at the highest learning rate", default=0.3)

    def check(self, evidence: Evidence) -> Finding | None:
        rates = finite(evidence.course("lr"))
        if evidence.config.scheduler.name == "none" or len(rates) < 4 or max(rates) <= 0:
            return None
        share = sum(rates) / max(rates) / len(rates)
        if share >= self.share:
            return None
        words = f"the learning rates of {len(rates)} epochs add up to {share * len(rates):.1f} epochs at the highest"
        low = next((place for place, rate in enumerate(rates) if rate < 0.01 * max(rates)), len(rates) - 1)
        signals = [evidence.of_epoch("lr", low, 0.01 * max(rates)), evidence.of_setting("scheduler", "cosine")]
        return self.found(
            grade(share, self.share, 0.1, 0.65), words, signals, {"scheduler": "cosine"}, {"scheduler": "none"}
        )
