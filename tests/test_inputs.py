"""What a network does with a row before its first layer, against formulas written again with numpy."""

from __future__ import annotations

import signal
from importlib import import_module
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

import tuner
from tuner import layer_stats, network
from tuner.asks.check import ask
from tuner.config.comparison import meaning_hash, side_by_side
from tuner.data.columns import Feature
from tuner.durable.writing import read_folder
from tuner.errors import ConfigError
from tuner.loop import EVALUATION_NUMBERS, Samples, chunk_size
from tuner.options.embeddings import PiecewiseLinear
from tuner.options.layers.base import PlanError
from tuner.options.models import CNN, MLP, RNN, Model
from tuner.options.optimizers.base import LearningRateFactors, Optimizer
from tuner.plan import Plan, plan
from tuner.runs.folder import read
from tuner.state import Updater
from tuner.stopping import Stop, StopRequests
from tuner.train.hardware import _products_of

Array = NDArray[Any]

FEATURES = (
    Feature("age"),
    Feature("town", "code", 5, 3),
    Feature("male", "flag"),
    Feature("income"),
    Feature("street", "code", 400, 2),
    Feature("height"),
)
BOTH = ["model.input_scale=true", "model.embeddings={name: piecewise_linear, bins: 6, width: 3}"]
TEXTS = {
    "iris": "{data: iris, training: {epochs: 3, batch_size: 32}}",
    "wine": "{data: {name: wine, normalize: robust}, model: {hidden: [8], batch_norm: true, dropout: 0.2}, "
    "training: {epochs: 3, batch_size: 32}}",
    "diabetes": "{data: {name: diabetes, normalize: minmax}, loss: mse, training: {epochs: 3}}",
    "noise": "{data: {name: moons, samples: 200, augment: [noise]}, training: {epochs: 3}}",
}


def by_numpy(x: Array, edges: Array) -> Array:
    """Equation 1 of the paper for one column x (N,) and its edges, each once, number by number."""
    found = np.zeros((len(x), len(edges) - 1))
    for row, value in enumerate(x):
        for t in range(1, len(edges)):
            if value < edges[t - 1] and t > 1:
                found[row, t - 1] = 0
            elif value >= edges[t] and t < len(edges) - 1:
                found[row, t - 1] = 1
            else:
                found[row, t - 1] = (value - edges[t - 1]) / (edges[t] - edges[t - 1])
    return found


def rows(count: int = 60) -> Tensor:
    """Rows of FEATURES, normalised."""
    draws = np.random.default_rng(3)
    numbers = draws.normal(size=(count, 3))
    flags, towns, streets = draws.choice([-1, 0, 1], count), draws.integers(0, 5, count), draws.integers(0, 400, count)
    columns = [numbers[:, 0], towns, flags, numbers[:, 1], streets, numbers[:, 2]]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


def model_of(*, scale: bool = True, embeddings: PiecewiseLinear | None = None, **more: Any) -> MLP:
    return MLP(input_scale=scale, embeddings=embeddings, **{"hidden": [7], **more})


def built(made: Plan, given: Tensor, precision: str = "float32", seed: int = 4) -> network.Network:
    """A network that has measured rows, with no weight at the value that it starts with."""
    net = network.build(made, seed, precision)
    net.fit(given)
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            moved = torch.randn(parameter.shape, generator=generator)
            if name.startswith("input.codes"):
                moved[0] = 0
            parameter.add_(moved)
    return net


# ---- the plan --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [MLP(), MLP(hidden=[]), MLP(batch_norm=True, dropout=0.3)])
def test_without_any_of_it_nothing_is_added(model: Model) -> None:
    flags = (*(Feature(f"x{index}") for index in range(3)), Feature("b", "flag"))
    assert plan(model, (4,), 3, flags) == plan(model, (4,), 3)
    assert "input" not in {block.name for block in plan(model, (4,), 3, flags).blocks}


