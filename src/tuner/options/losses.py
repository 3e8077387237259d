"""Losses: what is minimised, what of it is reported, and which class the outputs stand for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, ClassVar, Literal

from tuner.bounds import Either, ListOf, Null, Number, OneOf
from tuner.choice import Choice, Shared, setting

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Compare = Callable[[Tensor, Tensor], Tensor]

CLASS_OR_NUMBER = frozenset({"class", "number"})
COMPARED: str = setting(
    OneOf("softmax", "raw"),
    "class targets only: what is compared with the one-hot target: softmax of the outputs, or the outputs as they are "
    "(raw)",
    default="softmax",
    shared=Shared("what is compared"),
)


class Loss(Choice, kind="loss"):
    """What is minimised: one number for a batch."""

    # Outputs are float32 (N, units); targets are int64 (N,) class indices, or float32 (N, 1) numbers where `classes`
    # is None. Losses of output minus target have the setting `outputs` (COMPARED).

    targets: ClassVar[frozenset[str]] = frozenset({"class"})
    """The kinds of target it can be used with: "class", "number"."""

    @property
    def activates(self) -> bool:
        """Whether it applies a softmax or sigmoid of its own to the outputs for classes."""
        return getattr(self, "outputs", "raw") == "softmax"

    def units(self, classes: int) -> int:
        """How many outputs the network needs for this many classes; 0 classes: the target is a number."""
        return classes or 1

    def build(self, classes: int | None, counts: Sequence[int] = ()) -> Compare:  # noqa: ARG002
        """(outputs, targets) -> the scalar that is minimised: the mean over the samples of the batch. `counts` are the
        training samples of each class."""
        reported = self.build_reported(classes)
        return lambda outputs, targets: reported(outputs, targets).mean()

    @abstractmethod
    def build_reported(self, classes: int | None) -> Compare:
        """(outputs, targets) -> the loss of each sample (N,), without label smoothing and class weights."""

    def decide(self, outputs: Tensor) -> Tensor:
        """The class each sample's outputs stand for: int64 (N,)."""
        return outputs.argmax(dim=1)

    def probabilities(self, outputs: Tensor, activation: str) -> Tensor | None:
        """The probability of each class (N, classes) that outputs stand for, which end with `activation`; None where
        they stand for none."""
        if self.activates:
            return outputs.softmax(dim=1)
        return outputs if activation == "softmax" and "outputs" in self.fields else None


class CrossEntropy(Loss, name="cross_entropy", aliases=("softmax_cross_entropy", "log_loss")):
    """The negative log of the share that the softmax of the outputs gives to the right class.

    Formula: with p = softmax(outputs) and y the right class of K: loss = -ln p_y; over a batch the mean.
    label_smoothing s minimises -sum over k of q_k * ln p_k with q_k = (1 - s) * [k = y] + s / K. class_weights c
    minimise sum over n of c_{y_n} * loss_n / sum over n of c_{y_n}; with both, c_k goes inside the sum over k.
    balanced: c_k = N / (K * N_k), with N_k of the N training samples labelled k (where there are none, N_k is 1).
    A network that knows nothing scores ln K. What is reported is always the plain loss.
    Choose it when: the target is one class of several. Its gradient for the outputs is p - onehot(y): it does not
    vanish when the network is confidently wrong, as that of mse on a softmax does. label_smoothing (about 0.1) helps
    against over-confidence; class_weights when a rare class counts more (balanced: all classes alike). The outputs
    must not pass a softmax before.
    Source: Bridle (1990), "Training Stochastic Model Recognition Algorithms as Networks Can Lead to Maximum Mutual
    Information Estimation of Parameters"; label smoothing: Szegedy et al. (2016), "Rethinking the Inception
    Architecture for Computer Vision", section 7.
    """

    activates = True

    label_smoothing: float = setting(
        Number(ge=0, lt=1), "share of each target spread evenly over all classes", default=0.0
    )
    class_weights: list[float] | Literal["balanced"] | None = setting(
        Null(Either(OneOf("balanced"), ListOf(Number(gt=0), least=2, most=10_000))),
        "weight of each class in what is minimised, in the order of the classes; balanced: the rarer a class is in the "
        "training part, the more, so that all count alike in sum; null: each sample counts alike",
        default=None,
    )

    def build(self, classes: int | None, counts: Sequence[int] = ()) -> Compare:  # noqa: ARG002
        import torch

        weights, smoothing = self.class_weights, self.label_smoothing
        if weights == "balanced":
            weights = [sum(counts) / (len(counts) * max(count, 1)) for count in counts]

        @cache  # so that they are moved to the device once
        def weight_on(device: torch.device, dtype: torch.dtype) -> Tensor | None:
            return None if weights is None else torch.tensor(weights, device=device, dtype=dtype)

        def minimised(outputs: Tensor, targets: Tensor) -> Tensor:
            weight = weight_on(outputs.device, outputs.dtype)
            return torch.nn.functional.cross_entropy(outputs, targets, weight=weight, label_smoothing=smoothing)

        return minimised

    def build_reported(self, classes: int | None) -> Compare:  # noqa: ARG002
        from torch.nn import functional as F

        return partial(F.cross_entropy, reduction="none")


