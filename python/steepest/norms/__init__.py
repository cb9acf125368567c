"""Norms of matrices, each an interval, a bound or an estimate that says which it is.

steepest.norms.spectral_norm       interval of the largest singular value, proved in floating point
steepest.norms.conv_spectral_norm  the same interval for a convolution on inputs of one or any size
steepest.norms.conv_spectral_norm_grad  gradient of the Schatten bound of its largest block
steepest.norms.spectral_rescaling  a kernel scaled by channel until it is proved 1-Lipschitz
steepest.norms.lipschitz_bound     of a sequence of layers, with Convolution for some of them
steepest.norms.spectral_norm_grad  gradient of its Schatten bound
steepest.norms.dominant_pair       singular vectors of the largest singular value
steepest.norms.frobenius, schatten, aol_bound  cheaper upper bounds
steepest.norms.power_iteration     lower bound, with a vector to start from the next time
steepest.norms.matrix_nuclear_norm  nuclear norm of representations by column lengths alone
steepest.norms.jacobian_nuclear_surrogate  of a Jacobian, from displaced values of the function
steepest.norms.path_norm           of a ReLU network with Residual and Pooling, from its weights
steepest.norms.streaming_top_eigenvector  of the second moment of a stream of samples
steepest.norms.symmetric_tensor_power  eigenpair of a symmetric tensor
steepest.norms.report              norms of rows, columns, entries and their duals in one read
"""

from __future__ import annotations

from .cheap import aol_bound, frobenius, schatten
from .conv import conv_spectral_norm
from .conv_grad import conv_spectral_norm_grad
from .jacobian import jacobian_nuclear_surrogate
from .lipschitz import Convolution, lipschitz_bound
from .matrix_nuclear import matrix_nuclear_norm
from .path import Residual, path_norm
from .pooling import Pooling
from .power import PowerResult, power_iteration
from .report import NormReport, report
from .rescaling import Rescaled, spectral_rescaling
from .results import NormGradient, NormValue, SingularPair, SpectralBound, SpectralEstimate
from .spectral import dominant_pair, spectral_norm, spectral_norm_grad
from .streaming import StreamingTopEigenvector, streaming_top_eigenvector
from .tensor_power import TensorEigenpair, symmetric_tensor_power

__all__ = [
    "Convolution",
    "NormGradient",
    "NormReport",
    "NormValue",
    "Pooling",
    "PowerResult",
    "Rescaled",
    "Residual",
    "SingularPair",
    "SpectralBound",
    "SpectralEstimate",
    "StreamingTopEigenvector",
    "TensorEigenpair",
    "aol_bound",
    "conv_spectral_norm",
    "conv_spectral_norm_grad",
    "dominant_pair",
    "frobenius",
    "jacobian_nuclear_surrogate",
    "lipschitz_bound",
    "matrix_nuclear_norm",
    "path_norm",
    "power_iteration",
    "report",
    "schatten",
    "spectral_norm",
    "spectral_norm_grad",
    "spectral_rescaling",
    "streaming_top_eigenvector",
    "symmetric_tensor_power",
]
