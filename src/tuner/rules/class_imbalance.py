"""Classes of unequal size, the small ones unlearned."""

from __future__ import annotations

from tuner.bounds import Integer, Number
from tuner.choice import setting
from tuner.figures import finite
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import DATA


class ClassImbalance(Rule, name="class-imbalance"):
    """Some classes have many times the samples of others, and the small ones are not learned.

    Seen by: the training samples of each class, and a balanced accuracy far below the accuracy: the frequent classes
    are right, the rare ones are not.
    Change: loss.class_weights balanced, and training.monitor val_balanced_accuracy.
    Not when: accuracy is what counts and the rare classes do not.
    Source: He, Garcia (2009), "Learning from Imbalanced Data"; King, Zeng (2001), "Logistic Regression in Rare Events
    Data".
    """

    stage = "training"
    order = 23
    title = "rare classes are not learned"
    harm = "The loss of a rare class hardly counts: the network does best by never naming it, and accuracy looks good."
    folds = ("capacity-too-small", "overfitting", "needs-early-stopping", "too-few-epochs")
    proof = "class-weights"
    chinese = ("类别不平衡", "样本不均衡")

    ratio: float = setting(Number(gt=1), "samples of the most frequent class by those of the rarest", default=4.0)
    least: int = setting(Integer(ge=1), "samples of the most frequent class, below which chance decides", default=20)
    gap: float = setting(Number(gt=0, lt=1), "between accuracy and balanced accuracy", default=0.06)

    def check(self, evidence: Evidence) -> Finding | None:
        counts = evidence.data.parts.get("train", {}).get("classes") or [] if evidence.data is not None else []
        if len(counts) < 2 or min(counts) < 1 or max(counts) < max(self.least, self.ratio * min(counts)):
            return None
        if getattr(evidence.config.loss, "class_weights", None) == "balanced":
            return None
        gaps = {}
        for name in ("train", "val"):
            plain, balanced = (evidence.course(f"{name}_{metric}") for metric in ("accuracy", "balanced_accuracy"))
            if finite(balanced):
                gaps[name] = plain[evidence.best] - balanced[evidence.best]
        moved = evidence.card.shift.get("validation") if evidence.card is not None else None
        if (
            moved is not None and (moved.classes or 0) > self.gap
        ):  # the rare classes of training data are frequent there
            gaps["val"] = max(gaps.get("val", 0.0), evidence.gap)
        part = max(gaps, key=gaps.__getitem__, default=None)
        if part is None or not gaps[part] > self.gap:
            return None
        ratio = max(counts) / min(counts)
        words = f"the largest class has {ratio:.0f} times the samples of the smallest, "
        words += f"and accuracy is {gaps[part]:.2f} above balanced accuracy"
        signals = [
            evidence.of_epoch(f"{part}_balanced_accuracy", evidence.best, None),
            Signal("samples of the largest class by the smallest", ratio, self.ratio, DATA),
        ]
        weights = {"loss.class_weights": "balanced"}
        monitor = {"training.monitor": "val_balanced_accuracy"} if evidence.val else {}
        return self.found(grade(gaps[part], self.gap, 0.3, 0.7), words, signals, weights | monitor, weights)
