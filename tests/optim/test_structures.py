"""Parameters and gradients as an array, a list, a dict, named pairs and groups; what is refused."""

import array

import numpy as np
import pytest
from steepest import optim

from .support import copies, make_grads, make_params, same_bits

NAMES = ["weight", "bias", "scale", "filters"]


def stepped(params=None):
    """The parameters after one step from a list, which the other structures must give too."""
    params = make_params() if params is None else params
    optim.AdamW(params, lr=0.1).step(make_grads(1))
    return params


def test_one_array():
    params, grads = make_params(), make_grads(1)
    assert optim.AdamW(params[0], lr=0.1).step(grads[0])
    assert same_bits(params[0], stepped()[0])


def test_a_dict():
    params = dict(zip(NAMES, make_params(), strict=True))
    grads = dict(reversed(list(zip(NAMES, make_grads(1), strict=True))))
    assert optim.AdamW(params, lr=0.1).step(grads)
    assert same_bits(list(params.values()), stepped())


def test_named_pairs_take_both_a_list_and_a_dict():
    for grads in (make_grads(1), dict(zip(NAMES, make_grads(1), strict=True))):
        params = make_params()
        optim.AdamW(zip(NAMES, params, strict=True), lr=0.1).step(grads)
        assert same_bits(params, stepped())


def test_iterators_and_tuples():
    params = make_params()
    optim.AdamW(iter(params), lr=0.1).step(iter(make_grads(1)))
    assert same_bits(params, stepped())
    params = make_params()
    optim.AdamW(tuple(params), lr=0.1).step(tuple(make_grads(1)))
    assert same_bits(params, stepped())


def test_groups_take_a_flat_list():
    params = make_params()
    groups = [{"params": params[0]}, {"params": []}, {"params": params[1:]}]
    optim.AdamW(groups, lr=0.1).step(make_grads(1))
    assert same_bits(params, stepped())


def test_named_groups_take_a_dict():
    params = make_params()
    named = list(zip(NAMES, params, strict=True))
    opt = optim.AdamW([{"params": dict(named[:2])}, {"params": named[2:]}], lr=0.1)
    opt.step(dict(zip(NAMES, make_grads(1), strict=True)))
    assert same_bits(params, stepped())


def test_any_writable_buffer_is_a_parameter():
    values = array.array("f", [1.0, 2.0, 3.0])
    opt = optim.SGD(values, lr=1.0)
    opt.step(np.ones(3, np.float32))
    assert values.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("order", ["C", "F"])
def test_states_take_the_memory_layout_of_the_parameter(order):
    param = np.array(make_params()[3], order=order)
    opt = optim.AdamW([param], lr=0.1)
    state = opt.state_dict()["state"][0]
    assert state["exp_avg"].strides == param.strides
    assert opt.step([np.array(make_grads(1)[3], order=order)])
    assert same_bits(np.ascontiguousarray(param), stepped()[3])


@pytest.mark.parametrize("empty", [[], {}, iter(())])
def test_no_parameter_at_all_is_refused(empty):
    with pytest.raises(ValueError, match="params"):
        optim.AdamW(empty)


@pytest.mark.parametrize("wrong", [3, "w", None, [1.0], {"w": 2.0}, [("w", np.ones(3)), None]])
def test_what_is_no_array_is_refused(wrong):
    with pytest.raises(TypeError, match="params"):
        optim.AdamW(wrong)


def test_groups_and_arrays_do_not_mix():
    params = make_params()
    with pytest.raises(TypeError, match="entry 1"):
        optim.AdamW([{"params": params[0]}, params[1]])
    with pytest.raises(TypeError, match="one group dict"):
        optim.AdamW({"params": params})
    with pytest.raises(TypeError, match="params"):
        optim.AdamW([{"lr": 0.1}])


def test_the_same_array_twice_is_refused():
    params = make_params()
    with pytest.raises(ValueError, match="twice"):
        optim.AdamW([params[0], params[0]])
    with pytest.raises(ValueError, match="twice"):
        optim.AdamW([{"params": params[0]}, {"params": params[0]}])
    with pytest.raises(ValueError, match="weight"):
        named = [{"params": {"weight": p}} for p in params[:2]]
        optim.AdamW([named[0], {"params": params[2]}, named[1]])


@pytest.mark.parametrize("wrong", [lambda g: g[:3], lambda g: g + g[:1], lambda g: []])
@pytest.mark.parametrize("split", [4, 2])
def test_the_wrong_number_of_gradients_is_refused(wrong, split):
    params = make_params()
    before = copies(params)
    groups = [{"params": params[:split]}, {"params": params[split:]}]
    for given in (params, groups):
        with pytest.raises(ValueError, match="grads"):
            optim.AdamW(given).step(wrong(make_grads(1)))
        assert same_bits(params, before)


def test_gradients_in_another_structure_are_refused():
    params, grads = make_params(), make_grads(1)
    named = dict(zip(NAMES, grads, strict=True))
    with pytest.raises(TypeError, match="grads"):
        optim.AdamW(params).step(grads[0])
    with pytest.raises(TypeError, match="names"):
        optim.AdamW(params).step(named)
    opt = optim.AdamW(dict(zip(NAMES, params, strict=True)))
    with pytest.raises(TypeError, match="dict"):
        opt.step(grads)
    with pytest.raises(ValueError, match="bias"):
        opt.step({name: grad for name, grad in named.items() if name != "bias"})
    with pytest.raises(ValueError, match="other"):
        opt.step({**named, "other": grads[0]})


def test_arrays_without_grad_need_grads():
    with pytest.raises(TypeError, match=r"no \.grad"):
        optim.AdamW(make_params()).step()


@pytest.mark.parametrize(("cls", "owner"), [(optim.AdaFisher, "parameter"), (optim.MKOR, "layer")])
def test_statistics_by_name(cls, owner):
    pair = (np.ones(3, np.float32), np.ones(3, np.float32))
    grads = {"w": np.ones((3, 3), np.float32), "v": np.ones((3, 3), np.float32)}
    found = []
    for given in ({"v": pair}, [None, pair]):
        params = {name: np.zeros((3, 3), np.float32) for name in grads}
        opt = cls(params, 0.1)
        wrong = {"u": pair}
        with pytest.raises(ValueError, match=rf"statistics: no {owner} named \['u'\].*'w'"):
            opt.step(grads, wrong)
        opt.step(grads, given)
        found.append(b"".join(p.tobytes() for p in params.values()))
    assert found[0] == found[1] != bytes(len(found[0]))
