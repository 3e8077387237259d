"""The output's activation does not fit the loss."""

from __future__ import annotations

from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence, Signal

OWN = ("cross_entropy", "binary_cross_entropy", "hinge")


class LossOutputMismatch(Rule, name="loss-output-mismatch"):
    """The activation of the output layer does not fit the loss.

    Seen by: an activation on the output although cross_entropy, binary_cross_entropy and hinge take raw outputs and
    apply their own; or a bounded or one-sided activation over numbers that go beyond it, as standardised ones do.
    Change: model.output.activation linear.
    Not when: the run is good all the same; a mild activation (elu, leaky_relu) on the output costs little.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 6.2.2.
    """

    stage = "training"
    order = 2
    title = "the output's activation does not fit the loss"
    harm = "The outputs cannot reach what the loss asks for, and where the activation is flat no gradient comes back."
    folds = (
        "learning-rate-too-low", "too-few-epochs", "capacity-too-small", "vanishing-gradient", "optimizer-mismatch",
        "saturated-units", "learning-rate-too-high", "dead-units", "batch-too-large", "over-regularised",
        "oscillation",
    )  # fmt: skip
    proof = "cross-entropy"
    chinese = ("损失与输出不匹配", "输出激活函数")

    def check(self, evidence: Evidence) -> Finding | None:
        config = evidence.config
        activation = config.model.output.activation
        loss = config.loss.name
        if activation.name == "linear":
            return None
        is_one_sided = activation.limits is not None or activation.name in (
            "relu",
            "softplus",
            "exponential",
            "softmax",
        )
        if loss in OWN:
            confidence = 0.95 if is_one_sided else 0.7
            words = f"{loss} takes raw outputs, and they come through {activation.name}"
        elif not evidence.is_of_classes and is_one_sided:
            confidence, words = 0.9, f"the target's numbers go beyond what {activation.name} can give"
        else:
            return None
        signals: list[Signal] = [evidence.of_setting("model.output.activation", "linear"), evidence.of_setting("loss")]
        if "output" in evidence.first:
            signals.append(evidence.of_layer(evidence.first, "output", "activation_std", None))
        return self.found(confidence, words, signals, {"model.output.activation": "linear"})
