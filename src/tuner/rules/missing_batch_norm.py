"""A deep network without batch norm."""

from __future__ import annotations

from tuner.bounds import Integer
from tuner.choice import setting
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import CONFIG


class MissingBatchNorm(Rule, name="missing-batch-norm"):
    """A network of many layers without batch norm.

    Seen by: the number of hidden layers, none of which has batch norm, in a run that is bad on its training data.
    Change: model.batch_norm true; else fewer layers.
    Not when: batches are of a few samples, or the network is shallow.
    Source: Ioffe, Szegedy (2015), "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
    Covariate Shift".
    """

    stage = "training"
    order = 19
    title = "a deep network without batch norm"
    harm = "Differences of scale multiply from layer to layer, so that deep ones see next to nothing, or far too much."
    folds = ("capacity-too-small", "too-few-epochs", "optimizer-mismatch", "oscillation", "over-regularised")
    proof = "batch-norm"
    chinese = ("批归一化", "批标准化", "缺少批归一化")

    layers: int = setting(Integer(ge=1), "hidden layers from which on a network is deep", default=6)

    def check(self, evidence: Evidence) -> Finding | None:
        depth = evidence.depth
        if depth < self.layers or any(block.batch_norm for block in evidence.inner.values()) or evidence.batch < 8:
            return None
        signal = Signal("hidden layers without batch norm", depth, self.layers, CONFIG)
        words = f"{depth} hidden layers, and none has batch norm"
        changes = [evidence.changed_layers(batch_norm=True), *evidence.shallower]
        return self.found(grade(depth, self.layers, 20, 0.5, 0.75), words, [signal], *changes)
