"""Lists of tensors under any rule of the native table, and gradients that are hard on them."""

import numpy as np
from kinds import steps
from reference.rounding import DOUBLE, SINGLE, Tracked
from steepest import _core

TABLE = {rule["name"]: rule for rule in _core.rules() if rule["public"]}
RULES = tuple(TABLE)
# The step decides by signs, so a rounding error of a decision variable near 0 is not a small error.
DECIDING = ("lion", "c_lion", "c_adamw", "sophia", "signum")
# Nothing but their own element decides over an element's step.
ELEMENTWISE = tuple(
    r
    for r in RULES
    if r
    not in (
        "lamb",
        "c_adamw",
        "c_lion",
        "adafactor",
        "adafisher",
        "adamuon",
        "mars",
        "adagrad_norm",
        "adamp",
        "sgdp",
        "sm3",
        "lars",
    )
)
# They see a tensor as a matrix.
OF_MATRICES = ("adafactor", "adafisher", "sm3", "adamp", "sgdp")
# They write the parameter without reading it.
WRITTEN = ("momentum", "extrapolate", "adamuon", "grokfast_ema", "grokfast_ma")
# Their gradient is a point.
POINTS = ("interpolate",)
PRECISION = {np.dtype(np.float32): SINGLE, np.dtype(np.float64): DOUBLE}


def state_shape(stream, shape):
    """Shape of a state of a tensor, or None where a tensor of this shape does not have it."""
    matrix = len(shape) >= 2
    if stream["kind"] == "tensor":
        return tuple(1 for _ in shape)
    if stream["form"] == ("vector" if matrix else "matrix"):
        return None
    if not matrix:  # one column
        return tuple(1 for _ in shape) if stream["kind"] == "column" else tuple(shape)
    if stream["kind"] == "row":
        return (*shape[:-1], 1)
    if stream["kind"] == "column":
        return (*shape[:-2], 1, shape[-1])
    return tuple(shape)


class Tensors:
    """params: list of arrays; states: name -> list of arrays, or of None where a tensor has none,
    all of them zero at first, but for inputs like "hessian", in the parameter's dtype or in
    `state_dtypes[name]`."""

    def __init__(self, rule, params, state_dtypes=None):
        self.rule = rule
        self.params = params
        self.states = {}
        for stream in TABLE[rule]["streams"]:
            name, arrays = stream["name"], []
            for p in params:
                shape = state_shape(stream, p.shape)
                dtype = (state_dtypes or {}).get(name, p.dtype)
                arrays.append(None if shape is None else np.zeros(shape, dtype))
            self.states[name] = arrays
        self._draw_hessians()
        self._draw_factors()
        self._draw_second_gradients()

    def _draw_hessians(self):
        """Diagonals of either sign, several orders of magnitude apart."""
        rng = np.random.default_rng(11)
        for a in self.states.get("hessian", ()):
            a[...] = rng.standard_normal(a.shape) * 10.0 ** rng.uniform(-3, 3, a.shape)

    def _draw_factors(self):
        """Means of squares, several orders of magnitude apart."""
        rng = np.random.default_rng(12)
        for name in ("output_factor", "input_factor"):
            for a in self.states.get(name, ()):
                a[...] = rng.uniform(0.5, 1.5, a.shape) * 10.0 ** rng.uniform(-3, 1, a.shape)

    def _draw_second_gradients(self):
        rng = np.random.default_rng(13)
        for a in self.states.get("kd_grad", ()):
            a[...] = rng.standard_normal(a.shape)

    def step(self, grads, **options):
        return self.call(self.params, grads, list(self.states.values()), **options)

    def call(self, params, grads, states, **options):
        """The rule on other arrays. SGD without momentum has no buffer."""
        if self.rule == "sgd" and not options.get("momentum"):
            states = [None]
        return getattr(steps, self.rule)(params, grads, *states, **options)

    def copy(self):
        new = Tensors(self.rule, [p.copy() for p in self.params])
        new.states = {
            name: [None if a is None else a.copy() for a in arrays]
            for name, arrays in self.states.items()
        }
        return new

    def arrays(self):
        """Every array that a step writes."""
        return [*self.params, *(a for s in self.states.values() for a in s if a is not None)]

    def tensor_states(self):
        """One dict per tensor: state name -> array, where the tensor has one."""
        return [
            {name: arrays[i] for name, arrays in self.states.items() if arrays[i] is not None}
            for i in range(len(self.params))
        ]


def tracked(x, dtype=None):
    """x as it is, in the precision that computes with its dtype."""
    precision = PRECISION[np.dtype(dtype or x.dtype)]
    return Tracked(np.asarray(x, np.float64), 0.0, precision)


def random_params(rng, shapes, dtype):
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]


# ---- gradients
# ------------------------------------------------------------------------------------------


def normal(rng, shape, t, limits):
    return rng.standard_normal(shape)


def scales(rng, shape, t, limits):
    """Each element at its own order of magnitude, a new one at every step."""
    return rng.standard_normal(shape) * 10.0 ** rng.uniform(*limits, shape)


def extremes(rng, shape, t, limits):
    """1e-30 and 1e30 next to ordinary elements. In single the squares of 1e30 are infinite."""
    return np.asarray(rng.choice([-1e30, 1e30, 1e-30, -1e-30, 0.5, 2.0], shape))


def alternating(rng, shape, t, limits):
    """The sign flips at every step, so first moments cancel."""
    return (-1.0) ** t * (1 + 0.1 * rng.standard_normal(shape))


def sparse(rng, shape, t, limits):
    return rng.standard_normal(shape) * (rng.random(shape) < 0.1)


def zeros(rng, shape, t, limits):
    return np.zeros(shape)


def denormal(rng, shape, t, limits):
    """All sizes below the smallest normal of the dtype."""
    smallest, bits = (2.0**-149, 23) if limits[0] > -100 else (2.0**-1074, 52)
    return rng.integers(-(2**bits), 2**bits, shape) * smallest


FAMILIES = (normal, scales, extremes, alternating, sparse, zeros, denormal)
# An orthogonalised direction has neither huge elements nor tiny ones only.
FAMILIES_OF = {"adamuon": (normal, alternating, sparse, zeros)}


def pairs(rules, families):
    """Every rule with every family that it may meet."""
    return [(r, f) for r in rules for f in families if f in FAMILIES_OF.get(r, FAMILIES)]


def decades(rule, dtype):
    """Range of exponents of `scales`: within it no order of operations overflows, or underflows to
    a step that differs, in single."""
    if dtype == np.float64:
        return (-150.0, 30.0)
    # Products of four gradients (row times column mean of squares), of two, of one.
    return {"adafactor": (-8.0, 8.0), "sgd": (-30.0, 30.0), "lion": (-30.0, 30.0)}.get(
        rule, (-18.0, 18.0)
    )