def test_what_is_planned_is_worked_out_by_hand() -> None:
    made = plan(model_of(embeddings=PiecewiseLinear(bins=6, width=4)), (6,), 2, FEATURES)
    first = made.blocks[0]
    assert [block.name for block in made.blocks] == ["input", "hidden.0", "output"]
    assert (first.inputs, first.outputs) == ((6,), (1 + 3 * 4 + 3 + 2,))
    assert first.parameters == {
        "linear": (3, 4),
        "weight": (3, 4, 6),
        "scale": (18,),
        "codes.0": (5, 3),
        "codes.1": (400, 2),
    }
    assert first.size == 3 * 4 + 3 * 4 * 6 + 18 + 15 + 800
    assert first.flops == 3 * (4 * 6 + 2 * 6 * 4 + 2 * 4) + 18
    assert made.blocks[1].parameters["weight"] == (7, 18)
    assert made.train_flops == 3 * made.flops - first.flops


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("embeddings", [None, PiecewiseLinear(bins=6, width=4), PiecewiseLinear()])
@pytest.mark.parametrize("features", [(), FEATURES, FEATURES[:1], FEATURES[1:3]])
def test_the_plan_says_what_is_built(
    features: tuple[Feature, ...], embeddings: PiecewiseLinear | None, scale: bool
) -> None:
    width = len(features) or 6
    if embeddings and features == FEATURES[1:3]:
        with pytest.raises(PlanError, match="no column holds numbers"):
            plan(model_of(embeddings=embeddings), (width,), 2, features)
        return
    made = plan(model_of(scale=scale, embeddings=embeddings, batch_norm=True), (width,), 2, features)
    net = network.build(made, 0)
    real = [(name, tuple(parameter.shape)) for name, parameter in net.named_parameters()]
    planned = [(f"{block.name}.{key}", shape) for block in made.blocks for key, shape in block.parameters.items()]
    assert real == planned
    assert made.parameters == sum(parameter.numel() for parameter in net.parameters())
    x = torch.zeros(5, width)
    for block, (_, module) in zip(made.blocks, net.blocks, strict=True):
        x = module(x)
        assert tuple(x.shape[1:]) == block.outputs


@pytest.mark.parametrize(("model", "shape"), [(CNN, (1, 8, 8)), (RNN, (7, 2)), (MLP, (1, 8, 8))])
@pytest.mark.parametrize("key", ["embeddings", "input_scale"])
def test_only_rows_of_numbers_take_it(model: type[Model], shape: tuple[int, ...], key: str) -> None:
    given: dict[str, Any] = {key: True if key == "input_scale" else PiecewiseLinear()}
    with pytest.raises(PlanError, match="rows of numbers") as caught:
        plan(model(**given), shape, 3)
    assert caught.value.path == f"model.{key}"
    assert caught.value.suggestion == f"model.{key}: {'false' if key == 'input_scale' else 'none'}"


# ---- quantiles and the encoding --------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    arrays.arrays(np.float32, st.integers(1, 60), elements=st.floats(-8, 8, width=32) | st.sampled_from([0.0, 1.0])),
    st.integers(2, 12),
)
def test_edges_are_the_quantiles_each_once(x: Array, bins: int) -> None:
    found = PiecewiseLinear(bins=bins).measured(torch.from_numpy(x)[:, None])["edges"].numpy()[0]
    assert found.shape == (bins + 1,)
    quantiles = np.quantile(x.astype(np.float64), np.linspace(0, 1, bins + 1))
    assert {found.min(), found.max()} == {x.min(), x.max()}
    distinct = np.unique(found)
    assert found.tolist() == [*distinct, *[distinct[-1]] * (bins + 1 - len(distinct))]
    assert np.abs(quantiles[:, None] - distinct).min(axis=1).max() < 1e-5  # every quantile is there
    assert np.abs(quantiles[:, None] - distinct).min(axis=0).max() < 1e-5  # and nothing else


