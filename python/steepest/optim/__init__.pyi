# Written by `python -m steepest._stubgen` from the native rule table. Do not edit.
from collections.abc import Iterable, Mapping
from typing import Any, Literal, SupportsIndex, TypeAlias

from .._core import _Array, _Numbers, _Rounding
from . import averages as averages
from . import filters as filters
from . import scales as scales
from . import schedules as schedules
from .adafisher import AdaFisher as AdaFisher
from .adafisher import AdaFisherW as AdaFisherW
from .adahessian import AdaHessian as AdaHessian
from .base import Optimizer as Optimizer
from .distributed_lion import DistributedLion as DistributedLion
from .dot import DOT as DOT
from .fira import Fira as Fira
from .fira import GaLore as GaLore
from .gradnorm_lorp import GradNormLoRP as GradNormLoRP
from .lanton import LANTON as LANTON
from .marquardt import LevenbergMarquardt as LevenbergMarquardt
from .mkor import MKOR as MKOR
from .muon import Muon as Muon
from .natural import NaturalGradient as NaturalGradient
from .oasis import OASIS as OASIS
from .prodigy import Prodigy as Prodigy
from .schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
from .schedule_free import ScheduleFreeSGD as ScheduleFreeSGD
from .scion import Scion as Scion
from .sophia import SophiaG as SophiaG
from .sophia import SophiaH as SophiaH
from .trust_region import TrustRegion as TrustRegion

_Entry: TypeAlias = _Array | tuple[str, _Array] | Mapping[str, Any]
_Params: TypeAlias = _Array | Mapping[str, _Array] | Iterable[_Entry]

__all__ = [
    "ADOPT",
    "DOT",
    "LAMB",
    "LANTON",
    "LARS",
    "MARS",
    "MKOR",
    "OASIS",
    "SGD",
    "SGDP",
    "SM3",
    "AMSGrad",
    "AdEMAMix",
    "AdaFisher",
    "AdaFisherW",
    "AdaGradNorm",
    "AdaHessian",
    "AdaMax",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamP",
    "AdamW",
    "Adan",
    "CAdamW",
    "CLion",
    "DistributedLion",
    "EXAdam",
    "Fira",
    "GaLore",
    "GradNormLoRP",
    "LevenbergMarquardt",
    "Lion",
    "Muon",
    "NAdam",
    "NaturalGradient",
    "Optimizer",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "RandomAdamW",
    "RandomSGDM",
    "Rprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Scion",
    "Signum",
    "SophiaG",
    "SophiaH",
    "TrustRegion",
]

