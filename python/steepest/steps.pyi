# Written by `python -m steepest._stubgen` from the native rule table. Do not edit.
from typing import Literal, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from ._core import DeviceFlag as DeviceFlag
from ._core import Plan as Plan
from ._core import (
    _Arrays,
    _Number,
    _Numbers,
    _OptionalArrays,
    _Rounding,
    _Steps,
    _Stream,
    _TensorIds,
)

__all__ = [
    "DeviceFlag",
    "GradNorm",
    "Plan",
    "adadelta",
    "adafactor",
    "adafisher",
    "adagrad",
    "adagrad_norm",
    "adahessian",
    "adam",
    "adamax",
    "adamp",
    "adamuon",
    "adamw",
    "adan",
    "ademamix",
    "adopt",
    "amsgrad",
    "c_adamw",
    "c_lion",
    "clip_adaptive_",
    "clip_norm_",
    "clip_value_",
    "descend",
    "dot",
    "exadam",
    "extrapolate",
    "grad_norm",
    "grokfast_ema",
    "grokfast_ma",
    "interpolate",
    "lamb",
    "lars",
    "lion",
    "mars",
    "momentum",
    "nadam",
    "oasis",
    "prodigy",
    "radam",
    "random_adamw",
    "random_sgdm",
    "rmsprop",
    "rprop",
    "schedule_free_adamw",
    "schedule_free_sgd",
    "sgd",
    "sgdp",
    "signum",
    "sm3",
    "sophia",
]

class GradNorm(NamedTuple):
    """L2 norms of gradients.

    total : over all of them. per_tensor : of each, float64 (tensors,). finite : whether every
        element is.

    For torch and CuPy arrays on a device all three are arrays of that kind on it: float64 with no
    dimension, float64 with one, int32 with none. `total` and `finite` turn into a number by float()
    and bool(), which wait for the device.
    """

    total: float
    per_tensor: NDArray[np.float64]
    finite: bool

def grad_norm(grads: _OptionalArrays, stream: _Stream = None) -> GradNorm:
    """L2 norm of one array or of a list, the same bits for any thread count and target.

    grads : array or list of arrays (None counts as 0) of float64, float32, bfloat16 or float16.
    stream : CUDA stream, for arrays on a device, as in the rules' functions.

    Squares are summed in float64 over a fixed tree, so norms of float32 gradients cannot overflow.
    On a device nothing is waited for, but with arrays of other kinds than torch's and CuPy's, whose
    results are read to the host.
    Raises TypeError, ValueError or DeviceError for arrays that are not dense arrays of these types.
    """

def clip_value_(grads: _OptionalArrays, max_value: float, *, stream: _Stream = None) -> None:
    """Brings every element into [-max_value, max_value], in place.

    grads : array or list of arrays (None is left out) of float64, float32, bfloat16 or float16,
        dense, of any shape.
    max_value : number > 0.
    stream : CUDA stream, for arrays on a device, as in the rules' functions.

    An infinity becomes the bound, a NaN stays. The steps do the same on the way, in no pass of its
    own, with max_grad_value.
    Raises TypeError, ValueError (a bound that is no number > 0, gaps, overlaps), BufferError
    (read-only) or DeviceError; then nothing has been written.
    """

