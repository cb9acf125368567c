"""torch tensors on the CPU: the same memory, every dtype, parameters that require gradients."""

import ml_dtypes
import numpy as np
import pytest
import steepest
from steepest import steps

from .support import ADAMW_STREAMS, AdamWCall, refused

torch = pytest.importorskip("torch")

DTYPES = {
    torch.float32: (torch.int32, np.float32),
    torch.float64: (torch.int64, np.float64),
    torch.bfloat16: (torch.int16, ml_dtypes.bfloat16),
}


def snapshot(tensors):
    return [t.detach().clone() for t in tensors]


def unchanged(tensors, before):
    return all(torch.equal(t.detach(), b) for t, b in zip(tensors, before, strict=True))


def as_torch(a, dtype):
    """A tensor of its own with the bits of a NumPy array."""
    integers = DTYPES[dtype][0]
    bits = a.view(np.dtype(str(integers).removeprefix("torch.")))
    return torch.from_numpy(bits.copy()).view(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_same_bits_as_numpy(dtype):
    call = AdamWCall(shapes=[(3, 5), (7,)], dtype=DTYPES[dtype][1])
    tensors = [[as_torch(a, dtype) for a in stream] for stream in call.streams()]
    addresses = [t.data_ptr() for stream in tensors for t in stream]
    assert steps.adamw(*tensors, step=4) is True and call.step(step=4) is True
    assert addresses == [t.data_ptr() for stream in tensors for t in stream]
    for stream, arrays in zip(tensors, call.streams(), strict=True):
        for tensor, a in zip(stream, arrays, strict=True):
            wanted = as_torch(a, dtype)
            assert torch.equal(tensor.view(DTYPES[dtype][0]), wanted.view(DTYPES[dtype][0]))


def test_half_parameters_and_gradients():
    p, g = torch.ones(5, dtype=torch.float16), torch.full((5,), 0.5, dtype=torch.float16)
    m = torch.zeros(5, dtype=torch.float16)
    with refused(TypeError, "exp_avg", "float16"):
        steps.lion(p, g, m)
    assert torch.equal(p, torch.ones_like(p))
    steps.sgd(p, g, step=1, lr=0.5)
    assert torch.equal(p, torch.full((5,), 0.75, dtype=torch.float16))


def test_parameters_that_require_gradients():
    """`p.sub_(...)` outside no_grad raises for these; the adapter detaches them."""
    leaf = torch.ones(4, requires_grad=True)
    parameter = torch.nn.Parameter(torch.ones(4))
    gradient = torch.full((4,), 0.5, requires_grad=True)
    assert steps.sgd([leaf, parameter], [gradient, gradient], step=1, lr=1.0) is True
    for p in (leaf, parameter):
        assert p.requires_grad and p.is_leaf and (p.detach() == 0.5).all()


def test_gradients_that_autograd_left():
    layer = torch.nn.Linear(3, 2)
    layer(torch.ones(5, 3)).sum().backward()
    params = list(layer.parameters())
    expected = [p.detach() - 0.5 * p.grad for p in params]
    steps.sgd(params, [p.grad for p in params], step=1, lr=0.5)
    assert all(torch.equal(p.detach(), e) for p, e in zip(params, expected, strict=True))


def test_a_step_inside_a_training_loop_is_seen_by_autograd():
    w = torch.nn.Parameter(torch.tensor([3.0]))
    for t in range(1, 4):
        w.grad = None
        (w * w).sum().backward()
        steps.sgd([w], [w.grad], step=t, lr=0.25)
    assert w.item() == 0.375


@pytest.mark.parametrize("name", ADAMW_STREAMS)
@pytest.mark.parametrize("cut", ["columns", "every other", "expanded", "transposed"])
def test_layouts_that_differ(name, cut):
    views = {
        "columns": lambda: torch.ones(4, 8)[:, :4],
        "every other": lambda: torch.ones(8, 4)[::2],
        "expanded": lambda: torch.ones(4, 1).expand(4, 4),
        "transposed": lambda: torch.ones(4, 4).t(),
    }
    tensors = {n: [torch.ones(4, 4)] for n in ADAMW_STREAMS}
    tensors[name] = [views[cut]()]
    flat = [t for stream in tensors.values() for t in stream]
    before = snapshot(flat)
    # Where the parameter is the odd one, any of the others may be called wrong.
    blamed = ADAMW_STREAMS if (name, cut) == ("params", "transposed") else name
    with refused(ValueError, blamed, ("stride", "dense", "layout", "contiguous")):
        steps.adamw(*tensors.values(), step=1)
    assert unchanged(flat, before)


def test_channels_last():
    base = torch.arange(120.0).reshape(2, 3, 4, 5)
    p = base.clone().contiguous(memory_format=torch.channels_last)
    g = torch.ones_like(p)
    assert p.stride() == g.stride() != base.stride()
    steps.sgd(p, g, step=1, lr=1.0)
    assert torch.equal(p, base - 1)
    before = p.clone()
    with refused(ValueError, "grads"):
        steps.sgd(p, torch.ones(2, 3, 4, 5), step=1, lr=1.0)
    assert torch.equal(p, before)


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.complex64, torch.uint8])
def test_other_dtypes(dtype):
    p, g = torch.ones(3, dtype=dtype), torch.ones(3)
    with refused(TypeError, "params"):
        steps.sgd(p, g, step=1)


def test_tensors_without_memory_here():
    """Sparse and meta tensors have no dense memory on the CPU."""
    g = torch.ones(3)
    for bad in (torch.empty(3, device="meta"), torch.eye(3).to_sparse()):
        with refused((steepest.DeviceError, TypeError, ValueError, BufferError), "params"):
            steps.sgd(bad, g, step=1)


def test_lazily_negated_views():
    """A negated lazy view shows other values than its memory holds: refused, never misread."""
    imaginary = torch.tensor([1 + 1j]).conj().imag
    assert imaginary.is_neg() and imaginary.is_contiguous() and imaginary.item() == -1
    with refused((TypeError, ValueError, BufferError), "grads"):
        steps.sgd(torch.ones(1), imaginary, step=1)


def test_tensors_among_numpy_arrays():
    p, g = np.ones(4, np.float32), torch.ones(4)
    steps.sgd(p, g, step=1, lr=0.5)
    steps.sgd(torch.from_numpy(p), np.ones(4, np.float32), step=1, lr=0.25)
    assert (p == 0.25).all()
    with refused(ValueError, "grads", "params", untouched=[p]):
        steps.sgd(p, torch.from_numpy(p), step=1)


def test_a_list_of_parameters_with_gradients_of_none():
    params = [torch.nn.Parameter(torch.ones(2)) for _ in range(3)]
    params[1].grad = torch.ones(2)
    steps.sgd(params, [p.grad for p in params], step=1, lr=0.5)
    assert [p[0].item() for p in params] == [1.0, 0.5, 1.0]


def test_torch_numbers_as_learning_rates():
    (p, q), g = (torch.ones(3), torch.ones(3)), torch.ones(3)
    steps.sgd(p, g, step=1, lr=torch.tensor(0.5))
    steps.sgd(q, g, step=1, lr=0.5)
    assert torch.equal(p, q)
