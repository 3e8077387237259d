"""A run folder -> a model that takes samples as they are stored and answers in the target's own terms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tuner.config.load import kept_config
from tuner.config.settings import Config
from tuner.data.columns import features
from tuner.data.encoding import encode, limits
from tuner.data.table import Table
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.loop import Normalizer, chunk_size
from tuner.network import Network, build
from tuner.options.layers.base import PlanError
from tuner.paths import path_of, typed
from tuner.plan import plan
from tuner.runs.data import MEASURED, Data, read_data
from tuner.runs.files import BEST, CONFIG
from tuner.runs.find import resolve_run
from tuner.runs.folder import glance
from tuner.runs.trials import let_go
from tuner.state import load_weights


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A trained network with its best weights, on the CPU, in eval mode.

    Its methods take samples as the data source stores them: pictures (C, H, W) in the source's own numbers (bytes: 0 to
    255), rows of a table (F,) with each column in its unit, sequences (T, F); one sample or a batch (N, ...), as numpy
    array, nested lists or tensor. Rows of a table may come by the names of their columns, and have to where not all are
    numbers: a data frame of pandas or polars, a dict of columns, a dict a row. They raise UsageError for anything else,
    and leave torch's global settings alone.
    """

    run: Path
    """The run folder that it comes from."""
    data: Data
    """What the run knows of its data: shape, classes, columns, parts."""
    config: Config
    module: Network
    """The network itself: it takes normalised samples, float32 (N, *shape), and gives outputs (N, units)."""

    def __repr__(self) -> str:
        out = f"{len(self.classes)} classes" if self.classes else "a number"
        return f"<Model {shown(self.run)}: {self.config.data.name}, {self.data.shape} -> {out}>"

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of `predict_proba`'s columns; () for a numeric target."""
        return self.data.classes

    def normalize(self, x: Any) -> Tensor:
        """The samples as `module` takes them: float32 (N, *shape), normalised as the run's `data.normalize` says."""
        return self._given(self._samples(x))

    def _given(self, samples: Tensor) -> Tensor:
        """Samples as stored as the network is given them."""
        columns = self.data.columns
        return self._normalizer(torch.from_numpy(encode(columns, samples.numpy())) if columns else samples)

    def predict(self, x: Any) -> NDArray[Any]:
        """The class name (text) or the number (float64, in the target's unit) of each sample: (N,)."""
        outputs = self.outputs(self._samples(x))
        if self.classes:
            names: NDArray[np.str_] = np.array(self.classes)[self.config.loss.decide(outputs).numpy()]
            return names
        return self.numbers(outputs)

    def predict_proba(self, x: Any) -> NDArray[np.float64]:
        """The probability of each class: (N, classes), a row adding up to 1.

        Under binary_cross_entropy with more than two classes each stands for itself: a row need not add up to 1.
        Raises UsageError for a numeric target, and for a loss whose outputs are no probabilities.
        """
        if not self.classes:
            raise UsageError("predict_proba is about classes, and this run predicts a number", fix="Use predict.")
        found = self.probabilities(self.outputs(self._samples(x)))
        if found is None:
            loss = self.config.loss
            raw = " on raw outputs" if loss.__dict__.get("outputs") == "raw" else ""
            said = f"the outputs of a network trained with {loss.name}{raw} are no probabilities"
            raise UsageError(said, fix="Use predict, or train with cross_entropy.")
        return found

    @torch.inference_mode()
    def outputs(self, samples: Tensor) -> Tensor:
        """What the network gives for samples as stored, float32 (N, *stored): (N, units)."""
        return torch.cat([self.module(self._given(part)) for part in torch.split(samples, chunk_size(self.module))])

    def numbers(self, outputs: Tensor) -> NDArray[np.float64]:
        """Outputs for a numeric target in its unit: (N,)."""
        numbers: NDArray[np.float64] = outputs[:, 0].double().numpy()
        return numbers * self.data.target_scale + self.data.target_mean

    def probabilities(self, outputs: Tensor) -> NDArray[np.float64] | None:
        """Outputs for classes as probabilities (N, classes); None where they stand for none."""
        found = self.config.loss.probabilities(outputs.double(), self.config.model.output.activation.name)
        return None if found is None else found.numpy()

    @property
    def _normalizer(self) -> Normalizer:
        """By numbers of which there is one a channel of pictures, one a column of tables and sequences."""
        told, wide = self.data.normalize, (-1, 1, 1) if len(self.data.shape) == 3 else (-1,)
        numbers = {name: torch.tensor(told[name], dtype=torch.float32).reshape(wide) for name in MEASURED}
        limit = limits(self.data.normalization, features(self.data.columns), numbers["mean"].shape)
        return Normalizer(**numbers, limit=None if limit is None else torch.from_numpy(limit))

    def _samples(self, x: Any) -> Tensor:
        """Samples as float32 (N, *shape), N >= 1. Raises UsageError where they are something else."""
        shape, columns = self.data.stored, self.data.columns
        if columns:
            from tuner.data.tabular.reading import by_name, stored  # polars, which pictures do not need

            if (named := by_name(x)) is not None:
                missing = self.config.data.__dict__.get("missing", Table.fields["missing"].default)
                return torch.from_numpy(stored(columns, named, missing))
            if any(column.kind != "number" for column in columns):
                names = ", ".join(column.name for column in columns)
                said = (
                    "these are no samples of this model: not all columns are numbers, so that rows are given by names"
                )
                raise UsageError(said, fix=f"Give a data frame or dicts with {names}.")
        try:
            given = _numbers(x)
            if given.shape[-len(shape) :] != shape or given.ndim > len(shape) + 1:
                raise ValueError(f"an array of shape {tuple(given.shape)}")
            samples = given.reshape(-1, *shape)
            if not len(samples):
                raise ValueError("none at all")
            known = samples.isnan() if any(column.missing for column in columns) else torch.tensor(False)
            finite = (samples.isfinite() | known).flatten(1).all(dim=1)
            if not bool(finite.all()):
                raise ValueError(f"sample {int(finite.logical_not().nonzero()[0])} holds a number that is not finite")
        except (TypeError, ValueError, RuntimeError) as error:
            sizes = ", ".join(map(str, shape))
            told = f": {', '.join(column.name for column in columns)}" if columns else ""
            fix = f"Expected is one sample of shape {shape} or several, (N, {sizes}){told}."
            raise UsageError(f"these are no samples of this model: {error}", fix=fix) from None
        return samples