def clip_norm_(
    grads: _OptionalArrays,
    max_norm: float,
    *,
    per_tensor: bool = False,
    skip_nonfinite: bool = False,
    stream: _Stream = None,
) -> GradNorm:
    """Scales gradients whose L2 norm is above max_norm down to it, in place.

    grads : array or list of arrays (None is left out, with norm 0) of float64, float32, bfloat16 or
        float16, dense, of any shape.
    max_norm : number > 0. Elements are multiplied by min(1, max_norm / (norm + 1e-6)).
    per_tensor : the norm is that of each array, not the one over all of them.
    skip_nonfinite : change nothing when any element is a NaN or an infinity; `finite` of the result
        tells. Without it a norm that is NaN or infinite makes what it scales NaN.
    stream : CUDA stream, for arrays on a device, as in the rules' functions.

    Pascanu, Mikolov & Bengio, arXiv 1211.5063, algorithm 1, with the 1e-6 of
    torch.nn.utils.clip_grad_norm_; what clipping does to convergence: Koloskova, Hendrikx & Stich,
    arXiv 2305.01588. Norms have the bits of `grad_norm`, results those that the steps find with
    max_grad_norm and max_tensor_norm on the way.

    Returns the norms before clipping, as `grad_norm` does: on a device nothing is waited for.
    Raises TypeError, ValueError (a bound that is no number > 0, gaps, overlaps), BufferError
    (read-only) or DeviceError; then nothing has been written.
    """

def clip_adaptive_(
    grads: _OptionalArrays,
    params: _OptionalArrays,
    factor: float = 0.01,
    *,
    eps: float = 0.001,
    axis: int = 0,
    stream: _Stream = None,
) -> None:
    """Scales what a gradient has for one output down to a part of its parameter's norm, in place.

    g_i becomes factor max(|w_i|, eps) / |g_i| g_i where |g_i| is above factor max(|w_i|, eps), for
    the L2 norms of each unit i: the weights of one output. Brock, De, Smith & Simonyan, arXiv
    2102.06171, equation 3.

    grads : array or list of arrays (None is left out) of float64, float32, bfloat16 or float16,
        dense.
    params : the parameters, same structure, shapes and memory layouts, of any of these dtypes; only
        read. May be None where the gradient is.
    factor : number > 0; the paper has 0.01 for large batches, up to 0.16 for small ones.
    eps : number >= 0, so that parameters at zero can move.
    axis : of the outputs, 0 as torch has it for linear layers and convolutions. Its units must lie
        one behind the other in memory, as those of the first axis do in C order and those of the
        last in F order. An array with at most one dimension longer than 1 is one unit.
    stream : CUDA stream, for arrays on a device, as in the rules' functions.

    The authors leave out the last linear layer. A norm that is NaN makes its unit NaN, an infinite
    one of a gradient leaves NaNs where the infinities were. Nothing is waited for on a device.
    Raises TypeError, ValueError (range, structure, shape, layout, overlaps), BufferError
    (read-only) or DeviceError; then nothing has been written.
    """

