"""What training the seeds of a group in one process would bring: their weights stacked in one tensor a layer, one
`torch.baddbmm` a layer for all of them, against today's worker processes.

    TUNER_DATA=... python tests/bench/stacked.py [--rounds 3] [--models NAME ...] [--seeds 2 6 10]

Each stacked member has its own first weights and its own order of samples, as the seeds of `tuner train CONFIG
--seeds N` have; both measure training and validation part each epoch and the gradient's norm each step. The stack
writes no files. Ratios are the processes' time over the stack's: above 1 the stack is quicker. "whole" is the command
from start to end, "training" its epochs alone: of the processes, the sum over the members divided by how many train
at once. Last it is told whether a member's weights depend, to the bit, on how many are stacked.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tuner import machine
from tuner.config.load import load
from tuner.loop import Samples, epoch_order
from tuner.network import build
from tuner.opening import Request, Session, open_session
from tuner.runs.files import TIMING
from tuner.shipped import find_config
from tuner.train.hardware import set_up_torch
from tuner.train.prepare import Setup, prepare

EPOCHS = {"digits": 100, "circles": 60, "mnist-mlp": 3}
CHECKED, CHECKED_EPOCHS = (1, 2, 6), 1
ALIKE = "So here a member's results do not depend on its group; nothing promises that of other sizes and machines."
OTHERS = (
    "So a member's results would depend on how many are trained with it: the same command would not give the same "
    "bytes after an interruption, nor with more seeds."
)


def settings(name: str, epochs: int) -> list[str]:
    return ["model.dropout=0", "scheduler=none", "early_stopping=none", f"training.epochs={epochs}"]


class Stack:
    """The members of seeds 0 to n - 1 of an mlp. Weights are (n, in, out), biases (n, 1, out)."""

    def __init__(self, session: Session, setup: Setup, members: int) -> None:
        self.setup, self.config, plan = setup, session.loaded.config, session.loaded.plan
        self.tasks = [replace(setup.task, config=self.config.replace(seed=seed)) for seed in range(members)]
        each = [[value.detach() for value in build(plan, seed).parameters()] for seed in range(members)]
        stacked = [torch.stack(values) for values in zip(*each, strict=True)]
        self.parameters = [v.mT.contiguous() if v.ndim == 3 else v.unsqueeze(1) for v in stacked]
        for parameter in self.parameters:
            parameter.requires_grad_()
        states = [self.config.optimizer.state(parameter.detach()) for parameter in self.parameters]
        self.slots = {slot: [state[slot] for state in states] for slot in states[0]}
        self.activations = [block.activation.build() if block.activation else nn.Identity() for block in plan.blocks]
        self.step, self.norms = 0, torch.zeros(members)

    def outputs(self, x: Tensor) -> Tensor:
        """(n, N, units) of samples (n, N, ...)."""
        x = x.flatten(2)
        pairs = zip(self.parameters[::2], self.parameters[1::2], self.activations, strict=True)
        for weight, bias, activation in pairs:
            x = activation(torch.baddbmm(bias, x, weight))
        return x

    def epoch(self, number: int) -> None:
        task = self.setup.task
        found = [epoch_order(each, number) for each in self.tasks]
        order = torch.stack([each for each in found if each is not None])
        for start, stop in task.batches:
            rows = order[:, start:stop]
            outputs = self.outputs(task.train.x[rows]).flatten(0, 1)
            loss = nn.functional.cross_entropy(outputs, task.train.y[rows].flatten(), reduction="sum")
            gradients = list(torch.autograd.grad(loss / (stop - start), self.parameters))
            self.norms += sum(each.flatten(1).square().sum(1) for each in gradients).sqrt()  # type: ignore[union-attr]
            rate = task.lr_of(self.step, ())
            self.config.optimizer.update(self.parameters, gradients, self.slots, rate, 0.0)
            self.step += 1

    @torch.inference_mode()
    def accuracies(self, samples: Samples) -> Tensor:
        """Of each member."""
        right = torch.zeros(len(self.tasks))
        for x, y in zip(torch.split(samples.x, 4096), torch.split(samples.y, 4096), strict=True):
            outputs = self.outputs(x.expand(len(self.tasks), *x.shape))
            right += (outputs.argmax(2) == y).sum(1)
        return right / len(samples)


def opened(name: str, epochs: int, folder: str) -> tuple[Session, Setup]:
    session = open_session(load(find_config(name), settings(name, epochs)), Request(Path(folder), again=True))
    assert isinstance(session, Session)
    session = set_up_torch(session)
    return session, prepare(session)


def train_stacked(name: str, epochs: int, members: int, threads: int | None = None) -> tuple[Stack, dict[str, Any]]:
    """A stack that was trained; its seconds of training and its members' validation accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        session, setup = opened(name, epochs, folder)
    work = session.loaded.plan.train_flops * len(setup.task.train) // len(setup.task.batches) * members
    torch.set_num_threads(threads or machine.threads_for(work))
    stack, began = Stack(session, setup, members), time.perf_counter()
    for number in range(1, epochs + 1):
        stack.epoch(number)
        train, val = (stack.accuracies(setup.evaluated[part]) for part in ("train", "val"))
    assert train.isfinite().all()
    return stack, {"training": time.perf_counter() - began, "accuracies": val.tolist()}


