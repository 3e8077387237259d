"""A plan -> an initialised `nn.Module`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tuner.plan import Plan
from tuner.seeding import derive


class Network(nn.Module):
    """The network of a plan. Weights are named by layer: ``conv.0.weight``, ``hidden.1.bias``, ``output.weight``.
    `forward` takes samples (N, *inputs) and gives outputs (N, units); with `precision` bfloat16 products and
    convolutions are made in it (torch's autocast), what comes in, the weights and the outputs stay float32."""

    def __init__(self, plan: Plan, seed: int, precision: str = "float32") -> None:
        super().__init__()
        self.plan, self.precision = plan, precision
        self.blocks: list[tuple[str, Any]] = [(block.name, block.layer.build(block, seed)) for block in plan.blocks]
        """(name, module) of every layer, first to last."""
        for name, module in self.blocks:
            group, _, index = name.partition(".")
            if index and group not in self._modules:
                self.add_module(group, nn.ModuleList())
            parent = self.get_submodule(group) if index else self
            parent.add_module(index or group, module)
        self.passes = _passes(plan, [module for _, module in self.blocks])
        self.reads_pictures = any(len(block.outputs) == 3 for block in plan.blocks)

    @contextmanager
    def watched(self, look: Callable[[str, Tensor], None]) -> Iterator[None]:
        """Within it `look` is given the name of each layer and what it hands on."""

        def tell(name: str, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
            look(name, output)

        with ExitStack() as hooks:
            for name, module in self.blocks:
                hooks.callback(module.register_forward_hook(partial(tell, name)).remove)
            yield

    def at(self, step: int) -> None:
        """Says which step comes next: dropout's masks depend on it."""
        for block, (_, module) in zip(self.plan.blocks, self.blocks, strict=True):
            if block.layer.draws:
                module.step = step

    def fit(self, rows: Tensor) -> None:
        """Before the first step: what is measured on the training part's normalised rows (N, F)."""
        for block, (_, module) in zip(self.plan.blocks, self.blocks, strict=True):
            block.layer.measure(module, rows)

    def forward(self, x: Tensor) -> Tensor:
        if self.reads_pictures and not x.is_cuda:
            x = channels_last(x)
        is_lower = self.precision == "bfloat16"
        with torch.autocast(x.device.type, torch.bfloat16) if is_lower else nullcontext():
            for step in self.passes:
                x = step(x)
        return x.float()


def channels_last(x: Tensor) -> Tensor:
    """Pictures (N, C, H, W) with the channels of a pixel side by side in memory: on a CPU convolution and pooling are
    quicker then. Of one channel torch would think that it is the other order, but for the strides."""
    _, channels, height, width = x.shape
    if channels == 1:
        return x.contiguous().as_strided(x.shape, (height * width, 1, width, 1))
    return x.contiguous(memory_format=torch.channels_last)


def _passes(plan: Plan, modules: list[Any]) -> list[Callable[[Tensor], Tensor]]:
    """What samples go through: the layers, but a ReLU before a max pooling is taken after it, of fewer numbers."""
    steps: list[Callable[[Tensor], Tensor]] = []
    with_relu = None
    for block, module in zip(plan.blocks, modules, strict=True):
        if with_relu is not None and block.layer.may_come_before_relu():
            steps[-1] = partial(_relu_last, with_relu, module)
        else:
            steps.append(module)
        with_relu = module if block.activation is not None and block.activation.name == "relu" else None
    return steps


def _relu_last(weighted: Any, pool: Any, x: Tensor) -> Tensor:
    looks = weighted._forward_hooks or pool._forward_hooks  # somebody wants to see what each layer hands on
    out: Tensor = pool(weighted(x)) if looks else weighted.activation(pool(weighted.before_activation(x)))
    return out


def build(plan: Plan, seed: int, precision: str = "float32") -> Network:
    """The network of `plan` on the CPU; each weight's first value is a function of (seed, its name) alone."""
    network = Network(plan, seed, precision)
    with torch.no_grad():
        for block, (_, module) in zip(plan.blocks, network.blocks, strict=True):
            for name, parameter in module.named_parameters():
                if name.startswith(("norm.", "activation.")):
                    continue  # batch norm starts at 1 and 0, PReLU at its own setting
                generator = torch.Generator().manual_seed(derive(seed, "weights", f"{block.name}.{name}"))
                for part in parameter.chunk(block.layer.gates()):
                    part.copy_(block.layer.first_value(block, name, tuple(part.shape), generator))
    return network