class MSE(Loss, name="mse", aliases=("mean_squared_error", "square_error", "squared_error", "l2_loss")):
    """The mean of the squared differences between outputs and targets.

    Formula: loss = mean over the outputs of (a - t)^2 (no factor 1/2), over a batch the mean. For numbers a is the
    output, t the target; for classes a is softmax(outputs) or the raw outputs, t the one-hot target.
    Choose it when: the target is a number and large errors should count most (it estimates the mean). For classes
    mostly to compare with cross_entropy: under softmax its gradient vanishes where the network is confidently wrong,
    so that training starts slowly. For numbers with outliers take huber or mae.
    Source: Bishop (2006), "Pattern Recognition and Machine Learning", section 1.5.5; for classes: Glorot, Bengio
    (2010), "Understanding the Difficulty of Training Deep Feedforward Neural Networks", section 4.1.
    """

    targets = CLASS_OR_NUMBER

    outputs: str = COMPARED

    def build_reported(self, classes: int | None) -> Compare:
        return _elementwise(classes, self.activates, lambda difference: difference.square())


class MAE(Loss, name="mae", aliases=("mean_absolute_error", "absolute_error", "l1_loss")):
    """The mean of the absolute differences between outputs and targets.

    Formula: loss = mean over the outputs of |a - t|, over a batch the mean; a and t as in mse.
    Choose it when: the target is a number with outliers that should not rule the fit (it estimates the median). Its
    gradient has the same size however small the error, so let the learning rate fall towards the end. For classes it
    tolerates wrong labels better than cross_entropy, but learns more slowly and often misses hard classes.
    Source: Koenker, Bassett (1978), "Regression Quantiles" (the median case); for classes: Ghosh, Kumar, Sastry
    (2017), "Robust Loss Functions under Label Noise for Deep Neural Networks", section 3.
    """

    targets = CLASS_OR_NUMBER

    outputs: str = COMPARED

    def build_reported(self, classes: int | None) -> Compare:
        return _elementwise(classes, self.activates, lambda difference: difference.abs())


class Huber(Loss, name="huber", aliases=("smooth_l1",)):
    """Squared for small differences, absolute for large ones.

    Formula: loss = mean over the outputs of h(a - t), over a batch the mean, with h(d) = d^2 / 2 for |d| <= delta,
    delta * (|d| - delta / 2) otherwise; a and t as in mse. (smooth_l1 is h / delta; at delta 1 they are the same.)
    Choose it when: the target is a number with some outliers: delta is the error from which on a sample counts as
    one, in standard deviations of the target while data.standardize_target is true. For classes under softmax errors
    never exceed 1, so that delta >= 1 is mse / 2.
    Source: Huber (1964), "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35(1).
    """

    targets = CLASS_OR_NUMBER

    delta: float = setting(Number(gt=0, le=3e38), "difference above which the loss grows linearly", default=1.0)
    outputs: str = COMPARED

    def build_reported(self, classes: int | None) -> Compare:
        def h(difference: Tensor) -> Tensor:
            # With small = min(|d|, delta), small * (|d| - small / 2) is both branches at once.
            size = difference.abs()
            small = size.clamp(max=self.delta)
            return small * (size - small / 2)

        return _elementwise(classes, self.activates, h)