def in_processes(name: str, epochs: int, members: int) -> tuple[float, float, float]:
    """Seconds of `tuner train --seeds`, whole and training alone, and the members' mean validation accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tuner", "train", name, *settings(name, epochs)]
        began = time.perf_counter()
        subprocess.run([*command, "--seeds", str(members), "--runs-dir", folder, "-q"], check=True, capture_output=True)
        whole = time.perf_counter() - began
        runs = sorted(Path(folder).glob("*/seed-*"))
        rows = [row for run in runs for row in csv.DictReader((run / TIMING).open())]
        statuses = [json.loads((run / "status.json").read_text()) for run in runs]
    at_once = min(members, machine.cores())
    training = sum(float(row["seconds"]) for row in rows) / at_once
    return whole, training, statistics.mean(status["last"]["val_accuracy"] for status in statuses)


def in_one(name: str, epochs: int, members: int) -> tuple[float, float, float]:
    """The same of a stack, in a process of its own."""
    command = [sys.executable, __file__, "--child", name, str(epochs), str(members)]
    began = time.perf_counter()
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return time.perf_counter() - began, found["training"], statistics.mean(found["accuracies"])


def row(name: str, epochs: int, members: int, rounds: int) -> str:
    pairs = [(in_processes(name, epochs, members), in_one(name, epochs, members)) for _ in range(rounds)]
    cells = []
    for place in (0, 1):
        ratios = [processes[place] / one[place] for processes, one in pairs]
        seconds = [statistics.median(side[place] for side in sides) for sides in zip(*pairs, strict=True)]
        spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
        cells += [f"{seconds[0]:.2f} | {seconds[1]:.2f} | {statistics.median(ratios):.2f} ({spread})"]
    accuracies = ", ".join(f"{side[2]:.4f}" for side in pairs[-1])
    return f"| {name} | {members} | {' | '.join(cells)} | {accuracies} |"


def dependence(name: str) -> tuple[str, bool]:
    """Whether the weights of member 0 depend on how many are stacked, in words and as such."""
    said, alike = [], True
    for threads in sorted({1, machine.cores()}):
        stacks = [train_stacked(name, CHECKED_EPOCHS, members, threads)[0] for members in CHECKED]
        first = [torch.cat([parameter[0].detach().flatten() for parameter in stack.parameters]) for stack in stacks]
        same = [torch.equal(one, first[0]) for one in first[1:]]
        alike = alike and all(same)
        gap = max((one - first[0]).abs().max().item() for one in first[1:])
        told = {n: "the same" if ok else "others" for n, ok in zip(CHECKED[1:], same, strict=True)}
        words = " and ".join(f"in {n} {word}" for n, word in told.items())
        said.append(f"with {threads} thread{'s' * (threads > 1)} {words} (largest difference {gap:.1e})")
    return f"{name}: member 0's weights after an epoch, against those of a stack of 1: {'; '.join(said)}.", alike


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=list(EPOCHS), choices=list(EPOCHS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[2, 6, 10])
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        name, epochs, members = asked.child
        print(json.dumps(train_stacked(name, int(epochs), int(members))[1]))
        return
    print(f"{machine.cpu_model()}, {machine.cores()} cores, torch {torch.__version__}, {asked.rounds} rounds\n")
    columns = "processes, s | stack, s | ratio"
    print(f"| | seeds | whole: {columns} | training: {columns} | mean accuracy of both |")
    print("|---|---:|" + "---:|" * 7)
    for name in asked.models:
        for members in asked.seeds:
            print(row(name, EPOCHS[name], members, asked.rounds), flush=True)
    print()
    found = [dependence(name) for name in asked.models]
    print("\n".join(said for said, _ in found))
    print(ALIKE if all(alike for _, alike in found) else OTHERS)


if __name__ == "__main__":
    main()