@pytest.mark.parametrize(
    ("column", "edges"),
    [
        ([0, 0, 0, 1, 1], [0, 1, 1, 1, 1]),
        ([5, 5, 5], [5] * 5),
        ([7], [7] * 5),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        ([0, 0, 0, 0, 0, 0, 0, 0, 4], [0, 4, 4, 4, 4]),
        ([0, 1, 2, 3], [0, 0.75, 1.5, 2.25, 3]),
    ],
)
def test_edges_of_few_values(column: list[float], edges: list[float]) -> None:
    x = torch.tensor(column, dtype=torch.float32)[:, None]
    assert PiecewiseLinear(bins=4).measured(x)["edges"].tolist() == [edges]


COLUMNS = {
    "many values": np.random.default_rng(0).normal(size=200),
    "0 and 1": np.random.default_rng(1).integers(0, 2, 200),
    "mostly 0": np.maximum(0, np.random.default_rng(2).normal(size=200)),
    "constant": np.full(200, 2.5),
}


def embedded(bins: int, width: int) -> tuple[network.Network, Tensor, Tensor]:
    """A network of COLUMNS whose first layer has measured them, those, and numbers also beyond them."""
    x = torch.from_numpy(np.stack([column.astype(np.float32) for column in COLUMNS.values()], axis=1))
    net = built(plan(model_of(scale=False, embeddings=PiecewiseLinear(bins=bins, width=width)), (4,), 2), x)
    beyond = torch.randn(50, 4, generator=torch.Generator().manual_seed(1)) * 3
    return net, x, torch.cat([beyond, x[:20]])


