"""Metrics of classes that do not let a frequent class hide a rare one: by class, or by how the samples are ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuner.figures import mean
from tuner.options.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.measured import Batch, Part


class BalancedAccuracy(
    Metric,
    name="balanced_accuracy",
    aliases=("balanced_accuracy_score", "bal_acc", "macro_recall", "uar", "unweighted_average_recall"),
):
    """The mean over the classes of the share that is right: a rare class counts as much as a frequent one. For classes.
    Formula: mean over the classes that occur in the part of (right answers / samples of the class), from 0 to 1; always
    answering one of K classes gives 1 / K.
    """

    label = "balanced accuracy"
    direction = "up"
    order = 2
    targets = frozenset({"class"})
    usual = False

    def add(self, batch: Batch) -> Tensor:
        return batch.counts

    def of(self, total: Any, part: Part) -> float:  # noqa: ARG002
        right, _, there = total
        return mean([found / samples for found, samples in zip(right, there, strict=True) if samples])


class F1(Metric, name="f1", aliases=("f1_score", "macro_f1", "f_score", "f_measure")):
    """The harmonic mean of precision (how many answers of a class are right) and recall (how many samples of the class
    are found), from 0 to 1. For classes.
    Formula: 2 * right / (answers + samples) of a class; the mean over the classes that occur among targets or answers
    (macro), or of two classes that of the positive one, where one is named.
    """

    label = "F1"
    direction = "up"
    order = 3
    targets = frozenset({"class"})
    usual = False

    def add(self, batch: Batch) -> Tensor:
        return batch.counts

    def of(self, total: Any, part: Part) -> float:
        counted = [(right, answers + there) for right, answers, there in zip(*total, strict=True)]
        if part.positive is not None and len(counted) == 2:
            counted = [counted[part.positive]]
        return mean([2 * right / either for right, either in counted if either] or [0.0])


class AUC(Metric, name="auc", aliases=("roc_auc", "auroc", "roc_auc_score", "area_under_curve")):
    """The area under the ROC curve: how often a sample of a class gets a higher score for it than one of another class,
    from 0 to 1; chance gives 0.5, however frequent the classes are, and no threshold is needed. For classes.
    Formula: P(score of a sample of the class > score of one of the rest) + P(equal) / 2, exact, ties included. Of two
    classes that of the positive one, by default the second; of more the mean over the classes that occur, each against
    the rest. Scores are the probabilities, or the outputs where the loss gives none. Not defined where only one class
    occurs.
    Source: Fawcett (2006), "An Introduction to ROC Analysis", Pattern Recognition Letters 27(8).
    """

    label = "area under the ROC curve"
    direction = "up"
    order = 4
    targets = frozenset({"class"})
    usual = False
    least = 2

    def add(self, batch: Batch) -> Tensor:
        return batch.nothing

    def of(self, total: Any, part: Part) -> float:  # noqa: ARG002
        return part.areas[0]


class AveragePrecision(
    Metric, name="average_precision", aliases=("pr_auc", "auprc", "average_precision_score", "mean_average_precision")
):
    """The precision, averaged over the samples of a class from the highest score for it downwards, from 0 to 1; chance
    gives the share of the class. Better than auc at telling how a rare class is found. For classes.
    Formula: sum over thresholds of (R_n - R_{n-1}) * P_n, with recall R and precision P, samples of the same score
    together; classes and scores as in auc.
    Source: Davis, Goadrich (2006), "The Relationship Between Precision-Recall and ROC Curves".
    """

    label = "average precision"
    direction = "up"
    order = 5
    targets = frozenset({"class"})
    usual = False
    least = 2

    def add(self, batch: Batch) -> Tensor:
        return batch.nothing

    def of(self, total: Any, part: Part) -> float:  # noqa: ARG002
        return part.areas[1]
