"""Every optimizer of one native rule trains small models of the UCI digits."""

import numpy as np
import pytest
from reference.curvature import models

from .digits import BATCH, TRAIN, accuracy, made, train
from .support import CLASSES

# Learning rates for the logistic regression and for the network, and options that are no defaults.
RUNS = {
    "SGD": (1.0, 0.1, {"momentum": 0.9}),
    "Adam": (0.1, 0.03, {}),
    "AdamW": (0.1, 0.03, {}),
    "AMSGrad": (0.1, 0.03, {}),
    "AdaMax": (0.2, 0.06, {}),
    "Adagrad": (0.5, 0.15, {}),
    "Lion": (0.02, 0.006, {}),
    "LAMB": (0.05, 0.05, {}),
    "CAdamW": (0.1, 0.03, {}),
    "CLion": (0.02, 0.006, {}),
    "Adafactor": (0.15, 0.15, {}),
    "NAdam": (0.1, 0.03, {}),
    "RAdam": (0.2, 0.2, {}),
    "RMSprop": (0.05, 0.015, {}),
    "Adadelta": (10.0, 3.0, {"eps": 1e-4}),
    "Rprop": (0.01, 0.01, {}),
    "Signum": (0.02, 0.006, {}),
    "Adan": (0.1, 0.03, {}),
    "AdEMAMix": (0.1, 0.02, {"alpha_warmup": 200, "beta3_warmup": 200}),
    "ADOPT": (0.1, 0.03, {}),
    "MARS": (0.1, 0.03, {}),
    "RandomSGDM": (0.5, 0.15, {"beta": 0.9}),
    "RandomAdamW": (0.1, 0.03, {}),
    "AdaGradNorm": (8.0, 2.0, {}),
    "AdamP": (0.1, 0.03, {}),
    "SGDP": (1.0, 0.1, {"momentum": 0.9}),
    "SM3": (0.5, 0.15, {"momentum": 0.9}),
    "LARS": (20.0, 10.0, {}),
    "EXAdam": (0.03, 0.01, {}),
}
# Its step sizes mean something only while all gradients are of one function.
FULL_BATCH = ("Rprop",)


def test_every_class_is_run():
    assert set(RUNS) == {cls.__name__ for cls in CLASSES}


@pytest.mark.parametrize("kind", [models.WideLogistic, models.WideNetwork])
@pytest.mark.parametrize("cls", CLASSES)
def test_digits_are_learned(cls, kind):
    """The images that are held out are by other writers."""
    model, x, y = made(kind)
    params = [p.astype(np.float32) for p in models.initial(model.shapes)]
    assert accuracy(model, params, x, y) < 0.3
    *rates, options = RUNS[cls.__name__]
    opt = cls(params, rates[kind is models.WideNetwork], **options)
    whole = cls.__name__ in FULL_BATCH
    epochs, batch = (210, TRAIN) if whole else (15, BATCH)
    train(model, params, opt, epochs, opt.step, batch)
    assert accuracy(model, params, x, y) >= 0.85
    assert accuracy(model, params, model.x, model.y) >= 0.96
