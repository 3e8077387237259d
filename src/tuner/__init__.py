"""tuner: training recipes for neural networks. One YAML file is one run."""

from __future__ import annotations

TYPE_CHECKING = False  # what type checkers take for true; `typing` takes milliseconds before the program's first act
if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

__all__ = ["load"]


def load(run: str | Path, runs_dir: str | Path = "runs") -> nn.Module:
    """The network of a run with its best weights, on the CPU, in eval mode.

    `run` is a run folder or what a command accepts as RUN. The module takes samples (N, *shape) as float32, normalised
    as `data.normalize` says. Raises NotFoundError where the run or its weights are missing or damaged, or the weights
    are not those of the best epoch that its status.json speaks of.
    """
    from tuner.config import load as load_config
    from tuner.network import build
    from tuner.paths import path_of
    from tuner.runs.files import BEST, CONFIG, best_weights
    from tuner.runs.find import resolve_run
    from tuner.runs.folder import glance
    from tuner.state import load_weights

    found = glance(resolve_run(str(run), path_of(runs_dir)))
    _ = found.config  # checked, as the config's own reader does not
    loaded = load_config(str(found.path / CONFIG))
    network = build(loaded.plan, loaded.config.seed)
    load_weights(network, best_weights(found.path, found.told), str(found.path / BEST))
    return network.eval()
