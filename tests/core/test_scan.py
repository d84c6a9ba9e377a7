"""Every implementation of the selective scan equals its definition; the definition equals closed forms."""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
import torch
from torch import Tensor

from almrr_core.models.scan import PARITY_LIMIT, ScanPath, available_paths, cuda, parity, selective_scan
from almrr_core.models.scan.dispatch import scan_of

FAST = [path for path in available_paths() if path in (ScanPath.CHUNKED, ScanPath.NUMBA)]
ON_DEVICES = [(path, "cpu") for path in FAST]
if torch.cuda.is_available():
    ON_DEVICES += [
        (path, "cuda") for path in available_paths() if path in (ScanPath.CHUNKED, ScanPath.MAMBA_SSM)
    ]
# batch, channels, steps, states: one, a lane more than a block, odd lengths, a segment's end and one past
SHAPES = [(1, 70, 37, 16), (5, 3, 129, 4), (2, 64, 16, 16), (1, 65, 17, 5), (5, 130, 1, 2), (1, 1, 2, 3)]


@pytest.fixture
def seed() -> int:
    return secrets.randbits(32)


def inputs(seed: int, shape: tuple[int, ...], gate: bool = True, bias: bool = True) -> list[Tensor | None]:
    batch, channels, length, states = shape
    random = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=random)

    big, small = (batch, channels, length), (batch, states, length)
    A = -normal(channels, states).exp()
    z, delta_bias = normal(*big) if gate else None, normal(channels) - 1 if bias else None
    return [normal(*big), normal(*big), A, normal(*small), normal(*small), normal(channels), z, delta_bias]


def run(path: ScanPath, given: list[Tensor | None], softplus: bool, device: str = "cpu") -> list[Tensor]:
    """The output and the gradients of all given inputs, of a sum weighted unevenly."""
    leaves = [None if t is None else t.to(device).requires_grad_() for t in (clone(t) for t in given)]
    out = scan_of(path)(*leaves, delta_softplus=softplus)
    weight = torch.linspace(-1, 2, out.numel(), device=device).sin().view_as(out)
    wanted = [t for t in leaves if t is not None]
    return [out.detach(), *torch.autograd.grad((out * weight).sum(), wanted)]


def clone(t: Tensor | None) -> Tensor | None:
    return None if t is None else t.detach().clone()


def difference(ours: Tensor, wanted: Tensor) -> float:
    assert ours.shape == wanted.shape
    assert torch.isfinite(ours).all()
    return float((ours - wanted).abs().max() / wanted.abs().max().clamp_min(1e-20))


def assert_equal(
    path: ScanPath, given: list[Tensor | None], softplus: bool, note: str, device: str = "cpu"
) -> None:
    ours, wanted = (run(p, given, softplus, device) for p in (path, ScanPath.REFERENCE))
    assert difference(ours[0], wanted[0]) <= 1e-4, note
    # D reaches the loss through D u z alone, A not at all when there is one step: nothing to be relative to
    names = [
        n
        for n, t in zip(("u", "delta", "A", "B", "C", "D", "z", "bias"), given, strict=True)
        if t is not None
    ]
    for name, a, b in zip(names, ours[1:], wanted[1:], strict=True):
        if name == "A" and given[0] is not None and given[0].shape[2] == 1:
            assert a.abs().max() == 0 == b.abs().max(), note
        else:
            assert difference(a, b) <= 1e-3, f"gradient of {name}, {note}"


