"""How fast an epoch is: tuner beside what people train the same network with.

    TUNER_DATA=... python tests/bench/peers.py [--rounds 5] [--models NAME ...] [--peers WORD ...] [--set KEY=VALUE ...]

The peers are a hand-written torch loop (with and without torch's switch for oneDNN; for pictures channels last, too),
the same with DataLoader, Lightning, skorch, Keras on JAX, a JAX scan. `pip install -e '.[bench]'` installs them; one
that is not there is named and left out. Each trains the same network from the same kind of start with the same
optimizer and batch size on the same samples, without dropout, and evaluates the validation part once an epoch, in a
process of its own that stays and trains an epoch when told. They take turns within a round, so that what else the
machine does falls on all of them; a ratio is taken within its round. The first epoch of each, in which some compile,
does not count. The machine's limit, the product of two large matrices, takes its turns, too. A turn during which
other programs had more than a tenth of the machine is taken again, up to a few times; what share they had is printed
(on Linux). Ctrl-C ends the rounds: the table tells of those that were whole.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

from peers_work import SIDE, Work

from tuner import machine, process

BY_HAND = "hand-written torch loop"
PACKAGES = ("jax", "keras", "lightning", "skorch")
TRIES, ELSEWHERE = 4, 0.1


@dataclass(frozen=True)
class Peer:
    """`function` is its name in the module `peers_<on>`; `needs` must be installed; `only` names a setting that the
    model must have."""

    title: str
    on: str
    function: str
    needs: tuple[str, ...] = ()
    only: str = ""

    @property
    def missing(self) -> list[str]:
        return [package for package in self.needs if find_spec(package) is None]


LIMITS = (
    Peer("torch", "torch", "limit"),
    Peer("torch, oneDNN switch", "torch", "limit_switched"),
    Peer("JAX", "jax", "limit", ("jax",)),
)
PEERS = (
    Peer(BY_HAND, "torch", "by_hand"),
    Peer(f"{BY_HAND}, oneDNN switch", "torch", "by_hand_switched"),
    Peer(f"{BY_HAND}, channels last", "torch", "by_hand_channels_last", only="channels"),
    Peer("tuner, training and validation pass", "torch", "tuner"),
    Peer("tuner, everything on", "torch", "tuner_whole"),
    Peer("torch with DataLoader", "torch", "with_loader"),
    Peer("Lightning", "torch", "lightning", ("lightning",)),
    Peer("skorch", "torch", "skorch", ("skorch",)),
    Peer("Keras on JAX", "jax", "keras", ("jax", "keras")),
    Peer("JAX scan", "jax", "scan", ("jax",)),
)


class Ended(Exception):  # noqa: N818 - its message is the last line that the process wrote
    """A peer's process came to its end."""


@dataclass(frozen=True)
class Turned:
    """An epoch: its seconds, what it came to, and the share of the machine that other programs had meanwhile."""

    seconds: float
    value: float
    others: float


class Process:
    """A peer at work on one config."""

    def __init__(self, peer: Peer, model: str, settings: list[str], held: ExitStack, **variables: str) -> None:
        command = [sys.executable, __file__, "--child", peer.on, peer.function, "--models", model, "--set", *settings]
        self.errors = held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with the process
        pipe, environment = subprocess.PIPE, os.environ | variables
        self.process = held.enter_context(
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True, env=environment)
        )
        held.callback(self.process.kill)
        self.heard()

    def heard(self) -> float:
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        if not answer:
            self.errors.seek(0)
            raise Ended((self.errors.read().decode(errors="replace").strip().splitlines() or ["no word"])[-1])
        return float(answer)

    def epoch(self) -> Turned:
        assert self.process.stdin is not None
        began, before = time.perf_counter(), self.busy_elsewhere()
        print(file=self.process.stdin, flush=True)
        value = self.heard()
        seconds = time.perf_counter() - began
        return Turned(seconds, value, (self.busy_elsewhere() - before) / seconds / (os.cpu_count() or 1))

    def turn(self) -> Turned:
        """An epoch that had the machine nearly for itself, or else the one of several that came nearest to it."""
        taken: list[Turned] = []
        while len(taken) < TRIES and (not taken or taken[-1].others > ELSEWHERE):
            taken.append(self.epoch())
        return min(taken, key=lambda each: each.others)

    def busy_elsewhere(self) -> float:
        """Seconds of all cores so far that were neither idle nor this process's."""
        if not sys.platform.startswith("linux"):
            return 0.0
        _, user, nice, system, _, _, *rest = Path("/proc/stat").read_text().split("\n")[0].split()
        ours = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        busy = sum(map(int, (user, nice, system, *rest[:3]))) - sum(map(int, ours))
        return busy / os.sysconf("SC_CLK_TCK")


