"""A plan -> an initialised `nn.Module`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tuner.options.initializers import fans
from tuner.options.models import Conv, Dense, Dropout, Pool, Recurrent
from tuner.plan import GATES, Block, Plan
from tuner.seeding import derive

RECURRENT = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class WeightBlock(nn.Module):
    """A dense layer or a convolution, then batch norm, then activation."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(block.parameters["weight"]))
        self.bias = None if block.batch_norm else nn.Parameter(torch.empty(block.parameters["bias"]))
        pictures = isinstance(block.setting, Conv)
        features = block.parameters["weight"][0]
        self.norm: nn.Module | None = None
        if block.batch_norm:
            self.norm = nn.BatchNorm2d(features) if pictures else nn.BatchNorm1d(features)
        self.activation: nn.Module | None = None
        if block.activation is not None and block.activation.name != "linear":
            self.activation = block.activation.build()
        self.padding: int | None = None
        self.uneven: tuple[int, int, int, int] | None = None
        if isinstance(block.setting, Conv):
            self.padding, self.uneven = _padding(block.setting)

    def forward(self, x: Tensor) -> Tensor:
        if self.padding is None:
            x = F.linear(x.flatten(1) if x.ndim > 2 else x, self.weight, self.bias)
        else:
            x = x if self.uneven is None else F.pad(x, self.uneven)
            x = F.conv2d(x, self.weight, self.bias, padding=self.padding)
        if self.norm is not None:
            x = self.norm(x)
        return x if self.activation is None else self.activation(x)

    def extra_repr(self) -> str:
        return f"weight={tuple(self.weight.shape)}, bias={self.bias is not None}"


def _padding(setting: Conv) -> tuple[int, tuple[int, int, int, int] | None]:
    """Zeros on every side, and where an even kernel needs one more on the right and below: (left, right, top, bottom).

    As torch's padding="same" does it, without its warning about a copy.
    """
    if setting.padding == "valid":
        return 0, None
    before = (setting.kernel_size - 1) // 2
    after = setting.kernel_size - 1 - before
    return (before, None) if before == after else (0, (before, after, before, after))


class PoolBlock(nn.Module):
    """Max or mean over squares that do not overlap."""

    def __init__(self, setting: Pool) -> None:
        super().__init__()
        self.side, self.mode = setting.pool, setting.mode

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, self.side) if self.mode == "max" else F.avg_pool2d(x, self.side)

    def extra_repr(self) -> str:
        return f"{self.mode}, {self.side}"


class DropoutBlock(nn.Module):
    """Dropout whose mask is a function of (seed, step, layer); `step` is set by `Network.at`."""

    def __init__(self, share: float, seed: int, name: str) -> None:
        super().__init__()
        self.share, self.seed, self.name, self.step = share, seed, name, 0
        self.dropped = min(65535, round(share * 65536))
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        if self.generator is None or self.generator.device != x.device:
            self.generator = torch.Generator(x.device)
        self.generator.manual_seed(derive(self.seed, "dropout", self.name, self.step))
        # four masks from one draw of 64 bits: four times as fast as bernoulli_, the share in steps of 1/65536
        draws = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device)
        draws.random_(-(2**63), None, generator=self.generator)
        kept = draws.view(torch.int16)[: x.numel()].view(x.shape) >= self.dropped - 32768
        return x * kept.to(x.dtype).mul_(65536 / (65536 - self.dropped))

    def extra_repr(self) -> str:
        return f"{self.share}"


class RecurrentBlock(nn.Module):
    """A recurrent layer; reads pictures row by row; hands on every state (`sequence`) or the last one."""

    def __init__(self, block: Block, setting: Recurrent) -> None:
        super().__init__()
        features = block.inputs[0] * block.inputs[2] if len(block.inputs) == 3 else block.inputs[1]
        # torch draws first values from the global generator unless the layer is made on the meta device
        made = RECURRENT[setting.cell](features, setting.rnn, batch_first=True, device="meta")
        self.cell = made.to_empty(device="cpu")
        self.sequence = block.sequence

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 4:
            x = x.transpose(1, 2).flatten(2)
        states, _ = self.cell(x)
        out: Tensor = states if self.sequence else states[:, -1]
        return out


class Network(nn.Module):
    """The network of a plan. Weights are named by layer: ``conv.0.weight``, ``hidden.1.bias``, ``output.weight``.

    `forward` takes samples (N, *inputs) and gives outputs (N, units).
    """

    def __init__(self, plan: Plan, seed: int) -> None:
        super().__init__()
        self.plan = plan
        self.names = [block.name for block in plan.blocks]
        modules = [_module(block, seed) for block in plan.blocks]
        for block, module in zip(plan.blocks, modules, strict=True):
            group, _, index = block.name.partition(".")
            if not index:
                self.add_module(group, module)
            else:
                if group not in self._modules:
                    self.add_module(group, nn.ModuleList())
                listed = self.get_submodule(group)
                assert isinstance(listed, nn.ModuleList)  # noqa: S101
                listed.append(module)
        self._order = modules
        self._dropouts = [module for module in modules if isinstance(module, DropoutBlock)]

    def blocks(self) -> Iterator[tuple[str, nn.Module]]:
        """(name, module) of every layer, first to last."""
        for name in self.names:
            yield name, self.get_submodule(name)

    def at(self, step: int) -> None:
        """Says which step comes next: dropout's masks depend on it."""
        for dropout in self._dropouts:
            dropout.step = step

    def forward(self, x: Tensor) -> Tensor:
        for module in self._order:
            x = module(x)
        return x


def build(plan: Plan, seed: int) -> Network:
    """The network of `plan` on the CPU; each weight's first value is a function of (seed, its name) alone."""
    network = Network(plan, seed)
    with torch.no_grad():
        for block, (_, module) in zip(plan.blocks, network.blocks(), strict=True):
            _initialise(block, module, seed)
    return network


def _module(block: Block, seed: int) -> nn.Module:
    setting = block.setting
    if isinstance(setting, Pool):
        return PoolBlock(setting)
    if isinstance(setting, Dropout):
        return DropoutBlock(setting.dropout, seed, block.name)
    if isinstance(setting, Recurrent):
        return RecurrentBlock(block, setting)
    assert isinstance(setting, Conv | Dense)  # noqa: S101 - the layers of the language are these five
    return WeightBlock(block)


def _initialise(block: Block, module: nn.Module, seed: int) -> None:
    for name, parameter in module.named_parameters():
        if name.startswith(("norm.", "activation.")):
            continue  # batch norm starts at 1 and 0, PReLU at its own setting
        generator = torch.Generator().manual_seed(derive(seed, "weights", f"{block.name}.{name}"))
        gates = GATES[block.setting.cell] if isinstance(block.setting, Recurrent) else 1
        for part in parameter.chunk(gates):
            part.copy_(_first_value(block, name, tuple(part.shape), generator))


def _first_value(block: Block, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    initializer, setting = block.initializer, block.setting
    assert initializer is not None  # noqa: S101 - every layer with weights has one
    recurrent = isinstance(setting, Recurrent)
    if "bias" in name:
        fan_in = setting.rnn if isinstance(setting, Recurrent) else fans(block.parameters["weight"])[0]
        return initializer.draw_bias(shape, fan_in, generator)
    fan_in, fan_out = fans(shape)
    if recurrent and initializer.name == "default":
        fan_in = shape[0]  # torch's rule for recurrent layers: the size of the state
    return initializer.draw(shape, fan_in, fan_out, generator)
