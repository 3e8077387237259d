"""What was probably meant: the candidates for what to write instead, most likely first.

Whether one of them is allowed is not asked here: `tuner.config.trial` puts each in place and reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tuner.choice import Choice, Section, fold, key_paths, nearest
from tuner.document.nodes import Items, Map, Node, Scalar, core_value
from tuner.options.activations import Activation
from tuner.paths import run_name


class Words(str):
    """Advice that is no value to write, such as to leave something out."""


class Other(NamedTuple):
    """A choice with settings, for a name that another tool uses; `size` is that of a layer."""

    name: str
    settings: str
    size: str = ""

    def __str__(self) -> str:
        first = f"{self.name}: {self.size}" if self.size else f"name: {self.name}"
        return f"{{{first}, {self.settings}}}"


_NAMES: dict[str, dict[str | Other, str]] = {
    "loss": {
        "cross_entropy": "nll nllloss categoricalcrossentropy sparsecategoricalcrossentropy ce",
        "binary_cross_entropy": "logistic",
        "mse": "rmse l2",
        "mae": "l1",
        "hinge": "svm",
    },
    "optimizer": {
        Other("sgd", "momentum: 0.9"): "momentum",
        Other("sgd", "momentum: 0.9, nesterov: true"): "nesterov",
        "adamw": "adamwtorch adamwhf adamwtorchfused",
    },
    "scheduler": {
        "cosine": "cosineannealinglr cosinedecay",
        "one_cycle": "onecyclelr",
        "linear": "polynomial",
        "none": "constant",
        Other("none", "warmup_epochs: 1"): "warmup constantwithwarmup",
    },
    "initializer": {"normal": "truncatednormal randomnormal", "uniform": "randomuniform"},
    "model": {
        Other("rnn", "cell: lstm"): "lstm",
        Other("rnn", "cell: gru"): "gru",
        "mlp": "perceptron ann nn",
        "cnn": "lenet",
    },
    "layer": {
        "dense": "linear fc",
        "conv": "conv2d convolution",
        "pool": "maxpool maxpool2d maxpooling2d",
        Other("pool", "mode: mean", "2"): "avgpool avgpool2d averagepooling2d",
        Other("rnn", "cell: lstm", "128"): "lstm",
        Other("rnn", "cell: gru", "128"): "gru",
        "rnn": "simplernn",
        "dropout": "dropout2d",
        Words("leave it out: dense flattens by itself"): "flatten",
        Words("leave it out: the shape of the input is read from the data"): "input",
        Words("leave it out: batch_norm is a key of dense and conv"): "batchnorm batchnorm2d batchnormalization",
        Words("leave it out: activation is a key of dense and conv"): "activation",
    },
    "data": {"cifar10": "cifar", "breast_cancer": "cancer", "fashion_mnist": "fashion", "moons": "twomoons"},
}
OTHER_NAMES = {
    kind: {word: meant for meant, given in names.items() for word in given.split()} for kind, names in _NAMES.items()
}
"""Names that other tools use, folded, by kind, and what to write here."""

_TOOLS = {
    "optimizer.lr": "learningrate lr0 baselr maxlr eta lrmax learningrateinit",
    "optimizer.weight_decay": "wd l2",
    "optimizer.betas": "beta1 beta2",
    "training.epochs": "numtrainepochs maxepochs numepochs nepochs maxepoch iterations niter maxiter",
    "training.batch_size": "perdevicetrainbatchsize trainbatchsize batch bs minibatch",
    "training.gradient_clip": "gradclip clipgrad clipgradnorm maxgradnorm gradientclipval clipnorm",
    "training.threads": "numthreads",
    "training.precision": "precision amp fp16 bf16 mixedprecision useamp half dtype",
    "training.device": "accelerator gpu gpus",
    "training.monitor": "metricforbestmodel validationmetric evalmetric",
    "seed": "randomseed randomstate manualseed seedeverything",
    "loss": "criterion lossfunction lossfn lossfunc",
    "scheduler": "lrscheduler schedule lrschedulertype lrdecay sched",
    "scheduler.warmup_epochs": "warmup", "early_stopping": "earlystop",
    "model": "arch network architecture",
    "data.target": "target label labels labelcolumn targetcolumn",
    "data.task": "problemtype tasktype", "data.missing": "navalues",
    "model.activation": "nonlinearity act activationfunction",
    "model.initializer": "init weightsinitializer kernelinitializer",
    "model.batch_norm": "batchnorm bn norm usebatchnorm",
    "model.dropout": "droprate dropoutrate dropoutprob pdropout",
    "model.hidden": "hiddensizes hiddenlayersizes hiddensize hiddendims",
    "data": "dataset",
    "data.root": "datadir dataroot",
    "data.validation": "valsplit validationsplit valfraction validpct validationfraction",
    "data.test": "testsplit testsize",
    "data.fold.of": "nsplits kfold kfolds nfolds numfolds folds cv",
    "data.augment": "augmentation transforms", "data.normalize": "standardize",
    "name": "type experiment runname classpath _target_",
    "checkpoint.every": "saveevery", "checkpoint.keep": "savetopk savetotallimit",
    "extends": "base inherits defaults",
    "early_stopping.patience": "patience niternochange", "early_stopping.min_delta": "mindelta tol",
    "optimizer": "optim optimiser opt optfunc solver",
    "model.channels": "filters outchannels", "model.kernel_size": "kernel",
    "data.label_noise": "labelnoiserate",
    "training": "trainer",
    "optimizer.eps": "epsilon", "loss.label_smoothing": "smoothing", "scheduler.min_lr": "minlearningrate",
}  # fmt: skip
OTHER_TOOLS = {word: key for key, given in _TOOLS.items() for word in given.split()}
"""Keys that other tools use, folded, and where tuner keeps the same thing."""

LAYER_SIZES = {"pool": "2", "dropout": "0.5"}
"""A usual size of a layer that was named without one; 32 for the others."""

_VALUES = {"cuda": "gpu", "cpu": "mps", "mean": "average avg", "standard": "zscore", "full": "all", "source": "random",
           "classes": "classification binary multiclass", "numbers": "regression",
           "float32": "fp32 32 false", "bfloat16": "bf16 bf16mixed 16mixed fp16 float16 16 true half"}  # fmt: skip
OTHER_VALUES = {word: value for value, given in _VALUES.items() for word in given.split()}
"""Values that other tools use, folded, and what to write here where it is allowed."""

NOT_NEEDED = {
    **dict.fromkeys(("restorebestweights", "savebestonly", "loadbestmodelatend", "savelast", "savebest"),
                    "the best weights and the last state are always kept"),
    **dict.fromkeys(("mode", "greaterisbetter"), "each metric knows which way is better"),
    **dict.fromkeys(("verbose", "progressbar", "enableprogressbar", "logeverynsteps", "loggingsteps", "disabletqdm"),
                    "every epoch is told; -q tells only the result"),
    **dict.fromkeys(("evalstrategy", "evaluationstrategy", "checkvaleverynepoch", "doeval", "validationfreq"),
                    "every epoch is measured on the validation part"),
    **dict.fromkeys(("numworkers", "workers", "dataloadernumworkers", "pinmemory", "persistentworkers"),
                    "the data stays in memory"),
    **dict.fromkeys(("deterministic", "cudnnbenchmark", "cudnndeterministic", "benchmark"),
                    "the same config gives the same run"),
    **dict.fromkeys(("inputshape", "inputsize", "inputdim", "inchannels", "infeatures", "imgsz", "imagesize",
                     "numclasses", "nclasses", "nc", "outputdim", "numlabels", "outputsize"),
                    "it is read from the data"),
    **dict.fromkeys(("reportto", "logger", "wandb", "tensorboard", "logdir", "outputdir", "savedir", "dirpath"),
                    "a run folder holds all of it; --runs-dir says where"),
    "metrics": "every metric of the target is measured", "timelimit": "--max-time 30m on the command line says it",
    "inputfeatures": "all columns but data.drop are inputs", "outputfeatures": "data.target names the column",
    **dict.fromkeys(("resume", "resumefromcheckpoint"), "the same command again goes on where it was"),
    **dict.fromkeys(("numdevices", "devices", "numnodes", "strategy"), "one process trains on training.device"),
    **dict.fromkeys(("perdeviceevalbatchsize", "evalbatchsize"), "it changes no result"),
    **dict.fromkeys(("pretrained", "weights"), "a run starts from model.initializer"),
    **dict.fromkeys(("warmupsteps", "warmupratio"), "scheduler.warmup_epochs counts epochs"),
    **dict.fromkeys(("rescale", "scale"), "data.normalize scales the data"),
    "fromlogits": "the loss applies its own softmax or sigmoid",
}  # fmt: skip
"""Keys that other tools use, folded, for what needs no setting here, and why."""

USUAL = ("adam", "sgd", "cosine", "step", "cross_entropy", "mse", "mlp", "cnn", "blobs", "digits", "leaky_relu")
"""The choices that come first where several would do."""

OWN_DATA = Words("{name: table, path: FILE, target: COLUMN} for a file of your own; `tuner init FILE` writes it")
YES = ("yes", "on", "y", "1", "true")
NO = ("no", "off", "n", "0", "false", "never")
NOTHING = ("none", "nil", "nan", "-", "auto", "n/a", *NO)
LONGEST = 200
"""Characters of a candidate that people still read; a longer one is none."""


def owners(kind: type[Choice], key: str) -> list[str]:
    """The choices of this kind that have a setting `key`, the usual ones first."""
    having = [member.name for member in kind.members.values() if key in member.fields]
    return sorted(having, key=lambda name: USUAL.index(name) if name in USUAL else len(USUAL))


def written(node: Node) -> str:
    """A node as YAML on one line, its numbers as they were written."""
    if isinstance(node, Items):
        return f"[{', '.join(map(written, node.nodes))}]"
    if isinstance(node, Map):
        return f"{{{', '.join(f'{key}: {written(inner)}' for key, (_, inner) in node.entries.items())}}}"
    if node.value is None:
        return "null"
    if isinstance(node.value, str) and (node.quoted or not re.fullmatch(r"[\w./+%-]+( [\w./+%-]+)*", node.text)):
        return json.dumps(node.value, ensure_ascii=False)
    return node.text


def values(node: Node, options: Sequence[str]) -> Iterator[str]:
    """For a value: `options` are the words it may be."""
    if isinstance(node, Items) and len(node.nodes) == 1:
        yield written(node.nodes[0])
    if not isinstance(node, Scalar) or len(node.text) > LONGEST:
        return
    yield from {OTHER_VALUES.get(fold(node.text), "")}.intersection(options)
    if isinstance(node.value, str):
        yield from _texts(node.value, options)
    elif node.value is False:
        yield from ("none", "0", "null")
    elif node.value is True and "none" in options:
        yield next(word for word in options if word != "none")
    elif isinstance(node.value, float) and node.value.is_integer() and abs(node.value) < 1e15:
        yield f"{node.value:.0f}"
    if node.value in (0, 1) and not isinstance(node.value, bool):
        yield "true" if node.value else "false"
    if isinstance(node.value, int | float):
        yield f'"{node.text}"'
    if node.value is None or node.value == "none":
        yield "[]"
    elif not isinstance(node.value, bool):  # ``128``, ``128, 64`` and ``128 64`` are all lists to someone
        between = r"[-x]" if re.fullmatch(r"\d+([-x]\d+)+", node.text) else r"[,\s]+"
        parts = [part for part in re.split(between, node.text.strip("()")) if part]
        yield f"[{', '.join(parts)}]"


def _texts(text: str, options: Sequence[str]) -> Iterator[str]:
    lower = text.lower()
    if lower in (*YES, *NO):
        yield "true" if lower in YES else "false"
    if lower in NOTHING:
        yield from ("null", "none", "false")
    if lower in NO or lower == "none":
        yield "0"
    if (number := _number(lower)) is not None:
        yield number
    yield from filter(None, [nearest(text, options)])
    slug = run_name(text)
    if isinstance(core_value(slug), str):
        yield slug
    yield f"val_{lower}"  # a metric


def _number(text: str) -> str | None:
    """The number that a text was meant to be: ``"0.1"``, ``10_000``, ``5%``, ``1/3``."""
    if isinstance(core_value(text), int | float):
        return text
    plain = re.sub(r"(?<=\d)[_,](?=\d{3}\b)", "", text.replace("_", ","))
    if re.fullmatch(r"[1-9]\d*", plain):
        return plain
    if percent := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text):
        return f"{float(percent[1]) / 100:g}"
    if fraction := re.fullmatch(r"(\d{1,6})/(\d{1,6})", text):
        return f"{int(fraction[1]) / int(fraction[2]):.4g}" if int(fraction[2]) else None
    if decimal := re.fullmatch(r"(\d+),(\d+)", text):
        return f"{decimal[1]}.{decimal[2]}"
    if thousands := re.fullmatch(r"(\d{1,6})k", text):
        return f"{thousands[1]}000"
    if power := re.fullmatch(r"10(?:\^|\*\*)(-?\d{1,2})", text):
        return f"1e{power[1]}"
    return None


def names(kind: type[Choice], given: str) -> Iterator[str]:
    """For a name that no choice of a kind has: a name, or a choice with settings."""
    if given.lower() in NOTHING:
        yield "none"
    own = fold(given.rpartition(".")[2])  # torch.optim.Adam
    bare = re.sub(r"(loss|lr|initializer|optimizer)$", "", own)
    spellings = [word for member in kind.members.values() for word in (member.name, *member.aliases)]
    for word in dict.fromkeys((fold(given), own, bare)):
        if known := OTHER_NAMES.get(kind.kind, {}).get(word):
            yield str(known)
            yield from [known.name] if isinstance(known, Other) else []
        if member := kind.find(nearest(word, spellings) or ""):
            yield member.name
    yield from [OWN_DATA] if kind.kind == "data" else []


def sections(cls: type[Section], node: Node, nothing: str) -> Iterator[str]:
    """For a value where the map of a section is expected."""
    if isinstance(node, Scalar) and node.value is None:
        yield Words("leave it out for the defaults")
    if not isinstance(node, Scalar) or len(node.text) > LONGEST:
        return
    if nothing and (node.value is False or node.text.lower() in NO):
        yield nothing
    first = next(iter(cls.fields))
    yes = node.value is True or node.text.lower() in YES[:3]
    yield f"{{{first}: {written(node) if not yes else cls.fields[first].default}}}"


def choices(kind: type[Choice], node: Node) -> Iterator[str]:
    """For what is neither the name of a choice nor a map with its name."""
    if isinstance(node, Map):
        for given, (_, inner) in node.entries.items():
            if member := kind.find(given):
                yield from _with_name(kind, member, inner)
        having = [owner for given in node.entries for owner in owners(kind, given)]
        yield from (f"{{name: {owner}, {written(node)[1:-1]}}}" for owner in dict.fromkeys(having))
    elif isinstance(node, Items):
        if len(node.nodes) == 1:
            yield written(node.nodes[0])
        for member in kind.members.values():
            yield from _with_name(kind, member, node)


def _with_name(kind: type[Choice], member: type[Choice], inner: Node) -> Iterator[str]:
    """``adam: {lr: 1e-3}`` and ``cnn: [16, 32]`` as a map with a name."""
    if isinstance(inner, Scalar) and inner.value is None:
        yield member.name
    elif isinstance(inner, Map):
        yield f"{{name: {member.name}{', ' * bool(inner.entries)}{written(inner)[1:-1]}}}"
    elif isinstance(inner, Items):
        for key in sorted(member.fields, key=lambda key: key in kind.fields):
            yield f"{{name: {member.name}, {key}: {written(inner)}}}"


def lists(node: Node) -> Iterator[str]:
    """For what is no list of choices."""
    is_nothing = isinstance(node, Scalar) and (node.value in (None, False) or node.text.lower() in NOTHING)
    yield "[]" if is_nothing else f"[{written(node)}]"


def layers(kind: type[Choice], node: Node) -> Iterator[str]:
    """For something in `model.layers` that is no layer: a layer, or why to leave it out."""
    entries = node.entries if isinstance(node, Map) else {}
    for given in entries or ([node.text] if isinstance(node, Scalar) else ()):
        own = fold(given).removeprefix("nn")
        known = OTHER_NAMES["layer"].get(own)
        if known is None and Activation.find(own):
            known = OTHER_NAMES["layer"]["activation"]
        meant = known or getattr(kind.find(own) or kind.find(nearest(own, kind.members) or ""), "name", None)
        if meant is None:
            continue
        if isinstance(meant, Words):
            yield meant
            continue
        other = meant if isinstance(meant, Other) else Other(meant, "", LAYER_SIZES.get(meant, "32"))
        size = written(entries[given][1]) if entries else other.size
        rest = [f"{key}: {written(inner)}" for key, (_, inner) in entries.items() if key != given]
        yield f"{{{', '.join(filter(None, [f'{other.name}: {size}', other.settings, *rest]))}}}"
        if not other.settings:
            yield f"{{{other.name}: {other.size}}}"


def keys(given: str, known: Sequence[str], root: type[Section]) -> Iterator[str]:
    """For an unknown key: one of the `known` keys of the same map, or a path from the top."""
    other = OTHER_TOOLS.get(given, OTHER_TOOLS.get(fold(given), ""))
    if other.rpartition(".")[2] in known:
        yield other.rpartition(".")[2]
    yield from filter(None, (other, given.strip(), nearest(given, known)))
    if not other:
        lasts = {path.rpartition(".")[2]: path for path in reversed(key_paths(root))}
        near = lasts.get(nearest(given, lasts, 0.85) or "")
        yield from filter(None, (near, OTHER_TOOLS.get(nearest(given, OTHER_TOOLS, 0.8) or "")))
