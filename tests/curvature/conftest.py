"""Settings and models shared by the tests of curvature."""

import pytest
from reference.curvature import models
from steepest import cpu


@pytest.fixture
def every_target():
    """Names of the CPU targets; target and thread count are put back afterwards."""
    target, threads = cpu.active(), cpu.threads()
    yield cpu.targets()
    cpu.use(target)
    cpu.set_threads(threads)


@pytest.fixture(scope="session", params=["logistic", "network"])
def model(request):
    """(parameters, gradient function, exact Hessian) of a model of the digits."""
    pytest.importorskip("sklearn")
    made = models.Logistic() if request.param == "logistic" else models.Network()
    params = models.initial(made.shapes)
    return params, made.gradient, made.hessian(params)
