"""Every metric against scikit-learn, for every loss and both conventions of two classes; what views make of them."""

from __future__ import annotations

import io
import math
import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, roc_auc_score

from tuner import loop
from tuner.errors import ConfigError
from tuner.events import EpochDone
from tuner.explain import explain
from tuner.loop import Samples, evaluate, train_epoch
from tuner.measured import areas
from tuner.monitor import best_index
from tuner.options.metrics import Metric, metrics_for, usual
from tuner.render.talk import Talk
from tuner.render.training import EpochTable, ended_pairs
from tuner.runs.folder import read
from tuner.stopping import Stop, StopRequests

PAIR, THREE = "data: breast_cancer\n", "data: iris\n"
SHORT = "model: {hidden: [4]}\ntraining: {epochs: 4, batch_size: 16}\n"
LOSSES = [
    (PAIR, "cross_entropy", "linear", "softmax"),
    (PAIR, "binary_cross_entropy", "linear", "sigmoid"),
    (PAIR, "hinge", "linear", "raw"),
    (PAIR, "{name: mse, outputs: raw}", "softmax", "raw"),
    (THREE, "cross_entropy", "linear", "softmax"),
    (THREE, "binary_cross_entropy", "linear", "sigmoid"),
    (THREE, "hinge", "linear", "raw"),
    (THREE, "mse", "linear", "softmax"),
    (THREE, "{name: mse, outputs: raw}", "softmax", "raw"),
    (THREE, "{name: mae, outputs: raw}", "linear", "raw"),
    (THREE, "huber", "linear", "softmax"),
]


def trained(workplace: Any, data: str, loss: str, activation: str) -> Any:
    """An epoch in, and 90 samples, each three times with targets of their own, so that scores are tied."""
    output = f"model.output.activation={activation}"
    setup = workplace.setup(f"{data}loss: {loss}\n{SHORT}", output)
    for _ in train_epoch(setup.task, setup.state):
        pass
    x = setup.evaluated["train"].x[:30].repeat(3, 1)
    classes = 2 if data == PAIR else 3
    return setup, Samples(x, torch.randint(classes, (90,), generator=torch.Generator().manual_seed(1))), classes


def judged(y: np.ndarray, scores: np.ndarray, positive: int | None = None) -> dict[str, float]:
    """auc and average_precision, from one class against the rest each."""
    classes = range(scores.shape[1]) if scores.shape[1] > 2 else [1 if positive is None else positive]
    pairs = [(y == k, scores[:, k]) for k in classes if (y == k).any()]
    return {
        "auc": np.mean([roc_auc_score(*pair) for pair in pairs]),
        "average_precision": np.mean([average_precision_score(*pair) for pair in pairs]),
    }


@pytest.mark.parametrize(("data", "loss", "activation", "kind"), LOSSES)
def test_classes_against_scikit_learn(
    workplace: Any, monkeypatch: pytest.MonkeyPatch, data: str, loss: str, activation: str, kind: str
) -> None:
    setup, samples, classes = trained(workplace, data, loss, activation)
    whole = evaluate(setup.state.network, samples, setup.measure)
    monkeypatch.setattr(loop, "EVALUATION_NUMBERS", 1)  # 32 samples at once
    found = evaluate(setup.state.network, samples, setup.measure)
    assert found == pytest.approx(whole, rel=1e-6)
    with torch.no_grad():
        outputs = torch.cat([setup.state.network(samples.x[at : at + 32]) for at in range(0, 90, 32)])
    y, z = samples.y.numpy(), outputs.double().numpy()
    if z.shape[1] == 1:
        z = np.concatenate([-z, z], axis=1)
    answers = z.argmax(axis=1)
    wanted = {
        "softmax": np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), "sigmoid": 1 / (1 + np.exp(-z)), "raw": z
    }[kind]  # fmt: skip
    scores = setup.measure.scores(outputs).numpy()
    assert scores == pytest.approx(wanted, rel=1e-5)
    assert list(found) == ["loss", "accuracy", "balanced_accuracy", "f1", "auc", "average_precision"]
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, answers), rel=1e-12)
    assert found["f1"] == pytest.approx(f1_score(y, answers, average="macro", zero_division=0), rel=1e-12)
    assert {key: found[key] for key in ("auc", "average_precision")} == pytest.approx(judged(y, scores), rel=1e-12)
    for positive in range(classes):
        named = evaluate(setup.state.network, samples, replace(setup.measure, positive=positive))
        if classes == 3:  # only of two classes one is the positive one
            assert named == found
            continue
        assert named["f1"] == pytest.approx(f1_score(y, answers, pos_label=positive, zero_division=0), rel=1e-12)
        assert named["auc"] == pytest.approx(judged(y, scores, positive)["auc"], rel=1e-12)
        assert named["average_precision"] == pytest.approx(judged(y, scores, positive)["average_precision"], rel=1e-12)


def test_classes_that_do_not_occur_are_left_out(workplace: Any) -> None:
    setup, samples, _ = trained(workplace, THREE, "cross_entropy", "linear")
    network, here = setup.state.network, samples.y != 1
    some = Samples(samples.x[here], samples.y[here])
    found = evaluate(network, some, setup.measure)
    with torch.no_grad():
        scores, y = network(some.x).softmax(dim=1).numpy(), some.y.numpy()
    answers = scores.argmax(axis=1)
    assert found["f1"] == pytest.approx(f1_score(y, answers, average="macro", zero_division=0), rel=1e-12)
    recalls = [(answers[y == k] == k).mean() for k in (0, 2)]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls), rel=1e-12)
    assert found["auc"] == pytest.approx(judged(y, scores)["auc"], rel=1e-12)
    alone = evaluate(network, Samples(some.x, torch.zeros_like(some.y)), setup.measure)
    assert math.isnan(alone["auc"]) and math.isnan(alone["average_precision"])
    assert alone["balanced_accuracy"] == alone["accuracy"] == (answers == 0).mean()