def sgd(
    params: _Arrays,
    grads: _OptionalArrays,
    momentum_buffer: _OptionalArrays = None,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Stochastic gradient descent with momentum.

    Sutskever et al., ICML 2013, in the form of torch.optim.SGD: buf = momentum buf + (1 -
    dampening) g, p -= lr buf; the first step sets buf = g.
    """

def adam(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-08,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adam, with weight decay added to the gradient (L2).

    Kingma & Ba, arXiv 1412.6980, algorithm 1: p -= lr mhat / (sqrt(vhat) + eps).
    """

def adamw(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-08,
    weight_decay: _Numbers = 0.01,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adam with decoupled weight decay.

    Loshchilov & Hutter, arXiv 1711.05101, algorithm 2: p *= 1 - lr weight_decay, then Adam.
    """

def amsgrad(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    max_exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-08,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adam with the running maximum of the second moment in the denominator.

    Reddi, Kale & Kumar, ICLR 2018, arXiv 1904.09237, algorithm 2, with the bias corrections of
    torch.optim.Adam(amsgrad=True).
    """

def adamax(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_inf: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.002,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-08,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adam with an exponentially weighted infinity norm as denominator.

    Kingma & Ba, arXiv 1412.6980, algorithm 2: u = max(beta2 u, |g| + eps), p -= lr / (1 - beta1^t)
    m / u (eps as in torch.optim.Adamax; the paper has none).
    """

def adagrad(
    params: _Arrays,
    grads: _OptionalArrays,
    sum: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.01,
    lr_decay: float = 0.0,
    eps: float = 1e-10,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adaptive gradient method with an accumulated squared gradient.

    Duchi, Hazan & Singer, JMLR 12 (2011), diagonal form: sum += g^2, p -= lr / (1 + (t - 1)
    lr_decay) g / (sqrt(sum) + eps).
    """

def lion(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 0.0001,
    betas: tuple[float, float] = (0.9, 0.99),
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Evolved sign momentum.

    Chen et al., arXiv 2302.06675, algorithm 2: p -= lr sign(beta1 m + (1 - beta1) g), then m =
    beta2 m + (1 - beta2) g; sign(0) = 0.
    """

def lamb(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-06,
    bias_correction: bool = True,
    max_param_norm: float = ...,
    weight_decay: _Numbers = 0.01,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Layer-wise adaptive moments for large batches.

    You et al., arXiv 1904.00962, algorithm 2: r = mhat / (sqrt(vhat) + eps) + weight_decay p, p -=
    lr phi(||p||) / ||r|| r, phi(x) = min(x, max_param_norm). The paper corrects the bias;
    bias_correction=False with max_param_norm=10 is the other public form.
    """

def c_adamw(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-06,
    mask_norm: Literal["count", "clamped_mean", "mean_eps"] = "count",
    mask_eps: float = 1e-08,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Cautious AdamW.

    Liang et al., arXiv 2411.16085, algorithm 2: AdamW with the update masked by m g > 0 and
    rescaled per tensor.
    """

def c_lion(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 0.0001,
    betas: tuple[float, float] = (0.95, 0.98),
    mask_norm: Literal["count", "clamped_mean", "mean_eps"] = "count",
    mask_eps: float = 1e-08,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Cautious Lion.

    Liang et al., arXiv 2411.16085: Lion with the update u masked by u g > 0 and rescaled per
    tensor.
    """

def adafactor(
    params: _Arrays,
    grads: _OptionalArrays,
    row_var: _OptionalArrays = None,
    col_var: _OptionalArrays = None,
    variance: _OptionalArrays = None,
    *,
    step: _Steps,
    lr: _Numbers = 0.01,
    beta2_decay: float = -0.8,
    eps: tuple[float | None, float] = (None, 0.001),
    d: float = 1.0,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adaptive step with a factored second moment and a relative step size.

    Shazeer & Stern, arXiv 1804.04235, algorithms 4 and 5, in the form of torch.optim.Adafactor.
    """

def momentum(
    params: _Arrays,
    grads: _OptionalArrays,
    momentum_buffer: _Arrays,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 1.0,
    momentum: float = 0.95,
    nesterov: bool = True,
    averaged: bool = True,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Momentum of the gradient, written to params as a direction: the first stage of Muon, Scion
    and trust-region steps.

    Jordan et al., Muon (2024), in the form of torch.optim.Muon: buf = momentum buf + (1 - momentum)
    g, params = lr buf, or with Nesterov lr ((1 - momentum) g + momentum buf); averaged=False has g
    for (1 - momentum) g. params is only written, and weight_decay has no effect.
    """

def descend(
    params: _Arrays,
    grads: _OptionalArrays,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 0.001,
    cautious_weight_decay: bool = False,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """A step along the direction in grads: the last stage of Muon, Scion and trust-region steps.

    p = p (1 - lr weight_decay) - lr d; cautious: Chen et al., arXiv 2510.12402, decays only where d
    p >= 0.
    """

def extrapolate(
    params: _Arrays,
    grads: _OptionalArrays,
    point: _Arrays,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 0.001,
    cautious_weight_decay: bool = False,
    momentum: float = 0.9,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """A step along the direction in grads, and the point ahead of it where the next gradient is to
    be taken.

    Kovalev, arXiv 2503.12645, algorithm with extrapolation: x' = x (1 - lr weight_decay) - lr d,
    params = x' + momentum / (1 - momentum) (x' - x); momentum is 1 - alpha.
    """

def adamuon(
    params: _Arrays,
    grads: _OptionalArrays,
    second_moment: _Arrays,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 1.0,
    beta2: float = 0.95,
    eps: float = 1e-08,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """The direction in grads over the root of its second moment, written to params: a stage of
    AdaMuon.

    Si et al., arXiv 2507.11005: v = beta2 v + (1 - beta2) d^2, params = lr c d / (sqrt(v) + eps),
    where c keeps the Euclidean norm of d. params is only written, and weight_decay has no effect.
    """

def adahessian(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_hessian_diag_sq: _Arrays,
    hessian: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.15,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 0.0001,
    hessian_power: float = 1.0,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adam with the square of the Hessian diagonal D as second moment.

    Yao et al., arXiv 2006.00719, algorithm 1: m and v are moving averages of g and D^2, p -= lr
    mhat / (sqrt(vhat)^k + eps).
    """

def sophia(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_hessian_diag: _Arrays,
    hessian: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.0001,
    betas: tuple[float, float] = (0.965, 0.99),
    rho: float = 0.04,
    batch_size: float = 1.0,
    eps: float = 1e-12,
    hessian_update_interval: float = 10.0,
    denominator: Literal["max", "sum"] = "max",
    weight_decay: _Numbers = 0.1,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Momentum divided by a Hessian diagonal and clipped to 1 per element.

    Liu et al., arXiv 2305.14342, algorithm 3: h = beta2 h + (1 - beta2) hessian every k steps, p -=
    lr clip(m / max(rho h, eps), 1); denominator="sum" is the authors' code, m / (rho batch_size h +
    eps).
    """

def oasis(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_hessian_diag: _Arrays,
    hessian: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.01,
    beta2: float = 0.99,
    alpha: float = 1e-05,
    hessian_update_interval: float = 1.0,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Gradient divided by the truncated moving average of a signed Hessian diagonal.

    Jahani et al., arXiv 2109.05198, with a given learning rate: D = beta2 D + (1 - beta2) hessian,
    the first D being the first estimate, p -= lr g / max(|D|, alpha).
    """

def adafisher(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    output_factor: _Arrays,
    input_factor: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    beta: float = 0.9,
    damping: float = 0.001,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Momentum divided by the diagonal of a Kronecker-factored Fisher matrix.

    Gomes et al., arXiv 2405.16397 (ICLR 2025): p -= lr mhat / (S H^T + damping), without a root;
    the outer product of the factors' diagonals S and H is not formed.
    """

def nadam(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.002,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-08,
    momentum_decay: float = 0.004,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adam with Nesterov momentum.

    Dozat, ICLR workshop 2016, algorithm 2, in the form of torch.optim.NAdam: mu_t = beta1 (1 -
    0.96^(t momentum_decay) / 2), M_t = mu_1 ... mu_t, p -= lr ((1 - mu_t) / (1 - M_t) g + mu_(t+1)
    / (1 - M_(t+1)) m) / (sqrt(vhat) + eps). M_t is made of the step count and the present options,
    not kept as a state.
    """

def radam(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-08,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Rectified Adam.

    Liu et al., arXiv 1908.03265, algorithm 2, in the form of torch.optim.RAdam: with rho = 2 / (1 -
    beta2) - 1 and rho_t = rho - 2 t beta2^t / (1 - beta2^t), p -= lr mhat r sqrt(1 - beta2^t) /
    (sqrt(v) + eps) where rho_t > 5, with r^2 = (rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2)
    rho_t), and p -= lr mhat before.
    """

def rmsprop(
    params: _Arrays,
    grads: _OptionalArrays,
    square_avg: _Arrays,
    momentum_buffer: _OptionalArrays = None,
    grad_avg: _OptionalArrays = None,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-08,
    momentum: float = 0.0,
    centered: bool = False,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Gradient over its root mean square, with momentum.

    Hinton, Neural Networks for Machine Learning, lecture 6 (2012), in the form of
    torch.optim.RMSprop: s = alpha s + (1 - alpha) g^2, buf = momentum buf + g / (sqrt(s) + eps), p
    -= lr buf; centered (Graves, arXiv 1308.0850, eq. 39): s - a^2 for s, with a = alpha a + (1 -
    alpha) g, and 0 where rounding makes that negative.
    """

def adadelta(
    params: _Arrays,
    grads: _OptionalArrays,
    square_avg: _Arrays,
    acc_delta: _Arrays,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 1.0,
    rho: float = 0.9,
    eps: float = 1e-06,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Gradient scaled by the ratio of the root mean squares of steps and gradients.

    Zeiler, arXiv 1212.5701, algorithm 1: s = rho s + (1 - rho) g^2, d = sqrt(a + eps) / sqrt(s +
    eps) g, a = rho a + (1 - rho) d^2, p -= lr d.
    """

def rprop(
    params: _Arrays,
    grads: _OptionalArrays,
    prev: _Arrays,
    step_size: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.01,
    etas: tuple[float, float] = (0.5, 1.2),
    step_sizes: tuple[float, float] = (1e-06, 50.0),
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Resilient backpropagation: steps by the sign of the gradient, each element at a size of its
    own.

    Riedmiller & Braun, ICNN 1993, in the form of torch.optim.Rprop: the size grows by etas[1] where
    the gradient keeps its sign and shrinks by etas[0] where it changes, within step_sizes; there
    the element stays and its gradient counts as 0. lr is the size of the first step and has no
    effect later, but in decoupled weight decay.
    """

def signum(
    params: _Arrays,
    grads: _OptionalArrays,
    momentum_buffer: _OptionalArrays = None,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 0.0001,
    momentum: float = 0.9,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Sign of the momentum; signSGD where momentum is 0.

    Bernstein et al., arXiv 1802.04434, algorithm 2: m = momentum m + (1 - momentum) g, p -= lr
    sign(m), sign(0) = 0.
    """

def adan(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_diff: _Arrays,
    exp_avg_sq: _Arrays,
    last_grad: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float, float] = (0.98, 0.92, 0.99),
    eps: float = 1e-08,
    no_prox: bool = False,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adaptive Nesterov momentum.

    Xie et al., arXiv 2208.06677, algorithm 1, with the authors' bias corrections and their betas,
    which are the shares kept (1 - beta of the paper): m, d and n average g, g - g' and (g + beta2
    (g - g'))^2, g' being the last gradient, p -= lr (mhat + beta2 dhat) / (sqrt(nhat) + eps), then
    p /= 1 + lr weight_decay, or, with no_prox, p *= 1 - lr weight_decay before.
    """

def ademamix(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg_slow: _Arrays,
    exp_avg_sq: _Arrays,
    exp_avg: _OptionalArrays = None,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float, float] = (0.9, 0.999, 0.9999),
    eps: float = 1e-08,
    alpha: float = 5.0,
    alpha_warmup: float = 0.0,
    beta3_warmup: float = 0.0,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """AdamW with a mix of a fast and a slow moving average of the gradient.

    Pagliardini, Ablin & Grangier, arXiv 2409.03137, algorithm 1: p -= lr (m1hat + alpha_t m2) /
    (sqrt(vhat) + eps), m2 decaying at beta3_t; over its warm-up alpha_t rises linearly from 0, and
    beta3_t from betas[0] so that its half-life rises linearly (eq. 'theta': the exponential of ln
    b1 ln b3 / ((1 - s) ln b3 + s ln b1), s the share of the warm-up, without the 1e-8 that the
    authors' code adds to betas).
    """

def adopt(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float] = (0.9, 0.9999),
    eps: float = 1e-06,
    clip: bool = True,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adam that converges with any beta2.

    Taniguchi et al., arXiv 2411.02853, algorithm 2: v is the first g^2, and from the second step on
    u = clip(g / max(sqrt(v), eps), (t - 1)^(1/4)), m = beta1 m + (1 - beta1) u, p -= lr m, then v =
    beta2 v + (1 - beta2) g^2. Decoupled weight decay acts at the first step too.
    """

def mars(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    last_grad: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.003,
    betas: tuple[float, float] = (0.95, 0.99),
    eps: float = 1e-08,
    gamma: float = 0.025,
    approximate: bool = True,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """AdamW on a variance-reduced gradient.

    Yuan et al., arXiv 2411.10438, algorithm 2 (MARS-AdamW): c = g + gamma beta1 / (1 - beta1) (g -
    g'), c /= max(1, ||c||) per tensor, then AdamW with c for g. g' is the last gradient (the
    approximate form; 0 change at the first step), or, with approximate=False, what last_grad holds:
    the gradient of the present batch at the last parameters.
    """

def random_sgdm(
    params: _Arrays,
    grads: _OptionalArrays,
    delta: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    beta: float = 0.99,
    mu: float = 0.0,
    scaling: Literal["exponential", "uniform", "none"] = "exponential",
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """SGD with momentum whose steps are scaled at random.

    Zhang & Cutkosky, arXiv 2405.09742 (exponentiated O2NC with online mirror descent): d = beta /
    (1 + lr mu) (d - lr g), p += s d, with one s for all tensors, drawn from Exp(1) at every step.
    """

def random_adamw(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-08,
    scaling: Literal["exponential", "uniform", "none"] = "exponential",
    weight_decay: _Numbers = 0.01,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """AdamW whose steps are scaled at random.

    Zhang & Cutkosky, arXiv 2405.09742: p -= s lr (mhat / (sqrt(vhat) + eps) + weight_decay p), with
    one s for all tensors, drawn from Exp(1) at every step.
    """

def adagrad_norm(
    params: _Arrays,
    grads: _OptionalArrays,
    square_sum: _Arrays,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 1.0,
    eps: float = 1e-10,
    scope: Literal["tensor", "list"] = "tensor",
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adagrad with one accumulator for the norm of the gradient.

    Ward, Wu & Bottou, arXiv 1806.01811, algorithm 1, the step of AdAdaGrad-Norm (Lau, Liu & Kolar,
    arXiv 2402.11215): b^2 += ||g||^2, p -= lr g / (b + eps), the norm being that of the tensor or,
    with scope='list', of all gradients of the call, then without what weight decay adds to them.
    """

def adamp(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-08,
    delta: float = 0.1,
    wd_ratio: float = 0.1,
    nesterov: bool = False,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """AdamW whose step is projected where weights are scale-invariant.

    Heo et al., arXiv 2006.08217, algorithm 2, in the form of the authors' code: u = m / (1 -
    beta1^t) / (sqrt(vhat) + eps); where the cosine of g and p is below delta / sqrt(length) in
    every row (index of the first axis), or else in the whole tensor, u loses in each row, or in the
    tensor, its part along p; then p *= 1 - lr weight_decay, times wd_ratio where u was projected,
    and p -= lr u. nesterov: beta1 m + (1 - beta1) g for m. Tensors of fewer than two dimensions are
    not projected.
    """

def sgdp(
    params: _Arrays,
    grads: _OptionalArrays,
    momentum_buffer: _OptionalArrays = None,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 0.001,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    eps: float = 1e-08,
    delta: float = 0.1,
    wd_ratio: float = 0.1,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Momentum SGD whose step is projected where weights are scale-invariant.

    Heo et al., arXiv 2006.08217, algorithm 1, in the form of the authors' code: buf = momentum buf
    + (1 - dampening) g from 0, u = buf or, with nesterov, g + momentum buf; u is projected as in
    AdamP, p *= 1 - lr weight_decay / (1 - momentum), times wd_ratio where u was projected, and p -=
    lr u. Tensors of fewer than two dimensions are not projected.
    """

def prodigy(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    s: _OptionalArrays = None,
    p0: _OptionalArrays = None,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 1e-06,
    betas: tuple[float, float] = (0.9, 0.999),
    beta3: float | None = None,
    eps: float = 1e-08,
    distance: tuple[float, float] = (1e-06, 1e-06),
    d0: float = 1e-06,
    safeguard_warmup: bool = False,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adam in units of an estimated distance to the solution.

    Mishchenko & Defazio, arXiv 2306.06101, section 5 (with Adam's steps), in the form of the
    authors' code: with (d, e) = distance and lr = d times the learning rate, m = beta1 m + (1 -
    beta1) d g, v = beta2 v + (1 - beta2) d^2 g^2, s = beta3 s + d lr / d0 g, p -= lr m / (sqrt(v) +
    e eps). The sums over the list are <g, p0 - p> and ||s||_1 of the new s, from which e is made: r
    = beta3 r + d lr / d0 <g, p0 - p>, e = max(d, r / ||s||_1). The paper has d for e, and (1 -
    beta3) d0 for 1 / d0, which cancels.
    """

def sm3(
    params: _Arrays,
    grads: _OptionalArrays,
    row_max: _Arrays,
    col_max: _Arrays,
    momentum_buffer: _OptionalArrays = None,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 0.1,
    momentum: float = 0.0,
    eps: float = 1e-10,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adagrad in the memory of rows and columns.

    Anil et al., arXiv 1901.11150, SM3-II, with the rows and the columns of each matrix (the last
    two axes) as its cover: v = min(row, column) + g^2, then row and column are the largest v in
    them; u = g / (sqrt(v) + eps), buf = momentum buf + (1 - momentum) u, p -= lr buf. Of a vector,
    a matrix of one column, it is Adagrad. The paper has no eps, and 0 / 0 = 0.
    """

def lars(
    params: _Arrays,
    grads: _OptionalArrays,
    momentum_buffer: _OptionalArrays = None,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 1.0,
    momentum: float = 0.9,
    nesterov: bool = False,
    trust_coefficient: float = 0.001,
    eps: float = 0.0,
    ratio: Literal["separate", "joint", "clipped", "none"] = "separate",
    lr_in_momentum: bool = True,
    weight_decay: _Numbers = 0.0005,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Stochastic gradient descent with layer-wise adaptive rates.

    You, Gitman & Ginsburg, arXiv 1708.03888, algorithm 1: per tensor r = trust_coefficient ||p|| /
    (||g|| + weight_decay ||p|| + eps), 1 where ||p|| or ||g|| is 0, buf = momentum buf + lr r (g +
    weight_decay p), p -= buf. The paper has no eps and no nesterov. lr_in_momentum=False is the
    form of optimizers made of torch's SGD: buf = momentum buf + r (g + weight_decay p), p -= lr
    buf.
    """

def exadam(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-08,
    step_size: Literal["constant", "growing"] = "constant",
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = True,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Adam with cross-moment bias corrections and the gradient beside the momentum.

    Adly, arXiv 2412.20302, algorithm 1: d1 = 1 + v / (v + eps) beta2^t, d2 = 1 + m^2 / (m^2 + eps)
    beta1^t, p -= s (mhat + g / (1 - beta1^t)) d1 / (sqrt(vhat d2) + eps). The step size s is lr,
    or, in the paper's first version, lr ln(sqrt(2) sqrt(t + 1)).
    """

def dot(
    params: _Arrays,
    grads: _OptionalArrays,
    momentum_buffer: _Arrays,
    momentum_kd_buffer: _Arrays,
    kd_grad: _OptionalArrays = None,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 0.01,
    momentum: float = 0.9,
    delta: float = 0.075,
    kd_scale: float = 1.0,
    weight_decay: _Numbers = 0.0,
    decoupled_weight_decay: bool = False,
    cautious_weight_decay: bool = False,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Distillation-oriented trainer: a momentum for each of two gradients.

    Zhao et al., arXiv 2307.08436 (ICCV 2023): with the gradient of the task loss in grads and that
    of the distillation loss in kd_grad, v = (momentum - delta) v + g, v_kd = (momentum + delta)
    v_kd + g_kd, p -= lr (v + v_kd). As in the authors' code weight decay is part of the task's
    gradient.
    """

def interpolate(
    params: _Arrays,
    grads: _OptionalArrays,
    *,
    step: _Steps | None = None,
    lr: _Numbers = 0.001,
    outward: bool = False,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """A step of params towards the point in grads: the update of an average.

    p += lr (g - p), outward p -= lr (g - p); lr = 1 - decay makes an exponential moving average of
    g, lr = 1 / n the mean of n (Izmailov et al., arXiv 1803.05407, algorithm 1), lr = 1 a copy.
    weight_decay has no effect.
    """

def schedule_free_sgd(
    params: _Arrays,
    grads: _OptionalArrays,
    z: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 1.0,
    momentum: float = 0.9,
    warmup_steps: float = 0.0,
    share: float | None = None,
    cautious_weight_decay: bool = False,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Schedule-Free SGD: gradients at a point between iterate and average.

    Defazio et al., arXiv 2405.15682, equations 1 to 3, on y and z alone: d = g + weight_decay y, y
    += share (z - y) - r (1 - momentum (1 - share)) d, z -= r d, r = lr min(1, step / warmup_steps);
    params is y = (1 - momentum) z + momentum x, x the average. cautious: Chen et al., arXiv
    2510.12402, decays only where g y >= 0.
    """

def schedule_free_adamw(
    params: _Arrays,
    grads: _OptionalArrays,
    z: _Arrays,
    exp_avg_sq: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 0.0025,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-08,
    warmup_steps: float = 0.0,
    share: float | None = None,
    cautious_weight_decay: bool = False,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """Schedule-Free AdamW: the average of the iterates in place of a momentum.

    Defazio et al., arXiv 2405.15682, algorithm 1, on y and z alone: v = beta2 v + (1 - beta2) g^2,
    d = g / (sqrt(v) + eps) + weight_decay y, y += share (z - y) - r (1 - beta1 (1 - share)) d, z -=
    r d, r = lr sqrt(1 - beta2^step) min(1, step / warmup_steps); params is y = (1 - beta1) z +
    beta1 x, x the average. cautious: Chen et al., arXiv 2510.12402, decays only where g y >= 0.
    """

def grokfast_ema(
    params: _Arrays,
    grads: _OptionalArrays,
    exp_avg: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 1.0,
    alpha: float = 0.98,
    lamb: float = 2.0,
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """The gradient with its slow part amplified, written to params as the gradient of any other
    rule.

    Lee et al., arXiv 2405.20233 (GrokFast-EMA): m = alpha m + (1 - alpha) g, params = lr (g + lamb
    m); the first m is g. params is only written, and weight_decay has no effect.
    """

def grokfast_ma(
    params: _Arrays,
    grads: _OptionalArrays,
    prefix: _Arrays,
    suffix: _Arrays,
    newest: _Arrays,
    *,
    step: _Steps,
    lr: _Numbers = 1.0,
    lamb: float = 5.0,
    window: float = 100.0,
    warmup: bool = True,
    reduction: Literal["mean", "sum"] = "mean",
    weight_decay: _Numbers = 0.0,
    maximize: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    working_copy: _OptionalArrays = None,
    rounding: _Rounding = "nearest",
    seed: SupportsIndex = 0,
    tensor_ids: _TensorIds = None,
    stream: _Stream = None,
) -> bool | DeviceFlag:
    """The gradient with the mean of a window of gradients added, written to params as the gradient
    of any other rule.

    Lee et al., arXiv 2405.20233 (GrokFast-MA): params = lr (g + lamb a), a being the mean or the
    sum of the last `window` gradients, g among them; with warmup params = lr g until there are so
    many. prefix = prefix + g, or g at the first of every `window` steps, a is of prefix + suffix,
    newest = g; suffix is given: the sum of the earlier gradients in the window. params is only
    written, and weight_decay has no effect.
    """
