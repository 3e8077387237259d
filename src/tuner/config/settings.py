"""What one YAML file says: `Config` and its parts. The fields are the keys of the language."""

from __future__ import annotations

from typing import Any, Literal

from tuner import options
from tuner.bounds import Bound, Either, Integer, ListOf, Null, Number, Of, OneOf, Part, Schema, Text, kept
from tuner.choice import Section, import_all, setting
from tuner.data.embedded import Digits
from tuner.data.source import Source
from tuner.options.losses import CrossEntropy, Loss
from tuner.options.models import MLP, Model
from tuner.options.optimizers.base import Optimizer
from tuner.options.optimizers.of_torch import Adam
from tuner.options.schedulers import NoSchedule, Scheduler
from tuner.packages import packages
from tuner.paths import NAME_PATTERN, is_run_name, normal

import_all("tuner.options", options.__path__)
packages()


class RunName(Bound):
    """What a run may be called, kept in its normal form."""

    words = plural = "1 to 64 letters, digits, dots, dashes, underscores, no dot or dash first"
    schema: Schema = {"pattern": NAME_PATTERN, "type": "string"}

    def check(self, value: Any) -> Any:
        name = normal(value) if isinstance(value, str) else ""
        return kept(name, is_run_name(name))


DEVICE = Text(
    pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$",
    words="one of auto, cpu, cuda, cuda:N",
    options=("auto", "cpu", "cuda"),
    refused={"mps": "no equal bytes can be promised there, and a run is one that can be repeated byte by byte"},
)


class Training(Section):
    """How long and on what the model is trained."""

    epochs: int = setting(Integer(ge=1, le=10_000_000), "passes over the training data", default=20)
    stop_after: int | None = setting(
        Null(Integer(ge=1)),
        "epochs after which training ends although the schedule is laid out over `epochs`; null: no sooner",
        default=None,
    )
    batch_size: int | Literal["full"] = setting(
        Either(Integer(ge=1), OneOf("full")), "samples a step, over all processes; full: all of them", default=128
    )
    monitor: str = setting(
        Text(),
        "the metric that chooses the best epoch; early stopping and plateau read it too: train_ or val_ with loss, "
        "accuracy, balanced_accuracy, f1, auc, average_precision (classes), r2, mae or rmse (numbers); epoch: the last",
        default="val_loss",
    )
    gradient_clip: float | None = setting(
        Null(Number(gt=0)), "largest global norm of the gradient; null: no limit", default=None
    )
    test: Literal["end", "ask"] = setting(
        OneOf("end", "ask"),
        "end: the test part is measured once, with the best weights, when the run ends; "
        "ask: it is left alone, for choices between settings that are still to come",
        default="end",
    )
    precision: Literal["float32", "bfloat16"] = setting(
        OneOf("float32", "bfloat16"),
        "of the forward and backward pass; weights, loss and metrics stay float32, and bfloat16 needs a processor or "
        "GPU that computes in it",
        default="float32",
    )
    device: str = setting(DEVICE, "auto (CUDA if it is there), cpu, cuda or cuda:N", default="auto")
    threads: int | Literal["auto"] = setting(
        Either(Integer(ge=1, le=1024), OneOf("auto")),
        "CPU threads; part of a run's identity, since their number changes the last bits",
        default="auto",
    )


class EarlyStopping(Section):
    """Stop when the monitor has not improved by more than min_delta for `patience` epochs."""

    patience: int = setting(Integer(ge=1), "epochs without improvement before training stops", default=5)
    min_delta: float = setting(Number(ge=0), "an improvement has to be larger than this", default=0.0)


class Checkpoint(Section):
    """How often the state is saved. The best weights and the last state are always kept."""

    every: int = setting(Integer(ge=1), "epochs between checkpoints", default=1)
    keep: int = setting(Integer(ge=1), "how many checkpoints stay", default=2)


class Config(Section):
    """One run."""

    name: str = setting(RunName(), "what the run folder is called; the file's stem by default", default="run")
    tags: list[str] = setting(ListOf(Text(), most=100), "free text", default=[])
    seed: int = setting(
        Integer(ge=0, le=2**63 - 1), "initial weights, order of samples, dropout, augmentation", default=0
    )
    data: Source = setting(Of(Source), "the data source and its settings", default=Digits())
    model: Model = setting(Of(Model), "the network's shape", default=MLP())
    loss: Loss = setting(Of(Loss), "what is minimised", default=CrossEntropy())
    optimizer: Optimizer = setting(Of(Optimizer), "how the gradient moves the weights", default=Adam())
    scheduler: Scheduler = setting(Of(Scheduler), "how the learning rate changes during the run", default=NoSchedule())
    training: Training = setting(Part(Training), "how long and on what the model is trained", default=Training())
    early_stopping: EarlyStopping | None = setting(
        Null(Part(EarlyStopping), empty="none"), "when to stop before the last epoch; or none", default=None
    )
    checkpoint: Checkpoint = setting(Part(Checkpoint), "how often the state is saved", default=Checkpoint())
    layer_stats: str = setting(
        OneOf("auto", "none"),
        "auto: signals and gradients are measured layer by layer, at a few epochs; or none",
        default="auto",
    )
