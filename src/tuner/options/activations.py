"""Activations: what a layer does to each of its outputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from tuner.bounds import Number
from tuner.choice import Choice, setting

if TYPE_CHECKING:
    from torch import Tensor, nn


class Activation(Choice, kind="activation"):
    """What a layer does to each of its outputs. Without one in between, any number of layers is one linear layer."""

    flops: ClassVar[int] = 1
    """Elementary operations per element, exp, log, tanh and erf counted as one each: a rough figure for estimates."""
    limits: ClassVar[tuple[float, float] | None] = None
    """Between which its outputs lie, where its slope falls to nothing towards both."""

    @abstractmethod
    def build(self) -> nn.Module:
        """The module; it keeps the shape of its input, (N, features) or (N, channels, H, W)."""

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """The learned parameters of `build()`: name -> shape."""
        return {}


def of_torch(name: str, *first: int) -> Callable[[Activation], nn.Module]:
    """A `build` that makes the class of torch.nn of this name, which takes `first` and the settings in their order."""

    def build(self: Activation) -> nn.Module:
        from torch import nn

        built: nn.Module = getattr(nn, name)(*first, *self.__dict__.values())
        return built

    return build


class ReLU(Activation, name="relu", aliases=("rectifier", "rectified_linear_unit")):
    """The rectified linear unit: passes what is positive, stops what is negative.

    Formula: f(x) = max(0, x); f'(x) = 1 for x > 0, else 0 (0 at x = 0).
    Choose it when: nothing speaks against it; it is the usual first choice for mlp and cnn, cheap, and its slope of 1
    does not shrink gradients with depth. Use it with he_normal or he_uniform, which are derived for it.
    Not when many units output zero on every sample (a large lr or a large negative bias silences a unit for good:
    its gradient is exactly 0): take leaky_relu, prelu or elu there. Not on the output layer of a classifier.
    Source: Nair, Hinton (2010), "Rectified Linear Units Improve Restricted Boltzmann Machines", section 2;
    Glorot, Bordes, Bengio (2011), "Deep Sparse Rectifier Neural Networks", section 3.
    """

    build = of_torch("ReLU")


class LeakyReLU(Activation, name="leaky_relu", aliases=("lrelu",)):
    """ReLU with a small slope below zero, so that a silent unit can recover.

    Formula: f(x) = x for x > 0, slope * x otherwise; f'(x) = 1 or slope.
    Choose it when: many ReLU units output zero on every sample. Where that is not so, it rarely differs from relu.
    A slope near 1 makes the network almost linear.
    Source: Maas, Hannun, Ng (2013), "Rectifier Nonlinearities Improve Neural Network Acoustic Models", section 2
    (there with slope 0.01).
    """

    flops = 2
    build = of_torch("LeakyReLU")

    slope: float = setting(Number(ge=0, lt=1), "slope below zero", default=0.01)


class PReLU(Activation, name="prelu", aliases=("parametric_relu", "parametric_rectified_linear_unit")):
    """ReLU whose slope below zero is learned, one number shared by the whole layer.

    Formula: f(x) = x for x > 0, weight * x otherwise, where weight is a parameter that starts at `initial`;
    df/dweight = x for x <= 0, else 0.
    Choose it when: relu leaves units silent and there is enough data to learn one more number a layer.
    Weight decay does not act on the slope unless the optimizer's decay_bias_and_norm is true: decay would pull it
    towards plain relu, which the paper advises against.
    Source: He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers", section 2.1 (its channel-shared variant).
    """

    flops = 2
    build = of_torch("PReLU", 1)

    initial: float = setting(Number(ge=0, le=1), "slope below zero before training", default=0.25)

    def parameters(self) -> dict[str, tuple[int, ...]]:
        return {"weight": (1,)}


class ELU(Activation, name="elu", aliases=("exponential_linear_unit",)):
    """Linear above zero, a saturating exponential below it, so that the mean output lies nearer to zero than relu's.

    Formula: f(x) = x for x > 0, alpha * (exp(x) - 1) otherwise; f'(x) = 1 or alpha * exp(x).
    Choose it when: a network without batch norm trains slowly with relu. It costs an exponential an element; with
    batch norm, which centres the inputs itself, there is little left to gain. With alpha other than 1 the slope jumps
    at zero.
    Source: Clevert, Unterthiner, Hochreiter (2016), "Fast and Accurate Deep Network Learning by Exponential Linear
    Units (ELUs)", section 3.
    """

    flops = 4
    build = of_torch("ELU")

    alpha: float = setting(Number(gt=0, le=3e38), "the output falls to -alpha for very negative inputs", default=1.0)


class SELU(Activation, name="selu", aliases=("scaled_elu", "scaled_exponential_linear_unit")):
    """ELU scaled so that mean 0 and variance 1 are a stable fixed point from layer to layer.

    Formula: f(x) = s * x for x > 0, s * a * (exp(x) - 1) otherwise, with s = 1.0507009873554805 and
    a = 1.6732632423543772 (solved for the fixed point, not tuned).
    Choose it when: a deep mlp on standardised inputs has to train without batch norm. The fixed point only holds with
    lecun_normal weights, normalised inputs and neither batch norm nor ordinary dropout (which shifts mean and
    variance); outside these, prefer elu or relu with batch norm.
    Source: Klambauer, Unterthiner, Mayr, Hochreiter (2017), "Self-Normalizing Neural Networks", equations 2 and 14.
    """

    flops = 5
    build = of_torch("SELU")


class GELU(Activation, name="gelu", aliases=("gaussian_error_linear_unit",)):
    """Weighs its input by the probability that a standard normal number is smaller: a smooth relu.

    Formula: f(x) = x * Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2 (exact, not the tanh approximation);
    f'(x) = Phi(x) + x * exp(-x^2 / 2) / sqrt(2 * pi).
    Choose it when: the network follows a transformer or a modern convolutional design that was tuned with it.
    It dips slightly below zero (minimum -0.17 at x = -0.75) and costs several times what relu does.
    Source: Hendrycks, Gimpel (2016), "Gaussian Error Linear Units (GELUs)", section 2.
    """

    flops = 5
    build = of_torch("GELU")


class SiLU(Activation, name="silu", aliases=("swish", "sigmoid_linear_unit")):
    """Weighs its input by its own sigmoid: smooth, and close to relu away from zero.

    Formula: f(x) = x * sigmoid(x) = x / (1 + exp(-x)); f'(x) = sigmoid(x) * (1 + x * (1 - sigmoid(x))).
    Choose it when: a deep network with batch norm uses relu and there is time to try a smooth alternative.
    It is Swish with its constant at 1; the minimum is -0.28 at x = -1.28.
    Source: Elfwing, Uchibe, Doya (2018), "Sigmoid-Weighted Linear Units for Neural Network Function Approximation in
    Reinforcement Learning", section 2; Ramachandran, Zoph, Le (2017), "Searching for Activation Functions".
    """

    flops = 5
    build = of_torch("SiLU")


class Mish(Activation, name="mish"):
    """A smooth relu, much like silu, with a softplus inside a tanh as its weight.

    Formula: f(x) = x * tanh(softplus(x)) = x * tanh(ln(1 + exp(x))).
    Choose it when: silu or gelu helped and one more candidate is worth its time. It is among the dearest per element;
    the minimum is -0.31 at x = -1.19.
    Source: Misra (2020), "Mish: A Self Regularized Non-Monotonic Activation Function", section 2.
    """

    flops = 5
    build = of_torch("Mish")


class Sigmoid(Activation, name="sigmoid", aliases=("logistic",)):
    """The logistic function: squeezes every number into (0, 1).

    Formula: f(x) = 1 / (1 + exp(-x)); f'(x) = f(x) * (1 - f(x)), at most 1/4 (at x = 0).
    Choose it when: the output is a probability or a share in regression. As a hidden activation it is what relu
    replaced: each layer multiplies the gradient by at most 1/4, so that it vanishes with depth, and all its outputs
    are positive, which slows learning. Not as output activation under cross_entropy or binary_cross_entropy: they
    apply their own.
    Source: Rumelhart, Hinton, Williams (1986), "Learning Representations by Back-Propagating Errors"; for its fault:
    Glorot, Bengio (2010), "Understanding the Difficulty of Training Deep Feedforward Neural Networks", section 3.1.
    """

    flops = 4
    limits = (0, 1)
    build = of_torch("Sigmoid")


class HardSigmoid(Activation, name="hard_sigmoid"):
    """A sigmoid of three straight pieces: cheap, and exactly 0 or 1 far from zero.

    Formula: f(x) = min(max(x / 6 + 1/2, 0), 1); f'(x) = 1/6 for -3 < x < 3, else 0.
    Choose it when: a gate or a share is wanted at little cost, as in networks for phones. Outside (-3, 3) no gradient
    passes at all. Other tools also give this name to min(max(0.2 * x + 1/2, 0), 1).
    Source: Howard et al. (2019), "Searching for MobileNetV3", section 5.2; the idea: Courbariaux, Bengio, David (2015),
    "BinaryConnect", equation 3 (there with slope 1/2).
    """

    flops = 4
    limits = (0, 1)
    build = of_torch("Hardsigmoid")


class Tanh(Activation, name="tanh", aliases=("hyperbolic_tangent",)):
    """The hyperbolic tangent: squeezes every number into (-1, 1), symmetrically about zero.

    Formula: f(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)); f'(x) = 1 - f(x)^2, at most 1 (at x = 0).
    Choose it when: a bounded, zero-centred output is wanted, in recurrent networks, or in a shallow network in place
    of sigmoid. Use it with glorot_normal or glorot_uniform, which are derived for it. In deep networks it saturates;
    prefer relu there.
    Source: LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", section 4.4; Glorot, Bengio (2010).
    """

    limits = (-1, 1)
    build = of_torch("Tanh")


class Softplus(Activation, name="softplus"):
    """A smooth relu that is positive everywhere.

    Formula: f(x) = ln(1 + exp(beta * x)) / beta; f'(x) = sigmoid(beta * x). Where beta * x > 20 the line x is used,
    which differs by less than 3e-9 / beta.
    Choose it when: an output must be positive (a scale, a variance, a rate). As a hidden activation relu usually does
    better: softplus is never zero and its mean lies above zero.
    Source: Dugas, Bengio, Bélisle, Nadeau, Garcia (2001), "Incorporating Second-Order Functional Knowledge for Better
    Option Pricing"; compared in Glorot, Bordes, Bengio (2011), section 3.1.
    """

    flops = 4
    build = of_torch("Softplus")

    beta: float = setting(
        Number(gt=0, le=3e38), "sharpness of the bend at zero; large values approach relu", default=1.0
    )


class Softsign(Activation, name="softsign"):
    """Squeezes every number into (-1, 1) like tanh, but approaches the ends slowly.

    Formula: f(x) = x / (1 + |x|); f'(x) = 1 / (1 + |x|)^2.
    Choose it when: tanh units saturate; its slope falls as 1/x^2, not exponentially, so that gradients survive longer.
    Source: Bergstra, Desjardins, Lamblin, Bengio (2009), "Quadratic Polynomials Learn Better Image Features";
    Glorot, Bengio (2010), section 3.
    """

    flops = 3
    limits = (-1, 1)
    build = of_torch("Softsign")


class Exponential(Activation, name="exponential", aliases=("exp",)):
    """The exponential function: positive, and growing without bound.

    Formula: f(x) = exp(x) = f'(x); overflows to infinity above x = 88.7 in float32.
    Choose it when: the output of a regression is a positive number whose logarithm is the natural scale (counts,
    rates: log-linear models). Not as a hidden activation: values and gradients explode within a few layers.
    Source: McCullagh, Nelder (1989), "Generalized Linear Models", section 2.2.3 (the inverse of the log link).
    """

    def build(self) -> nn.Module:
        from torch import nn

        class Exp(nn.Module):
            """exp(x), element by element."""

            def forward(self, x: Tensor) -> Tensor:
                return x.exp()

        return Exp()


class Softmax(Activation, name="softmax"):
    """Turns the outputs of one sample into shares that add up to 1, over its features (in pictures: its channels).

    Formula: f(x)_i = exp(x_i) / sum over j of exp(x_j), with j over dimension 1; the largest x is subtracted first,
    which changes nothing but avoids overflow. df_i/dx_j = f_i * ((1 if i = j else 0) - f_j).
    Choose it when: shares are wanted inside a network (a mixture, attention over units). Not as output activation of
    a classifier: cross_entropy applies it itself, and twice makes the loss flat. Not as an ordinary hidden
    activation: the units of a layer then compete for a sum of 1, and gradients become very small.
    Source: Bridle (1990), "Probabilistic Interpretation of Feedforward Classification Network Outputs, with
    Relationships to Statistical Pattern Recognition".
    """

    flops = 5
    build = of_torch("Softmax", 1)


class Linear(Activation, name="linear", aliases=("identity", "none")):
    """No activation: the outputs are passed on as they are.

    Formula: f(x) = x; f'(x) = 1.
    Choose it when: it is the output layer (losses here take raw outputs), or as a control that shows what the bends
    of the other activations contribute: a network with it everywhere is a linear model, however deep.
    Source: Saxe, McClelland, Ganguli (2014), "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear
    Neural Networks" (what such networks can and cannot do).
    """

    flops = 0
    build = of_torch("Identity")
