"""A network too small for what it has to learn."""

from __future__ import annotations

import math
from typing import Any

from tuner.bounds import Integer, Number
from tuner.choice import setting
from tuner.figures import plural
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import CONFIG


class CapacityTooSmall(Rule, name="capacity-too-small"):
    """The network has too few units to learn its training data.

    Seen by: a training metric that has stopped rising below what simple models reach, in a network whose narrowest
    layer has few units, or fewer than there are classes.
    Change: wider layers: 128 units, or four times as many; else another layer, too.
    Not when: the curve still rises, or there is any other reason: those are cheaper to mend.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 5.2.
    """

    stage = "training"
    order = 24
    title = "the network is too small"
    harm = "A layer can hand on no more than it has units for."
    proof = "not-overfitting"
    chinese = ("模型容量不足", "网络过小")

    units: int = setting(Integer(ge=1), "of the narrowest layer, up to which it is narrow", default=12)
    gain: float = setting(Number(gt=0), "of the training metric at the end, up to which it lies flat", default=0.01)

    def check(self, evidence: Evidence) -> Finding | None:
        widths = {name: block.outputs[0 if len(block.outputs) == 3 else -1] for name, block in evidence.inner.items()}
        classes = len(evidence.data.classes) if evidence.data is not None else 0
        gain = evidence.late_gain(evidence.train)
        if not widths:
            words, narrow, where = "there is no hidden layer", 0, CONFIG
        else:
            layer = min(widths, key=widths.__getitem__)
            narrow, where = widths[layer], CONFIG
            if narrow > max(self.units, classes):
                return None
            words = f"{layer} has {plural(narrow, 'unit')}{f', and there are {classes} classes' * (narrow < classes)}"
        is_tight = bool(widths) and 2 * narrow <= classes
        if evidence.epochs > 2 and gain > 3 * self.gain and not is_tight:
            return None
        sure = grade(max(1, narrow), max(self.units, classes) + 1, 2, 0.5, 0.9)
        signals = [Signal("units of the narrowest layer", narrow, self.units, where)]
        signals.append(evidence.of_epoch(f"train_{evidence.metric}", -1, None))
        return self.found(sure if not math.isnan(gain) else 0.5, words, signals, *wider(evidence.config.model.plain()))


def wider(model: Any) -> list[dict[str, Any]]:
    """The changes that give a network, as config.yaml holds it, more units, and another layer."""
    if "layers" in model:
        layers = [
            {key: max(64, 4 * value) if key in ("dense", "conv", "rnn") and isinstance(value, int) else value
             for key, value in layer.items()}
            for layer in model["layers"]
        ]  # fmt: skip
        return [{"model.layers": layers}]
    key = next((key for key in ("hidden", "units") if model.get(key)), "hidden")
    units = [max(128, 4 * width) for width in model.get(key) or []] or [128]
    channels = {"model.channels": [max(16, 4 * width) for width in model["channels"]]} if "channels" in model else {}
    return [{f"model.{key}": units, **channels}, {f"model.{key}": [*units, 128], **channels}]