@pytest.mark.parametrize("levels", [1, 2, 5, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_ties_are_one_step(levels: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    y, scores = draw.permutation(np.arange(60) % 4), draw.integers(levels, size=(60, 4)).astype(np.float32)
    expected = judged(y, scores)
    assert areas(scores, y, range(4)) == pytest.approx((expected["auc"], expected["average_precision"]), rel=1e-12)
    if levels == 1:
        assert areas(scores, y, range(4)) == (0.5, 0.25)
    scores[draw.integers(60), 2] = np.nan
    assert all(map(math.isnan, areas(scores, y, range(4))))
    assert all(map(math.isfinite, areas(scores, y, [0, 1])))


def test_extreme_scores_have_a_place() -> None:
    scores = np.array([[-np.inf, np.inf], [0.0, -0.0], [np.inf, -np.inf]], dtype=np.float32)
    assert areas(scores, np.array([1, 0, 0]), [1]) == (1.0, 1.0)
    assert areas(scores, np.array([0, 0, 1]), [1]) == (0.0, 1 / 3)


# ---- in runs ---------------------------------------------------------------------------------------------------------


def test_each_is_measured_monitored_and_required(workplace: Any) -> None:
    for name in (metric.name for metric in metrics_for("class")):
        monitor = f"training.monitor=val_{name}"
        ended = workplace.train(PAIR + SHORT, monitor)
        run = read(ended.run)
        assert run.status["best_epoch"] == 1 + (best_index(run.rows, f"val_{name}") or 0)
        assert run.status["best"][f"val_{name}"] == run.rows[run.status["best_epoch"] - 1][f"val_{name}"]
        assert name in run.status["test"]
        assert f"val_{name}" in dict(ended_pairs(run.status, run.monitor))["best"]
    named = [metric.name for metric in metrics_for("class")]
    columns = [f"{part}_{name}" for part in ("train", "val") for name in named]
    assert list(run.rows[0]) == ["epoch", "step", "lr", "batch_loss", *columns, "grad_norm"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [("roc_auc", "val_auc"), ("val_AUROC", "val_auc"), ("train_macro_f1", "train_f1"), ("f1_score", "val_f1"),
     ("bal_acc", "val_balanced_accuracy"), ("val_pr_auc", "val_average_precision"), ("acc", "val_accuracy"),
     ("root_mean_squared_error", "val_rmse")],
)  # fmt: skip
def test_other_words_lead_to_a_metric(workplace: Any, given: str, meant: str) -> None:
    data = "data: diabetes\nloss: mse\n" if meant == "val_rmse" else PAIR
    with pytest.raises(ConfigError) as refused:
        workplace.loaded(data, f"training.monitor={given}")
    assert meant in str(refused.value.faults[0].suggestion)


def test_aliases_are_explained() -> None:
    for metric in Metric.members.values():
        for spelling in metric.aliases:
            told = [each for each in explain(f"val_{spelling}") if each.what == "measured by a run"]
            assert len(told) == 1 and f"Here it is called val_{metric.name}." in told[0].text
            assert any(each.what == "measured by a run" for each in explain(spelling))


def test_views_show_the_usual_ones_and_the_monitored_one(workplace: Any) -> None:
    row: dict[str, float | int | None] = {"epoch": 1, **dict.fromkeys(workplace.loaded(THREE).metrics, 0.5)}
    kept = ["epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy"]
    assert list(usual(row, "val_loss")) == list(usual(row)) == list(usual(row, None)) == kept
    assert list(usual(row, "val_auc")) == [*kept[:3], "train_auc", *kept[3:], "val_auc"]
    assert list(usual({"loss": 1, "f1": 2, "auc": 3, "of_a_package": 4}, "val_f1")) == ["loss", "f1", "of_a_package"]
    for monitor, heads in {
        "val_loss": ["train_loss", "val_loss", "train_accuracy", "val_accuracy"],
        "val_auc": ["train_loss", "val_loss", "train_accuracy", "train_auc", "val_accuracy", "val_auc"],
    }.items():
        EpochTable(Talk(stream := io.StringIO()), row, 3, monitor).add(EpochDone(row, True, 0.5, 1.0))
        assert [head for head in stream.getvalue().splitlines()[0].split() if "_" in head] == heads


def test_a_run_that_began_with_fewer_columns_goes_on_with_those(
    workplace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        for name in ("balanced_accuracy", "f1", "auc", "average_precision"):
            before.delitem(Metric.members, name)
        stop, epochs = StopRequests(), 0
        for event in workplace.begin(THREE + SHORT, stop=stop):
            epochs += isinstance(event, EpochDone)
            if epochs == 2:
                stop.ask(Stop("--max-time"))
        stopped = shutil.copytree(event.run, workplace.folder / "stopped")
        names = ("metrics.csv", "best.safetensors")
        run = workplace.train(THREE + SHORT).run
        whole = [(run / name).read_bytes() for name in names]
        shutil.rmtree(run)
        shutil.move(stopped, run)
    assert workplace.train(THREE + SHORT).run == run
    assert [(run / name).read_bytes() for name in names] == whole
    assert "val_auc" not in read(run).rows[-1] and "val_auc" not in read(run).status["best"]
