"""Initializers: the weights before the first step. All follow their papers to the letter, with no hidden gain."""
# ruff: noqa: ARG002 - all initializers share one signature; few need all of it

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING

from tuner.bounds import Number
from tuner.choice import Choice, setting

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many numbers feed one output of a weight of this shape, and how many outputs one input feeds.

    A linear weight is (out, in); a convolution's is (out, in, height, width) and each pixel of the kernel counts:
    fan_in = in * height * width, fan_out = out * height * width. Raises ValueError below two dimensions.
    """
    if len(shape) < 2:
        raise ValueError(f"a weight of shape {shape} has no fans: it needs two or more dimensions")
    receptive_field = math.prod(shape[2:])
    return shape[1] * receptive_field, shape[0] * receptive_field


class Initializer(Choice, kind="initializer"):
    """The weights before the first step. It sets weights; biases start at 0, but under `default` (as torch draws them)
    and `neural_tangent`."""

    @abstractmethod
    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        """A weight of this shape: float32, on the CPU, every random number from `generator` (a CPU one)."""

    def draw_bias(self, shape: tuple[int, ...], fan_in: int, generator: torch.Generator) -> Tensor:
        """A bias of this shape: float32, on the CPU; `fan_in` is that of the layer it belongs to."""
        return _empty(shape).zero_()


class Uniform(Initializer, name="uniform"):
    """Uniform numbers of a fixed range, whatever the layer's size.

    Formula: w ~ U(-scale, scale); standard deviation scale / sqrt(3).
    Choose it when: a fixed range is asked for, or to show what happens when the range does not follow the layer's
    size: too small and signals vanish with depth, too large and they explode. Otherwise take glorot_* or he_*.
    Source: LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", section 4.6 (why the range should follow the fan).
    """

    scale: float = setting(Number(gt=0, le=1.6e38), "weights lie between -scale and scale", default=0.05)

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _uniform(shape, self.scale, generator)


class Normal(Initializer, name="normal"):
    """Normal numbers of a fixed standard deviation, whatever the layer's size.

    Formula: w ~ N(0, std^2), not truncated.
    Choose it when: a network's paper gives a fixed deviation (0.01 in older convolutional networks), or to show what
    a deviation that ignores the layer's size does. For N(0, 1) / sqrt(fan_in), "gaussian", take lecun_normal.
    Source: Krizhevsky, Sutskever, Hinton (2012), "ImageNet Classification with Deep Convolutional Neural Networks",
    section 5 (std 0.01).
    """

    std: float = setting(Number(gt=0, le=1e38), "standard deviation of the weights", default=0.05)

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _empty(shape).normal_(0.0, self.std, generator=generator)


class GlorotUniform(Initializer, name="glorot_uniform", aliases=("xavier_uniform", "xavier", "glorot")):
    """Uniform numbers whose variance is the compromise between keeping signals and keeping gradients in scale.

    Formula: w ~ U(-b, b), b = sqrt(6 / (fan_in + fan_out)); variance 2 / (fan_in + fan_out).
    Choose it when: the activation is tanh, softsign, sigmoid or linear, near zero a line through it. For relu and its
    kin it is too small by a factor of about sqrt(2) a layer, which adds up with depth: take he_uniform.
    Source: Glorot, Bengio (2010), "Understanding the Difficulty of Training Deep Feedforward Neural Networks",
    section 4.2.1, equation 16.
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _uniform(shape, math.sqrt(6 / (fan_in + fan_out)), generator)


class GlorotNormal(Initializer, name="glorot_normal", aliases=("xavier_normal",)):
    """Normal numbers with the variance of glorot_uniform.

    Formula: w ~ N(0, 2 / (fan_in + fan_out)), not truncated.
    Choose it when: you would choose glorot_uniform; the two rarely differ in their results.
    Source: Glorot, Bengio (2010), "Understanding the Difficulty of Training Deep Feedforward Neural Networks",
    section 4.2.1, equation 12 (the variance; the paper itself draws uniform numbers).
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _empty(shape).normal_(0.0, math.sqrt(2 / (fan_in + fan_out)), generator=generator)


class HeUniform(Initializer, name="he_uniform", aliases=("kaiming_uniform",)):
    """Uniform numbers whose variance makes up for the half of the signal that relu stops.

    Formula: w ~ U(-b, b), b = sqrt(6 / fan_in); variance 2 / fan_in.
    Choose it when: you would choose he_normal; the two rarely differ. torch's kaiming_uniform_ as its Linear calls it
    carries a gain of sqrt(1/3) and is a different thing: that one is `default`.
    Source: He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers", section 2.2, equation 10 (the variance; the
    paper itself draws normal numbers).
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _uniform(shape, math.sqrt(6 / fan_in), generator)


class HeNormal(Initializer, name="he_normal", aliases=("kaiming_normal", "kaiming", "he", "msra")):
    """Normal numbers whose variance makes up for the half of the signal that relu stops.

    Formula: w ~ N(0, 1) * sqrt(2 / fan_in), not truncated.
    Choose it when: the activation is relu or close to it (leaky_relu, prelu, elu, gelu, silu, mish), at any depth.
    With tanh or sigmoid it is too large by about sqrt(2) a layer and drives units into saturation: take glorot_*.
    The factor 2 stays whatever activation follows.
    Source: He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
    Classification", section 2.2, equation 10.
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _empty(shape).normal_(0.0, math.sqrt(2 / fan_in), generator=generator)


class LecunNormal(Initializer, name="lecun_normal", aliases=("gaussian", "lecun")):
    """Normal numbers whose variance keeps the scale of signals through a linear layer: the plain gaussian one.

    Formula: w ~ N(0, 1) / sqrt(fan_in), not truncated.
    Choose it when: the activation is selu (whose fixed point assumes it), or tanh or linear. With relu signals lose
    half their power a layer: take he_normal.
    Source: LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", section 4.6, equation 16; Klambauer et al. (2017),
    "Self-Normalizing Neural Networks", section "Initialization".
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _empty(shape).normal_(0.0, math.sqrt(1 / fan_in), generator=generator)


