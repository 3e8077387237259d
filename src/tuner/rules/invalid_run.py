"""Training broke off, or did not do what it promises."""

from __future__ import annotations

from typing import Any

from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import STATUS


class InvalidRun(Rule, name="invalid-run"):
    """Training broke off because numbers were no longer finite, or the loop did not keep a promise.

    Seen by: the state `diverged`, with the first step and layer at which a number was not finite; or a breach noted in
    status.json: a sample in two parts, an epoch that saw too few samples, a learning rate that was not the schedule's,
    an evaluation that changed the network, a weight that did not move.
    Change: a tenth of the learning rate, and training.gradient_clip 1. A breach is an error in the program: nothing
    that the run says counts.
    Not when: there is a cause that is known better (learning-rate-too-high, exploding-gradient, init-scale,
    input-scale): those are told first, and this under them.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 8.2.4.
    """

    stage = "invalid"
    order = 0
    title = "the run is not valid"
    harm = (
        "What comes after the first number that is not finite, or after a broken promise, says nothing of the settings."
    )
    proof = "learning-rate"
    chinese = ("训练发散", "发散", "损失为NaN")

    def check(self, evidence: Evidence) -> Finding | None:
        status = evidence.run.status
        breaches = [str(each) for each in status.get("breaches") or ()]
        if breaches:
            signals = [Signal("breaches", each, None, STATUS) for each in breaches]
            return self.found(1.0, f"a promise of the loop was broken: {breaches[0]}", signals)
        if evidence.run.state != "diverged":
            return None
        reason = str(status.get("reason") or "a number was not finite")
        change: dict[str, Any] = evidence.lr_times(0.1)
        if evidence.config.training.gradient_clip is None:
            change["training.gradient_clip"] = 1.0
        return self.found(0.6, reason, [Signal("reason", reason, None, STATUS)], change)
