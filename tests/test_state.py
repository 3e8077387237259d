"""What changes during a run: captured, restored, checked."""

from __future__ import annotations

import inspect
import json
import math
from typing import Any, ClassVar

import pytest
import torch
from safetensors import safe_open

from tuner import network
from tuner.errors import NotFoundError
from tuner.options.models import MLP
from tuner.options.optimizers.base import LearningRateFactors, Optimizer
from tuner.options.optimizers.of_torch import SGD, Adam
from tuner.plan import plan
from tuner.runs.files import STATE
from tuner.state import MODEL, OPTIMIZER, State, Updater, load_weights, weights

BESIDE = {"metrics.csv": (120, "ab" * 32)}


def made(optimizer: Optimizer | None = None, seed: int = 0, hidden: int = 6) -> State:
    """A state some steps into a run."""
    built = network.build(plan(MLP(hidden=[hidden], batch_norm=True), (5,), 3), seed)
    state = State(built, optimizer or Adam())
    draw = torch.Generator().manual_seed(seed)
    for step in range(1, 4):
        built(torch.randn(8, 5, generator=draw))  # moves the statistics of batch norm
        gradients = [torch.randn(parameter.shape, generator=draw) for parameter in state.updater.parameters]
        state.updater.step(gradients, 0.1)
        state.step, state.batch = step, step
        state.sums += torch.tensor([1 / 3, math.pi], dtype=torch.float64)
    return state


@pytest.mark.parametrize("name", Optimizer.members)
def test_a_checkpoint_is_all_of_it(name: str) -> None:
    optimizer = Optimizer.members[name](**({"momentum": 0.9} if name == "sgd" else {}), weight_decay=0.1)
    one, other = made(optimizer), made(optimizer, seed=1)
    files = one.capture(BESIDE)
    assert other.capture(BESIDE) != files
    assert other.restore(files) == BESIDE
    assert other.capture(BESIDE) == files
    gradients = [torch.full_like(parameter, 0.3) for parameter in one.updater.parameters]
    for state in (one, other):
        state.updater.step([gradient.clone() for gradient in gradients], 0.05)
    assert one.capture(BESIDE) == other.capture(BESIDE)


def test_its_bytes_are_the_same_each_time(tmp_path: Any) -> None:
    files = made().capture(BESIDE)
    assert made().capture(BESIDE) == files
    for name in (MODEL, OPTIMIZER):
        (tmp_path / name).write_bytes(files[name])
        with safe_open(tmp_path / name, "pt") as opened:
            assert not opened.metadata()
    assert json.loads(files[STATE])["sums"] == made().sums.tolist()


def test_what_was_captured_does_not_change_with_the_state() -> None:
    state = made()
    files = dict(state.capture(BESIDE))
    before = bytes(files[MODEL])
    state.updater.step([torch.ones_like(parameter) for parameter in state.updater.parameters], 1.0)
    assert files[MODEL] == before != state.capture(BESIDE)[MODEL]


