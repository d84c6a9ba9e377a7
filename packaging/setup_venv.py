"""Make, fill and repair the checkout's `.venv`, with the CPU build of torch where there is no NVIDIA GPU.

A stamp in `.venv` says what was installed there: while it still holds, nothing is done and pip is not
called. Standard library only; the messages go to standard error, one line per step.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CUDA_PREFIXES = ("nvidia-", "cuda-")

# What pip or venv print -> what the user can do. The first that fits is said.
REMEDIES = (
    (
        ("No space left on device", "Errno 28", "not enough space"),
        "The disk is full: free about 3 GB here and in the folder for temporary files, then start again.",
    ),
    (
        ("ensurepip is not", "No module named venv", "No module named ensurepip"),
        "Python's venv module is missing: install it (Debian, Ubuntu: sudo apt install python3-venv), "
        "then start again.",
    ),
    (
        ("Permission denied", "Access is denied", "Read-only file system"),
        "A file could not be written: close programs that use .venv, check this folder's permissions, "
        "then start again.",
    ),
    (
        (
            "name resolution",
            "getaddrinfo failed",
            "Failed to establish a new connection",
            "NewConnectionError",
            "Network is unreachable",
            "Max retries exceeded",
            "timed out",
            "ProxyError",
            "SSLError",
        ),
        "The package index could not be reached: connect this machine, or name a proxy (HTTPS_PROXY), "
        "a mirror (PIP_INDEX_URL) or a folder of wheels (PIP_FIND_LINKS), then start again.",
    ),
    (
        ("No matching distribution", "Could not find a version", "ResolutionImpossible"),
        "The pinned versions (packaging/constraints.txt) are not all to be had for this Python, "
        f"{sys.version_info[0]}.{sys.version_info[1]}, from the package index in use: "
        "try Python 3.11, 3.12 or 3.13, or another index.",
    ),
)


class SetupError(Exception):
    """The environment could not be set up; the text says why and what to do."""


def say(text: str) -> None:
    """Print one line of the launcher's own on standard error."""
    print(f"launch: {text}", file=sys.stderr, flush=True)


def remedy_for(output: str) -> str:
    """Return what to do about a failed step, read off what its program printed."""
    for signs, remedy in REMEDIES:
        if any(sign in output for sign in signs):
            return remedy
    return "Start again; if it fails the same way, delete the folder .venv and start once more."


