# Written by `python -m steepest._stubgen` from the native rule table. Do not edit.
from collections.abc import Iterable, Mapping
from typing import Any, Literal, SupportsIndex, TypeAlias

from .._core import _Array, _Numbers, _Rounding
from .adafisher import AdaFisher as AdaFisher
from .adafisher import AdaFisherW as AdaFisherW
from .adahessian import AdaHessian as AdaHessian
from .base import Optimizer as Optimizer
from .lanton import LANTON as LANTON
from .marquardt import LevenbergMarquardt as LevenbergMarquardt
from .mkor import MKOR as MKOR
from .muon import Muon as Muon
from .natural import NaturalGradient as NaturalGradient
from .oasis import OASIS as OASIS
from .scion import Scion as Scion
from .sophia import SophiaG as SophiaG
from .sophia import SophiaH as SophiaH
from .trust_region import TrustRegion as TrustRegion

_Entry: TypeAlias = _Array | tuple[str, _Array] | Mapping[str, Any]
_Params: TypeAlias = _Array | Mapping[str, _Array] | Iterable[_Entry]

__all__ = [
    "LAMB",
    "LANTON",
    "MKOR",
    "OASIS",
    "SGD",
    "AMSGrad",
    "AdaFisher",
    "AdaFisherW",
    "AdaHessian",
    "AdaMax",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "CAdamW",
    "CLion",
    "LevenbergMarquardt",
    "Lion",
    "Muon",
    "NaturalGradient",
    "Optimizer",
    "Scion",
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
        maximize: bool = False,
        rounding: _Rounding = "nearest",
        seed: SupportsIndex = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None: ...
