"""Regularisation that keeps the network from learning even its training data."""

from __future__ import annotations

from typing import Any

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule, Sign, grade
from tuner.runs.evidence import Evidence, Signal


class OverRegularised(Rule, name="over-regularised"):
    """Dropout, weight decay, label smoothing or noise are so strong that the network cannot learn its training data.

    Seen by: dropout above one half, weights that shrank under weight decay, or a loss of the batches far above the
    training loss, in a run that is bad on its training data.
    Change: dropout 0 and weight decay 0; regularise again once the network is good on its training data.
    Not when: training data are good and validation data are not: that is what these are for.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 11.4.1.
    """

    stage = "training"
    order = 20
    title = "regularisation is too strong"
    harm = "What is to keep a network from learning by heart keeps it from learning at all."
    folds = ("too-few-epochs", "capacity-too-small", "optimizer-mismatch", "oscillation", "learning-rate-too-low",
             "dead-units", "missing-batch-norm", "vanishing-gradient", "wrong-loss-for-task",
             "needs-early-stopping")  # fmt: skip
    proof = "not-overfitting"
    chinese = ("正则化过强", "正则化")

    dropout: float = setting(Number(gt=0, lt=1), "a share above which dropout is strong", default=0.55)
    decay: float = setting(Number(gt=0), "weight decay above which it is strong", default=0.01)
    harder: float = setting(Number(gt=1), "loss of augmented batches by that of the samples", default=1.2)
    shrunk: float = setting(Number(gt=0, lt=1), "norm of a layer's weights by that at the start", default=0.6)

    def check(self, evidence: Evidence) -> Finding | None:
        optimizer = evidence.config.optimizer
        signs: list[Sign] = []
        change: dict[str, Any] = {}
        if (dropout := evidence.dropout) > self.dropout:
            change |= evidence.without_dropout
            words = f"dropout takes away {dropout:.0%} of the numbers"
            key = "model.dropout" if "model.dropout" in change else "model.layers"
            signal = Signal(key, dropout, self.dropout, evidence.of_setting("model").source)
            signs.append(Sign(grade(dropout, self.dropout, 0.85, 0.6), words, signal))
        if (decay := optimizer.weight_decay) > self.decay:
            change["optimizer.weight_decay"] = 0.0
            norms = evidence.of_layers(evidence.first, "weight_norm"), evidence.of_layers(evidence.last, "weight_norm")
            shares = {name: norms[1][name] / norm for name, norm in norms[0].items() if norm and name in norms[1]}
            least = min(shares, key=shares.__getitem__, default=None)
            words, sure = f"weight decay is {decay:g}", 0.6
            if least is not None and shares[least] < self.shrunk:
                words, sure = f"{words}, and the weights of {least} shrank to {shares[least]:.0%}", 0.9
            signs.append(Sign(sure, words, evidence.of_setting("optimizer.weight_decay", self.decay)))
        if getattr(evidence.config.loss, "label_smoothing", 0) > 0.4:
            change["loss.label_smoothing"] = 0.0
            words = "labels are smoothed to almost nothing"
            signs.append(Sign(0.7, words, evidence.of_setting("loss.label_smoothing", 0.1)))
        batch_loss, loss = (evidence.course(column)[-1] for column in ("batch_loss", "train_loss"))
        if evidence.config.data.augment and batch_loss > self.harder * loss:
            change["data.augment"] = []
            words = f"augmented batches have {batch_loss / loss:.1f} times the loss of the samples as they are"
            signal = evidence.of_epoch("batch_loss", -1, self.harder * loss)
            signs.append(Sign(grade(batch_loss / loss, self.harder, 2, 0.75, 0.9), words, signal))
        return self.of_signs(signs, change)
