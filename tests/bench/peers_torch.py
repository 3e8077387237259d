"""The peers that stand on torch, tuner among them: each trains an epoch a turn, for ever."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peers_work import CHUNK, PRODUCTS, SIDE, Turn, Work, rate
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tuner.events import EpochDone
from tuner.loop import evaluate, train_epoch
from tuner.network import build
from tuner.opening import Request, Session, open_session
from tuner.stopping import StopRequests
from tuner.train import train
from tuner.train.hardware import set_up_torch
from tuner.train.prepare import prepare


class Recurrent(nn.Module):
    """Reads a picture row by row and hands on the last state."""

    def __init__(self, cell: str, features: int, units: int) -> None:
        super().__init__()
        self.cell = getattr(nn, cell.upper())(features, units, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.cell(x.squeeze(1))
        last: Tensor = states[:, -1]
        return last


def network(work: Work) -> nn.Sequential:
    """The network that tuner builds of the config, written by hand, with the same first weights."""
    model, layers = work.model, list[nn.Module]()
    size, side, _ = work.loaded.plan.inputs
    if "cell" in model:
        (units,) = model["units"]
        layers, size = [Recurrent(model["cell"], side, units)], units
    else:
        for channels in model.get("channels", []):
            layers += [nn.Conv2d(size, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            size, side = channels, side // 2
        layers.append(nn.Flatten())
        size *= side * side
    for units in model["hidden"]:
        layers += [nn.Linear(size, units), nn.ReLU()]
        size = units
    made = nn.Sequential(*layers, nn.Linear(size, work.loaded.units))
    ours = build(work.loaded.plan, work.seed).parameters()
    with torch.no_grad():
        for parameter, value in zip(made.parameters(), ours, strict=True):
            parameter.copy_(value)
    return made


def adam(model: nn.Module, work: Work) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=work.lr, fused=True)


def parts(work: Work) -> tuple[TensorDataset, TensorDataset]:
    """The training and the validation part, in memory."""
    found = [TensorDataset(*map(torch.from_numpy, part)) for part in (work.train, work.validation)]
    return found[0], found[1]


def take_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, clip: float | None) -> Tensor:
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    if clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return loss.detach()


@torch.inference_mode()
def accuracy_of(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """The validation pass, loss included."""
    model.eval()
    loss, right = torch.zeros(()), torch.zeros(())
    for held, labels in zip(x.split(CHUNK), y.split(CHUNK), strict=True):
        outputs = model(held)
        loss += nn.functional.cross_entropy(outputs, labels, reduction="sum")
        right += (outputs.argmax(1) == labels).sum()
    assert loss.isfinite()
    return right.item() / len(x)


def by_hand(work: Work, turn: Turn, layout: torch.memory_format = torch.preserve_format) -> None:
    """The loop that someone who knows torch well writes: resident tensors, index batches, fused Adam, no .item()."""
    model = network(work).to(memory_format=layout)
    optimizer = adam(model, work)
    (x, y), held = (part.tensors for part in parts(work))
    accuracy = 0.0
    while True:
        turn(accuracy)
        model.train()
        total = torch.zeros(())
        for rows in torch.randperm(len(x)).split(work.batch_size):
            total += take_step(model, optimizer, x[rows], y[rows], work.clip) * len(rows)
        assert total.isfinite()
        accuracy = accuracy_of(model, *held)


def by_hand_channels_last(work: Work, turn: Turn) -> None:
    by_hand(work, turn, torch.channels_last)


def with_switch(peer: Callable[[Work, Turn], None], work: Work, turn: Turn) -> None:
    """A peer with torch's public switch that sends float32 products through oneDNN where the CPU has AVX-512."""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"  # type: ignore[attr-defined]
    peer(work, turn)


def by_hand_switched(work: Work, turn: Turn) -> None:
    with_switch(by_hand, work, turn)


def with_loader(work: Work, turn: Turn) -> None:
    """What most tutorials do with tensors: DataLoader(TensorDataset)."""
    model = network(work)
    optimizer = adam(model, work)
    samples, held = parts(work)
    batches, held_batches = DataLoader(samples, work.batch_size, shuffle=True), DataLoader(held, CHUNK)
    accuracy = 0.0
    while True:
        turn(accuracy)
        model.train()
        for x, y in batches:
            take_step(model, optimizer, x, y, work.clip)
        model.eval()
        with torch.inference_mode():
            accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in held_batches) / len(held)


def lightning(work: Work, turn: Turn) -> None:
    """Lightning's Trainer over the same DataLoader, its logging, progress bar and checkpoints off."""
    import lightning

    samples, held = parts(work)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.right, self.accuracy = network(work), torch.zeros(()), 0.0

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
            self.right += (self.net(batch[0]).argmax(1) == batch[1]).sum()

        def on_validation_epoch_end(self) -> None:
            self.accuracy = self.right.item() / len(held)
            self.right.zero_()

        def on_train_epoch_start(self) -> None:
            turn(self.accuracy)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return adam(self, work)

    trainer = lightning.Trainer(
        max_epochs=-1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=work.clip,
    )
    trainer.fit(Module(), DataLoader(samples, work.batch_size, shuffle=True), DataLoader(held, CHUNK))


def skorch(work: Work, turn: Turn) -> None:
    """skorch's classifier with the callbacks it has by itself, silent."""
    from skorch import NeuralNetClassifier
    from skorch.callbacks import Callback, GradientNormClipping
    from skorch.helper import predefined_split

    class Pause(Callback):
        def on_epoch_begin(self, net: Any, **_: Any) -> None:
            turn(net.history[-2, "valid_acc"] if len(net.history) > 1 else 0.0)

    samples, held = parts(work)
    clipping = [GradientNormClipping(work.clip)] if work.clip is not None else []
    classifier = NeuralNetClassifier(
        network(work),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        lr=work.lr,
        max_epochs=100_000,
        batch_size=work.batch_size,
        iterator_train__shuffle=True,
        iterator_valid__batch_size=CHUNK,
        train_split=predefined_split(held),
        callbacks=[*clipping, Pause()],
        verbose=0,
    )
    classifier.fit(samples, None)


def opened(work: Work, folder: str) -> Session:
    session = open_session(work.loaded, Request(Path(folder), again=True), work.splits)
    assert isinstance(session, Session)
    return set_up_torch(session)


def tuner(work: Work, turn: Turn) -> None:
    """tuner's training pass, gradient norm included, and its evaluation of the validation part, nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        setup = prepare(opened(work, folder))
    accuracy = 0.0
    while True:
        turn(accuracy)
        for _ in train_epoch(setup.task, setup.state):
            pass
        accuracy = evaluate(setup.state.network, setup.evaluated["val"], setup.measure)["accuracy"]
        setup.state.next_epoch()


def tuner_whole(work: Work, turn: Turn) -> None:
    """A real run: train metrics, gradient norm, layer statistics, run folder, a checkpoint each epoch."""
    with tempfile.TemporaryDirectory() as folder:
        turn(0.0)
        for event in train(opened(work, folder), StopRequests()):
            if isinstance(event, EpochDone):
                turn(event.row["val_accuracy"] or 0.0)


def limit(work: Work, turn: Turn) -> None:
    """How fast torch multiplies large matrices."""
    one, other = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    best = 0.0
    for _ in itertools.count():
        turn(best)
        best = 0.0
        for _ in range(PRODUCTS):
            began = time.perf_counter()
            torch.mm(one, other)
            best = max(best, rate(time.perf_counter() - began))


def limit_switched(work: Work, turn: Turn) -> None:
    with_switch(limit, work, turn)