@pytest.mark.parametrize(("bins", "width"), [(2, 1), (5, 3), (48, 16)])
def test_the_embedding_is_the_formula(bins: int, width: int) -> None:
    net, x, asked = embedded(bins, width)
    own = {name.removeprefix("input."): value.detach().double().numpy() for name, value in net.state_dict().items()}
    expected = []
    for column in range(4):
        numbers, given = x[:, column].double().numpy(), asked[:, column].double().numpy()
        edges = np.unique(np.quantile(numbers, np.linspace(0, 1, bins + 1)).astype(np.float32)).astype(np.float64)
        weight = own["weight"][column][:, : len(edges) - 1]
        expected.append(given[:, None] * own["linear"][column] + by_numpy(given, edges) @ weight.T)
    found = net.get_submodule("input")(asked).detach().numpy()
    assert np.allclose(found, np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_gradients_are_those_of_finite_differences() -> None:
    net, _, asked = embedded(5, 3)
    first = net.get_submodule("input").double()
    pull = torch.randn(len(asked), 12, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def objective() -> Tensor:
        summed: Tensor = (first(asked.double()).square() * pull).sum()
        return summed

    objective().backward()  # type: ignore[no-untyped-call]
    for parameter in first.parameters():
        assert parameter.grad is not None
        for place in range(parameter.numel()):
            flat, found = parameter.data.view(-1), float(parameter.grad.view(-1)[place])
            values = []
            for step in (1e-4, -2e-4):
                flat[place] += step
                values.append(objective().item())
            flat[place] += 1e-4
            assert found == pytest.approx((values[0] - values[1]) / 2e-4, rel=1e-5, abs=1e-4)
    weight = first.get_parameter("weight").grad
    assert weight is not None
    assert float(weight[1, :, 1:].abs().max()) == 0 < float(weight[1, :, 0].abs().min())  # of 0 and 1 only one piece
    assert float(weight[3].abs().max()) == 0  # of a constant none


def test_before_the_first_step_it_is_a_line() -> None:
    net = network.build(plan(model_of(embeddings=PiecewiseLinear(width=16)), (4,), 2), 3)
    own = dict(net.get_submodule("input").named_parameters())
    assert float(own["weight"].detach().abs().max()) == 0
    assert own["scale"].tolist() == [1] * 64
    linear = own["linear"].detach()
    assert 0.22 < float(linear.abs().max()) <= 1 / 4
    assert float(linear.std()) == pytest.approx(1 / 4 / 3**0.5, rel=0.2)
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    net.fit(x)
    assert torch.allclose(net.get_submodule("input")(x), (x[:, :, None] * linear).flatten(1))


# ---- flags, codes and scale ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("embeddings", [None, PiecewiseLinear(bins=6, width=4)])
def test_flags_stay_and_codes_are_looked_up(embeddings: PiecewiseLinear | None, precision: str) -> None:
    x = rows()
    net = built(plan(model_of(embeddings=embeddings), (6,), 2, FEATURES), x, precision)
    own = dict(net.get_submodule("input").named_parameters())
    seen: dict[str, Tensor] = {}
    with net.watched(seen.__setitem__):
        net(x)
    found = (seen["input"] / own["scale"]).detach()
    kept = x[:, [2]] if embeddings else x[:, [0, 2, 3, 5]]
    assert torch.allclose(found[:, : kept.shape[1]], kept)
    for place, (column, name) in enumerate([(1, "codes.0"), (4, "codes.1")]):
        table, codes = own[name].detach(), x[:, column].long().tolist()
        assert max(codes) > 256 or column == 1  # bfloat16 has no 257
        expected = torch.stack([torch.zeros(table.shape[1]) if code == 0 else table[code] for code in codes])
        start = found.shape[1] - 5 + 3 * place
        assert torch.allclose(found[:, start : start + table.shape[1]], expected, atol=1e-6)


def test_the_scale_is_a_factor_of_each_number() -> None:
    net = built(plan(model_of(), (4,), 2), torch.zeros(1, 4))
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    scale = net.get_parameter("input.scale").detach()
    assert torch.equal(net.get_submodule("input")(x), x * scale)
    plain = network.build(plan(MLP(hidden=[7]), (4,), 2), 4)
    plain.load_state_dict({name: value for name, value in net.state_dict().items() if name != "input.scale"})
    assert torch.allclose(net(x), plain(x * scale))


def test_first_values_are_a_function_of_seed_and_name() -> None:
    """More columns of numbers, another network behind: what agrees in name and shape starts the same."""
    one = network.build(plan(model_of(), (6,), 2, FEATURES), 8)
    other = network.build(plan(model_of(hidden=[30, 4]), (5,), 2, FEATURES[1:]), 8)
    for name in ("input.codes.0", "input.codes.1"):
        table = one.get_parameter(name).detach()
        assert torch.equal(table, other.get_parameter(name))
        assert not torch.equal(table, network.build(one.plan, 9).get_parameter(name))
        assert table[0].tolist() == [0] * table.shape[1]
        assert float(table.abs().max()) <= table.shape[1] ** -0.5
    assert float(table.std()) == pytest.approx((1 / 2 / 3) ** 0.5, rel=0.05)


@pytest.mark.parametrize("name", Optimizer.members)
def test_row_0_stays_0_under_every_optimizer(name: str) -> None:
    x, embeddings = rows(), PiecewiseLinear(bins=4, width=2)
    net = network.build(plan(model_of(embeddings=embeddings), (6,), 2, FEATURES), 1)
    net.fit(x)
    before = {key: value.detach().clone() for key, value in net.named_parameters()}
    updater = Updater(Optimizer.members[name](weight_decay=0.01), net)
    for _ in range(3):
        loss = net(x).square().sum()
        updater.step(list(torch.autograd.grad(loss, updater.parameters)), 0.05)
    for key, value in net.named_parameters():
        assert not torch.equal(value, before[key])
        if key.startswith("input.codes"):
            assert value[0].tolist() == [0] * value.shape[1]


def test_weight_decay_is_on_tables_and_weights_and_not_on_the_scale() -> None:
    net = built(plan(model_of(embeddings=PiecewiseLinear()), (6,), 2, FEATURES), rows())
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    updater = Updater(Optimizer.members["sgd"](weight_decay=0.1), net)
    updater.step([torch.zeros_like(parameter) for parameter in updater.parameters], 0.5)
    for name, value in net.named_parameters():
        kept = 1.0 if name == "input.scale" or name.endswith("bias") else 0.95
        assert torch.allclose(value, kept * before[name]), name


def test_learning_rate_factors_know_its_parameters() -> None:
    factors = LearningRateFactors(weights="inverse_sqrt_fan_in", bias=0.1, input_scale=6.0)
    made = plan(model_of(embeddings=PiecewiseLinear(width=4)), (6,), 2, FEATURES)
    found = {name: factors.of(name, shape) for name, shape in made.shapes.items()}
    assert found.pop("input.scale") == 6
    assert {found.pop(name) for name in [*found] if name.startswith("input.")} == {1}
    assert found == {
        "hidden.0.weight": pytest.approx(18**-0.5),
        "hidden.0.bias": 0.1,
        "output.weight": pytest.approx(7**-0.5),
        "output.bias": 0.1,
    }
    assert LearningRateFactors(weights=0.5).of("input.codes.0", (400, 2)) == 0.5


def test_statistics_and_samples_at_once_know_the_first_block() -> None:
    x = rows()
    net = built(plan(model_of(embeddings=PiecewiseLinear(bins=500, width=1)), (6,), 2, FEATURES), x)
    measured = layer_stats.measure(net, Samples(x, x[:, :1]), lambda out, y: (out - y).square().mean(), 0, 0)
    assert [row["layer"] for row in measured] == ["input", "hidden.0", "output"]
    assert all(float(str(row["gradient_norm"])) > 0 for row in measured)
    assert chunk_size(net) == EVALUATION_NUMBERS // (3 * 500)
    assert max(prod(block.outputs) for block in net.plan.blocks) < 100


# ---- whole runs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TEXTS)
def test_a_run_learns_and_answers_as_it_was_measured(kind: str, workplace: Any) -> None:
    ended = workplace.train(TEXTS[kind], *BOTH)
    losses: list[Any] = [row["train_loss"] for row in read(ended.run).rows]
    assert losses[-1] < losses[0]
    splits = workplace.open(TEXTS[kind], *BOTH, again=True).splits
    model, test = tuner.load(ended.run), splits.test
    x = model.normalize(splits.train.x).double().numpy()
    quantiles = np.quantile(x, np.linspace(0, 1, 7), axis=0).T
    edges = load_file(ended.run / "best.safetensors")["input.edges"]
    for own, wanted in zip(edges.numpy(), quantiles, strict=True):
        assert np.abs(wanted[:, None] - own).min(axis=1).max() < 1e-5
    weights = load_file(ended.run / "best.safetensors")
    assert all(torch.equal(value, weights[name]) for name, value in model.module.state_dict().items())
    answers, said = model.predict(test.x), ended.status["test"]
    if kind == "diabetes":
        assert np.abs(answers - test.y).mean() == pytest.approx(said["mae"], rel=1e-5)
    else:
        assert np.mean(answers == np.array(model.classes)[test.y]) == said["accuracy"]


def result(run: Path) -> dict[str, bytes]:
    kept = {name: (run / name).read_bytes() for name in ("metrics.csv", "best.safetensors", "layer_stats.jsonl")}
    return kept | read_folder(max((run / "checkpoints").iterdir()))


@pytest.mark.parametrize("kind", ["wine", "noise"])
def test_a_run_goes_on_with_the_same_bytes(kind: str, workplace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("tuner.train"), "PROGRESS_EVERY", 0)
    expected = result(workplace.train(TEXTS[kind], *BOTH, again=True).run)
    stop = StopRequests()
    events = workplace.begin(TEXTS[kind], *BOTH, stop=stop, again=True)
    run = next(events).run
    _ = list(islice(events, 3))
    stop.ask(Stop(signal.SIGTERM.name, signal.SIGTERM))
    _ = list(events)
    assert read(run).state == "stopped"
    assert workplace.train(TEXTS[kind], *BOTH).run == run
    assert result(run) == expected


def test_where_numbers_stop_being_finite_is_named(workplace: Any) -> None:
    more = ["optimizer={name: sgd, lr: 1e30}", "model.input_scale=true", "model.embeddings=piecewise_linear"]
    ended = workplace.train(TEXTS["iris"], *more)
    assert ended.status["state"] == "diverged"
    assert ended.status["reason"] == "the output of input was not finite in epoch 1, step 2"


def test_products_are_checked_in_the_sizes_that_are_made(workplace: Any) -> None:
    sizes = _products_of(workplace.open(TEXTS["iris"], *BOTH))
    assert sizes == {(32, 6, 3), (32, 12, 128), (32, 128, 3)}


TABLE = """
data: {name: table, path: t.csv, target: price, one_hot: 3, embedding: 5, augment: [noise]}
model: {hidden: [16], input_scale: true, embeddings: {name: ple, bins: 8}}
loss: mse
optimizer: {name: adam, lr: 0.02, weight_decay: 0.001}
training: {epochs: 8, batch_size: 32}
"""


def test_a_table_of_all_kinds_of_columns(workplace: Any) -> None:
    """Noise leaves the numbers of categories alone: they stay rows of their table."""
    draws, lines = np.random.default_rng(5), ["age,town,member,price"]
    for row in range(400):
        age, town, member = draws.integers(18, 80), draws.integers(0, 12), draws.integers(0, 2)
        price = 20 * (town % 4) + 40 * (age > 50) + 5 * member + draws.normal()
        shown = "" if row % 9 == 0 else f"town {town}"
        lines.append(f"{age},{shown},{'yes' if member else 'no'},{price:.4f}")
    (workplace.folder / "t.csv").write_text("\n".join(lines))
    ended = workplace.train(TABLE)
    found: list[Any] = [row["val_r2"] for row in read(ended.run).rows]
    assert found[-1] > 0.7 > found[0]
    model, splits = tuner.load(ended.run), workplace.open(TABLE, again=True).splits
    table = model.module.get_parameter("input.codes.0")
    assert table.shape == (12 + 2, 5) and table[0].tolist() == [0] * 5
    assert [feature.kind for feature in splits.description.features] == ["number", "flag", "code"]
    codes = splits.test.x[:, 2]
    assert set(codes) <= set(range(14)) and 13 in codes
    given = splits.statistics
    normalised = torch.from_numpy((splits.test.x - given.mean) / given.scale)
    answers = model.module(normalised)[:, 0].detach().numpy() * splits.target_scale + splits.target_mean
    assert np.abs(answers - splits.test.y).mean() == pytest.approx(ended.status["test"]["mae"], rel=1e-4)


# ---- the language ----------------------------------------------------------------------------------------------------


def test_neutral_values_are_outside_hash_and_diff(workplace: Any) -> None:
    plain, said, scaled, bent = (
        workplace.loaded(TEXTS["iris"], *more)
        for more in ([], ["model.input_scale=false", "model.embeddings=null"], BOTH[:1], BOTH[1:])
    )
    before = {**plain.resolved, "model": {**plain.resolved["model"]}}
    for key, neutral in (("input_scale", False), ("embeddings", "none")):
        assert before["model"].pop(key) == neutral
    assert meaning_hash(before) == plain.hash == said.hash
    assert len({plain.hash, scaled.hash, bent.hash}) == 3
    changed = [[s.key for s in side_by_side([before, other.resolved]) if s.differs] for other in (plain, scaled, bent)]
    assert changed == [[], ["model.input_scale"], ["model.embeddings"]]


def test_check_shows_the_first_block(workplace: Any, text_of: Any) -> None:
    workplace.loaded(TEXTS["iris"])
    answer = ask(str(workplace.folder / "c.yaml"), BOTH, True, False, workplace.runs)
    assert answer.data["layers"][0] == {"name": "input", "outputs": [12], "parameters": 96, "flops": 276}
    text = text_of(answer.blocks)
    assert "4 numbers piecewise_linear, scale" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("# ")][1:4] == [
        "sample",
        "input",
        "hidden.0",
    ]


@pytest.mark.parametrize("given", ["model.embeddings=piecewise_linear", "model.input_scale=true"])
def test_pictures_are_an_error_at_the_key(given: str, workplace: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        workplace.loaded("data: digits", given)
    (fault,) = caught.value.faults
    key = given.partition("=")[0]
    assert fault.key == key and "a picture of 1 x 8 x 8" in fault.message
    assert workplace.loaded("data: digits", f"{key}=none" if "embed" in key else f"{key}=false")