class BinaryCrossEntropy(
    Loss, name="binary_cross_entropy", aliases=("bce", "bce_with_logits", "sigmoid_cross_entropy")
):
    """The cross-entropy of yes-or-no answers given by sigmoids.

    Formula: b(z, t) = -t * ln s(z) - (1 - t) * ln(1 - s(z)) with s(z) = 1 / (1 + exp(-z)). Two classes: one output
    z, t = 1 for the second class, loss = b(z, t). K > 2 classes, one-vs-rest: K outputs,
    loss = sum over k of b(z_k, [k = y]) / K. Over a batch the mean.
    Choose it when: there are two classes (it equals cross_entropy with one output less), or each class should be
    judged on its own, so that a sample may resemble none. For K exclusive classes cross_entropy usually learns
    faster: here each output sees K - 1 times as many "no" as "yes". The outputs must not pass a sigmoid before.
    Source: Bishop (2006), "Pattern Recognition and Machine Learning", section 4.3.2, equation 4.90; one-vs-rest:
    section 4.1.2.
    """

    activates = True

    def units(self, classes: int) -> int:
        return classes if classes > 2 else 1

    def build_reported(self, classes: int | None) -> Compare:  # noqa: ARG002
        from torch.nn import functional as F

        def reported(outputs: Tensor, targets: Tensor) -> Tensor:
            alone = outputs.shape[1] == 1
            wanted = targets.unsqueeze(1).to(outputs.dtype) if alone else _one_hot(targets, outputs)
            return F.binary_cross_entropy_with_logits(outputs, wanted, reduction="none").mean(dim=1)

        return reported

    def decide(self, outputs: Tensor) -> Tensor:
        return (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 else outputs.argmax(dim=1)

    def probabilities(self, outputs: Tensor, activation: str) -> Tensor | None:  # noqa: ARG002
        of_each = outputs * outputs.new_tensor([-1.0, 1.0]) if outputs.shape[1] == 1 else outputs
        return of_each.sigmoid()


class Hinge(Loss, name="hinge", aliases=("multi_margin", "multiclass_hinge")):
    """Asks the right class's output to lead every other one by a margin; satisfied samples cost nothing.

    Formula: with outputs z and y the right class of K:
    loss = sum over k != y of max(0, margin - z_y + z_k) / K; over a batch the mean.
    Choose it when: only the decision counts, not a probability: samples beyond the margin stop pulling. Its outputs
    say nothing about confidence, and its scale is set by the margin; weight decay keeps the outputs from growing
    instead. For probabilities take cross_entropy.
    Source: Weston, Watkins (1999), "Support Vector Machines for Multi-Class Pattern Recognition", section 3 (the sum
    over the other classes; here divided by K, as torch's multi_margin_loss); Crammer, Singer (2001), "On the
    Algorithmic Implementation of Multiclass Kernel-based Vector Machines", take the largest term instead.
    """

    margin: float = setting(Number(gt=0, le=3e38), "by how much the right class's output should lead", default=1.0)

    def build_reported(self, classes: int | None) -> Compare:  # noqa: ARG002
        from torch.nn import functional as F

        return partial(F.multi_margin_loss, margin=self.margin, reduction="none")


def _one_hot(targets: Tensor, outputs: Tensor) -> Tensor:
    # By comparison, not F.one_hot: that one looks at the largest target, which makes a GPU wait.
    import torch

    classes = torch.arange(outputs.shape[1], device=outputs.device)
    return (targets.unsqueeze(1) == classes).to(outputs.dtype)


def _elementwise(classes: int | None, softmax: bool, of_difference: Callable[[Tensor], Tensor]) -> Compare:
    """The mean over a sample's outputs of a function of output minus target; for classes the target is one-hot."""

    def reported(outputs: Tensor, targets: Tensor) -> Tensor:
        if classes is not None:
            targets = _one_hot(targets, outputs)
            outputs = outputs.softmax(dim=1) if softmax else outputs
        if outputs.shape != targets.shape:
            raise ValueError(f"outputs of shape {tuple(outputs.shape)} against targets of {tuple(targets.shape)}")
        return of_difference(outputs - targets).mean(dim=1)

    return reported
