# The native extension. The aliases that begin with an underscore exist for type checkers only.
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NoReturn, Protocol, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

class _SupportsDLPack(Protocol):
    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...

class _SupportsCudaArray(Protocol):
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...

# At run time lists and tuples are told from arrays by their type; other sequences are refused.
_Array: TypeAlias = _SupportsDLPack | _SupportsCudaArray | Buffer
_Arrays: TypeAlias = _Array | Sequence[_Array]
_OptionalArrays: TypeAlias = _Array | Sequence[_Array | None] | None
# On a device arrays of one element, which lie there, stand for numbers.
_Number: TypeAlias = SupportsFloat | _Array
_Numbers: TypeAlias = _Number | Sequence[_Number]
_Step: TypeAlias = SupportsIndex | _Array
_Steps: TypeAlias = _Step | Sequence[_Step]
_Mode: TypeAlias = Literal["nearest", "stochastic"]
_Rounding: TypeAlias = _Mode | dict[str, _Mode]
_TensorIds: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | None

class _HasCudaStream(Protocol):
    @property
    def cuda_stream(self) -> int: ...

class _HasPtr(Protocol):
    @property
    def ptr(self) -> int: ...

class _SupportsCudaStream(Protocol):
    def __cuda_stream__(self) -> tuple[int, int]: ...

_Stream: TypeAlias = int | _HasCudaStream | _HasPtr | _SupportsCudaStream | None

class DeviceError(RuntimeError):
    """A device was asked for that cannot be used, or CUDA reported an error."""

class DeviceFlag:
    """What a call with skip_nonfinite returns on a device: true when the step was applied. Asking
    waits for the device; the answer is that of the latest call of the plan.
    """

    def __bool__(self) -> bool: ...

class Plan:
    """A step whose arrays are checked once and kept; calls bring gradients and options.

    Arguments are the rule's states by name, working_copy, rounding, seed, tensor_ids, and defaults
    for the options of the calls.
    """

    def __init__(self, rule: str, params: _Arrays, **arguments: Any) -> None: ...
    def __call__(self, grads: _OptionalArrays, **options: Any) -> bool | DeviceFlag: ...
    def list_sums(self, grads: _OptionalArrays, **options: Any) -> tuple[float, ...]:
        """The sums over all tensors that keywords of the rule's next step depend on, as its source
        says, of gradients as the step with these options would see them: scaled, clipped, decayed.
        Nothing is written. The same bits for any number of threads, on any target or device; on a
        device the call waits for it. All zero for a step that skip_nonfinite would hold back.

        Raises TypeError for a rule without such sums, ValueError where a state is missing, and what
        a call raises.
        """
    @property
    def rule(self) -> str: ...
    @property
    def last_none_count(self) -> int: ...
    def __reduce__(self) -> NoReturn: ...
    def __copy__(self) -> NoReturn: ...
    def __deepcopy__(self, memo: Any, /) -> NoReturn: ...

class SymbolGrams:
    """Gram matrices of a convolution's blocks in float32, frequencies side by side."""

    def __init__(
        self,
        kernel: NDArray[np.float32],
        waves: NDArray[np.float32],
        row_phases: int,
        col_phases: int,
    ) -> None: ...
    @property
    def estimates(self) -> NDArray[np.float64]: ...
    def lower(self, group: int, frequency: int, tol: float) -> float: ...
    def below(self, sigma: float) -> NDArray[np.bool_]: ...

def rules() -> list[dict[str, Any]]: ...
def bind_rule(name: str, /) -> Callable[..., bool | DeviceFlag]: ...
def bind_stage(name: str, /) -> Callable[..., bool | DeviceFlag]: ...
def run(
    calls: Sequence[tuple[Plan, _OptionalArrays, Mapping[str, Any]]],
    *,
    check_only: bool = False,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    max_tensor_norm: float | None = None,
    max_grad_value: float | None = None,
    skip_nonfinite: bool = False,
    stream: _Stream = None,
) -> bool | DeviceFlag: ...
def list_sums(
    calls: Sequence[tuple[Plan, _OptionalArrays, Mapping[str, Any]]],
    *,
    grad_scale: _Number | None = None,
    max_grad_norm: float | None = None,
    skip_nonfinite: bool = False,
    stream: _Stream = None,
) -> tuple[float, ...]: ...
def grad_norm(
    grads: _OptionalArrays, stream: _Stream = None
) -> tuple[float, NDArray[np.float64], bool]: ...
def clip(
    grads: _OptionalArrays,
    *,
    max_value: float | None = None,
    max_norm: float | None = None,
    per_tensor: bool = False,
    skip_nonfinite: bool = False,
    stream: _Stream = None,
) -> tuple[float, NDArray[np.float64], bool] | None: ...
def clip_copies(
    out: _OptionalArrays,
    grads: _OptionalArrays,
    scales: Sequence[float],
    *,
    max_value: float | None = None,
    stream: _Stream = None,
) -> None: ...
def clip_units(
    grads: _OptionalArrays,
    params: _OptionalArrays,
    *,
    factor: float,
    eps: float,
    axis: int,
    stream: _Stream = None,
) -> None: ...
def device_count() -> int: ...
def device_products() -> str: ...
def last_device_error() -> str: ...
def emulate_device(emulate: bool) -> bool: ...
def emulated_launches() -> list[str]: ...
def version() -> str: ...
def compiler() -> str: ...
def has_cuda() -> bool: ...
def cpu_targets(compiled_only: bool = False) -> tuple[str, ...]: ...
def cpu_active() -> str: ...
def cpu_use(name: str, /) -> None: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int, /) -> None: ...
def stream_ceiling(
    read: Sequence[NDArray[Any]],
    update: Sequence[NDArray[Any]],
    write: Sequence[NDArray[Any]],
    variant: int,
    threads: int,
) -> float: ...
def stream_ceiling_variants() -> tuple[str, ...]: ...
def arithmetic_peak(dtype: str, rounds: int, threads: int) -> tuple[float, float, str]: ...

