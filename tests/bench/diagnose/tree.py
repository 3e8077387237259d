"""What a learner makes of the recorded signals: a decision tree of at most 25 leaves, fitted on the part to tune on.

It is the baseline that rules written by hand have to beat on the part held out. It says one cause a run, the first of
the case, or that the run is healthy; the causes after the first are those of the same leaf, likeliest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from signals import features, signals

if TYPE_CHECKING:
    from score import Judged

LEAVES, LEAST = 25, 5
HEALTHY = "healthy"


def table(rows: Sequence[dict[str, float]], names: Sequence[str]) -> Any:
    """(rows, names); what a row lacks is 0 where it is a choice that was not made, else not a number."""
    return np.array([[row.get(name, 0.0 if "=" in name else np.nan) for name in names] for row in rows])


def predict(judged: Sequence[Judged]) -> list[tuple[str, ...]]:
    """What the tree says of each run."""
    from sklearn.tree import DecisionTreeClassifier

    rows = [features(signals(run.result.folder)) for run in judged]
    fitted = [at for at, run in enumerate(judged) if run.case.is_tuned]
    names = sorted({name for at in fitted for name in rows[at]})
    x = table(rows, names)
    y = np.array([judged[at].case.cause[0] if judged[at].case.cause else HEALTHY for at in fitted])
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=LEAST, random_state=0)
    tree.fit(x[fitted], y)
    return [ranked(tree.classes_, shares) for shares in tree.predict_proba(x)]


def ranked(classes: Any, shares: Any) -> tuple[str, ...]:
    """The causes of a leaf, likeliest first; none where it is healthy above all."""
    order = [str(classes[at]) for at in np.argsort(-shares, kind="stable") if shares[at] > 0]
    return () if order[0] == HEALTHY else tuple(cause for cause in order if cause != HEALTHY)
