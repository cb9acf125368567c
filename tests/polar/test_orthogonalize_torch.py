"""orthogonalize on torch tensors in host memory."""

import numpy as np
import pytest
from steepest.polar import orthogonalize

torch = pytest.importorskip("torch")

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def draw(shape, dtype):
    return torch.from_numpy(np.random.default_rng(9).standard_normal(shape)).to(dtype)


@by_dtype
@pytest.mark.parametrize("shape", [(12, 20), (20, 12), (2, 3, 4, 9), (1, 7), (0, 3)], ids=str)
def test_tensors(dtype, shape):
    import ml_dtypes

    g = draw(shape, dtype)
    before = g.clone()
    result = orthogonalize(g)
    assert isinstance(result, torch.Tensor) and result.is_contiguous()
    assert result.dtype == dtype and result.shape == g.shape and result.device.type == "cpu"
    assert torch.equal(g, before)
    name = str(dtype).removeprefix("torch.")
    array = g.double().numpy().astype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    wanted = torch.from_numpy(orthogonalize(array).astype(np.float64)).to(dtype)
    assert torch.equal(result, wanted)


@by_dtype
def test_layouts_and_outputs(dtype):
    g = draw((12, 20), dtype)
    wanted = orthogonalize(g)
    assert torch.equal(orthogonalize(g.T), wanted.T)
    out = torch.ones_like(g)
    assert orthogonalize(g, out=out) is out and torch.equal(out, wanted)
    strided = torch.ones((24, 40), dtype=dtype)[::2, ::2]
    assert orthogonalize(g, out=strided) is strided and torch.equal(strided, wanted)
    assert orthogonalize(g, out=g) is g and torch.equal(g, wanted)


def test_tensors_that_require_gradients():
    leaf = torch.nn.Parameter(draw((4, 6), torch.float32))
    result = orthogonalize(leaf)
    assert torch.equal(result, orthogonalize(leaf.detach())) and not result.requires_grad


def test_a_list_of_both_kinds():
    tensor, array = draw((4, 6), torch.float32), np.ones((3, 5))
    first, second = orthogonalize([tensor, array])
    assert isinstance(first, torch.Tensor) and isinstance(second, np.ndarray)
    assert torch.equal(first, orthogonalize(tensor))
    assert np.array_equal(second, orthogonalize(array))


def test_refused():
    g = draw((4, 6), torch.float32)
    out = torch.ones_like(g)
    with pytest.raises(TypeError, match=r"^G: .*64 bits"):
        orthogonalize(g.long())
    with pytest.raises(ValueError, match=r"^G: .*1 dimensions"):
        orthogonalize(g[0])
    with pytest.raises(TypeError, match=r"^out: .*float64"):
        orthogonalize(g, out=out.double())
    with pytest.raises(ValueError, match=r"^out: .*shared with G"):
        orthogonalize(g[:3], out=g[1:])
    assert torch.equal(out, torch.ones_like(g)) and torch.equal(g, draw((4, 6), torch.float32))
