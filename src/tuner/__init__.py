"""tuner: training recipes for neural networks. One YAML file is one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["load"]


def load(run: str | Path, runs_dir: str | Path = "runs") -> nn.Module:
    """The network of a run with its best weights, on the CPU, in eval mode.

    `run` is a run folder or what a command accepts as RUN. The module takes samples (N, *shape) as float32, normalised
    as `data.normalize` says. Raises NotFoundError where the run or its weights are missing or damaged.
    """
    from tuner.config import load as load_config
    from tuner.config import plan_of
    from tuner.durable import read_bytes
    from tuner.network import build
    from tuner.run import resolve_run
    from tuner.state import load_weights

    path = resolve_run(str(run), Path(runs_dir))
    config = load_config(str(path / "config.yaml")).config
    network = build(plan_of(config), config.seed)
    load_weights(network, read_bytes(path / "best.safetensors", 8 << 30), str(path / "best.safetensors"))
    return network.eval()
