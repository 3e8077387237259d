"""Where training stopped being finite: the steps since the last snapshot are taken again with every layer watched."""

from __future__ import annotations

import math
from contextlib import ExitStack, suppress
from functools import partial

from torch import Tensor

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

    def look(what: str, tensor: Tensor) -> None:
        if not found and not bool(tensor.isfinite().all()):
            found.append("the network's output" if what == "the output of output" else what)

    with suppress(NonFinite), ExitStack() as hooks:
        hooks.enter_context(state.network.watched(lambda name, output: look(f"the output of {name}", output)))
        for name, parameter in state.network.named_parameters():
            handle = parameter.register_hook(partial(look, f"the gradient of {name}"))  # type: ignore[no-untyped-call]
            hooks.callback(handle.remove)
        while True:
            for _ in train_epoch(task, state, history):
                if found or not state.finite():
                    raise NonFinite
            if state.epoch >= last_epoch:
                break
            state.next_epoch()
    return state.step, found[0] if found else _what(state)


def _what(state: State) -> str:
    """What is not finite although every output and every gradient is."""
    loss, norm = state.sums.tolist()
    if not math.isfinite(loss):
        return "the loss"
    if not math.isfinite(norm):
        return "the norm of the gradient"
    spoilt = (name for name, tensor in state.network.state_dict().items() if not bool(tensor.isfinite().all()))
    return next(spoilt, "the loss")
