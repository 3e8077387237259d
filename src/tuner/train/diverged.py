"""Where training stopped being finite: the steps since the last snapshot are taken again with every layer watched."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from tuner.loop import NonFinite, Task, train_epoch
from tuner.state import State


def locate(
    task: Task, state: State, files: dict[str, bytes], history: tuple[float, ...], last_epoch: int
) -> tuple[int, str]:
    """(step counted from 1, what was not finite first there).

    `files` hold an earlier state of the run, from which the steps up to the end of `last_epoch` are taken again:
    training is deterministic, so they lead to the same place. What is not finite spoils all that is computed from it,
    so the first thing seen, forward through the layers and then back, is the cause.
    """
    state.restore(files)
    found: list[str] = []
    with ExitStack() as hooks:
        for name, module in state.network.blocks():
            hooks.callback(module.register_forward_hook(_watch_output(name, found)).remove)
        for name, parameter in state.network.named_parameters():
            handle = parameter.register_hook(_watch_gradient(name, found))  # type: ignore[no-untyped-call]
            hooks.callback(handle.remove)
        for _ in _steps(task, state, history, last_epoch):
            if found or not state.finite():
                break
    return state.step, found[0] if found else _what(state)


def _steps(task: Task, state: State, history: tuple[float, ...], last_epoch: int) -> Iterator[None]:
    """The steps from where `state` is to the end of `last_epoch`, or to the first one that is not finite."""
    try:
        yield from train_epoch(task, state, history)
        while state.epoch < last_epoch:
            state.next_epoch()
            yield from train_epoch(task, state, history)
    except NonFinite:
        return


def _what(state: State) -> str:
    """What is not finite although every output and every gradient is."""
    loss, norm = state.sums.tolist()
    if not math.isfinite(loss):
        return "the loss"
    if not math.isfinite(norm):
        return "the norm of the gradient"
    spoilt = [name for name, tensor in state.network.state_dict().items() if not bool(tensor.isfinite().all())]
    return spoilt[0] if spoilt else "the loss"


def _watch_output(name: str, found: list[str]) -> Callable[[nn.Module, Any, Tensor], None]:
    def look(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        if not found and not bool(output.isfinite().all()):
            found.append("the network's output" if name == "output" else f"the output of {name}")

    return look


def _watch_gradient(name: str, found: list[str]) -> Callable[[Tensor], None]:
    def look(gradient: Tensor) -> None:
        if not found and not bool(gradient.isfinite().all()):
            found.append(f"the gradient of {name}")

    return look
