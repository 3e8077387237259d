"""`tuner.load`: a model that takes samples as they are stored and answers in the target's own terms."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tuner
from tuner.errors import NotFoundError, TunerError, UsageError

SHORT = "\ntraining: {epochs: 3, batch_size: 32}\n"
OLDER = Path(__file__).parent / "cases" / "format-1"
CLASSES = {
    "digits": "data: {name: digits, limit: 300}\nmodel: {name: cnn, channels: [4], hidden: [16], batch_norm: true}",
    "rows of pictures": "data: {name: digits, limit: 300, normalize: none}\nmodel: {name: rnn, units: [12]}",
    "iris": "data: iris\nmodel: {hidden: [8], dropout: 0.2}",
    "minmax": "data: {name: iris, normalize: minmax}",
    "none": "data: {name: wine, normalize: none}\noptimizer: {lr: 0.0001}",
    "one output": "data: breast_cancer\nloss: binary_cross_entropy",
    "hinge": "data: wine\nloss: hinge",
}


def trained(workplace: Any, text: str) -> tuple[tuner.trained.Model, Any, dict[str, float]]:
    """The model, the test part as it is stored, and what status.json says of it."""
    ended = workplace.train(text + SHORT)
    return tuner.load(ended.run), workplace.open(text + SHORT, again=True).splits.test, ended.status["test"]


@pytest.mark.parametrize("name", CLASSES)
def test_predictions_are_as_good_as_the_run_says(workplace: Any, name: str) -> None:
    model, test, said = trained(workplace, CLASSES[name])
    answers = model.predict(test.x)
    assert set(answers) <= set(model.classes) and answers.shape == (len(test),)
    assert np.mean(answers == np.array(model.classes)[test.y]) == said["accuracy"]


@pytest.mark.parametrize("data", ["diabetes", "{name: diabetes, normalize: minmax, standardize_target: false}"])
def test_numbers_come_in_their_unit(workplace: Any, data: str) -> None:
    model, test, said = trained(workplace, f"data: {data}\nloss: mse\noptimizer: {{lr: 0.01}}")
    answers = model.predict(test.x)
    assert answers.dtype == np.float64 and model.classes == ()
    error = answers - test.y
    assert np.abs(error).mean() == pytest.approx(said["mae"], rel=1e-5)
    assert 1 - np.square(error).sum() / np.square(test.y - test.y.mean()).sum() == pytest.approx(said["r2"], abs=1e-5)


def test_any_form_of_the_same_samples_gives_the_same(workplace: Any) -> None:
    model, test, _ = trained(workplace, CLASSES["digits"])
    wanted = model.predict(test.x).tolist()
    forms: dict[str, Any] = {
        "float64": test.x.astype(np.float64),
        "int32": test.x.astype(np.int32),
        "nested lists": test.x.tolist(),
        "a list of arrays": list(test.x),
        "tensor": torch.from_numpy(test.x),
        "a tensor with a gradient": torch.from_numpy(test.x.astype(np.float32)).requires_grad_(),
        "another order in memory": np.asfortranarray(test.x),
    }
    for name, form in forms.items():
        assert model.predict(form).tolist() == wanted, name
    assert model.predict(test.x[0]).tolist() == wanted[:1]
    assert model.predict_proba(test.x[0]).shape == (1, 10)


def test_the_module_takes_what_normalize_gives(workplace: Any) -> None:
    model, test, _ = trained(workplace, CLASSES["minmax"])
    x = model.normalize(test.x)
    splits = workplace.open(CLASSES["minmax"] + SHORT, again=True).splits
    low, high = splits.train.x.min(axis=0), splits.train.x.max(axis=0)
    np.testing.assert_allclose(x.numpy(), (test.x - low) / (high - low), rtol=1e-6, atol=1e-7)
    assert not model.module.training and x.dtype == torch.float32
    with torch.no_grad():
        outputs = model.module(x)
    assert [model.classes[i] for i in outputs.argmax(dim=1)] == model.predict(test.x).tolist()


def test_probabilities(workplace: Any) -> None:
    model, test, said = trained(workplace, CLASSES["iris"])
    shares = model.predict_proba(test.x)
    assert shares.shape == (len(test), 3) and shares.dtype == np.float64
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    assert -np.log(shares[np.arange(len(test)), test.y]).mean() == pytest.approx(said["loss"], rel=1e-5)
    assert np.array(model.classes)[shares.argmax(axis=1)].tolist() == model.predict(test.x).tolist()


def test_probabilities_of_one_output_are_two_columns(workplace: Any) -> None:
    model, test, said = trained(workplace, CLASSES["one output"])
    shares = model.predict_proba(test.x)
    assert shares.shape == (len(test), 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    assert -np.log(shares[np.arange(len(test)), test.y]).mean() == pytest.approx(said["loss"], rel=1e-4)


def test_probabilities_of_one_against_the_rest_stand_each_for_itself(workplace: Any) -> None:
    model, test, said = trained(workplace, "data: iris\nloss: binary_cross_entropy")
    shares = model.predict_proba(test.x)
    right = np.where(np.arange(3) == test.y[:, None], shares, 1 - shares)
    assert -np.log(right).mean() == pytest.approx(said["loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data: iris\nloss: {name: hinge}", "trained with hinge are no probabilities"),
        ("data: iris\nloss: {name: mse, outputs: raw}", "trained with mse on raw outputs are no probabilities"),
        ("data: diabetes\nloss: mse", "predicts a number"),
    ],
)
def test_where_there_are_no_probabilities(workplace: Any, text: str, said: str) -> None:
    model, test, _ = trained(workplace, text)
    with pytest.raises(UsageError, match=said):
        model.predict_proba(test.x)
    assert len(model.predict(test.x)) == len(test)


def test_a_softmax_at_the_end_gives_probabilities_under_a_raw_loss(workplace: Any) -> None:
    text = "data: iris\nloss: {name: mse, outputs: raw}\nmodel: {output: {activation: softmax}}"
    model, test, _ = trained(workplace, text)
    np.testing.assert_allclose(model.predict_proba(test.x).sum(axis=1), 1, rtol=1e-6)


WRONG: dict[str, tuple[Any, str]] = {
    "flat": (np.zeros(64), r"an array of shape \(64,\)"),
    "grey pictures without their channel": (np.zeros((5, 8, 8)), r"shape \(5, 8, 8\)"),
    "too large": (np.zeros((2, 1, 9, 8)), r"shape \(2, 1, 9, 8\)"),
    "batches of batches": (np.zeros((2, 2, 1, 8, 8)), r"shape \(2, 2, 1, 8, 8\)"),
    "ragged": ([[1, 2], [3]], "these are no samples"),
    "text": (np.full((1, 8, 8), "a"), "no array of numbers but of <U1"),
    "nothing": (None, "no array of numbers but of object"),
    "an object": (object(), "no array of numbers but of object"),
    "complex": (np.zeros((1, 8, 8), complex), "no array of numbers but of complex128"),
    "a complex tensor": (torch.zeros((1, 8, 8), dtype=torch.complex64), "no array of numbers but of complex64"),
    "no sample": (np.zeros((0, 1, 8, 8)), "none at all"),
    "too large for float32": (np.full((1, 8, 8), 1e300), "not finite"),
    "not a number": (np.full((2, 1, 8, 8), np.nan), "sample 0 holds a number that is not finite"),
}


def test_wrong_samples_are_refused_with_what_is_expected(workplace: Any) -> None:
    model, *_ = trained(workplace, CLASSES["digits"])
    for name, (x, said) in WRONG.items():
        for method in (model.predict, model.predict_proba):
            with pytest.raises(UsageError, match=said) as caught:
                method(x)
            assert "one sample of shape (1, 8, 8) or several, (N, 1, 8, 8)" in caught.value.fix, name


def test_columns_are_named_where_a_table_is_of_another_width(workplace: Any) -> None:
    model, *_ = trained(workplace, CLASSES["iris"])
    with pytest.raises(UsageError) as caught:
        model.predict([[5.1, 3.5, 1.4]])
    assert "one sample of shape (4,) or several, (N, 4): sepal length (cm), sepal width (cm)" in caught.value.fix


def test_a_run_of_an_older_tuner_says_what_is_missing(tmp_path: Path) -> None:
    shutil.copytree(OLDER / "finished", tmp_path / "finished")
    with pytest.raises(NotFoundError, match=r"has no data\.json") as caught:
        tuner.load(tmp_path / "finished")
    assert "config.yaml --again` trains it anew" in caught.value.fix


def test_a_damaged_folder_is_refused(workplace: Any) -> None:
    path = workplace.train("data: iris" + SHORT).run
    status = json.loads((path / "status.json").read_text())
    (path / "status.json").write_text(json.dumps({k: v for k, v in status.items() if k not in ("files", "sha256")}))
    whole = (path / "data.json").read_text()
    (path / "data.json").write_text(whole.replace('"setosa",', ""))
    with pytest.raises(TunerError):
        tuner.load(path)
    (path / "data.json").write_text(whole)
    config = (path / "config.yaml").read_text()
    other = (config + "more: 1\n", "is damaged"), (config.replace("name: mlp", "name: rnn"), "does not fit the data")
    for text, said in other:
        (path / "config.yaml").write_text(text)
        with pytest.raises(NotFoundError, match=rf"config\.yaml {said}"):
            tuner.load(path)
    (path / "config.yaml").write_text(config.replace("hidden: [128]", "hidden: [127]"))
    with pytest.raises(NotFoundError, match=r"best\.safetensors does not fit the network"):
        tuner.load(path)


def test_torch_stays_as_it_was_and_the_data_is_not_read(workplace: Any) -> None:
    text = "data: {name: blobs, samples: 300}" + SHORT
    path = workplace.train(text).run
    code = f"""
import sys, torch
before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.initial_seed()
state = torch.get_rng_state()
import tuner
model = tuner.load({str(path)!r})
print(model.predict([[0.0, 1.0]])[0] in model.classes, len(model.classes))
after = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.initial_seed()
print(before == after, torch.equal(state, torch.get_rng_state()), torch.is_grad_enabled())
print(sorted({{"sklearn", "tuner.data.splits", "tuner.train"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True 3", "True True True", "[]"]


def test_a_model_and_an_error_say_what_they_are_in_python(workplace: Any) -> None:
    model, _, _ = trained(workplace, CLASSES["iris"])
    assert repr(model) == f"<Model {model.run}: iris, (4,) -> 3 classes>"
    assert model.run.is_dir()
    for runs_dir in (model.run.parent, model.run / "nowhere"):
        with pytest.raises(NotFoundError, match="--runs-dir names another folder"):
            tuner.load("absent", runs_dir)
