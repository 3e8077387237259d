"""What one YAML file says: `Config` and its parts. The fields are the keys of the language."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tuner.choice import Choice, Section
from tuner.config import words
from tuner.data.embedded import Digits
from tuner.data.source import Source
from tuner.durable import NAME_PATTERN, is_run_name, normal
from tuner.options.layers.base import Layer
from tuner.options.losses import CrossEntropy, Loss
from tuner.options.models import MLP, Model
from tuner.options.optimizers import Adam, Optimizer
from tuner.options.schedulers import NoSchedule, Scheduler


def _name(text: str) -> str:
    """The name in its normal form."""
    if not is_run_name(normal(text)):
        raise PydanticCustomError("run_name", "no name")
    return normal(text)


RunName = Annotated[str, Field(pattern=NAME_PATTERN), AfterValidator(_name)]


class Training(Section):
    """How long and on what the model is trained."""

    epochs: int = Field(20, ge=1, le=10_000_000, description="passes over the training data")
    batch_size: Annotated[int, Field(ge=1)] | Literal["full"] = Field(
        128, description="samples a step, over all processes; full: all of them"
    )
    monitor: str = Field(
        "val_loss",
        description="the metric that chooses the best epoch; early stopping and plateau read it too: train_ or val_ "
        "with loss, accuracy (classes), r2 or mae (numbers)",
    )
    gradient_clip: Annotated[float, Field(gt=0)] | None = Field(
        None, description="largest global norm of the gradient; null: no limit"
    )
    test: Literal["end", "ask"] = Field(
        "end",
        description="end: the test part is measured once, with the best weights, when the run ends; "
        "ask: it is left alone, for choices between settings that are still to come",
    )
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$")] = Field(
        "auto", description="auto (CUDA if it is there), cpu, cuda or cuda:N"
    )
    threads: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = Field(
        "auto", description="CPU threads; part of a run's identity, since their number changes the last bits"
    )


class EarlyStopping(Section):
    """Stop when the monitor has not improved by more than min_delta for `patience` epochs."""

    patience: int = Field(5, ge=1, description="epochs without improvement before training stops")
    min_delta: float = Field(0.0, ge=0, description="an improvement has to be larger than this")


class Checkpoint(Section):
    """How often the state is saved. The best weights and the last state are always kept."""

    every: int = Field(1, ge=1, description="epochs between checkpoints")
    keep: int = Field(2, ge=1, description="how many checkpoints stay")


class Config(Section):
    """One run."""

    name: RunName = Field("run", description="what the run folder is called; the file's stem by default")
    tags: list[str] = Field([], max_length=100, description="free text")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="initial weights, order of samples, dropout, augmentation")
    data: Source = Field(Digits(), description="the data source and its settings")
    model: Model = Field(MLP(), description="the network's shape")
    loss: Loss = Field(CrossEntropy(), description="what is minimised")
    optimizer: Optimizer = Field(Adam(), description="how the gradient moves the weights")
    scheduler: Scheduler = Field(NoSchedule(), description="how the learning rate changes during the run")
    training: Training = Field(Training(), description="how long and on what the model is trained")
    early_stopping: EarlyStopping | None = Field(None, description="when to stop before the last epoch; or none")
    checkpoint: Checkpoint = Field(Checkpoint(), description="how often the state is saved")
    layer_stats: Literal["auto", "none"] = Field(
        "auto", description="auto: signals and gradients are measured layer by layer, at a few epochs; or none"
    )


def dump(section: Section) -> Any:
    """The settings as plain values, every one of them; a choice without settings is its bare name.

    A layer's null (the model's value holds) is left out; an empty section is ``none``.
    """
    is_layer = isinstance(section, Layer)
    values: dict[str, Any] = {"name": section.name} if isinstance(section, Choice) and not is_layer else {}
    for key, info in type(section).model_fields.items():
        value = section.__dict__[key]
        if value is not None or not is_layer:
            values[key] = "none" if value is None and words.section(info.annotation) else _plain(value)
    return values["name"] if list(values) == ["name"] and isinstance(section, Choice) else values


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return dump(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
