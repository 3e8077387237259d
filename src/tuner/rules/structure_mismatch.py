"""Pictures that are read as rows of numbers."""

from __future__ import annotations

from tuner.bounds import Integer, Number
from tuner.choice import setting
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import DATA


class StructureMismatch(Rule, name="structure-mismatch"):
    """A fully connected network on pictures: it does not know which pixels lie side by side.

    Seen by: pictures of some size, a model without convolutions, and a metric on validation data far below that on
    training data.
    Change: model.name cnn; what else is set of the model stays.
    Not when: the pictures are small and of one kind in one place, as digits of 8 x 8 are: there it costs little.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    stage = "generalization"
    order = 29
    title = "a fully connected network on pictures"
    harm = (
        "What is learned of a pattern in one place of a picture does not hold in another: it takes many more samples."
    )
    folds = ("overfitting", "needs-early-stopping", "capacity-too-small")
    proof = "cnn"
    chinese = ("结构不匹配", "全连接网络处理图像", "卷积神经网络")

    side: int = setting(Integer(ge=2), "of a picture, in pixels, from which on it matters", default=12)
    gap: float = setting(Number(gt=0, lt=1), "between training and validation data", default=0.15)

    def check(self, evidence: Evidence) -> Finding | None:
        shape = evidence.data.shape if evidence.data is not None else ()
        if len(shape) != 3 or min(shape[1:]) < self.side or evidence.config.model.name == "rnn":
            return None
        if any(len(block.outputs) == 3 for block in evidence.blocks.values()):
            return None
        gap = evidence.gap
        if not gap > self.gap:
            return None
        words = f"pictures of {shape[1]} x {shape[2]} go in as {shape[0] * shape[1] * shape[2]:,} numbers"
        signals = [
            Signal("shape of a sample", str(shape), None, DATA),
            evidence.of_epoch(f"val_{evidence.metric}", evidence.best, None),
            evidence.of_epoch(f"train_{evidence.metric}", evidence.best, None),
        ]
        cnn = {"model.name": "cnn", "model.channels": [32, 64], "model.hidden": [128]}
        return self.found(grade(gap, self.gap, 0.45, 0.5, 0.95), words, signals, cnn)