def test_reference_equals_the_closed_form_of_a_constant_input() -> None:
    length, step, a = 20, 0.3, -0.7
    ones = torch.ones(1, 1, length, dtype=torch.float64)
    A = torch.full((1, 1), a, dtype=torch.float64)
    z = torch.linspace(-3, 3, length, dtype=torch.float64).view(1, 1, -1)
    D = torch.full((1,), 0.5, dtype=torch.float64)
    raw = torch.full((1, 1, length), step, dtype=torch.float64).expm1().log()  # softplus gives step back
    out = scan_of(ScanPath.REFERENCE)(ones, raw - 2, A, ones, 2 * ones, D, z, torch.full((1,), 2.0), True)
    decay = torch.tensor(a * step, dtype=torch.float64).exp()
    h = step * (1 - decay ** torch.arange(1, length + 1)) / (1 - decay)
    assert torch.allclose(out, (2 * h + 0.5) * z * z.sigmoid(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("path, device", ON_DEVICES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_equal_the_reference(
    path: ScanPath, device: str, shape: tuple[int, ...], seed: int
) -> None:
    assert_equal(path, inputs(seed, shape), True, f"seed {seed}", device)


@pytest.mark.parametrize("path", FAST)
@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("softplus", [False, True])
def test_every_option_equals_the_reference(
    path: ScanPath, gate: bool, bias: bool, softplus: bool, seed: int
) -> None:
    given = inputs(seed, (2, 67, 35, 16), gate, bias)
    if not softplus:  # a raw step must not be negative, or states grow without bound
        given[1], given[7] = abs(given[1]), abs(given[7]) if bias else None
    assert_equal(path, given, softplus, f"seed {seed}")


@pytest.mark.parametrize("path", FAST)
def test_large_steps_underflow_and_tiny_ones_keep_their_digits(path: ScanPath, seed: int) -> None:
    given = inputs(seed, (2, 66, 75, 16))
    given[1] = given[1] * 60  # Δ from e**-150 to 150, Δ|A| to thousands
    assert_equal(path, given, True, f"seed {seed}")
    given[1] = given[1] / 60 - 12  # Δ near 1e-6, where softplus must be right relatively
    assert_equal(path, given, True, f"seed {seed}")


def test_chunked_gradients_equal_finite_differences() -> None:
    given = [t.double().requires_grad_() for t in inputs(3, (2, 3, 7, 2)) if t is not None]

    def scan(*tensors: Tensor) -> Tensor:
        return selective_scan(*tensors, delta_softplus=True)  # float64 goes to the chunked path

    assert torch.autograd.gradcheck(scan, given)


@pytest.mark.parametrize("path", FAST)
def test_not_a_number_shows_where_it_acts(path: ScanPath) -> None:
    given = inputs(1, (1, 20, 30, 4))
    given[0][0, 7, 11] = float("nan")
    out = scan_of(path)(*given, delta_softplus=True)
    bad = torch.zeros(1, 20, 30, dtype=torch.bool)
    bad[0, 7, 11:] = True
    assert torch.equal(out.isnan(), bad)


@pytest.mark.parametrize("path", FAST)
def test_layout_of_memory_does_not_matter(path: ScanPath, seed: int) -> None:
    given = inputs(seed, (2, 20, 30, 4))
    turned = [t.mT.contiguous().mT if t is not None and t.dim() > 1 else t for t in given]
    for a, b in zip(run(path, turned, True), run(path, given, True), strict=True):
        assert difference(a, b) <= 1e-6, f"seed {seed}"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a thread's priority")
@pytest.mark.skipif(ScanPath.NUMBA not in FAST, reason="numba is not installed")
def test_a_thread_that_gives_way_lends_its_workers_to_no_other() -> None:
    from almrr_core.models.scan.numba_cpu import _Pool

    pool, own = _Pool(), os.getpriority(os.PRIO_PROCESS, 0)

    def niceness_of_workers(niceness: int) -> int:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)  # of this thread alone
        return pool.get().submit(os.getpriority, os.PRIO_PROCESS, 0).result()

    lower = min(own + 3, 19)
    for niceness in (lower, own, lower):
        with ThreadPoolExecutor(1) as caller:
            assert caller.submit(niceness_of_workers, niceness).result() == niceness


@pytest.mark.parametrize("path", FAST)
def test_only_inputs_and_sparse_checkpoints_are_kept_for_the_backward(path: ScanPath) -> None:
    shape = (2, 128, 128, 16)
    given = [t.requires_grad_() for t in inputs(0, shape) if t is not None]
    kept: list[int] = []

    def note(t: Tensor) -> Tensor:
        kept.append(t.numel())
        return t

    with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        scan_of(path)(*given, delta_softplus=True)
    assert max(kept) <= torch.Size(shape).numel() // 16


@pytest.mark.skipif(ScanPath.NUMBA not in FAST, reason="numba is not installed")
class TestNumba:
    def test_result_does_not_depend_on_threads_or_gradients(self, seed: int) -> None:
        given = inputs(seed, (2, 384, 64, 16))
        before = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            one = run(ScanPath.NUMBA, given, True)
            torch.set_num_threads(5)
            five = run(ScanPath.NUMBA, given, True)
        finally:
            torch.set_num_threads(before)
        assert all(torch.equal(a, b) for a, b in zip(one, five, strict=True)), f"seed {seed}"
        assert torch.equal(scan_of(ScanPath.NUMBA)(*given, delta_softplus=True), one[0]), f"seed {seed}"

    def test_many_python_threads_at_once(self, seed: int) -> None:
        sets = [inputs(seed + i, (2, 384, 40, 16)) for i in range(6)]
        alone = [run(ScanPath.NUMBA, given, True) for given in sets]
        with ThreadPoolExecutor(6) as pool:
            together = list(pool.map(lambda given: run(ScanPath.NUMBA, given, True), sets * 3))
        for a, b in zip(alone * 3, together, strict=True):
            assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True)), f"seed {seed}"