class CheckedCall:
    """A native call whose arguments are checked, to be run later in memory that may be reserved."""

    def run(self) -> None: ...

class Orthogonalization(CheckedCall):
    def __init__(
        self,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        is_list: bool,
        methods: Sequence[int],
        bounds: Sequence[Sequence[float]],
        coefficients: NDArray[np.float64],
        parts: Sequence[tuple[Sequence[int], int, Sequence[int]]],
        normalization: tuple[int, float],
        stream: Any = None,
    ) -> None: ...

class Normalization(CheckedCall):
    def __init__(
        self,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        name: str,
        is_list: bool,
        manners: Sequence[tuple[int, float, float]],
        moments: Sequence[Any] | None = None,
        beta2: float = 0.0,
        stream: Any = None,
    ) -> None: ...

def reserve(calls: Sequence[CheckedCall]) -> None: ...
def spectral_norms(
    inputs: Sequence[Any],
    is_list: bool,
    method: int,
    iterations: int,
    tol: float,
    with_vectors: bool,
    enough: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32], NDArray[np.float64]]: ...
def spectral_gradients(
    inputs: Sequence[Any], outputs: Sequence[Any], is_list: bool, iterations: int
) -> NDArray[np.float64]: ...
def norm_reports(inputs: Sequence[Any], is_list: bool) -> NDArray[np.float64]: ...
def array_facts(
    object: Any, name: str, index: int, anywhere: bool = False
) -> tuple[tuple[int, ...], str]: ...
def line_sums(x: Any, y: Any | None, axis: int) -> Any: ...
def check_result(object: Any, name: str, like: Any, of: str, shape: Sequence[int]) -> None: ...
def share_memory(a: Any, b: Any) -> bool: ...
def product_shape(product: int, a: Any, b: Any) -> tuple[tuple[int, ...], str]: ...
def multiply(
    product: int,
    a: Any,
    b: Any,
    d: Any,
    out: Any,
    update: tuple[float, float, float],
    sums: NDArray[np.float64] | None,
    stream: Any = None,
) -> None: ...
def combine(
    out: tuple[Any, bool, Sequence[int] | None],
    x: tuple[Any, bool, Sequence[int] | None] | None,
    y: tuple[Any, bool, Sequence[int] | None] | None,
    coefficients: NDArray[np.float64],
) -> None: ...
def compare(
    x: tuple[Any, bool, Sequence[int] | None],
    y: tuple[Any, bool, Sequence[int] | None] | None = None,
) -> NDArray[np.float64]: ...
def work_place(object: Any, name: str, stream: Any = None) -> tuple[bool, int]: ...
def check_place(object: Any, name: str, like: Any, of: str) -> None: ...
def probe_fill(
    outputs: Sequence[Any],
    is_list: bool,
    coordinates: Sequence[tuple[int, int]],
    draw: tuple[int, int, int],
    stream: Any = None,
) -> None: ...
def array_layout(array: Any, name: str) -> tuple[tuple[int, ...], str, int | None]: ...
def mkor_update(
    inverse: _Array,
    v: _Array,
    manner: tuple[int, int, float, float, float],
    largest: float | None,
) -> tuple[float, float, bool, bool]: ...
def probe_accumulate(
    products: Sequence[Any],
    statistics: Sequence[tuple[Any, Any, Any]],
    is_list: bool,
    groups: Sequence[int],
    coordinates: Sequence[tuple[int, int]],
    draw: tuple[int, int, int],
    sample: int,
    stream: Any = None,
) -> tuple[Any, Any]: ...
def sign_pack(
    grads: Sequence[Any],
    exp_avg: Sequence[Any],
    is_list: bool,
    settings: Sequence[tuple[float, float, bool, bool, tuple[int, int, int]]],
    grad_scale: float,
    bits: int,
    message: NDArray[np.uint8],
) -> int: ...
def vote(
    messages: NDArray[np.uint8], bits: int, outcome: int, tie: int, result: NDArray[np.uint8]
) -> None: ...
def vote_step(
    params: Sequence[Any],
    copies: Sequence[Any],
    is_list: bool,
    settings: Sequence[tuple[Any, ...]],
    form: int,
    workers: int,
    planes: int,
    votes: NDArray[np.uint8],
) -> None: ...
def ef21_pack(
    grads: Sequence[Any],
    estimates: Sequence[Any],
    is_list: bool,
    parts: Sequence[tuple[int, int]],
    compressor: int,
    scale: float,
    seed: int,
    step: int,
    message: NDArray[np.uint8],
) -> None: ...
def ef21_add(
    rows: NDArray[np.uint8],
    header: int,
    estimates: Sequence[Any],
    parts: Sequence[tuple[int, int]],
    compressor: int,
    seeds: Sequence[int],
    step: int,
    weights: Sequence[float],
) -> None: ...
def gradient_moments(
    samples: Sequence[Sequence[Any]], is_list: bool
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]: ...
def oasis_measure(
    tensors: Sequence[tuple[Any, Any, Any, Any, Any, Any]],
    weight_decay: Sequence[float],
    beta2: float,
    alpha: float,
    factor: float,
) -> tuple[float, float]: ...
