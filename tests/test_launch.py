"""The launcher's decisions, with a script that plays pip in `.venv`: no network is needed."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

PACKAGING = Path(__file__).resolve().parent.parent / "packaging"
CPU_TORCH = "torch==2.13.0+cpu"

# Plays both `python -m venv` and the environment's Python. Notes each call; `script.json` says which
# arguments make it fail, with what output, and what pip plans.
ACTOR = """#!{python}
import json, os, pathlib, sys
stage = pathlib.Path({stage!r})
script = json.loads((stage / "script.json").read_text())
arguments = sys.argv[1:]
line = " ".join(arguments)
with (stage / "calls.txt").open("a") as calls:
    calls.write(line + chr(10))
for sign, output in script["fails"].items():
    if sign in line:
        print(output)
        sys.exit(1)
if "venv" in arguments:
    place = pathlib.Path(arguments[-1]) / "bin"
    place.mkdir(parents=True, exist_ok=True)
    (place.parent / "pyvenv.cfg").write_text("version = 3.11.7")
    (place / "python").unlink(missing_ok=True)
    (place / "python").symlink_to(stage / "actor")
if "--report" in arguments:
    pathlib.Path(arguments[arguments.index("--report") + 1]).write_text(json.dumps(script["plan"]))
sys.exit(script["codes"].get(" ".join(arguments[-2:]), 0))
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="only on POSIX: the stand-in is a script")


def plan(*packages: str) -> dict[str, object]:
    named = [package.split("==") for package in packages]
    return {"install": [{"metadata": {"name": name, "version": version}} for name, version in named]}


def load_setup() -> ModuleType:
    loader = SourceFileLoader("setup_venv", str(PACKAGING / "setup_venv.py"))
    module = ModuleType(loader.name)
    module.__file__ = loader.path
    loader.exec_module(module)
    return module


