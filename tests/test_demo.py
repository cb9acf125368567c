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
    assert {run.optimizer for run in runs} == {"AdamW", "Muon", "Lion", "SGD"}
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


def test_the_command_prints_the_table_and_saves_the_plot(tmp_path):
    for module in ("sklearn", "rich", "matplotlib"):
        pytest.importorskip(module)
    picture = tmp_path / "curves.png"
    done = run("demo", "--epochs", "2", "--plot", str(picture))
    assert done.returncode == 0, done.stderr
    for word in ("AdamW", "Muon", "Lion", "SGD", "Lipschitz", "accuracy", "vs NumPy", str(picture)):
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
