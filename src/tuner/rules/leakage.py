"""Validation data that are no test, for the network has seen them, or is told the answer."""

from __future__ import annotations

from typing import Any

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import CARD


class Leakage(Rule, name="leakage"):
    """Samples of the validation or test part stand in the training part, too; or a column gives the target away.

    Seen by: equal samples in two parts, or one column that alone tells the target (card.json).
    Change: data.duplicates together for tables, or the column in data.drop.
    Not when: there are only so many different samples, as in small tables of categories: equal ones are no leak then.
    Source: Kaufman, Rosset, Perlich, Stitelman (2012), "Leakage in Data Mining: Formulation, Detection, and Avoidance".
    """

    stage = "invalid"
    order = 26
    title = "the test is no test"
    harm = "The metric on validation data says how well the network remembers, or copies, and nothing of new samples."
    folds = ("overfitting", "needs-early-stopping", "distribution-shift")
    proof = "splits"
    chinese = ("数据泄漏", "数据泄露", "标签泄漏")

    share: float = setting(Number(gt=0, lt=1), "of a part whose samples stand in the training part", default=0.05)

    def check(self, evidence: Evidence) -> Finding | None:
        card = evidence.card
        if card is None:
            return None
        found: list[tuple[float, str, Signal, dict[str, Any]]] = []
        is_table = evidence.config.data.name == "table"
        for part, count in (("validation", card.equal.validation), ("test", card.equal.test)):
            samples = evidence.samples(part)
            if samples and count / samples > self.share and card.inputs.features > 4:
                words = f"{count:,} of the {samples:,} {part} samples stand in the training part, too"
                change: dict[str, Any] = {"data.duplicates": "together"} if is_table else {}
                sure = grade(count / samples, self.share, 0.3, 0.7)
                found.append(
                    (sure, words, Signal(f"equal samples in {part}", count, self.share * samples, CARD), change)
                )
        if card.gives_away is not None and card.inputs.features > 2:
            column, score = card.gives_away.column, card.gives_away.score
            words = f"{column} alone tells the target: {score:.3f} on samples held out"
            drop = {"data.drop": [*getattr(evidence.config.data, "drop", []), column]} if is_table else {}
            found.append((0.85, words, Signal(f"what {column} tells", score, 0.99, CARD), drop))
        if not found:
            return None
        confidence, words, *_ = max(found, key=lambda each: each[0])
        changes = [change for *_, change in found if change]
        return self.found(confidence, words, [each[2] for each in found], *changes)