def last_error(output: str) -> str:
    """Return the last line that names an error, else the last line, without a full stop."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and "for help visit" not in line]
    errors = [line for line in lines if re.match(r"(error|.*\bError\b|.*Errno)", line, re.IGNORECASE)]
    return (errors or lines or ["it printed nothing"])[-1].rstrip(".")


def has_nvidia_gpu() -> bool:
    """Tell whether an NVIDIA driver with a GPU answers on this machine."""
    if Path("/proc/driver/nvidia/version").exists():
        return True
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        answer = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and "GPU" in answer.stdout


def pinned_torch(constraints: str) -> str:
    """Return the torch version that the constraints pin, for example '2.13.0'."""
    match = re.search(r"^torch==([0-9.]+)\s*$", constraints, re.MULTILINE)
    if match is None:
        raise SetupError("packaging/constraints.txt pins no torch version: restore the file.")
    return match[1]


def cuda_in_plan(report: str, default_is_cuda: bool) -> list[str]:
    """Return the packages of pip's install report (JSON) that would bring CUDA, as 'name version'.

    Where torch's `default_is_cuda` (Linux), a torch that doesn't call itself a CPU build is one of them.
    """
    wanted = [
        (step["metadata"]["name"], step["metadata"]["version"]) for step in json.loads(report)["install"]
    ]
    return [f"{name} {version}" for name, version in wanted if _brings_cuda(name, version, default_is_cuda)]


def _brings_cuda(name: str, version: str, default_is_cuda: bool) -> bool:
    name = re.sub(r"[-_.]+", "-", name).lower()
    if name == "torch":
        return "+cu" in version or (default_is_cuda and "+cpu" not in version)
    return name.startswith(CUDA_PREFIXES)


class Environment:
    """The `.venv` of the checkout `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.constraints = root / "packaging" / "constraints.txt"
        self.stamp = self.folder / "launch-stamp.json"
        self.log = self.folder / "launch-log.txt"

    def prepare(self, extras: set[str]) -> None:
        """Make or repair `.venv` and install the program with `extras`; raises SetupError.

        Returns within a fraction of a second when the stamp says that nothing has changed.
        """
        try:
            whole = self._runs("-c", "import pip")
            installed = self.stamped_extras() if whole else None
            if installed is not None and installed >= extras:
                return
            if not whole:
                self._make()
            self._install(extras | (installed or set()))
        except OSError as error:
            raise SetupError(f"set-up failed: {error}. {remedy_for(str(error))}") from error

    def stamped_extras(self) -> set[str] | None:
        """Return the extras installed besides the program, None where pip must be asked again."""
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
            return set(stamp["extras"]) if stamp["key"] == self.key() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_stamp(self, extras: set[str]) -> None:
        """Note that the program and `extras` are installed whole, as things stand now."""
        text = json.dumps({"key": self.key(), "extras": sorted(extras)})
        self.stamp.write_text(text, encoding="utf-8")

    def key(self) -> str:
        """Return a hash of all that decides what `.venv` must hold, the extras aside."""
        packages = sorted(path.parent.name for path in self.root.glob("*/__init__.py"))
        parts = [
            (self.root / "pyproject.toml").read_bytes(),
            self.constraints.read_bytes(),
            (self.folder / "pyvenv.cfg").read_bytes(),  # names the Python it was made with
            json.dumps([str(self.root), packages]).encode(),  # the editable install points at these
        ]
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()

    def _runs(self, *arguments: str) -> bool:
        """Tell whether the environment's Python runs this with success (-P: blind to the folder we're in)."""
        command = [str(self.python), "-P", *arguments]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    def _make(self) -> None:
        say(f"makes the folder {self.folder} for what the program needs.")
        command = [sys.executable, "-m", "venv", "--clear", str(self.folder)]
        made = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if made.returncode != 0:
            output = made.stdout + made.stderr
            raise SetupError(f"making .venv failed: {last_error(output)}. {remedy_for(output)}")

    def _install(self, extras: set[str]) -> None:
        self.stamp.unlink(missing_ok=True)
        self._drop_half_installed()
        target = "." + (f"[{','.join(sorted(extras))}]" if extras else "")
        if not has_nvidia_gpu():
            if sys.platform == "linux":
                self._install_cpu_torch()
            self._refuse_cuda(target)
        say(f"installs what is missing; the first time that takes some minutes (log: {self.log}).")
        self.pip("install", "--editable", target, step="installing")
        self._warm_up()
        self.write_stamp(extras)

    def _drop_half_installed(self) -> None:
        """Forget packages whose installing was cut off: pip writes RECORD last and would trust the rest."""
        for folder in self.folder.glob("**/site-packages/*.dist-info"):
            if not (folder / "RECORD").exists():
                shutil.rmtree(folder)

    def _install_cpu_torch(self) -> None:
        """Install the pinned torch as '+cpu', from the configured places, else from PyTorch's CPU index.

        On Linux the package index holds CUDA builds, and an older pip downloads what it only plans with:
        the local version '+cpu' keeps them out of its sight.
        """
        torch = f"torch=={pinned_torch(self.constraints.read_text(encoding='utf-8'))}+cpu"
        say(f"no NVIDIA GPU is found: takes {torch}.")
        try:
            self.pip("install", "--no-deps", torch, step="looking for it in the configured places")
        except SetupError:
            say(f"the configured places don't have it: asks {CPU_INDEX}.")
            self.pip("install", "--no-deps", "--index-url", CPU_INDEX, torch, step=f"installing {torch}")

    def _refuse_cuda(self, target: str) -> None:
        """Look at pip's plan for the rest; raises SetupError when it would bring CUDA."""
        say("looks at what would be installed.")
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "plan.json"
            self.pip("install", "--dry-run", "--report", str(report), "--editable", target, step="planning")
            cuda = cuda_in_plan(report.read_text(encoding="utf-8"), default_is_cuda=sys.platform == "linux")
        if cuda:
            raise SetupError(
                f"stopped before downloading CUDA, which this machine has no GPU for: {', '.join(cuda)}. "
                f"Put the CPU build of torch into a folder, name it in PIP_FIND_LINKS, and start again."
            )

    def pip(self, *arguments: str, step: str) -> None:
        """Run the environment's pip under the constraints, its output into the log; raises SetupError."""
        command = [str(self.python), "-m", "pip", *arguments, "--constraint", str(self.constraints)]
        settings = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"}
        with self.log.open("ab") as log:
            start = log.tell()
            code = subprocess.call(
                command, cwd=self.root, env=os.environ | settings, stdout=log, stderr=subprocess.STDOUT
            )
        if code != 0:
            output = self.log.read_bytes()[start:].decode("utf-8", "replace")
            raise SetupError(f"{step} failed: {last_error(output)}. {remedy_for(output)} Log: {self.log}")

    def _warm_up(self) -> None:
        """Compile the numba kernels into the user's cache, where this release has them."""
        if not (self.root / "almrr_core" / "models" / "scan" / "warm.py").is_file():
            return
        say("compiles the fast kernels, once.")
        if not self._runs("-m", "almrr_core.models.scan.warm"):
            say("that failed: the first picture will take longer.")
