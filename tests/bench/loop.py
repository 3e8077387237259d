"""How fast an epoch is: tuner against a hand-written loop, against DataLoader, against Lightning.

    TUNER_DATA=... python tests/bench/loop.py [--rounds 7] [--models NAME ...] [--set KEY=VALUE ...] [--json FILE]

Every variant trains the same network from the same kind of start on the same tensors with the same optimizer, and
evaluates the validation part after each epoch. The variants take turns within a round, so that what else the machine
does falls on all of them; the ratio of a round is taken within that round, and the median over the rounds is printed.
Lightning is measured where it is installed (`pip install lightning`), on the MLP.
"""

from __future__ import annotations

import argparse
import atexit
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tuner import machine
from tuner.config.load import load
from tuner.config.settings import Config
from tuner.events import EpochDone
from tuner.loop import evaluate, train_epoch
from tuner.opening import Request, Session, open_session
from tuner.shipped import find_config
from tuner.stopping import StopRequests
from tuner.train import train
from tuner.train.hardware import set_up_torch
from tuner.train.prepare import Setup, prepare

Epoch = Callable[[], None]


def network(config: Config) -> nn.Sequential:
    """The same network as tuner builds, written by hand."""
    model = config.model.__dict__
    layers: list[nn.Module] = []
    size, side = 1, 28
    for channels in model.get("channels", []):
        layers += [nn.Conv2d(size, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        size, side = channels, side // 2
    layers.append(nn.Flatten())
    size *= side * side
    for units in model["hidden"]:
        layers += [nn.Linear(size, units), nn.ReLU()]
        if model["dropout"]:
            layers.append(nn.Dropout(model["dropout"]))
        size = units
    return nn.Sequential(*layers, nn.Linear(size, 10))


def batch_size(config: Config) -> int:
    assert isinstance(config.training.batch_size, int)
    return config.training.batch_size


def validation_pass(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    model.eval()
    loss, right = torch.zeros(()), torch.zeros(())
    with torch.inference_mode():
        for start in range(0, len(x), 2000):
            outputs = model(x[start : start + 2000])
            loss += nn.functional.cross_entropy(outputs, y[start : start + 2000], reduction="sum")
            right += (outputs.argmax(1) == y[start : start + 2000]).sum()
    return loss.item() / len(x), right.item() / len(x)


def by_hand(config: Config, setup: Setup) -> Epoch:
    """The loop that someone who knows torch well writes: resident tensors, index batches, fused Adam, no .item()."""
    model, size = network(config), batch_size(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.optimizer.lr, fused=True)
    x, y = setup.task.train.x, setup.task.train.y
    held_x, held_y = setup.evaluated["val"].x, setup.evaluated["val"].y

    def epoch() -> None:
        model.train()
        total = torch.zeros(())
        for rows in torch.split(torch.randperm(len(x)), size):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        total.item()
        validation_pass(model, held_x, held_y)

    return epoch


def with_loader(config: Config, setup: Setup) -> Epoch:
    """What most tutorials do with tensors: DataLoader(TensorDataset)."""
    from torch.utils.data import DataLoader, TensorDataset

    model, size = network(config), batch_size(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.optimizer.lr, fused=True)
    held = TensorDataset(setup.evaluated["val"].x, setup.evaluated["val"].y)
    batches = DataLoader(TensorDataset(setup.task.train.x, setup.task.train.y), size, shuffle=True)

    def epoch() -> None:
        model.train()
        for x, y in batches:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.inference_mode():
            for x, y in DataLoader(held, 2000):
                (model(x).argmax(1) == y).sum().item()

    return epoch


def lean(session: Session) -> Epoch:
    """tuner's training pass, gradient norm included, and its evaluation of the validation part, nothing else."""
    setup = prepare(session)
    held = setup.evaluated["val"]

    def epoch() -> None:
        for _ in train_epoch(setup.task, setup.state):
            pass
        evaluate(setup.state.network, held, setup.measure, setup.task.normalizer)
        setup.state.next_epoch()

    return epoch


def whole(session: Session) -> Epoch:
    """A real run: train metrics, gradient norm, run folder, a checkpoint each epoch."""
    events = train(session, StopRequests())

    def epoch() -> None:
        for event in events:
            if isinstance(event, EpochDone):
                return

    return epoch


def lightning(name: str, settings: list[str]) -> Epoch | None:
    """Lightning's Trainer over the same DataLoader, its logging, progress bar and checkpoints off, in a process of its
    own (two pools of OpenMP threads in one process slow each other down) that waits for a line before each epoch."""
    if importlib.util.find_spec("lightning") is None:
        return None
    command = [sys.executable, __file__, "--lightning-child", "--models", name, "--set", *settings]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    atexit.register(child.kill)
    assert child.stdin is not None
    assert child.stdout is not None
    ask, answer = child.stdin, child.stdout
    answer.readline()

    def epoch() -> None:
        print(file=ask, flush=True)
        assert answer.readline() == "epoch\n"

    return epoch


def train_with_lightning(config: Config, setup: Setup) -> None:
    """The child process: one epoch for each line of standard input."""
    import lightning
    from torch.utils.data import DataLoader, TensorDataset

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = network(config)

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
            (self.net(batch[0]).argmax(1) == batch[1]).sum()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=config.optimizer.lr, fused=True)

    class Pause(lightning.Callback):
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            print("epoch", flush=True)
            if not sys.stdin.readline():
                sys.exit()

    size = batch_size(config)
    batches = DataLoader(TensorDataset(setup.task.train.x, setup.task.train.y), size, shuffle=True)
    held = DataLoader(TensorDataset(setup.evaluated["val"].x, setup.evaluated["val"].y), 2000)
    trainer = lightning.Trainer(
        max_epochs=1000,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[Pause()],
    )
    trainer.fit(Module(), batches, held)


def measured(variants: dict[str, Epoch], rounds: int) -> dict[str, list[float]]:
    """Seconds of an epoch of each variant, round by round; the first epoch of each warms up and does not count."""
    for epoch in variants.values():
        epoch()
    taken: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            began = time.perf_counter()
            variants[name]()
            taken[name].append(time.perf_counter() - began)
    return taken


def opened(name: str, settings: list[str], folder: Path) -> Session:
    """The session of a config, with torch's threads set."""
    loaded = load(find_config(name), ["training.epochs=1000", "early_stopping=none", "scheduler=none", *settings])
    session = open_session(loaded, Request(folder, again=True))
    assert isinstance(session, Session)
    return set_up_torch(session)


def bench(name: str, settings: list[str], rounds: int, folder: Path) -> dict[str, float]:
    """Prints the medians of one config; returns them."""
    session = opened(name, settings, folder)
    loaded, setup = session.loaded, prepare(session)
    variants = {
        "by hand": by_hand(loaded.config, setup),
        "tuner, training and validation": lean(session),
        "tuner, everything": whole(session),
        "DataLoader(TensorDataset)": with_loader(loaded.config, setup),
    }
    trainer = lightning(name, settings) if loaded.config.model.name == "mlp" else None
    if trainer is not None:
        variants["Lightning"] = trainer
    taken = measured(variants, rounds)
    hand = taken["by hand"]
    print(f"\n{' '.join([name, *settings])}, {session.identity.threads} threads, {rounds} rounds")
    print(f"{'':34}{'s/epoch':>9}{'to hand':>9}{'tuner to it':>13}")
    found: dict[str, float] = {}
    for variant, seconds in taken.items():
        ratio = statistics.median(each / other for each, other in zip(seconds, hand, strict=True))
        ours = taken["tuner, training and validation"]
        against = statistics.median(each / other for each, other in zip(ours, seconds, strict=True))
        print(f"{variant:34}{statistics.median(seconds):9.3f}{ratio:9.3f}{against:13.3f}")
        found |= {
            f"{variant}: seconds": statistics.median(seconds),
            f"{variant}: to hand": ratio,
            f"{variant}: tuner to it": against,
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", nargs="+", default=["mnist-mlp", "mnist-cnn"])
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings put on every model")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--lightning-child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.lightning_child:
        session = opened(asked.models[0], asked.set, Path(tempfile.gettempdir()))
        train_with_lightning(session.loaded.config, prepare(session))
        return
    print(f"{machine.cpu_model()}, {machine.cores()} cores, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        found = {name: bench(name, asked.set, asked.rounds, Path(folder)) for name in asked.models}
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
