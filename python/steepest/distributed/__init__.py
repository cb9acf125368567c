"""What workers that train together send each other, and what their gradients say of the batch size.

Distributed Lion, one bit per element; `steepest.optim.DistributedLion` keeps states and options:

    packed = steepest.distributed.pack_signs(grads, exp_avg)      # on every worker
    votes = steepest.distributed.majority(messages)               # messages: one row per worker
    steepest.distributed.apply_votes(params, votes, lr=1e-4)      # on every worker

EF21, compressed gradients whose error is fed back:

    message = steepest.distributed.EF21Worker(params, TopK(0.01), worker=rank).pack(grads)
    mean = steepest.distributed.EF21Aggregate(params, TopK(0.01)).add(messages)

Batch sizes, from gradients of samples or workers: `norm_test`, `inner_product_test`.

Messages are NumPy arrays of bytes; MPI, NCCL or torch.distributed carry them. Arrays of floats may
be NumPy arrays, torch CPU tensors or anything else in host memory that speaks DLPack.
"""

from __future__ import annotations

from .batch_size import (
    InnerProductTest,
    Moments,
    NormTest,
    gradient_moments,
    inner_product_test,
    norm_test,
)
from .compressors import Compressor, RandomK, ScaledSign, TopK
from .ef21 import EF21Aggregate, EF21Worker
from .signs import Packed, message_size, pack_signs
from .votes import Votes, apply_votes, majority, mean, planes_of

__all__ = [
    "Compressor",
    "EF21Aggregate",
    "EF21Worker",
    "InnerProductTest",
    "Moments",
    "NormTest",
    "Packed",
    "RandomK",
    "ScaledSign",
    "TopK",
    "Votes",
    "apply_votes",
    "gradient_moments",
    "inner_product_test",
    "majority",
    "mean",
    "message_size",
    "norm_test",
    "pack_signs",
    "planes_of",
]