class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    Sutskever et al., ICML 2013, in the form of torch.optim.SGD: buf = momentum buf + (1 -
    dampening) g, p -= lr buf; the first step sets buf = g.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Adam(Optimizer):
    """Adam, with weight decay added to the gradient (L2).

    Kingma & Ba, arXiv 1412.6980, algorithm 1: p -= lr mhat / (sqrt(vhat) + eps).
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class AdamW(Optimizer):
    """Adam with decoupled weight decay.

    Loshchilov & Hutter, arXiv 1711.05101, algorithm 2: p *= 1 - lr weight_decay, then Adam.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: _Numbers = 0.01,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class AMSGrad(Optimizer):
    """Adam with the running maximum of the second moment in the denominator.

    Reddi, Kale & Kumar, ICLR 2018, arXiv 1904.09237, algorithm 2, with the bias corrections of
    torch.optim.Adam(amsgrad=True).
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class AdaMax(Optimizer):
    """Adam with an exponentially weighted infinity norm as denominator.

    Kingma & Ba, arXiv 1412.6980, algorithm 2: u = max(beta2 u, |g| + eps), p -= lr / (1 - beta1^t)
    m / u (eps as in torch.optim.Adamax; the paper has none).
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.002,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Adagrad(Optimizer):
    """Adaptive gradient method with an accumulated squared gradient.

    Duchi, Hazan & Singer, JMLR 12 (2011), diagonal form: sum += g^2, p -= lr / (1 + (t - 1)
    lr_decay) g / (sqrt(sum) + eps).
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.01,
        *,
        lr_decay: float = 0.0,
        eps: float = 1e-10,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        initial_accumulator_value: float = 0.0,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Lion(Optimizer):
    """Evolved sign momentum.

    Chen et al., arXiv 2302.06675, algorithm 2: p -= lr sign(beta1 m + (1 - beta1) g), then m =
    beta2 m + (1 - beta2) g; sign(0) = 0.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.0001,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class LAMB(Optimizer):
    """Layer-wise adaptive moments for large batches.

    You et al., arXiv 1904.00962, algorithm 2: r = mhat / (sqrt(vhat) + eps) + weight_decay p, p -=
    lr phi(||p||) / ||r|| r, phi(x) = min(x, max_param_norm). The paper corrects the bias;
    bias_correction=False with max_param_norm=10 is the other public form.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-06,
        bias_correction: bool = True,
        max_param_norm: float = ...,
        weight_decay: _Numbers = 0.01,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class CAdamW(Optimizer):
    """Cautious AdamW.

    Liang et al., arXiv 2411.16085, algorithm 2: AdamW with the update masked by m g > 0 and
    rescaled per tensor.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-06,
        mask_norm: Literal["count", "clamped_mean", "mean_eps"] = "count",
        mask_eps: float = 1e-08,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class CLion(Optimizer):
    """Cautious Lion.

    Liang et al., arXiv 2411.16085: Lion with the update u masked by u g > 0 and rescaled per
    tensor.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.0001,
        *,
        betas: tuple[float, float] = (0.95, 0.98),
        mask_norm: Literal["count", "clamped_mean", "mean_eps"] = "count",
        mask_eps: float = 1e-08,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Adafactor(Optimizer):
    """Adaptive step with a factored second moment and a relative step size.

    Shazeer & Stern, arXiv 1804.04235, algorithms 4 and 5, in the form of torch.optim.Adafactor.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.01,
        *,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 0.001),
        d: float = 1.0,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class NAdam(Optimizer):
    """Adam with Nesterov momentum.

    Dozat, ICLR workshop 2016, algorithm 2, in the form of torch.optim.NAdam: mu_t = beta1 (1 -
    0.96^(t momentum_decay) / 2), M_t = mu_1 ... mu_t, p -= lr ((1 - mu_t) / (1 - M_t) g + mu_(t+1)
    / (1 - M_(t+1)) m) / (sqrt(vhat) + eps). M_t is made of the step count and the present options,
    not kept as a state.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.002,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        momentum_decay: float = 0.004,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class RAdam(Optimizer):
    """Rectified Adam.

    Liu et al., arXiv 1908.03265, algorithm 2, in the form of torch.optim.RAdam: with rho = 2 / (1 -
    beta2) - 1 and rho_t = rho - 2 t beta2^t / (1 - beta2^t), p -= lr mhat r sqrt(1 - beta2^t) /
    (sqrt(v) + eps) where rho_t > 5, with r^2 = (rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2)
    rho_t), and p -= lr mhat before.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class RMSprop(Optimizer):
    """Gradient over its root mean square, with momentum.

    Hinton, Neural Networks for Machine Learning, lecture 6 (2012), in the form of
    torch.optim.RMSprop: s = alpha s + (1 - alpha) g^2, buf = momentum buf + g / (sqrt(s) + eps), p
    -= lr buf; centered (Graves, arXiv 1308.0850, eq. 39): s - a^2 for s, with a = alpha a + (1 -
    alpha) g, and 0 where rounding makes that negative.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-08,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Adadelta(Optimizer):
    """Gradient scaled by the ratio of the root mean squares of steps and gradients.

    Zeiler, arXiv 1212.5701, algorithm 1: s = rho s + (1 - rho) g^2, d = sqrt(a + eps) / sqrt(s +
    eps) g, a = rho a + (1 - rho) d^2, p -= lr d.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 1.0,
        *,
        rho: float = 0.9,
        eps: float = 1e-06,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Rprop(Optimizer):
    """Resilient backpropagation: steps by the sign of the gradient, each element at a size of its
    own.

    Riedmiller & Braun, ICNN 1993, in the form of torch.optim.Rprop: the size grows by etas[1] where
    the gradient keeps its sign and shrinks by etas[0] where it changes, within step_sizes; there
    the element stays and its gradient counts as 0. lr is the size of the first step and has no
    effect later, but in decoupled weight decay.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.01,
        *,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-06, 50.0),
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Signum(Optimizer):
    """Sign of the momentum; signSGD where momentum is 0.

    Bernstein et al., arXiv 1802.04434, algorithm 2: m = momentum m + (1 - momentum) g, p -= lr
    sign(m), sign(0) = 0.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.0001,
        *,
        momentum: float = 0.9,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Adan(Optimizer):
    """Adaptive Nesterov momentum.

    Xie et al., arXiv 2208.06677, algorithm 1, with the authors' bias corrections and their betas,
    which are the shares kept (1 - beta of the paper): m, d and n average g, g - g' and (g + beta2
    (g - g'))^2, g' being the last gradient, p -= lr (mhat + beta2 dhat) / (sqrt(nhat) + eps), then
    p /= 1 + lr weight_decay, or, with no_prox, p *= 1 - lr weight_decay before.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float, float] = (0.98, 0.92, 0.99),
        eps: float = 1e-08,
        no_prox: bool = False,
        weight_decay: _Numbers = 0.0,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class AdEMAMix(Optimizer):
    """AdamW with a mix of a fast and a slow moving average of the gradient.

    Pagliardini, Ablin & Grangier, arXiv 2409.03137, algorithm 1: p -= lr (m1hat + alpha_t m2) /
    (sqrt(vhat) + eps), m2 decaying at beta3_t; over its warm-up alpha_t rises linearly from 0, and
    beta3_t from betas[0] so that its half-life rises linearly (eq. 'theta': the exponential of ln
    b1 ln b3 / ((1 - s) ln b3 + s ln b1), s the share of the warm-up, without the 1e-8 that the
    authors' code adds to betas).
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float, float] = (0.9, 0.999, 0.9999),
        eps: float = 1e-08,
        alpha: float = 5.0,
        alpha_warmup: float = 0.0,
        beta3_warmup: float = 0.0,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class ADOPT(Optimizer):
    """Adam that converges with any beta2.

    Taniguchi et al., arXiv 2411.02853, algorithm 2: v is the first g^2, and from the second step on
    u = clip(g / max(sqrt(v), eps), (t - 1)^(1/4)), m = beta1 m + (1 - beta1) u, p -= lr m, then v =
    beta2 v + (1 - beta2) g^2. Decoupled weight decay acts at the first step too.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.9999),
        eps: float = 1e-06,
        clip: bool = True,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class MARS(Optimizer):
    """AdamW on a variance-reduced gradient.

    Yuan et al., arXiv 2411.10438, algorithm 2 (MARS-AdamW): c = g + gamma beta1 / (1 - beta1) (g -
    g'), c /= max(1, ||c||) per tensor, then AdamW with c for g. g' is the last gradient (the
    approximate form; 0 change at the first step), or, with approximate=False, what last_grad holds:
    the gradient of the present batch at the last parameters.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.003,
        *,
        betas: tuple[float, float] = (0.95, 0.99),
        eps: float = 1e-08,
        gamma: float = 0.025,
        approximate: bool = True,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class RandomSGDM(Optimizer):
    """SGD with momentum whose steps are scaled at random.

    Zhang & Cutkosky, arXiv 2405.09742 (exponentiated O2NC with online mirror descent): d = beta /
    (1 + lr mu) (d - lr g), p += s d, with one s for all tensors, drawn from Exp(1) at every step.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        beta: float = 0.99,
        mu: float = 0.0,
        scaling: Literal["exponential", "uniform", "none"] = "exponential",
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class RandomAdamW(Optimizer):
    """AdamW whose steps are scaled at random.

    Zhang & Cutkosky, arXiv 2405.09742: p -= s lr (mhat / (sqrt(vhat) + eps) + weight_decay p), with
    one s for all tensors, drawn from Exp(1) at every step.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        scaling: Literal["exponential", "uniform", "none"] = "exponential",
        weight_decay: _Numbers = 0.01,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class AdaGradNorm(Optimizer):
    """Adagrad with one accumulator for the norm of the gradient.

    Ward, Wu & Bottou, arXiv 1806.01811, algorithm 1, the step of AdAdaGrad-Norm (Lau, Liu & Kolar,
    arXiv 2402.11215): b^2 += ||g||^2, p -= lr g / (b + eps), the norm being that of the tensor or,
    with scope='list', of all gradients of the call, then without what weight decay adds to them.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 1.0,
        *,
        eps: float = 1e-10,
        scope: Literal["tensor", "list"] = "tensor",
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        initial_accumulator_value: float = 0.0,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class AdamP(Optimizer):
    """AdamW whose step is projected where weights are scale-invariant.

    Heo et al., arXiv 2006.08217, algorithm 2, in the form of the authors' code: u = m / (1 -
    beta1^t) / (sqrt(vhat) + eps); where the cosine of g and p is below delta / sqrt(length) in
    every row (index of the first axis), or else in the whole tensor, u loses in each row, or in the
    tensor, its part along p; then p *= 1 - lr weight_decay, times wd_ratio where u was projected,
    and p -= lr u. nesterov: beta1 m + (1 - beta1) g for m. Tensors of fewer than two dimensions are
    not projected.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        delta: float = 0.1,
        wd_ratio: float = 0.1,
        nesterov: bool = False,
        weight_decay: _Numbers = 0.0,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class SGDP(Optimizer):
    """Momentum SGD whose step is projected where weights are scale-invariant.

    Heo et al., arXiv 2006.08217, algorithm 1, in the form of the authors' code: buf = momentum buf
    + (1 - dampening) g from 0, u = buf or, with nesterov, g + momentum buf; u is projected as in
    AdamP, p *= 1 - lr weight_decay / (1 - momentum), times wd_ratio where u was projected, and p -=
    lr u. Tensors of fewer than two dimensions are not projected.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        eps: float = 1e-08,
        delta: float = 0.1,
        wd_ratio: float = 0.1,
        weight_decay: _Numbers = 0.0,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class SM3(Optimizer):
    """Adagrad in the memory of rows and columns.

    Anil et al., arXiv 1901.11150, SM3-II, with the rows and the columns of each matrix (the last
    two axes) as its cover: v = min(row, column) + g^2, then row and column are the largest v in
    them; u = g / (sqrt(v) + eps), buf = momentum buf + (1 - momentum) u, p -= lr buf. Of a vector,
    a matrix of one column, it is Adagrad. The paper has no eps, and 0 / 0 = 0.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.1,
        *,
        momentum: float = 0.0,
        eps: float = 1e-10,
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = False,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class LARS(Optimizer):
    """Stochastic gradient descent with layer-wise adaptive rates.

    You, Gitman & Ginsburg, arXiv 1708.03888, algorithm 1: per tensor r = trust_coefficient ||p|| /
    (||g|| + weight_decay ||p|| + eps), 1 where ||p|| or ||g|| is 0, buf = momentum buf + lr r (g +
    weight_decay p), p -= buf. The paper has no eps and no nesterov. lr_in_momentum=False is the
    form of optimizers made of torch's SGD: buf = momentum buf + r (g + weight_decay p), p -= lr
    buf.
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 1.0,
        *,
        momentum: float = 0.9,
        nesterov: bool = False,
        trust_coefficient: float = 0.001,
        eps: float = 0.0,
        ratio: Literal["separate", "joint", "clipped", "none"] = "separate",
        lr_in_momentum: bool = True,
        weight_decay: _Numbers = 0.0005,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...

class EXAdam(Optimizer):
    """Adam with cross-moment bias corrections and the gradient beside the momentum.

    Adly, arXiv 2412.20302, algorithm 1: d1 = 1 + v / (v + eps) beta2^t, d2 = 1 + m^2 / (m^2 + eps)
    beta1^t, p -= s (mhat + g / (1 - beta1^t)) d1 / (sqrt(vhat d2) + eps). The step size s is lr,
    or, in the paper's first version, lr ln(sqrt(2) sqrt(t + 1)).
    """

    def __init__(
        self,
        params: _Params,
        lr: _Numbers | None = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        step_size: Literal["constant", "growing"] = "constant",
        weight_decay: _Numbers = 0.0,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...