class TestDispatch:
    def test_takes_an_available_path_and_its_result_is_the_reference(self, seed: int) -> None:
        given = inputs(seed, (1, 20, 30, 4))
        out = selective_scan(*given, delta_softplus=True)
        wanted = scan_of(ScanPath.REFERENCE)(*given, delta_softplus=True)
        assert difference(out, wanted) <= 1e-4, f"seed {seed}"
        best = ScanPath.NUMBA if ScanPath.NUMBA in FAST else ScanPath.CHUNKED
        assert torch.equal(out, scan_of(best)(*given, delta_softplus=True)), f"seed {seed}"

    def test_half_precision_is_computed_in_float32(self, seed: int) -> None:
        given = inputs(seed, (1, 20, 30, 4))
        given[0] = given[0].bfloat16()
        with torch.autocast("cpu", torch.bfloat16):
            out = selective_scan(*given, delta_softplus=True)
        wanted = selective_scan(given[0].float(), *given[1:], delta_softplus=True)
        assert out.dtype == torch.bfloat16
        assert torch.equal(out, wanted.bfloat16()), f"seed {seed}"

    @pytest.mark.parametrize("path", FAST)
    def test_parity_of_every_path_is_within_the_limit(self, path: ScanPath) -> None:
        assert 0 < parity(path) <= PARITY_LIMIT
        assert parity(ScanPath.REFERENCE) == 0

    def test_works_without_numba(self) -> None:
        code = (
            "import sys; sys.modules['numba'] = None\n"
            "import torch\n"
            "from almrr_core.models.scan import ScanPath, available_paths, selective_scan\n"
            "assert ScanPath.NUMBA not in available_paths()\n"
            "x = torch.ones(1, 2, 3)\n"
            "selective_scan(x, x, -x[0, :, :1], x[:, :1], x[:, :1], x[0, :, 0]).sum()\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


class TestMambaSsm:
    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        cuda.mamba_ssm_scan.cache_clear()
        yield
        cuda.mamba_ssm_scan.cache_clear()

    @staticmethod
    def install(monkeypatch: pytest.MonkeyPatch, scan: Callable[..., Tensor]) -> None:
        for name in ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.selective_scan_interface"):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        sys.modules["mamba_ssm.ops.selective_scan_interface"].selective_scan_fn = scan

    def test_is_used_by_name_and_judged_by_parity(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.install(monkeypatch, scan_of(ScanPath.REFERENCE))
        assert ScanPath.MAMBA_SSM in available_paths()
        assert parity(ScanPath.MAMBA_SSM, "cpu") == 0

    def test_a_wrong_kernel_is_found_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def off(*given: Tensor, **options: bool) -> Tensor:
            return scan_of(ScanPath.REFERENCE)(*given, **options) * (1 + 3 * PARITY_LIMIT)

        self.install(monkeypatch, off)
        assert parity(ScanPath.MAMBA_SSM, "cpu") > PARITY_LIMIT

    def test_a_broken_installation_is_absent_and_said(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.install(monkeypatch, scan_of(ScanPath.REFERENCE))
        del sys.modules["mamba_ssm.ops.selective_scan_interface"].selective_scan_fn
        with caplog.at_level(logging.WARNING):
            assert ScanPath.MAMBA_SSM not in available_paths()
        assert "mamba-ssm" in caplog.text
