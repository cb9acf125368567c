"""Random calls of the families whose arrays are matrices or lists: each one either raises a
documented error and writes nothing, or is what the float64 reference says.

That of steps is test_properties.py. The bits of a result do not depend on the layout: where the
reference has no bound for a dtype, the call on plain copies is it.
"""

import math

import hypothesis
import numpy as np
import strategies
from hypothesis import strategies as st
from reference import polar as polar_reference
from reference.curvature import philox
from reference.norms import report as report_reference
from steepest import curvature, distributed, norms, polar
from steepest.polar import coefficients
from strategies import BF16, FLOATS

ERRORS = (TypeError, ValueError, BufferError)
UNIT = dict(zip(FLOATS, (2.0**-53, 2.0**-24, 2.0**-8, 2.0**-11), strict=True))
profile = hypothesis.settings.get_profile("boundary")
few = hypothesis.settings(profile, max_examples=100)
shapes = st.sampled_from([(), (0,), (7,), (3, 5), (300,)])


def outcome(call, *arrays):
    """What a call returns, or None where it was refused, with everything as it was."""
    before = strategies.memory(*arrays)
    try:
        return call()
    except ERRORS:
        assert strategies.memory(*arrays) == before, "a refused call wrote to an array"
        return None


def doubles(array):
    return np.array(array, np.float64)


def is_ordinary(array):
    return array.dtype in FLOATS and array.dtype.isnative


def close(found, wanted, unit):
    """In norm: the reference says nothing of single elements of an iteration."""
    size = max(np.linalg.norm(wanted), 1e-30)
    return np.linalg.norm(doubles(found) - wanted) <= unit * size


def each(function, stack):
    """Of every matrix of a stack."""
    flat = stack.reshape(math.prod(stack.shape[:-2]), *stack.shape[-2:])
    made = [function(m) for m in flat]
    return np.array(made).reshape(stack.shape) if made else np.zeros(stack.shape)


@few
@hypothesis.given(st.data())
def test_orthogonalize(data):
    g = data.draw(strategies.matrices())
    out = data.draw(strategies.outputs(g))
    given, copy = doubles(g) if is_ordinary(g) else None, np.array(g)
    found = outcome(lambda: polar.orthogonalize(g, "you", out=out), g, out)
    if found is None:
        return
    assert found is out or out is None
    assert found.dtype == g.dtype and found.shape == g.shape
    assert np.array_equal(found, polar.orthogonalize(copy, "you"))
    if UNIT[g.dtype] < 2.0**-20 and g.size:
        triples = coefficients.resolve("you")
        wanted = each(lambda m: polar_reference.orthogonalize(m, triples), given)
        # A step magnifies errors of small singular values by its first coefficient at most.
        assert close(found, wanted, 8 * UNIT[g.dtype] * np.prod(triples[:, 0]))


@few
@hypothesis.given(st.data())
def test_row_norms(data):
    g = data.draw(strategies.matrices())
    out = data.draw(strategies.outputs(g))
    given = doubles(g) if is_ordinary(g) else None
    found = outcome(lambda: polar.oracle(g, "RowNorm", out=out), g, out)
    if found is None:
        return
    wanted = each(polar_reference.row_norm, given) if g.size else given
    assert np.all(np.abs(doubles(found) - wanted) <= 4 * UNIT[g.dtype] * np.abs(wanted))


@few
@hypothesis.given(st.data())
def test_products(data):
    a, b = data.draw(strategies.matrices()), data.draw(strategies.matrices())
    if data.draw(st.booleans()) and a.ndim == 2:
        dtypes = (a.dtype,) if is_ordinary(a) else FLOATS
        b = data.draw(strategies.arrays((a.shape[1], 3), dtypes))
    found = outcome(lambda: polar.products.multiply(a, b), a, b)
    if found is not None:
        wanted = doubles(a) @ doubles(b)
        size = np.abs(doubles(a)) @ np.abs(doubles(b))
        unit = UNIT[np.dtype("f8" if a.dtype == np.float64 else "f4")]
        slack = (a.shape[-1] + 6) * unit * size
        slack += 2.0**-8 * np.abs(wanted) if a.dtype == BF16 else 0
        assert np.all(np.abs(doubles(found) - wanted) <= 1.01 * slack)