class NeuralTangent(Initializer, name="neural_tangent", aliases=("ntk",)):
    """lecun_normal's weights, and biases that are normal numbers, too: each unit bends at a place of its own at first.

    Formula: w ~ N(0, 1) / sqrt(fan_in), bias ~ N(0, 1), neither truncated.
    Choose it when: the inputs are a table's columns: with biases of 0 all units of the first layer bend where the
    columns have their middle, and learn slowly to do so elsewhere. With optimizer.lr_factors.weights:
    inverse_sqrt_fan_in training is that under the neural tangent parametrisation.
    Source: Jacot, Gabriel, Hongler (2018), "Neural Tangent Kernel: Convergence and Generalization in Neural Networks",
    section 3, with beta = 1; for tables: Holzmüller, Grinsztajn, Steinwart (2024), "Better by Default".
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _empty(shape).normal_(0.0, math.sqrt(1 / fan_in), generator=generator)

    def draw_bias(self, shape: tuple[int, ...], fan_in: int, generator: torch.Generator) -> Tensor:
        return _empty(shape).normal_(generator=generator)


class LecunUniform(Initializer, name="lecun_uniform"):
    """Uniform numbers with the variance of lecun_normal.

    Formula: w ~ U(-b, b), b = sqrt(3 / fan_in); variance 1 / fan_in.
    Choose it when: you would choose lecun_normal; the two rarely differ.
    Source: LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", section 4.6, equation 16.
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _uniform(shape, math.sqrt(3 / fan_in), generator)


class Orthogonal(Initializer, name="orthogonal", aliases=("svd",)):
    """A random orthogonal matrix: it turns its input without stretching it.

    Formula: as a matrix of shape[0] rows and prod(shape[1:]) columns, W W^T = I (rows <= columns) or W^T W = I
    (rows >= columns). W is the Q of A = Q R, A with independent N(0, 1) entries and the signs fixed so that R's
    diagonal is positive: W is then uniform over all such matrices, like U V^T of the SVD A = U S V^T. No gain.
    Choose it when: the network is recurrent, where the same matrix is applied at every step and every singular value
    other than 1 grows or shrinks as a power of the length; also for deep linear or tanh networks. With relu half the
    power is lost a layer, since there is no gain: take he_normal. A QR of a large layer takes a moment.
    Source: Saxe, McClelland, Ganguli (2014), "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear
    Neural Networks", section 3; the signs: Mezzadri (2007), "How to Generate Random Matrices from the Classical
    Compact Groups", section 5.
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        from torch import linalg

        rows, columns = shape[0], math.prod(shape[1:])
        tall = _empty((max(rows, columns), min(rows, columns))).double().normal_(generator=generator)
        q, r = linalg.qr(tall)
        signed: Tensor = q.where(r.diagonal() >= 0, -q)
        return (signed if rows >= columns else signed.T).reshape(shape).float().contiguous()


class Zeros(Initializer, name="zeros", aliases=("zero",)):
    """All weights zero.

    Formula: w = 0.
    Choose it when: it is the output layer, which then starts at "all classes equally likely"; or to see that a hidden
    layer of zeros does not learn: all its units stay equal, and with two such layers in a row no gradient passes.
    Source: Rumelhart, Hinton, Williams (1986), "Learning Representations by Back-Propagating Errors" (why equal
    weights must be broken up by random ones).
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _empty(shape).fill_(0.0)


class Ones(Initializer, name="ones", aliases=("one",)):
    """All weights one.

    Formula: w = 1.
    Choose it when: the damage of equal weights is to be shown: every unit of a layer computes the same sum, gets the
    same gradient and stays the same for good, and the sums grow with the fan.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 8.4 (breaking symmetry).
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _empty(shape).fill_(1.0)


class Constant(Initializer, name="constant", aliases=("const",)):
    """All weights the same number.

    Formula: w = value.
    Choose it when: the damage of equal weights is to be shown at a given scale (see ones), or a test needs weights
    that are known beforehand.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 8.4 (breaking symmetry).
    """

    value: float = setting(Number(ge=-1000, le=1000), "the number every weight starts at", default=0.1)

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _empty(shape).fill_(self.value)


class Default(Initializer, name="default", aliases=("torch", "pytorch")):
    """What torch itself does for its layers, weights and biases alike.

    Formula: w and bias ~ U(-b, b), b = 1 / sqrt(fan_in) (in a recurrent layer fan_in is the size of the state);
    variance 1 / (3 * fan_in), a third of lecun_normal's and a sixth of he_normal's.
    Choose it when: a run elsewhere with torch's defaults is to be repeated. It draws from the same distribution, not
    the same numbers. In deep relu networks signals shrink quickly: take he_normal.
    Source: torch.nn.Linear and torch.nn.LSTM, "Variables"; the form goes back to LeCun et al. (1998), "Efficient
    BackProp", section 4.6.
    """

    def draw(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: torch.Generator) -> Tensor:
        return _uniform(shape, math.sqrt(1 / fan_in), generator)

    def draw_bias(self, shape: tuple[int, ...], fan_in: int, generator: torch.Generator) -> Tensor:
        return _uniform(shape, math.sqrt(1 / fan_in), generator)


def _empty(shape: tuple[int, ...]) -> Tensor:
    import torch

    return torch.empty(shape, dtype=torch.float32)


def _uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> Tensor:
    return _empty(shape).uniform_(-bound, bound, generator=generator)
