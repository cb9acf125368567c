"""Random calls of optimizers, decompositions, convolutional norms, votes and estimators: each one
either raises a documented error and writes nothing, or is what the float64 reference says."""

import hypothesis
import numpy as np
import strategies
from hypothesis import strategies as st
from reference import polar as polar_reference
from reference.norms.conv import conv_sigma
from steepest import curvature, distributed, norms, optim, polar

from .test_family_properties import UNIT, doubles, each, few, is_ordinary, outcome, shapes


def slack(array):
    """Of a decomposition, relative to the norms: iterations in float64 or float32, and one rounding
    of each stored element."""
    arithmetic = UNIT[np.dtype("f8" if array.dtype == np.float64 else "f4")]
    return (200 * arithmetic + 3 * UNIT[array.dtype]) * max(array.shape[-2:]) ** 0.5


def frobenius(stack):
    return np.sqrt((doubles(stack) ** 2).sum(axis=(-2, -1)))


@few
@hypothesis.given(st.data(), st.sampled_from([1, 2]))
def test_optimizers(data, count):
    lists = [[data.draw(strategies.arrays(data.draw(shapes))) for _ in range(count)]]
    lists.append([data.draw(strategies.arrays(p.shape)) for p in lists[0]])
    if data.draw(st.booleans()):
        lists[1] = [np.array(p, order="K") for p in lists[0]]
    params, grads = lists
    ordinary = all(map(is_ordinary, (*params, *grads)))
    before = [(doubles(p), doubles(g)) for p, g in zip(*lists, strict=True)] if ordinary else []
    if outcome(lambda: optim.SGD(params, lr=0.125).step(grads), params, grads) is None:
        return
    assert ordinary
    for p, (old, g) in zip(params, before, strict=True):
        size = np.abs(old) + 0.125 * np.abs(g)
        assert np.all(np.abs(doubles(p) - (old - 0.125 * g)) <= 2 * UNIT[p.dtype] * size)


@few
@hypothesis.given(st.data())
def test_polar_factors(data):
    a = data.draw(strategies.matrices())
    found = outcome(lambda: polar.polar(a), a)
    if found is None:
        return
    assert is_ordinary(a) and found.U.shape == a.shape
    again = doubles(found.U) @ doubles(found.H)
    assert np.all(frobenius(again - doubles(a)) <= slack(a) * frobenius(a))
    assert np.array_equal(found.H, np.swapaxes(found.H, -1, -2))


@few
@hypothesis.given(st.data())
def test_caps(data):
    w = data.draw(strategies.matrices())
    out = data.draw(strategies.outputs(w))
    given = doubles(w) if is_ordinary(w) else None
    found = outcome(lambda: polar.spectral_cap(w, 1.0, out=out), w, out)
    if found is None:
        return
    assert given is not None and (found is out or out is None)
    wanted = each(lambda m: polar_reference.spectral_cap(m, 1.0), given)
    bound = slack(found) * np.maximum(frobenius(given), 1)
    assert np.all(frobenius(doubles(found) - wanted) <= bound)


@few
@hypothesis.given(st.data())
def test_signs_of_symmetric_matrices_are_symmetric(data):
    a = data.draw(strategies.matrices(square=True))
    if data.draw(st.booleans()) and is_ordinary(a) and a.flags.writeable and a.size:
        a = np.array(a)
        a += np.swapaxes(a.copy(), -1, -2)
    symmetric = is_ordinary(a) and np.array_equal(a, np.swapaxes(a, -1, -2))
    found = outcome(lambda: polar.matrix_sign(a), a)
    if found is not None and symmetric:
        assert np.array_equal(found, np.swapaxes(found, -1, -2))


sides = st.integers(0, 3)


@few
@hypothesis.given(st.data(), st.sampled_from(["circular", "zeros"]), sides, st.sampled_from([1, 2]))
def test_convolutions(data, padding, size, groups):
    shape = tuple(data.draw(st.lists(sides, min_size=2, max_size=4)))
    kernel = data.draw(strategies.arrays(shape))
    stride = data.draw(st.integers(0, 2))
    options = {"padding": padding, "stride": stride, "groups": groups}
    found = outcome(lambda: norms.conv_spectral_norm(kernel, size, **options), kernel)
    if found is None or not kernel.size:
        return
    assert is_ordinary(kernel)
    sigma = conv_sigma(doubles(kernel), (size,) * (kernel.ndim - 2), **options)
    rounding = 1e-12 * max(sigma, 1.0)  # of the reference
    assert found.lower <= sigma + rounding and sigma - rounding <= found.upper


@few
@hypothesis.given(st.data(), st.integers(0, 5), st.integers(0, 9))
def test_votes(data, workers, size):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    layouts = (*strategies.LAYOUTS, *strategies.ODD_LAYOUTS)
    kept = rng.integers(0, 256, (workers, size)).astype(np.uint8)
    messages = data.draw(st.sampled_from(layouts))(kept)
    given = np.array(messages)
    found = outcome(lambda: distributed.majority(messages), messages)
    if found is None:
        return
    bits = np.unpackbits(given, axis=1, bitorder="little").astype(int)
    total = 2 * bits.sum(axis=0) - workers
    planes = [np.packbits(plane, bitorder="little") for plane in (total > 0, total < 0)]
    assert found.form == "ternary" and np.array_equal(found.data, np.concatenate(planes))


@few
@hypothesis.given(st.data())
def test_the_diagonal_of_a_diagonal_operator(data):
    """Found exactly by one probe of signs, in any layout of what it is like."""
    like = data.draw(strategies.arrays(data.draw(shapes)))
    diagonal = np.array(like) if is_ordinary(like) else None

    def hvp(z):
        return np.asarray(diagonal * z, dtype=z.dtype)

    found = outcome(lambda: curvature.hutchinson_diag(hvp, like, probes=2), like)
    if found is not None:
        assert np.array_equal(doubles(found.value), doubles(diagonal))
        assert not doubles(found.stderr).any()
