"""The inputs do not tell the targets."""

from __future__ import annotations

import math

from tuner.bounds import Number
from tuner.choice import setting
from tuner.figures import finite
from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import CARD


class DataLabelLink(Rule, name="data-label-link"):
    """Nothing in the inputs tells the targets: labels were mixed up, or the wrong column is the target.

    Seen by: simple models that do no better than chance on samples they were not fitted on (card.json), and a network
    that does no better either: it is at chance on validation data, whether or not it learned its training data by
    heart.
    Change: nothing in the config. Look at samples beside their targets; check how rows and labels were joined.
    Not when: the task is hard for every model that looks at one sample at a time. Then more or other inputs are needed,
    which is the same advice.
    Source: Zhang et al. (2017), "Understanding Deep Learning Requires Rethinking Generalization", section 2.
    """

    stage = "training"
    order = 1
    title = "the inputs do not tell the targets"
    harm = "A network can only learn such samples by heart; what it then says of new ones is a guess."
    folds = (
        "overfitting", "needs-early-stopping", "learning-rate-too-low", "too-few-epochs", "capacity-too-small",
        "structure-mismatch", "learning-rate-too-high", "optimizer-mismatch", "oscillation", "over-regularised",
        "batch-too-large", "early-stop-too-soon",
    )  # fmt: skip
    proof = "distribution"
    chinese = ("标签错误", "数据与标签不对应")

    margin: float = setting(Number(gt=0, lt=1), "above chance, what is still no better than chance", default=0.04)
    noise: float = setting(Number(gt=0, le=1), "share of labels replaced that leaves little to learn", default=0.5)
    area: float = setting(Number(gt=0, lt=1), "auc on validation data, above which there is something", default=0.6)
    unequal: float = setting(Number(gt=0, lt=1), "share of the largest class that makes it say little", default=0.75)

    def check(self, evidence: Evidence) -> Finding | None:
        card = evidence.card
        if card is None or card.scores.chance.validation is None or card.scores.chance.validation > self.unequal:
            return None
        chance = card.scores.chance.validation
        simple = max(finite([card.scores.linear.validation, card.scores.kernel.validation]), default=math.nan)
        bound = chance + self.margin
        noise = getattr(evidence.config.data, "label_noise", 0.0)
        if noise >= self.noise:
            words = f"{noise:.0%} of the training labels are replaced at random"
            return self.found(0.95, words, [evidence.of_setting("data.label_noise", 0.0)], {"data.label_noise": 0.0})
        if any(area > self.area for area in evidence.course("val_auc")[-1:]):  # it ranks better than a guess does
            return None
        val = evidence.reached(evidence.val) if evidence.val else evidence.reached(evidence.train)
        if not simple <= bound + evidence.chance_error(chance) or not val <= bound + evidence.chance_error(chance):
            return None
        column = f"{'val' if evidence.val else 'train'}_{evidence.metric}"
        signals = [
            Signal("scores of simple models on held-out samples", simple, bound, CARD),
            evidence.of_epoch(column, evidence.best, bound),
        ]
        return self.found(0.9, "neither simple models nor this network do better than chance on new samples", signals)
