"""What a message says about a key or a value: what is allowed, which name was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from tuner.choice import Choice, Section, fold, settings_below

_TOOLS = {
    "optimizer.lr": "learningrate lr0 baselr maxlr eta lrmax learningrateinit",
    "optimizer.weight_decay": "wd l2",
    "optimizer.betas": "beta1 beta2",
    "training.epochs": "numtrainepochs maxepochs numepochs nepochs maxepoch iterations niter maxiter",
    "training.batch_size": "perdevicetrainbatchsize trainbatchsize batch bs minibatch",
    "training.gradient_clip": "gradclip clipgrad clipgradnorm maxgradnorm gradientclipval clipnorm",
    "training.threads": "numthreads",
    "training.device": "accelerator gpu gpus",
    "training.monitor": "metricforbestmodel validationmetric",
    "seed": "randomseed randomstate manualseed seedeverything",
    "loss": "criterion lossfunction lossfn lossfunc",
    "scheduler": "lrscheduler schedule lrschedulertype lrdecay sched",
    "scheduler.warmup_epochs": "warmup",
    "early_stopping": "earlystop",
    "model": "arch network architecture",
    "model.activation": "nonlinearity act activationfunction",
    "model.initializer": "init weightsinitializer kernelinitializer",
    "model.batch_norm": "batchnorm bn norm usebatchnorm",
    "model.dropout": "droprate dropoutrate dropoutprob pdropout drop",
    "model.hidden": "hiddensizes hiddenlayersizes hiddensize hiddendims",
    "data": "dataset",
    "data.root": "datadir dataroot",
    "data.validation": "valsplit validationsplit valfraction validpct validationfraction",
    "data.test": "testsplit testsize",
    "data.augment": "augmentation transforms",
    "data.normalize": "standardize",
    "name": "type experiment runname classpath target",
    "checkpoint.every": "saveevery",
    "checkpoint.keep": "savetopk savetotallimit",
    "extends": "base inherits defaults",
    "early_stopping.patience": "patience niternochange",
    "early_stopping.min_delta": "mindelta tol",
    "optimizer": "optim optimiser opt optfunc solver",
    "model.channels": "filters outchannels",
    "model.kernel_size": "kernel",
    "data.label_noise": "labelnoiserate",
    "training": "trainer",
    "optimizer.eps": "epsilon",
    "loss.label_smoothing": "smoothing",
    "scheduler.min_lr": "minlearningrate",
}
OTHER_TOOLS = {word: key for key, given in _TOOLS.items() for word in given.split()}
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
    close = get_close_matches(fold(word), by_fold, n=1, cutoff=cutoff)
    return by_fold[close[0]] if close else None


def owners(kind: type[Choice], key: str) -> list[str]:
    """The choices of this kind that have a setting `key`, the usual ones first."""
    having = [member.name for member in kind.members.values() if key in member.fields]
    return sorted(having, key=lambda name: USUAL.index(name) if name in USUAL else len(USUAL))


def key_paths(cls: type[Section]) -> tuple[str, ...]:
    """Every key of the language below `cls`, e.g. ``optimizer.lr``, over all choices, each once."""
    return tuple(dict.fromkeys(setting.path for setting in settings_below(cls) if "[]" not in setting.path))
