"""Where training stopped being finite: the steps since the epoch began are taken again with every layer watched."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from tuner.loop import NonFinite, Task, train_epoch
from tuner.state import State


def locate(task: Task, state: State, files: dict[str, bytes], history: tuple[float, ...]) -> tuple[int, str]:
    """(step, what was not finite first there); `files` hold the state at the beginning of the epoch.

    Training is deterministic, so the same steps lead to the same place.
    """
    state.restore(files)
    found: list[str] = []
    with ExitStack() as hooks:
        for name, module in state.network.blocks():
            handle = module.register_forward_hook(_watch_output(name, found))
            hooks.callback(handle.remove)
        for name, parameter in state.network.named_parameters():
            gradient = parameter.register_hook(_watch_gradient(name, found))
            hooks.callback(gradient.remove)
        steps = train_epoch(task, state, history)
        try:
            for _ in steps:
                if found or not all(map(math.isfinite, state.sums.tolist())):
                    break
        except NonFinite:
            pass
    return state.step, found[0] if found else "the loss"


def _watch_output(name: str, found: list[str]) -> Callable[[nn.Module, Any, Tensor], None]:
    def look(module: nn.Module, inputs: Any, output: Tensor) -> None:
        if not found and not bool(output.isfinite().all()):
            found.append(f"the output of {name}")

    return look


def _watch_gradient(name: str, found: list[str]) -> Callable[[Tensor], None]:
    def look(gradient: Tensor) -> None:
        if not found and not bool(gradient.isfinite().all()):
            found.append(f"the gradient of {name}")

    return look
