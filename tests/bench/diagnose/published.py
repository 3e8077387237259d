"""Published tools' rules, expressed once more over what tuner records: our implementation, their thresholds.

The thresholds are those that were found in the tools' code and documentation (AUTOTRAINER 03a463e, DeepDiagnosis
500b017, UMLAUT 68c2a02, SageMaker Debugger's rule pages). Two things differ: they look at every batch, or at the first
one of an epoch, and tuner at a probe of 256 training samples at a few epochs; and where they count single numbers that
are zero, tuner counts units that are zero on every sample, which finds fewer. What tuner does not record, such as the
size of single gradients, is taken from the norm over a layer. A run without card.json has no input range to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from signals import Signals, signals

Symptom = Callable[[Signals], bool]
THETA = 0.6
"""AUTOTRAINER's and DeepDiagnosis's accuracy that the user is to name; the default of the first."""


def last(values: Sequence[float], otherwise: float) -> float:
    return values[-1] if values else otherwise


def is_inaccurate(run: Signals) -> bool:
    return last(run.course(f"train_{run.metric}"), 0.0) < THETA


def any_layer(of: str, holds: Callable[[float], bool], epochs: int = 0) -> Symptom:
    """Whether it holds in a layer at a probe; with `epochs` at the last so many."""
    return lambda run: any(holds(each) for probe in run.probes(of)[-epochs:] for each in probe)


def ratio_of_gradients(run: Signals) -> list[tuple[float, float]]:
    """(first layer's norm by the last one's, the first one's) at each probe."""
    return [(probe[0] / probe[-1] if probe[-1] else 0.0, probe[0]) for probe in run.probes("gradient_norm")]


# ---- AUTOTRAINER (Zhang et al. 2021, ICSE) ---------------------------------------------------------------------------


def autotrainer_vanishing(run: Signals) -> bool:
    return is_inaccurate(run) and any(ratio < 1e-3 and first < 1e-4 for ratio, first in ratio_of_gradients(run))


def autotrainer_exploding(run: Signals) -> bool:
    return run.is_diverged or (is_inaccurate(run) and any(ratio > 70 for ratio, _ in ratio_of_gradients(run)))


def autotrainer_oscillating(run: Signals) -> bool:
    """Local highs and lows of the training accuracy that lie 3 points apart, in a fifth of the epochs."""
    course = run.course(f"train_{run.metric}")
    turns = [now for before, now, after in zip(course, course[1:], course[2:], strict=False)
             if (now - before) * (now - after) > 0]  # fmt: skip
    swings = sum(abs(one - other) >= 0.03 for one, other in pairwise(turns))
    return bool(course) and swings >= 0.2 * len(course)


def autotrainer_slow(run: Signals) -> bool:
    courses = [run.course(f"{part}_{run.metric}") for part in ("train", "val")]
    gains = [after - before for course in courses for before, after in pairwise(course)]
    return is_inaccurate(run) and max(gains, default=0.0) < 0.01


# ---- DeepDiagnosis (Wardat et al. 2022, ICSE) ------------------------------------------------------------------------


def deepdiagnosis_unchanged(run: Signals) -> bool:
    """Five equal losses or accuracies, one epoch after the other."""
    return any(
        len(set(course[at : at + 5])) == 1
        for column in ("batch_loss", f"train_{run.metric}")
        for course in [run.course(column)]
        for at in range(len(course) - 4)
    )


def deepdiagnosis_loss_up(run: Signals) -> bool:
    course = run.course("batch_loss")
    return any(after > before for before, after in pairwise(course[-5:])) and is_inaccurate(run)


# ---- UMLAUT (Schoop et al. 2021, CHI) --------------------------------------------------------------------------------


def umlaut_overfits(run: Signals) -> bool:
    """The validation loss rises in an epoch in which the training loss does not."""
    steps = zip(pairwise(run.course("train_loss")), pairwise(run.course("val_loss")), strict=False)
    return any(held[1] > held[0] and train[1] <= train[0] for train, held in steps)


def umlaut_too_good(run: Signals) -> bool:
    courses = zip(run.course("train_accuracy")[3:], run.course("val_accuracy")[3:], strict=False)
    return any(held > 0.95 or held - train > 0.05 for train, held in courses)


def umlaut_range(run: Signals) -> bool:
    """Inputs below -1 or above 1, as the network is given them; in standard deviations they always are."""
    inputs = run.card.get("inputs", {})
    is_wide = (inputs.get("low") or 0.0) < -1 or (inputs.get("high") or 0.0) > 1
    normalize = run.config["data"]["normalize"]
    return bool(is_wide) if normalize == "none" else normalize != "minmax"


# ---- SageMaker Debugger (its rules' defaults) ------------------------------------------------------------------------


def debugger_not_decreasing(run: Signals) -> bool:
    """By less than 0.1 % from one epoch to the next, where it asks for it every ten steps."""
    return any(after > 0.999 * before for before, after in pairwise(run.course("batch_loss")))


def debugger_overfits(run: Signals) -> bool:
    losses = zip(run.course("train_loss"), run.course("val_loss"), strict=False)
    return any(train > 0 and (held - train) / train > 0.1 for train, held in losses)


def debugger_overtrains(run: Signals) -> bool:
    """The validation loss is no better for ten epochs, or that of the training part for five, by 0.01."""
    for column, patience in (("val_loss", 10), ("train_loss", 5)):
        course = run.course(column)
        best, since = float("inf"), 0
        for loss in course:
            best, since = (loss, 0) if loss < best - 0.01 else (best, since + 1)
            if since >= patience:
                return True
    return False


def debugger_imbalance(run: Signals) -> bool:
    shares = run.card.get("prior", {}).get("shares", [])
    return bool(shares) and max(shares) > 10 * min(shares)


TOOLS: dict[str, dict[str, Symptom]] = {
    "AUTOTRAINER": {
        "vanishing-gradient": autotrainer_vanishing,
        "exploding-gradient": autotrainer_exploding,
        "dead-units": lambda run: is_inaccurate(run) and any_layer("zero_units", lambda share: share >= 0.7)(run),
        "oscillation": autotrainer_oscillating,
        "learning-rate-too-low": autotrainer_slow,
    },
    "DeepDiagnosis": {
        "invalid-run": lambda run: run.is_diverged,
        "dead-units": any_layer("zero_units", lambda share: share >= 0.7, 1),
        "saturated-units": any_layer("saturated_units", lambda share: share > 0.5, 1),
        "vanishing-gradient": any_layer("gradient_norm", lambda norm: norm < 1e-7),
        "learning-rate-too-high": any_layer("update_ratio", lambda ratio: ratio > 0.1),
        "learning-rate-too-low": any_layer("update_ratio", lambda ratio: ratio < 1e-5),
        "too-few-epochs": deepdiagnosis_unchanged,
        "oscillation": deepdiagnosis_loss_up,
    },
    "UMLAUT": {
        "input-scale": umlaut_range,
        "learning-rate-too-high": lambda run: run.config["optimizer"]["lr"] > 0.01,
        "learning-rate-too-low": lambda run: run.config["optimizer"]["lr"] < 1e-7,
        "missing-nonlinearity": lambda run: "linear" in run.activations(),
        "over-regularised": lambda run: run.config["model"].get("dropout", 0) > 0.5,
        "overfitting": umlaut_overfits,
        "leakage": umlaut_too_good,
    },
    "SageMaker Debugger": {
        "invalid-run": lambda run: run.is_diverged,
        "vanishing-gradient": any_layer("gradient_norm", lambda norm: norm < 1e-7),
        "dead-units": any_layer("zero_units", lambda share: share > 0.5),
        "saturated-units": any_layer("saturated_units", lambda share: share > 0.5),
        "learning-rate-too-high": any_layer("update_ratio", lambda ratio: ratio > 10),
        "learning-rate-too-low": any_layer("update_ratio", lambda ratio: ratio < 1e-8),
        "too-few-epochs": debugger_not_decreasing,
        "class-imbalance": debugger_imbalance,
        "overfitting": debugger_overfits,
        "needs-early-stopping": debugger_overtrains,
    },
}
"""Tool -> what it looks for, in its own order, each under the name that tuner's rule of the same cause has."""


def symptoms(tool: dict[str, Symptom], folder: Path) -> tuple[str, ...]:
    """What a tool would have said of a run."""
    return tuple(found(tool, signals(folder)))


def found(tool: dict[str, Symptom], run: Signals) -> Iterator[str]:
    return (cause for cause, holds in tool.items() if holds(run))
