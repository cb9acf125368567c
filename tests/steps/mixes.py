"""Combinations of storage that one rule can run on, and bitwise comparison of what comes out."""

from dataclasses import dataclass, field

import ml_dtypes
import numpy as np

from .support import OF_MATRICES, TABLE, Tensors

BF16 = np.dtype(ml_dtypes.bfloat16)
F16 = np.dtype(np.float16)
F32 = np.dtype(np.float32)
F64 = np.dtype(np.float64)
LENGTHS = (0, 1, 2, 3, 7, 15, 17, 127, 129, 1023, 1025, 4095, 4097, 10007)
MATRICES = ((3, 5), (17, 129), (129, 17), (1, 4097), (4097, 3), (2, 33, 65), (1, 1), (0, 5), (5, 0))


@dataclass(frozen=True)
class Mix:
    """Storage of parameters, gradients, states (in turn, where a rule has several) and working
    copy."""

    params: np.dtype
    grads: np.dtype
    states: tuple = (F32,)
    working_copy: np.dtype | None = None
    rounding: object = "nearest"
    options: dict = field(default_factory=dict)


MIXES = {
    "f32": Mix(F32, F32),
    "f64": Mix(F64, F64, (F64,)),
    "bf16_states": Mix(F32, F32, (BF16,)),
    "bf16_states_stochastic": Mix(F32, F32, (BF16,), rounding="stochastic"),
    "bf16": Mix(BF16, BF16, (BF16,)),
    "bf16_stochastic": Mix(BF16, BF16, (BF16,), rounding="stochastic"),
    "bf16_params": Mix(BF16, F32, (F32, BF16), rounding={"params": "stochastic"}),
    "f16_params": Mix(F16, F16),
    "f16_params_stochastic": Mix(F16, F16, (BF16, F32), rounding="stochastic"),
    "master_bf16": Mix(F32, BF16, (F32,), BF16),
    "master_f16": Mix(F32, F16, (BF16,), F16, {"working_copy": "stochastic"}),
}


def shapes_of(rule):
    return [(n,) for n in LENGTHS] + (list(MATRICES) if rule in OF_MATRICES else [])


def patterns(rng, shape, dtype):
    """Random bits: every exponent alike, so denormals, NaN and infinities among them; at the front
    the special values."""
    size = int(np.prod(shape))
    values = np.frombuffer(rng.bytes(size * dtype.itemsize), dtype).copy()
    special = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, -1.0]
    with np.errstate(all="ignore"):
        values[: min(size, 7)] = np.asarray(special[: min(size, 7)]).astype(dtype)
    return values.reshape(shape)


def ordinary(rng, shape, dtype, positive=False):
    values = rng.standard_normal(shape) * 10.0 ** rng.uniform(-3, 2, shape)
    return np.asarray(np.abs(values) if positive else values).astype(dtype)


class Case:
    """A rule on a mix: arrays filled alike for a given seed. `pattern_shapes` adds tensors of
    random bits."""

    def __init__(self, rule, mix, shapes, pattern_shapes=(), seed=0):
        self.rule, self.mix = rule, mix
        rng = np.random.default_rng(seed)
        fills = [(shape, False) for shape in shapes] + [(shape, True) for shape in pattern_shapes]
        streams = [s["name"] for s in TABLE[rule]["streams"]]
        dtypes = {name: mix.states[k % len(mix.states)] for k, name in enumerate(streams)}
        empty = [np.zeros(shape, mix.params) for shape, _ in fills]
        self.tensors = Tensors(rule, empty, dtypes)
        self.grads = []
        for i, (shape, wild) in enumerate(fills):
            fill = patterns if wild else ordinary
            self.tensors.params[i] = fill(rng, shape, mix.params)
            self.grads.append(fill(rng, shape, mix.grads))
            for arrays in self.tensors.states.values():
                if arrays[i] is not None:
                    # Second moments are positive; what else is stored does not mind.
                    extra = {} if wild else {"positive": True}
                    arrays[i] = fill(rng, arrays[i].shape, arrays[i].dtype, **extra)
        self.copies = None
        if mix.working_copy is not None:
            self.copies = [np.zeros(shape, mix.working_copy) for shape, _ in fills]

    def map(self, function):
        """A case of the same kind whose arrays are function(array, number of its stream)."""
        new = object.__new__(Case)
        new.rule, new.mix = self.rule, self.mix
        new.tensors = self.tensors.copy()

        def apply(arrays, k):
            return [None if a is None else function(a, k) for a in arrays]

        new.tensors.params = apply(self.tensors.params, 0)
        new.grads = apply(self.grads, 1)
        new.tensors.states = {
            name: apply(arrays, 2 + k)
            for k, (name, arrays) in enumerate(self.tensors.states.items())
        }
        new.copies = self.copies and apply(self.copies, 7)
        return new

    def copy(self):
        return self.map(lambda a, k: a.copy())

    def run(self, part=slice(None), ids=None, **options):
        """One step of a part of the list."""
        if self.rule == "sgd":
            options.setdefault("momentum", 0.9)
        if self.copies is not None:
            options["working_copy"] = self.copies[part]
        if ids is not None:
            options["tensor_ids"] = ids
        states = [arrays[part] for arrays in self.tensors.states.values()]
        options = {"step": 3, "rounding": self.mix.rounding, "seed": 12345, **options}
        assert self.tensors.call(self.tensors.params[part], self.grads[part], states, **options)

    def results(self):
        """name -> arrays, of all that a step writes."""
        written = {"params": self.tensors.params, **self.tensors.states}
        if self.copies is not None:
            written["working_copy"] = self.copies
        return written


def bits(a):
    """The array's bits as integers, all NaNs made equal."""
    flat = np.ascontiguousarray(a).reshape(-1)
    pattern = flat.view(f"u{flat.dtype.itemsize}").copy()
    with np.errstate(invalid="ignore"):
        pattern[flat != flat] = np.iinfo(pattern.dtype).max
    return pattern


def assert_same_bits(got, wanted, context):
    for name, arrays in wanted.items():
        for i, (a, b) in enumerate(zip(got[name], arrays, strict=True)):
            if b is None:
                continue
            different = np.flatnonzero(bits(a) != bits(b))
            if different.size:
                k = different[0]
                first, second = np.reshape(a, -1)[k], np.reshape(b, -1)[k]
                raise AssertionError(
                    f"{context}: {name}[{i}] of shape {b.shape}: {different.size} elements differ, "
                    f"first flat {k}: {first!r} and {second!r}"
                )