def work_when_told(on: str, function: str, work: Work) -> None:
    """The child process: one epoch for each line of standard input."""
    if function.startswith("tuner"):
        process.begin()  # as tuner's own process begins
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer

    def turn(value: float) -> None:
        print(value, file=answers, flush=True)
        if not sys.stdin.readline():
            os._exit(0)

    getattr(import_module(f"peers_{on}"), function)(work, turn)


Turns = dict[str, list[Turned]]


def measured(peers: list[Peer], model: str, settings: list[str], rounds: int) -> Turns:
    """The turns of each peer, one a round; one that fails is named and left out."""
    with ExitStack() as held:
        processes: dict[str, Process] = {}
        for peer in peers:
            try:
                started = Process(peer, model, settings, held)
                started.epoch()
                processes[peer.title] = started
            except Ended as error:
                print(f"{peer.title} failed: {error}\n", flush=True)
        taken: Turns = {name: [] for name in processes}
        names = list(processes)
        with suppress(KeyboardInterrupt):
            for number in range(rounds):
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    taken[name].append(processes[name].turn())
        whole = min(map(len, taken.values()))
    return {name: turns[:whole] for name, turns in taken.items()}


def table(taken: Turns) -> list[str]:
    """Markdown, the quickest first."""
    hand = [turn.seconds for turn in taken[BY_HAND]]
    lines = ["| | s an epoch | to the hand-written loop | low–high | accuracy |", "|---|---:|---:|---:|---:|"]
    rows = []
    for name, turns in taken.items():
        each = [turn.seconds for turn in turns]
        ratios = [one / other for one, other in zip(each, hand, strict=True)]
        seconds, ratio, spread = statistics.median(each), statistics.median(ratios), (min(ratios), max(ratios))
        shown = f"{ratio:.2f} | {spread[0]:.2f}–{spread[1]:.2f}"
        rows.append((seconds, f"| {name} | {seconds:.3f} | {shown} | {turns[-1].value:.3f} |"))
    return lines + [line for _, line in sorted(rows)]


def about() -> str:
    """The machine and the versions."""
    found = [f"{package} {metadata.version(package)}" for package in PACKAGES if find_spec(package)]
    versions = ", ".join([f"torch {machine.versions()['torch']}", *found])
    return f"{machine.cpu_model()} ({machine.cpu_capability()}), {machine.cores()} cores, {versions}"


def limits(taken: Turns, work: Work) -> str:
    """What the machine multiplies, and what that means for an epoch."""
    rates = {name: statistics.median(turn.value for turn in turns) for name, turns in taken.items()}
    least = work.flops / max(rates.values()) / 1e9
    said = ", ".join(f"{name} {value:.0f}" for name, value in rates.items())
    epoch = f"An epoch is {work.flops / 1e9:.1f} GFLOP: at least {least:.2f} s."
    return f"Products of {SIDE} x {SIDE}, GF/s: {said}. {epoch}"


def bench(model: str, words: list[str], settings: list[str], rounds: int) -> Turns:
    """Prints the table of one config; returns what it was made of."""
    work = Work(model, settings)
    peers = [peer for peer in PEERS if not peer.only or work.model.get(peer.only)]
    if words:
        peers = [peer for peer in peers if peer.title == BY_HAND or any(word in peer.title for word in words)]
    print(f"\n{' '.join([model, *settings])} without dropout\n", flush=True)
    for peer in [*peers, *LIMITS]:
        if peer.missing:
            print(f"{peer.title} is missing: pip install {' '.join(peer.missing)}\n", flush=True)
    taken = measured([peer for peer in [*peers, *LIMITS] if not peer.missing], model, settings, rounds)
    if not taken[BY_HAND]:
        print("No round was whole.")
        return taken
    ends = {peer.title for peer in LIMITS}
    print("\n".join(table({name: turns for name, turns in taken.items() if name not in ends})))
    print(f"\n{limits({name: turns for name, turns in taken.items() if name in ends}, work)}")
    shares = [turn.others for turns in taken.values() for turn in turns]
    had = f"other programs had {statistics.median(shares):.0%} of the machine, {max(shares):.0%} at most"
    print(f"{len(taken[BY_HAND])} rounds, in which {had}.", flush=True)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", nargs="+", default=["mnist-mlp", "mnist-cnn", "mnist-rnn"])
    parser.add_argument("--peers", nargs="*", default=[], metavar="WORD", help="only those whose name has such a word")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings put on every model")
    parser.add_argument("--json", type=Path, help="write the seconds of every round there")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        on, function = asked.child
        work_when_told(on, function, Work(asked.models[0], asked.set))
        return
    print(about())
    found = {model: bench(model, asked.peers, asked.set, asked.rounds) for model in asked.models}
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1, default=vars))


if __name__ == "__main__":
    main()