def _numbers(x: Any) -> Tensor:
    """float32. Raises TypeError, ValueError or RuntimeError for what is no array of numbers."""
    if isinstance(x, Tensor) and not x.is_complex():
        return x.detach().to("cpu", torch.float32)
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"no array of numbers but of {array.dtype}")
    with np.errstate(over="ignore"):
        return torch.from_numpy(np.array(array, dtype=np.float32))


def load(run: str | Path, runs_dir: str | Path) -> Model:
    """`tuner.load`."""
    return model_of(resolve_run(str(run), path_of(runs_dir)))


def model_of(run: Path) -> Model:
    """The model of the run folder `run`.

    Raises NotFoundError where a file of it is missing or damaged, or its weights are not those of the best epoch that
    its status.json speaks of.
    """
    found = glance(run)
    config = kept_config(run / CONFIG, found.content(CONFIG))
    if gone := let_go(found):
        again = f"`tuner train {typed(run / CONFIG)}` trains it for itself"
        raise NotFoundError(f"{shown(run)} has no weights: {gone}", fix=f"{again}.")
    weights, data = found.content(BEST), read_data(found)
    try:
        planned = plan(config.model, data.shape, config.loss.units(len(data.classes)), features(data.columns))
    except PlanError as error:
        raise NotFoundError(f"{shown(run / CONFIG)} does not fit the data of its run: {error.message}") from None
    network = build(planned, config.seed, config.training.precision)
    load_weights(network, weights, str(run / BEST))
    network.eval()
    return Model(run, data, config, network)