class Stage:
    """A checkout in a temporary folder and the stand-in that plays its interpreters."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.root = folder, folder / "check out"
        shutil.copytree(PACKAGING, self.root / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
        self.script(plan=plan("numpy==2.4.6", CPU_TORCH))
        actor = folder / "actor"
        actor.write_text(ACTOR.format(python=sys.executable, stage=str(folder)), encoding="utf-8")
        actor.chmod(0o755)
        self.setup = load_setup()
        self.environment = self.setup.Environment(self.root)
        self.system = SimpleNamespace(executable=str(actor), platform="linux", stderr=sys.stderr)
        monkeypatch.setattr(self.setup, "sys", self.system)
        monkeypatch.setattr(self.setup, "has_nvidia_gpu", lambda: False)

    def script(self, **parts: object) -> None:
        script = {"fails": {}, "plan": plan(), "codes": {}} | parts
        (self.folder / "script.json").write_text(json.dumps(script), encoding="utf-8")

    def prepare(self, *extras: str) -> list[str]:
        """Run a set-up; return the lines of arguments that the stand-in got."""
        (self.folder / "calls.txt").unlink(missing_ok=True)
        self.environment.prepare(set(extras))
        return self.calls()

    def fails(self, *extras: str) -> str:
        with pytest.raises(self.setup.SetupError) as caught:
            self.prepare(*extras)
        return str(caught.value)

    def launch(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "calls.txt").unlink(missing_ok=True)
        command = [sys.executable, str(self.root / "packaging" / "launch.py"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False)

    def calls(self) -> list[str]:
        return (self.folder / "calls.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def installs(calls: list[str]) -> list[str]:
    return [call for call in calls if "pip install" in call]


def test_first_start_installs_and_second_does_not_call_pip(stage: Stage) -> None:
    first = stage.prepare()
    assert any("venv --clear" in call for call in first)
    torch, planned, installed = installs(first)
    assert f"--no-deps {CPU_TORCH}" in torch
    assert "--dry-run" in planned
    assert "--dry-run" not in installed
    assert "--editable . " in installed
    assert all(f"--constraint {stage.environment.constraints}" in call for call in installs(first))
    assert installs(stage.prepare()) == []


@pytest.mark.parametrize(
    "changed", ["pyproject.toml", "packaging/constraints.txt", ".venv/pyvenv.cfg", "app/__init__.py"]
)
def test_a_change_asks_pip_again(stage: Stage, changed: str) -> None:
    stage.prepare()
    (stage.root / changed).parent.mkdir(exist_ok=True)
    with (stage.root / changed).open("a", encoding="utf-8") as stream:
        stream.write("\n# changed\n")
    calls = stage.prepare()
    assert installs(calls)
    assert not any("venv --clear" in call for call in calls)
    assert installs(stage.prepare()) == []
    stage.environment = stage.setup.Environment(stage.root.rename(stage.folder / "moved"))
    assert installs(stage.prepare())


def test_extras_are_added_and_kept(stage: Stage) -> None:
    stage.prepare()
    assert "--editable .[dev] " in installs(stage.prepare("dev"))[-1]
    assert installs(stage.prepare()) == []
    assert installs(stage.prepare("dev")) == []
    assert "--editable .[dev,openvino] " in installs(stage.prepare("openvino"))[-1]


def test_an_interrupted_setup_goes_on(stage: Stage) -> None:
    stage.script(fails={"--editable": "Killed"})
    stage.fails()
    packages = stage.environment.folder / "lib" / "python3.11" / "site-packages"
    half, whole = packages / "half-1.dist-info", packages / "whole-1.dist-info"
    for folder in (half, whole):
        folder.mkdir(parents=True)
    (whole / "RECORD").touch()
    stage.script(plan=plan(CPU_TORCH))
    calls = stage.prepare()
    assert not any("venv --clear" in call for call in calls)
    assert "--editable" in installs(calls)[-1]
    assert (half.exists(), whole.exists()) == (False, True)


def test_an_environment_without_python_is_made_again(stage: Stage) -> None:
    stage.prepare("dev")
    stage.environment.python.unlink()
    calls = stage.prepare()
    assert any("venv --clear" in call for call in calls)
    assert installs(calls)


def test_a_damaged_stamp_asks_pip_again(stage: Stage) -> None:
    stage.prepare()
    for damage in ("", "{}", "[1]", '{"key": 1, "extras": 2}'):
        stage.environment.stamp.write_text(damage, encoding="utf-8")
        assert installs(stage.prepare())


def test_cpu_index_is_asked_for_torch_alone(stage: Stage) -> None:
    stage.script(fails={f"install --no-deps {CPU_TORCH}": "ERROR: No matching distribution found"})
    calls = installs(stage.prepare())
    assert f"--no-deps --index-url https://download.pytorch.org/whl/cpu {CPU_TORCH}" in calls[1]
    assert [call for call in calls if "--index-url" in call] == [calls[1]]


def test_without_any_cpu_torch_nothing_else_is_installed(stage: Stage) -> None:
    output = "WARNING: getaddrinfo failed\nERROR: No matching distribution found for torch"
    stage.script(fails={CPU_TORCH: output})
    sentence = stage.fails()
    assert "No matching distribution found for torch" in sentence
    assert "PIP_FIND_LINKS" in sentence
    assert all("--no-deps" in call for call in installs(stage.calls()))


@pytest.mark.parametrize(
    "bad", ["nvidia-cublas==13.1", "NVIDIA_cudnn_cu12==9", "cuda-toolkit==13.0", "torch==2.13.0"]
)
def test_a_plan_with_cuda_is_refused(stage: Stage, bad: str) -> None:
    stage.script(plan=plan("numpy==2.4.6", bad))
    assert bad.replace("==", " ") in stage.fails()
    assert "--dry-run" in installs(stage.calls())[-1]


def test_a_plain_torch_is_a_cpu_build_off_linux(stage: Stage) -> None:
    stage.system.platform = "darwin"
    stage.script(plan=plan("torch==2.13.0"))
    calls = installs(stage.prepare())
    assert not any("+cpu" in call for call in calls)
    assert stage.setup.cuda_in_plan(json.dumps(plan("torch==2.13.0+cu130")), False) == ["torch 2.13.0+cu130"]


def test_with_a_gpu_the_install_is_plain(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.setup, "has_nvidia_gpu", lambda: True)
    (only,) = installs(stage.prepare())
    assert "--editable . " in only
    assert "torch" not in only.replace(str(stage.root), "")


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "disk is full"),
        (
            "NewConnectionError: refused\nERROR: No matching distribution found for numpy",
            "could not be reached",
        ),
        ("ERROR: No matching distribution found for numpy==2.4.6", "for this Python"),
        ("error: [Errno 13] Permission denied: 'x'", "could not be written"),
        ("Segmentation fault", "delete the folder .venv"),
    ],
)
def test_a_failed_install_says_what_to_do(stage: Stage, output: str, advice: str) -> None:
    stage.script(fails={"--editable": output}, plan=plan())
    sentence = stage.fails()
    assert output.splitlines()[-1] in sentence
    assert advice in sentence
    assert "\n" not in sentence
    assert stage.environment.stamped_extras() is None


def test_a_missing_venv_module_is_named(stage: Stage) -> None:
    stage.script(fails={"-m venv": "created unsuccessfully because ensurepip is not\navailable."})
    assert "apt install python3-venv" in stage.fails()


def test_kernels_are_compiled_where_there_are_some(stage: Stage) -> None:
    assert not any("warm" in call for call in stage.prepare())
    warm = stage.root / "almrr_core" / "models" / "scan" / "warm.py"
    warm.parent.mkdir(parents=True)
    warm.touch()
    stage.environment.stamp.unlink()
    stage.script(fails={"scan.warm": "no compiler"}, plan=plan())
    assert stage.prepare()[-1] == "-P -m almrr_core.models.scan.warm"
    assert stage.environment.stamped_extras() == set()


@pytest.mark.parametrize(
    ("arguments", "window", "expected"),
    [
        ((), False, "-P -m almrr_core.cli demo"),
        ((), True, "-P -m app"),
        (("info", "--help"), True, "-P -m almrr_core.cli info --help"),
    ],
)
def test_arguments_choose_the_program(
    stage: Stage, arguments: tuple[str, ...], window: bool, expected: str
) -> None:
    if window:
        (stage.root / "app").mkdir()
        (stage.root / "app" / "__main__.py").touch()
    stage.prepare()
    stage.script(codes={" ".join(expected.split()[-2:]): 7})
    done = stage.launch(*arguments)
    assert stage.calls()[-1] == expected
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


def test_all_checks_run_and_the_failed_are_named(stage: Stage) -> None:
    stage.prepare("dev")
    stage.script(fails={"ruff check": "E501", "-m pytest": "1 failed"})
    done = stage.launch("test", "-k", "scan")
    ran = stage.calls()[1:]
    assert [call.split()[1] for call in ran if "-m" in call] == ["ruff", "ruff", "mypy", "pytest"]
    assert "importlinter" in ran[3]
    assert ran[-1] == "-m pytest -n 2 --dist loadfile -k scan"
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("launch: failed: ruff check, pytest.")
    stage.script()
    assert stage.launch("test").returncode == 0


def test_an_old_python_gets_a_sentence() -> None:
    source = (PACKAGING / "launch.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 4))
    assert "from __future__" not in source
    old = "import runpy, sys; sys.version_info = (3, 8, 2); runpy.run_path(sys.argv[1], run_name='__main__')"
    command = [sys.executable, "-c", old, str(PACKAGING / "launch.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer, and this is Python 3.8." in done.stderr
    assert len(done.stderr.splitlines()) == 1
