"""MKOR: gradients preconditioned by inverse Kronecker factors, stepped on by another optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import _core
from .._arrays import Array
from ..polar import arguments
from . import mkor_layers, structure
from .base import Optimizer
from .hybrid import LossSwitch
from .kronecker import Layer, Statistics
from .mkor_settings import SETTINGS, UPDATE, checked, rule_of
from .streams import on_its_stream

_SAVED = "mkor"


class MKOR(Optimizer):
    """Kronecker-factored preconditioning by rank-one updates, before the step of another optimizer.

    Of every layer with weight W, with a the mean over the batch of its inputs and g of the
    gradients of its outputs: at the steps that update inverses L = update(L, g) and
    R = update(R, a) (see `steepest.curvature.mkor_update`), both I at first; at every step
    P = L G R, times ||G|| / ||P||, and the optimizer steps on P instead of G.

    Mozaffari, Li, Zhang and Mehri Dehnavi, NeurIPS 2023, arXiv 2306.01685, algorithm 1, and the
    authors' code, of which the defaults are but for the stabilizer, the article's. Differences from
    the code: the first update starts from I, where the code only sets I; a factor above the
    threshold is stabilised alone, where the code stabilises both of its layer; the norm is that of
    weight and bias together, where the code takes the sum of two; clipped are the means, where the
    code clips their terms; and all is in the layer's precision, where the code keeps half.

        opt = steepest.optim.MKOR([w1, b1, w2, b2], 0.1, momentum=0.9, layers=[(0, 1), (2, 3)])
        opt.step(grads, [(a1, g1), (a2, g2)])

    params : an array, a list or dict of arrays, or a list of group dicts; in host memory or on a
        CUDA device, where a step that updates inverses waits for a few numbers of each.
    lr : learning rate of the optimizer: a number, or one per parameter; None: its default.
    optimizer : class of this module that steps on P, by name: "SGD" (its momentum is 0 unless
        given), "AdamW", "LAMB", or another one of a single rule.
    layers : weights, or pairs (weight, bias), each by name or by position among the parameters of
        all groups. A bias belongs to R as one more input, which is 1. None: every parameter of two
        axes or more is the weight of a layer without a bias. Parameters in no layer go to the
        optimizer with their plain gradients.
    decay, variant, stabilizer, threshold, zeta : as in mkor_update.
    clip : elements of a and g are limited to this magnitude; None: they are not.
    inverse_update_interval : steps of a layer from one update of its inverses to the next.
    warmup_steps : first steps of a layer, each of which updates its inverses.
    rescale : give P the norm of G, of weight and bias together.
    hybrid : MKOR-H, which falls back to the optimizer alone when the loss flattens: the least
        relative decrease of the mean loss from one window of steps to the next that keeps
        second-order steps on (0.01: one per cent). None: never. The article tells the idea but no
        rule, and its code has none: this one is the library's. See also `use_first_order`.
    hybrid_window : steps of a window.
    options : those of the optimizer (momentum, weight_decay, ...), and state_dtype and
        master_weights.

    States: the optimizer's, and of a weight left_inverse (outputs, outputs) and right_inverse
    (inputs, inputs), of inputs + 1 with a bias; float32, or float64 of float64 weights.
    """

    _settings: dict[str, Any]
    _layers: list[Layer]
    _switch: LossSwitch
    _restored: Sequence[Any] | None  # the layers of an object whose groups are yet to be made

    def __init__(
        self,
        params: Any,
        lr: Any = None,
        *,
        optimizer: str = "SGD",
        layers: Sequence[Any] | None = None,
        decay: float = 0.95,
        variant: str = "code",
        stabilizer: str | None = "blend",
        threshold: float = 2.0,
        zeta: float = 0.1,
        clip: float | None = 100.0,
        inverse_update_interval: int = 10,
        warmup_steps: int = 0,
        rescale: bool = True,
        hybrid: float | None = None,
        hybrid_window: int = 100,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        **options: Any,
    ) -> None:
        given = locals()
        self._settings = checked({name: given[name] for name in SETTINGS})
        self._begin(optimizer, layers)
        super().__init__(
            params, lr, state_dtype=state_dtype, master_weights=master_weights, **options
        )
        if layers is not None:
            self._layers = mkor_layers.read(layers, self._groups, self._names)

    @on_its_stream
    def step(
        self,
        grads: structure.Gradients = None,
        statistics: Any = None,
        *,
        loss: Any = None,
        grad_scale: Any = None,
        max_grad_norm: float | None = None,
        max_tensor_norm: float | None = None,
        max_grad_value: float | None = None,
        skip_nonfinite: bool = False,
        stream: Any = None,
    ) -> bool | _core.DeviceFlag:
        """Updates all parameters of all groups, and first the inverses that are due.

        grads, max_grad_norm, max_tensor_norm, max_grad_value, skip_nonfinite : as in
            `steepest.optim.Optimizer.step`; they bound what the optimizer gets.
        statistics : a pair (a, g) or None for each layer: a list in the order of the layers, or a
            dict by the names of their weights that may lack some. a (inputs,) and g (outputs,), of
            any float dtype and finite. g is the mean over the batch of the gradients of one
            example's loss: batch times that of a mean loss. Of a convolution they are means over
            the positions too, a of patches of the inputs. They are read at the steps that update
            inverses (`inverse_due`) and may be left out at all others; a layer that has none then
            keeps its inverses. Of layers on a device they are there, of the same kind.
        loss : of this step, for MKOR-H.
        grad_scale : a number that divides the gradients and g.
        stream : where all work on a device is enqueued; meanwhile the framework's current one, for
            functions of the caller, too. None: that is the one as it is.

        Returns whether the step was applied. Raises as Optimizer.step does, and for statistics of
        another structure, dtype or shape, with a NaN or an infinity, or that make an inverse
        indefinite; and for a layer with only one of its gradients. Then nothing has been changed.
        """
        parts = self._parts(grads)
        keywords = {
            "grad_scale": grad_scale,
            "max_grad_norm": max_grad_norm,
            "max_tensor_norm": max_tensor_norm,
            "max_grad_value": max_grad_value,
            "skip_nonfinite": skip_nonfinite,
        }
        number = self._switch.check(loss)
        if self._switch.thrown:
            return self._run(parts, keywords, stream)
        mkor_layers.check_gradients(parts, self._groups, self._layers)
        due = self._due(parts, statistics, _scale(grad_scale))
        applied = self._preconditioned(parts, due, keywords, stream)
        if applied:
            self._switch.take(number)
        return applied

    @property
    def inverse_due(self) -> bool:
        """Whether the coming step updates the inverses of a layer that then has a gradient and
        statistics."""
        return not self.first_order and any(self._is_due(layer) for layer in self._layers)

    @property
    def first_order(self) -> bool:
        """Whether steps are those of the optimizer alone."""
        return self._switch.thrown

    def use_first_order(self, on: bool = True) -> None:
        """Throws the switch of MKOR-H by hand, or with False puts it back."""
        self._switch.load({"first_order": bool(on), "sum": 0.0, "count": 0, "before": None})

    def state_dict(self) -> dict[str, Any]:
        """That of the optimizer, with the inverses among the states of the weights, and under
        "mkor" in the first group the settings and the switch."""
        made = super().state_dict()
        for layer in self._layers:
            made["state"][layer.weight_at].update(layer.inverses)
        made["param_groups"][0][_SAVED] = {
            "settings": dict(self._settings),
            "switch": self._switch.state(),
        }
        return made

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned; the settings are this object's own.

        Raises as Optimizer.load_state_dict does; then nothing has been changed.
        """
        if self._restored is not None:  # by pickle or copy, which have made the groups now
            self._layers = mkor_layers.read(self._restored, self._groups, self._names)
            self._restored = None
        plain, inverses, switch = mkor_layers.split_state(state_dict, self._layers, _SAVED)
        super().load_state_dict(plain)
        for layer, given in zip(self._layers, inverses, strict=True):
            layer.set_inverses(given)
        self._switch.load(switch)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self._settings.items())
        head = f"optimizer={self.rule.class_name!r}, {len(self._layers)} layers, {settings}"
        return super().__repr__().replace("(\n", f"(\n  {head}\n", 1)

    def __getstate__(self) -> dict[str, Any]:
        pairs = [(layer.weight_at, layer.bias_at) for layer in self._layers]
        own = {
            "settings": self._settings,
            "optimizer": self.rule.class_name,
            "layers": pairs,
            "all_matrices": self._all_matrices,
        }
        return {**super().__getstate__(), _SAVED: own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        own: dict[str, Any] = state[_SAVED]
        self._settings = own["settings"]
        self._begin(own["optimizer"], own["layers"])
        self._restored = own["layers"]
        super().__setstate__({name: value for name, value in state.items() if name != _SAVED})
        self._all_matrices = own["all_matrices"]

    # ---- how a step goes

    def _preconditioned(
        self,
        parts: Sequence[Sequence[Array | None]],
        due: Sequence[tuple[Layer, Statistics]],
        keywords: Mapping[str, Any],
        stream: Any,
    ) -> bool:
        """The step with updated inverses; without a step they are put back."""
        kept = [(layer, layer.copies(), dict(layer.largest)) for layer, _ in due]
        applied = False
        try:
            for layer, given in due:
                layer.update(given, {name: self._settings[name] for name in UPDATE})
            made = mkor_layers.precondition(
                parts, self._groups, self._layers, self._settings["rescale"]
            )
            applied = bool(self._run(made, keywords, stream))
        finally:
            for layer, inverses, largest in kept if not applied else ():
                layer.put_back(inverses, largest)
        return applied

    def _due(
        self, parts: Sequence[Sequence[Array | None]], statistics: Any, scale: float
    ) -> list[tuple[Layer, Statistics]]:
        """The layers that update their inverses at this step, with what they take."""
        given = mkor_layers.of_layers(statistics, self._layers, self._names)
        clip = self._settings["clip"]
        return [
            (layer, mkor_layers.read_statistics(pair, layer, clip, scale))
            for layer, pair in zip(self._layers, given, strict=True)
            if pair is not None
            and self._is_due(layer)
            and mkor_layers.gradient_of(parts, self._groups, layer.weight_at) is not None
        ]

    def _is_due(self, layer: Layer) -> bool:
        """Whether the coming step of a layer updates its inverses."""
        group, place = mkor_layers.where(self._groups, layer.weight_at)
        done = int(group.steps.values()[place])
        interval, warmup = self._settings["inverse_update_interval"], self._settings["warmup_steps"]
        return bool(done % interval == 0 or done < warmup)

    # ---- construction

    def _begin(self, optimizer: str, layers: Sequence[Any] | None) -> None:
        """What must stand before the groups are made."""
        self.rule = rule_of(optimizer)
        self._all_matrices = layers is None
        self._restored = None
        self._layers = []
        self._switch = LossSwitch(self._settings["hybrid"], self._settings["hybrid_window"])

    def _add(self, given: dict[str, Any]) -> None:
        super()._add(given)
        if self._all_matrices:
            self._layers += mkor_layers.of_matrices(self._groups[-1], self._names)


def _scale(given: Any) -> float:
    """What the gradients are divided by."""
    number = 1.0 if given is None else arguments.real("grad_scale", given)
    if number == 0:
        raise ValueError("grad_scale: 0 given, expected another number")
    return number
