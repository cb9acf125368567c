"""The demonstration and the command line."""

import subprocess
import sys

import numpy as np
import pytest
from steepest import __main__ as command_line
from steepest import demo
from steepest.demo.network import Network


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "steepest", *arguments], capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def runs():
    pytest.importorskip("sklearn")
    from steepest.demo import digits

    return list(dict.fromkeys(digits_run for digits_run, _ in digits.all_runs(epochs=3, seed=1)))


def test_every_optimizer_learns_the_digits(runs):
    assert {run.optimizer for run in runs} == {"AdamW", "Muon", "ADAHESSIAN", "Lion", "SGD"}
    for run in runs:
        assert run.accuracy > 0.9, run.optimizer
        assert run.losses[-1] < 0.5 * run.losses[0]


def test_kernels_and_plain_numpy_follow_the_same_losses(runs):
    from steepest.demo import digits

    for run in runs:
        bound = digits.LOSS_BOUND_OF.get(run.optimizer, digits.LOSS_BOUND)
        assert digits.loss_difference(runs, run) <= bound


def test_the_certified_bound_holds(runs):
    from steepest.demo import digits

    for run in runs:
        assert run.lipschitz > 1
    network = Network((5, 7, 3), seed=0)
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, 50, 5)).astype(np.float32)
    stretched = np.linalg.norm(network._forward(x)[-1] - network._forward(y)[-1], axis=1)
    assert (stretched <= digits.lipschitz_bound(network) * np.linalg.norm(x - y, axis=1)).all()


def test_the_gradients_are_those_of_the_loss():
    random = np.random.default_rng(0)
    network = Network((5, 7, 3), seed=0)
    network.params = [random.standard_normal(p.shape) for p in network.params]  # float64
    x, labels = random.standard_normal((11, 5)), random.integers(0, 3, 11)
    _, grads = network.gradients(x, labels)
    h = 1e-6
    for param, grad in zip(network.params, grads, strict=True):
        for i in np.ndindex(param.shape):
            start = param[i]
            param[i] = start + h
            above, _ = network.gradients(x, labels)
            param[i] = start - h
            below, _ = network.gradients(x, labels)
            param[i] = start
            # Central differences: h^2 of truncation, rounding of the loss over h.
            assert abs((above - below) / (2 * h) - grad[i]) < 1e-8


def test_products_are_those_of_the_hessian():
    random = np.random.default_rng(0)
    network = Network((5, 7, 6, 3), seed=0)
    network.params = [random.standard_normal(p.shape) for p in network.params]  # float64
    x, labels = random.standard_normal((11, 5)), random.integers(0, 3, 11)
    start, v = network.params, [random.standard_normal(p.shape) for p in network.params]
    h = 1e-5

    def gradients(t):
        network.params = [p + t * d for p, d in zip(start, v, strict=True)]
        return network.gradients(x, labels)[1]

    above, below = gradients(h), gradients(-h)
    network.params = start
    for a, b, product in zip(above, below, network.hessian_product(x, labels, v), strict=True):
        # Central differences: h^2 of truncation, rounding of the gradient over h.
        assert np.abs((a - b) / (2 * h) - product).max() < 1e-7 * max(1, np.abs(product).max())


def test_the_trace_of_the_hessian_is_estimated_within_its_error():
    from steepest.demo.curved import PROBES, Product, trace_point

    random = np.random.default_rng(1)
    network = Network((4, 6, 3), seed=0)
    x, labels = random.standard_normal((20, 4)).astype(np.float32), random.integers(0, 3, 20)
    product = Product(network, x, labels)
    size = sum(p.size for p in network.params)
    hessian = np.empty((size, size))
    for column, entry in enumerate(np.eye(size, dtype=np.float32)):
        parts = np.split(entry, np.cumsum([p.size for p in network.params])[:-1])
        v = [part.reshape(p.shape) for part, p in zip(parts, network.params, strict=True)]
        hessian[:, column] = np.concatenate([part.ravel() for part in product(v)])
    assert np.abs(hessian - hessian.T).max() < 1e-6 * np.abs(hessian).max()
    at = trace_point(network, x, labels, epoch=3)
    off = hessian - np.diag(np.diag(hessian))
    deviation = np.sqrt(2 * np.square(off).sum() / PROBES)  # of the estimate, for random signs
    assert at.epoch == 3 and product.seconds > 0
    assert abs(at.value - np.trace(hessian)) <= 4 * deviation
    assert 0.3 * deviation <= at.stderr <= 3 * deviation
    assert at.interval[0] < at.value < at.interval[1]
    assert at == trace_point(network, x, labels, epoch=3)


def test_the_trace_is_recorded_along_adahessian(runs):
    from steepest.demo import report

    assert [run for run in runs if run.traces] == [report.traced(runs)]
    run = report.traced(runs)
    assert (run.optimizer, run.implementation) == ("ADAHESSIAN", "steepest")
    assert [at.epoch for at in run.traces] == list(range(run.epochs + 1))
    assert all(np.isfinite([at.value, at.stderr]).all() for at in run.traces)
    rows = report.trace_rows(run)
    assert len(rows) == run.epochs + 1 and rows[0][1] == ""
    assert float(rows[1][1]) == round(run.epoch_losses()[0], 3)


def test_the_command_prints_the_table_and_saves_the_plot(tmp_path):
    for module in ("sklearn", "rich", "matplotlib"):
        pytest.importorskip(module)
    picture = tmp_path / "curves.png"
    done = run("demo", "--epochs", "2", "--plot", str(picture))
    assert done.returncode == 0, done.stderr
    names = ("AdamW", "Muon", "ADAHESSIAN", "Lion", "SGD")
    columns = ("Lipschitz", "accuracy", "vs NumPy", "Trace of the Hessian", "std. error")
    for word in (*names, *columns, str(picture)):
        assert word in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_no_plot(tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("rich")
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["demo", "--epochs", "1", "--no-plot"]) == 0
    assert list(tmp_path.iterdir()) == []
    assert "AdamW" in capsys.readouterr().out


def test_missing_packages_are_named(monkeypatch, capsys):
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda name: None)
    assert command_line.main(["demo"]) == 1
    message = capsys.readouterr().err
    assert "scikit-learn, rich, matplotlib" in message
    assert 'pip install "steepest[demo]"' in message
    assert command_line.main(["demo", "--no-plot"]) == 1
    assert "matplotlib" not in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["demo", "--epochs", "0"], ["demo", "--epochs", "x"], ["train"]])
def test_a_wrong_command_line_exits_with_2(wrong, capsys):
    with pytest.raises(SystemExit) as error:
        command_line.main(wrong)
    assert error.value.code == 2


def test_without_a_command_configuration_and_usage_are_printed():
    done = run()
    assert done.returncode == 0
    for word in ("version", "CPU target active", "demo", "config", "usage"):
        assert word in done.stdout


def test_config():
    done = run("config")
    assert done.returncode == 0 and "CPU targets usable" in done.stdout