class TestRefused:
    def test_another_networks_checkpoint(self) -> None:
        with pytest.raises(NotFoundError, match=r"model\.safetensors does not fit the network: hidden\.0"):
            made().restore(made(hidden=7).capture(BESIDE))

    def test_another_optimizers_checkpoint(self) -> None:
        with pytest.raises(NotFoundError, match=r"optimizer\.safetensors does not fit"):
            made().restore(made(SGD(momentum=0.9)).capture(BESIDE))

    @pytest.mark.parametrize("file", [MODEL, OPTIMIZER, STATE])
    @pytest.mark.parametrize("damage", ["absent", "empty", "half", "text"])
    def test_a_damaged_file(self, file: str, damage: str) -> None:
        files = made().capture(BESIDE)
        half = files[file][: len(files[file]) // 2]
        files[file] = {"absent": b"", "empty": b"", "half": half, "text": b"[1, 2]"}[damage]
        if damage == "absent":
            del files[file]
        with pytest.raises(NotFoundError, match=file):
            made().restore(files)

    @pytest.mark.parametrize(
        "change",
        [{"epoch": -1}, {"batch": 1.5}, {"step": "3"}, {"step": True}, {"sums": [1.0]}, {"sums": [1.0, math.nan]},
         {"sums": None}, {"beside": []}, {"beside": {"metrics.csv": 3}}, {"beside": {"x": {"bytes": -1, "sha256": ""}}},
         {"beside": {"x": {"bytes": 1, "sha256": 2}}}],
    )  # fmt: skip
    def test_a_position_that_cannot_be(self, change: dict[str, Any]) -> None:
        files = made().capture(BESIDE)
        files[STATE] = json.dumps(json.loads(files[STATE]) | change).encode()
        with pytest.raises(NotFoundError, match=r"state\.json is damaged"):
            made().restore(files)

    def test_weights_that_do_not_fit(self) -> None:
        with pytest.raises(NotFoundError, match="best does not fit"):
            load_weights(made().network, weights(made(hidden=7).network), "best")


class TestDecay:
    def test_acts_on_parameters_of_two_or_more_dimensions(self) -> None:
        before, after = self.one_step(SGD(lr=1, weight_decay=0.25))
        for name, value in before.items():
            assert torch.allclose(after[name], 0.75 * value if value.ndim > 1 else value), name

    def test_acts_on_all_where_that_is_asked_for(self) -> None:
        before, after = self.one_step(SGD(lr=1, weight_decay=0.25, decay_bias_and_norm=True))
        assert float(before["hidden.0.norm.weight"].min()) == 1
        for name, value in before.items():
            assert torch.allclose(after[name], 0.75 * value), name

    @staticmethod
    def one_step(optimizer: Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        state = State(network.build(plan(MLP(hidden=[6], batch_norm=True), (5,), 3), 0), optimizer)
        named = {name: parameter.detach() for name, parameter in state.network.named_parameters()}
        before = {name: parameter.clone() for name, parameter in named.items()}
        state.updater.step([torch.zeros_like(parameter) for parameter in state.updater.parameters], 1.0)
        return before, named


FACTORS = {"weights": 0.5, "bias": 0.1, "input_scale": 6.0}


class Scaled(torch.nn.Module):
    """A network whose inputs have a learned scale, in the names of one that is built by a plan."""

    def __init__(self) -> None:
        super().__init__()
        self.input = torch.nn.Module()
        self.input.scale = torch.nn.Parameter(torch.ones(5))
        self.conv = torch.nn.Conv2d(3, 4, 2)
        self.hidden = torch.nn.Linear(5, 7)
        self.norm = torch.nn.BatchNorm1d(7)
        self.cell = torch.nn.GRU(6, 2)


def factor_of(name: str, parameter: torch.Tensor, fan_in: bool) -> float:
    """The factor under FACTORS, or of the weights by fan_in: written by name, as the settings promise it."""
    fans = {"conv.weight": 3 * 2 * 2, "hidden.weight": 5, "cell.weight_ih_l0": 6, "cell.weight_hh_l0": 2}
    if name in fans:
        return fans[name] ** -0.5 if fan_in else FACTORS["weights"]
    return {"input.scale": FACTORS["input_scale"], "norm.weight": 1.0}.get(name, FACTORS["bias"])


class TestLearningRateFactors:
    THEIRS: ClassVar[dict[str, Any]] = {
        "sgd": torch.optim.SGD,
        "adagrad": torch.optim.Adagrad,
        "rmsprop": torch.optim.RMSprop,
        "adadelta": torch.optim.Adadelta,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "nadam": torch.optim.NAdam,
        "radam": torch.optim.RAdam,
    }

    @pytest.mark.parametrize("everywhere", [False, True])
    @pytest.mark.parametrize("fan_in", [False, True])
    @pytest.mark.parametrize("name", Optimizer.members)
    def test_each_parameter_steps_as_in_torchs_group_of_that_rate(
        self, name: str, fan_in: bool, everywhere: bool
    ) -> None:
        given: dict[str, Any] = FACTORS | ({"weights": "inverse_sqrt_fan_in"} if fan_in else {})
        factors = LearningRateFactors(**given)
        optimizer = Optimizer.members[name](
            lr=0.03, weight_decay=0.2, decay_bias_and_norm=everywhere, lr_factors=factors,
            **({"momentum": 0.9} if name == "sgd" else {}),
        )  # fmt: skip
        ours, theirs = Scaled(), Scaled()
        theirs.load_state_dict(ours.state_dict())
        updater = Updater(optimizer, ours)  # type: ignore[arg-type]
        own = {key: value for key, value in vars(optimizer).items() if key not in Optimizer.fields}
        own["initial_accumulator_value"] = own.pop("initial_accumulator", 0)
        takes = inspect.signature(self.THEIRS[name]).parameters
        groups = [
            {
                "params": [parameter],
                "lr": 0.03 * factor_of(key, parameter, fan_in),
                "weight_decay": 0.2 if parameter.ndim > 1 or everywhere else 0.0,
            }
            for key, parameter in theirs.named_parameters()
        ]
        stepper = self.THEIRS[name](groups, **{key: value for key, value in own.items() if key in takes})
        draw = torch.Generator().manual_seed(1)
        for _ in range(8):
            gradients = [torch.randn(parameter.shape, generator=draw) for parameter in updater.parameters]
            for parameter, gradient in zip(theirs.parameters(), gradients, strict=True):
                parameter.grad = gradient.clone()
            stepper.step()
            updater.step(gradients, 0.03)
        for (key, parameter), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(parameter, other, msg=key)

    @pytest.mark.parametrize("decay", [0.0, 0.2])
    def test_where_all_are_one_the_groups_are_those_of_weight_decay(self, decay: float) -> None:
        updater = made(Adam(weight_decay=decay)).updater
        assert [(group[3], group[4]) for group in updater.groups] == [(0.2, 1.0), (0.0, 1.0)][-1 if not decay else 0 :]

    @pytest.mark.parametrize("name", Optimizer.members)
    def test_a_checkpoint_has_every_group(self, name: str) -> None:
        factors = LearningRateFactors(weights="inverse_sqrt_fan_in", bias=0.1)
        momentum = {"momentum": 0.9} if name == "sgd" else {}
        optimizer = Optimizer.members[name](**momentum, weight_decay=0.1, lr_factors=factors)
        one, other = made(optimizer), made(optimizer, seed=1)
        assert len(one.updater.groups) == 4  # two widths of weights; biases; batch norm's weight
        other.restore(one.capture(BESIDE))
        for state in (one, other):
            state.updater.step([torch.full_like(parameter, 0.3) for parameter in state.updater.parameters], 0.05)
        assert one.capture(BESIDE) == other.capture(BESIDE)


class TestFinite:
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("name", ["hidden.0.weight", "hidden.0.norm.bias", "output.bias"])
    def test_one_number_is_enough(self, name: str, value: float) -> None:
        state = made()
        assert state.finite()
        with torch.no_grad():
            state.network.get_parameter(name).view(-1)[-1] = value
        assert not state.finite()

    @pytest.mark.parametrize("index", [0, 1])
    def test_sums_count(self, index: int) -> None:
        state = made()
        state.sums[index] = math.inf
        assert not state.finite()

    def test_large_is_finite(self) -> None:
        state = made()
        with torch.no_grad():
            state.network.get_parameter("hidden.0.weight").fill_(3e38)
        assert state.finite()