@few
@hypothesis.given(st.data())
def test_reports(data):
    w = data.draw(strategies.matrices())
    found = outcome(lambda: norms.report(w), w)
    if found is None or w.ndim != 2 or not w.size:
        return
    for name, value in report_reference.norms(doubles(w)).items():
        assert np.isclose(getattr(found, name), value, rtol=1e-13, atol=0), name


@few
@hypothesis.given(st.data(), st.booleans())
def test_spectral_norms(data, rigorous):
    w = data.draw(strategies.matrices())
    found = outcome(lambda: norms.spectral_norm(w, rigorous=rigorous), w)
    if found is None or not w.size:
        return
    sigma = np.linalg.svd(doubles(w), compute_uv=False).max(axis=-1)
    slack = (1e-12 if rigorous else 1e-4) * sigma
    assert np.all(found.lower <= sigma + slack) and np.all(sigma - slack <= found.upper)


@few
@hypothesis.given(st.data(), st.integers(0, 2**64 - 1))
def test_probes(data, seed):
    like = data.draw(
        strategies.arrays(data.draw(st.sampled_from([(), (0,), (7,), (3, 5), (300,)])))
    )
    out = data.draw(strategies.outputs(like))
    found = outcome(lambda: curvature.rademacher(like, seed, out=out), like, out)
    if found is not None:
        assert found.dtype == like.dtype and found.shape == like.shape
        count = found.size
        wanted = philox.signs(0, count, seed) if count else np.zeros(0)
        assert np.array_equal(doubles(found).reshape(-1), wanted)


@few
@hypothesis.given(st.data())
def test_messages(data):
    shape = data.draw(shapes)
    g, m = (data.draw(strategies.arrays(shape)) for _ in range(2))
    if data.draw(st.booleans()):
        m = g if data.draw(st.booleans()) else np.array(m, order="K")
    ordinary = is_ordinary(g) and is_ordinary(m)
    before = (doubles(g), doubles(m)) if ordinary else None
    found = outcome(lambda: distributed.pack_signs(g, m, betas=(0.5, 0.25)), g, m)
    if found is None:
        return
    one, two = before
    order = "K" if g.flags.c_contiguous else "F"
    direction = (0.5 * two + 0.5 * one).ravel(order)
    wanted = np.packbits(direction >= 0, bitorder="little")
    assert np.array_equal(found.message, wanted)
    assert np.all(np.abs(doubles(m) - (0.25 * two + 0.75 * one)) <= 2.0**-8 * 3)


@few
@hypothesis.given(st.data())
def test_moments_of_gradients(data):
    shape = data.draw(shapes)
    grads = [data.draw(strategies.arrays(shape)) for _ in range(3)]
    found = outcome(lambda: distributed.gradient_moments(grads), grads)
    if found is None:
        return
    stacked = np.stack([doubles(g).reshape(-1) for g in grads])
    mean = stacked.mean(axis=0)
    assert np.isclose(found.mean_square, mean @ mean, rtol=1e-12, atol=1e-20)
    np.testing.assert_allclose(
        found.deviations, ((stacked - mean) ** 2).sum(axis=1), rtol=1e-12, atol=1e-20
    )


@few
@hypothesis.given(st.data())
def test_inverse_updates_are_refused_whole(data):
    """What they give for symmetric positive definite factors is for other tests to say."""
    f = data.draw(strategies.matrices(square=True))
    v = data.draw(strategies.arrays(f.shape[-1:], (f.dtype,) if is_ordinary(f) else FLOATS))
    outcome(lambda: curvature.mkor_update(f, v), f, v)
    assert owner_is_finite(f)


def owner_is_finite(array):
    """Values of this size stay finite whatever was updated."""
    whole = strategies.owner(array)
    return whole.dtype == object or whole.dtype.kind not in "f" or np.isfinite(whole).all()
