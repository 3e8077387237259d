"""What a message says about a key or a value: what is allowed, which name was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from tuner.choice import Choice, Section, fold

OTHER_TOOLS = {
    "learningrate": "optimizer.lr",
    "lr0": "optimizer.lr",
    "baselr": "optimizer.lr",
    "maxlr": "optimizer.lr",
    "eta": "optimizer.lr",
    "wd": "optimizer.weight_decay",
    "l2": "optimizer.weight_decay",
    "beta1": "optimizer.betas",
    "beta2": "optimizer.betas",
    "numtrainepochs": "training.epochs",
    "maxepochs": "training.epochs",
    "numepochs": "training.epochs",
    "nepochs": "training.epochs",
    "maxepoch": "training.epochs",
    "perdevicetrainbatchsize": "training.batch_size",
    "trainbatchsize": "training.batch_size",
    "batch": "training.batch_size",
    "bs": "training.batch_size",
    "minibatch": "training.batch_size",
    "gradclip": "training.gradient_clip",
    "clipgrad": "training.gradient_clip",
    "clipgradnorm": "training.gradient_clip",
    "maxgradnorm": "training.gradient_clip",
    "gradientclipval": "training.gradient_clip",
    "clipnorm": "training.gradient_clip",
    "numthreads": "training.threads",
    "accelerator": "training.device",
    "metricforbestmodel": "training.monitor",
    "randomseed": "seed",
    "randomstate": "seed",
    "manualseed": "seed",
    "criterion": "loss",
    "lossfunction": "loss",
    "lossfn": "loss",
    "lrscheduler": "scheduler",
    "schedule": "scheduler",
    "lrschedulertype": "scheduler",
    "warmup": "scheduler.warmup_epochs",
    "earlystop": "early_stopping",
    "arch": "model",
    "network": "model",
    "architecture": "model",
    "nonlinearity": "model.activation",
    "act": "model.activation",
    "init": "model.initializer",
    "weightsinitializer": "model.initializer",
    "kernelinitializer": "model.initializer",
    "batchnorm": "model.batch_norm",
    "bn": "model.batch_norm",
    "norm": "model.batch_norm",
    "droprate": "model.dropout",
    "dropoutrate": "model.dropout",
    "hiddensizes": "model.hidden",
    "hiddenlayersizes": "model.hidden",
    "hiddensize": "model.hidden",
    "hiddendims": "model.hidden",
    "dataset": "data",
    "datadir": "data.root",
    "dataroot": "data.root",
    "valsplit": "data.validation",
    "validationsplit": "data.validation",
    "valfraction": "data.validation",
    "testsplit": "data.test",
    "testsize": "data.test",
    "augmentation": "data.augment",
    "transforms": "data.augment",
    "standardize": "data.normalize",
    "type": "name",
    "saveevery": "checkpoint.every",
    "savetopk": "checkpoint.keep",
    "savetotallimit": "checkpoint.keep",
    "base": "extends",
    "inherits": "extends",
    "defaults": "extends",
    "experiment": "name",
    "runname": "name",
    "patience": "early_stopping.patience",
    "mindelta": "early_stopping.min_delta",
    "optim": "optimizer",
    "optimiser": "optimizer",
    "lrdecay": "scheduler",
    "activationfunction": "model.activation",
    "dropoutprob": "model.dropout",
    "pdropout": "model.dropout",
    "usebatchnorm": "model.batch_norm",
    "filters": "model.channels",
    "outchannels": "model.channels",
    "kernel": "model.kernel_size",
    "labelnoiserate": "data.label_noise",
    "gpu": "training.device",
    "gpus": "training.device",
    "iterations": "training.epochs",
    "niter": "training.epochs",
    "maxiter": "training.epochs",
    "trainer": "training",
    "epsilon": "optimizer.eps",
    "lrmax": "optimizer.lr",
    "learningrateinit": "optimizer.lr",
    "opt": "optimizer",
    "optfunc": "optimizer",
    "solver": "optimizer",
    "sched": "scheduler",
    "lossfunc": "loss",
    "drop": "model.dropout",
    "smoothing": "loss.label_smoothing",
    "validpct": "data.validation",
    "validationfraction": "data.validation",
    "niternochange": "early_stopping.patience",
    "tol": "early_stopping.min_delta",
    "minlearningrate": "scheduler.min_lr",
    "validationmetric": "training.monitor",
    "seedeverything": "seed",
    "classpath": "name",
    "target": "name",
}
"""Keys that other tools use, folded, and where tuner keeps the same thing."""

USUAL = ("adam", "sgd", "cosine", "step", "cross_entropy", "mse", "mlp", "cnn", "blobs", "digits", "leaky_relu")
"""The choices that come first where several would do."""

LONGEST_WORD = 64
"""Letters of a word that can be a slip for another."""


def nearest(word: str, candidates: Iterable[str], cutoff: float = 0.7) -> str | None:
    """The candidate that was probably meant, or None."""
    if len(word) > LONGEST_WORD:
        return None
    by_fold = {fold(candidate): candidate for candidate in candidates}
    if fold(word) in by_fold:
        return by_fold[fold(word)]
    close = get_close_matches(fold(word), by_fold, n=1, cutoff=cutoff)
    return by_fold[close[0]] if close else None


def owners(kind: type[Choice], key: str) -> list[str]:
    """The choices of this kind that have a setting `key`, the usual ones first."""
    having = [member.name for member in kind.members.values() if key in member.fields]
    return sorted(having, key=lambda name: USUAL.index(name) if name in USUAL else len(USUAL))


def elsewhere(key: str, root: type[Section]) -> str | None:
    """Where the language (`root` is its top) keeps what another tool, or another section, calls `key`."""
    if fold(key) in OTHER_TOOLS:
        return OTHER_TOOLS[fold(key)]
    for path in key_paths(root):
        if fold(path.rsplit(".", 1)[-1]) == fold(key):
            return path
    close = nearest(key, OTHER_TOOLS, 0.8)
    return OTHER_TOOLS[close] if close else None


@cache
def key_paths(cls: type[Section], path: str = "") -> tuple[str, ...]:
    """Every key of the language below `cls`, e.g. ``optimizer.lr``, over all choices, each once."""
    paths: dict[str, None] = {}
    for key, field in cls.fields.items():
        below = f"{path}.{key}" if path else key
        paths[below] = None
        kind, part = field.bound.kind, field.bound.section
        inside: list[type[Section]] = [kind, *kind.members.values()] if kind else [part] if part else []
        for member in inside:
            paths.update(dict.fromkeys(key_paths(member, below)))
    return tuple(paths)
