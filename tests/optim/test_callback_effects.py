"""Functions given to a step that move the parameters' memory, change options or add to gradients;
and what a state_dict handed out before holds after it."""

import numpy as np
import pytest
from steepest import optim

from .support import copies, random, same_bits

SCALES = np.array([1.0, 10.0, 100.0])


def torch_twins():
    """A torch parameter at (1, 2, 3), and a NumPy array with the same elements."""
    torch = pytest.importorskip("torch")
    start = np.array([1.0, 2.0, 3.0])
    return torch, torch.nn.Parameter(torch.from_numpy(start.copy())), start


def numpy_steps(make, start, steps):
    params = start.copy()
    opt = make([params])
    for _ in range(steps):
        keywords = {}
        if isinstance(opt, optim.OASIS):
            keywords["previous_grads"] = lambda at: [SCALES * at[0]]
        opt.step([SCALES * params], lambda z: [SCALES * z[0]], **keywords)
    return params, opt


def test_previous_gradients_by_parameters_of_other_memory():
    """As torch.nn.utils.vector_to_parameters gives them."""
    torch, param, start = torch_twins()
    wanted, twin = numpy_steps(optim.OASIS, start, 4)
    scales = torch.from_numpy(SCALES)
    opt = optim.OASIS([param])

    def previous(at):
        now = param.detach().clone()
        param.data = at[0].clone()
        gradient = scales * param.detach()
        param.data = now
        return [gradient]

    for _ in range(4):
        opt.step([scales * param.detach()], lambda z: [scales * z[0]], previous_grads=previous)
    assert same_bits(param.detach().numpy(), wanted)
    assert (opt.lr, opt.param_groups[0]["theta"]) == (twin.lr, twin.param_groups[0]["theta"])


def test_options_changed_by_previous_gradients():
    params = np.ones(3)
    opt = optim.OASIS([params])
    for seed in range(3):

        def previous(at, seed=seed):
            opt.param_groups[0]["seed"] = seed
            return [SCALES * at[0]]

        before = params.copy()
        assert opt.step([SCALES * params], hessian=[SCALES], previous_grads=previous) is True
        assert same_bits(opt.previous_params[0], before)


@pytest.mark.parametrize("make", [optim.OASIS, optim.AdaHessian], ids=lambda m: m.__name__)
def test_functions_that_add_to_the_gradients(make):
    """backward() in a function leaves its gradients in .grad, on top of those of the step."""
    torch, param, start = torch_twins()
    wanted, _ = numpy_steps(make, start, 3)
    scales = torch.from_numpy(SCALES)
    opt = make([param])

    def loss(at):
        return 0.5 * (scales * at * at).sum()

    def product(z):
        loss(param).backward()
        return [scales * z[0]]

    def previous(at):
        now = param.detach().clone()
        with torch.no_grad():
            param.copy_(at[0])
        kept = param.grad.clone()
        loss(param).backward()
        with torch.no_grad():
            param.copy_(now)
        return [param.grad - kept]

    for _ in range(3):
        param.grad = None
        loss(param).backward()
        keywords = {"previous_grads": previous} if make is optim.OASIS else {}
        opt.step(None, product, **keywords)
    # Its gradient is a difference of sums here, which rounds by a few units of 300.
    assert np.abs(param.detach().numpy() - wanted).max() <= 3 * 1e3 * 2.0**-53


def test_arrays_of_a_state_dict_stay_the_optimizers_own():
    param = random((4, 3), 1)
    oasis = optim.OASIS([param])
    held = oasis.state_dict()["state"][0]["previous_param"]
    for _ in range(2):
        before = param.copy()
        oasis.step([param.copy()], hessian=[np.ones_like(param)], previous_grads=lambda at: at)
        assert same_bits(held, before)


def test_a_skipped_step_leaves_inverses_of_a_state_dict():
    params = [random((4, 3), 1)]
    opt = optim.MKOR(params, 0.1, inverse_update_interval=1)
    statistics = [(random((3,), 2), random((4,), 3))]
    opt.step([random((4, 3), 4)], statistics)
    held = opt.state_dict()["state"][0]
    before = copies([held["left_inverse"], held["right_inverse"]])
    bad = np.full((4, 3), np.nan, np.float32)
    assert opt.step([bad], statistics, skip_nonfinite=True) is False
    assert same_bits([held["left_inverse"], held["right_inverse"]], before)
    opt.step([random((4, 3), 5)], statistics)
    assert not same_bits(held["left_inverse"], before[0]), "they are the optimizer's own"


def test_the_hybrid_goes_on_from_longer_windows():
    params, statistics = [random((4, 3), 1)], [(np.ones(3), np.ones(4))]
    long = optim.MKOR(params, 0.1, hybrid=0.05, hybrid_window=100)
    for _ in range(80):
        long.step([np.zeros((4, 3), np.float32)], statistics, loss=1.0)
    short = optim.MKOR(params, 0.1, hybrid=0.05, hybrid_window=50)
    short.load_state_dict(long.state_dict())
    for k in range(51):
        assert not short.first_order, k
        short.step([np.zeros((4, 3), np.float32)], statistics, loss=1.0)
    assert short.first_order


@pytest.mark.parametrize(
    "wrong", [{"count": -1}, {"count": 1.5}, {"first_order": 1}], ids=lambda w: "".join(w)
)
def test_a_state_of_the_switch_that_is_none(wrong):
    opt = optim.MKOR([random((4, 3), 1)], 0.1)
    saved = opt.state_dict()
    saved["param_groups"][0]["mkor"]["switch"].update(wrong)
    with pytest.raises(ValueError, match=r"mkor\['switch'\].*expected a bool for first_order"):
        opt.load_state_dict(saved)
