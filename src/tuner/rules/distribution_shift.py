"""Validation or test samples of another kind than those trained on."""

from __future__ import annotations

from typing import Any

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule, Sign, grade
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import CARD, CONFIG

HARMLESS = 0.4
"""How sure the rule is at most of what shifts a part on which the run is as good: it is no more than a risk."""


class DistributionShift(Rule, name="distribution-shift"):
    """What the network is tested on was drawn from elsewhere than what it was trained on.

    Seen by: data.shift, which puts noise on validation and test data alone; or a column whose mean differs between the
    parts by more than chance allows (card.json), in a run that is good on training data and bad on the others; of test
    data alone, in one that is worse on them than on validation data.
    Change: the same augmentation on training data; else more epochs with it; else more varied training data.
    Not when: the difference is within what chance allows for so few samples.
    Source: Quiñonero-Candela, Sugiyama, Schwaighofer, Lawrence (2009), "Dataset Shift in Machine Learning".
    """

    stage = "generalization"
    order = 27
    title = "the parts of the data are of different kinds"
    harm = "What was learned holds where the samples came from, and the others came from elsewhere."
    folds = ("overfitting", "needs-early-stopping", "structure-mismatch", "oscillation")
    proof = "distribution"
    chinese = ("分布偏移", "数据分布不一致", "训练测试分布不同")

    z: float = setting(Number(gt=1), "difference of means by what chance makes of it", default=2.5)
    difference: float = setting(Number(gt=0), "difference of means, in standard deviations", default=0.35)
    worse: float = setting(
        Number(gt=0, lt=1),
        "of the metric on test data than on validation data, from which on those matter",
        default=0.05,
    )

    def check(self, evidence: Evidence) -> Finding | None:
        shift = evidence.config.data.shift
        if shift:
            told = ", ".join(each.name for each in shift)
            words = f"data.shift changes validation and test data ({told}), and training data do not have it"
            same: dict[str, Any] = {"data.augment": [each.plain() for each in (*evidence.config.data.augment, *shift)]}
            longer = {"training.epochs": min(1000, evidence.planned * 4)}
            return self.found(0.95, words, [Signal("data.shift", told, "none", CONFIG)], same, same | longer)
        signs: list[Sign] = []
        for part, moved in (evidence.card.shift if evidence.card is not None else {}).items():
            most = HARMLESS if part == "test" and not self.is_worse(evidence) else 1.0
            if moved.z is None or not moved.chance or moved.difference is None:
                continue
            if moved.z > self.z * moved.chance and moved.difference > self.difference:
                words = (
                    f"the mean of {moved.column} differs by {moved.difference:.2g} standard deviations in {part} data"
                )
                sure = min(most, grade(moved.difference, self.difference, 1.5, 0.65))
                signs.append(Sign(sure, words, Signal(f"shift of {part}", moved.difference, self.difference, CARD)))
            if moved.spread is not None and not 0.7 < moved.spread < 1.43 and moved.difference > self.difference / 2:
                words = f"{part} data spread {moved.spread:.2g} times as far as training data"
                signs.append(
                    Sign(min(most, 0.8), words, Signal(f"spread of {part}", moved.spread, "0.7 to 1.43", CARD))
                )
        return self.of_signs(signs)

    def is_worse(self, evidence: Evidence) -> bool:
        """Whether the metric on test data is clearly below that on validation data."""
        val = evidence.val[evidence.best] if evidence.val else evidence.train[evidence.best]
        return evidence.tested < val - max(self.worse, 3 * evidence.chance_error(val))
