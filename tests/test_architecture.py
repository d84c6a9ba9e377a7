"""The house rules of design.md that a tool can check, and that the tools would notice a breach."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("almrr_core", "app", "packaging", "tests")
TOP_LEVEL = {
    *("app", "almrr_core", "resources", "tests", "packaging"),
    *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"),
}
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 45
TORCH_FREE = ("errors", "types", "files", "judge", "imaging", "settings")
LINT = "from importlinter.cli import lint_imports_command as lint; lint()"


def sources() -> list[Path]:
    return sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py"))


def too_long_functions(source: str) -> list[str]:
    """Functions over the limit as 'name (lines)'; decorators don't count, docstrings do."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, functions)]
    lengths = [(node.name, (node.end_lineno or 0) - node.lineno + 1) for node in found]
    return [f"{name} ({lines})" for name, lines in lengths if lines > MAX_FUNCTION_LINES]


def run_python(code: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return run_python(f"import sys; sys.argv[1:] = ['--no-cache']; {LINT}", folder, PYTHONUTF8="1")


def copy_of_the_program(folder: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in ("almrr_core", "app"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def imported(source: str) -> set[str]:
    """Every module a source names in an import, wherever it stands, with what is taken from PySide6."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_import_contracts_are_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("files.py", "import almrr_core.models", "Layers of almrr_core"),
        ("data/__init__.py", "import almrr_core.models", "Layers of almrr_core"),
        ("unplanned.py", "", "Layers of almrr_core"),
        ("files.py", "import torch", "torch only where tensors live"),
        ("cli/__init__.py", "import app.compose", "almrr_core knows no window"),
        ("runtime/__init__.py", "from PySide6 import QtCore", "almrr_core knows no window"),
        ("cameras/__init__.py", "import sqlalchemy", "Only the store speaks SQL"),
    ],
)
def test_a_forbidden_import_is_noticed(tmp_path: Path, module: str, line: str, contract: str) -> None:
    folder = copy_of_the_program(tmp_path)
    with (folder / "almrr_core" / module).open("a", encoding="utf-8") as stream:
        stream.write(f"\n{line}\n")
    done = lint(folder)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout, done.stdout + done.stderr


def test_files_and_functions_are_short() -> None:
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sources()}
    assert len(texts) > 20
    lengths = {path: text.count("\n") for path, text in texts.items()}
    long_files = [f"{path} ({lines})" for path, lines in lengths.items() if lines > MAX_FILE_LINES]
    long_functions = [f"{path}: {name}" for path, text in texts.items() for name in too_long_functions(text)]
    assert not long_files
    assert not long_functions


def test_services_know_no_widget_and_no_picture() -> None:
    barred = ("PySide6.QtWidgets", "PySide6.QtGui", "pyqtgraph", "qtawesome", "app.views", "app.theme")
    for path in (ROOT / "app" / "services").glob("*.py"):
        names = imported(path.read_text(encoding="utf-8"))
        assert not [name for name in names if name.startswith(barred)], path


def test_opening_the_window_loads_no_torch() -> None:
    done = run_python("import sys, app.__main__, app.views.main_window; print('torch' in sys.modules)")
    assert done.stdout.strip() == "False", done.stdout + done.stderr


def test_a_long_function_is_noticed() -> None:
    body = "    x = 1\n"
    assert too_long_functions("def f():\n" + body * (MAX_FUNCTION_LINES - 1)) == []
    nested = "class A:\n  async def g(self):\n" + body * MAX_FUNCTION_LINES
    assert too_long_functions(nested) == [f"g ({MAX_FUNCTION_LINES + 1})"]


def test_the_top_level_is_as_designed() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    names = {name.split("/")[0] for name in listed.stdout.split("\0") if name}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_packaging_hides_no_library() -> None:
    """With an __init__.py, our folder would stand before the library of the same name."""
    assert not (ROOT / "packaging" / "__init__.py").exists()
    assert run_python("import packaging.version").returncode == 0


def test_constraints_pin_exact_versions_that_any_build_of_torch_meets() -> None:
    text = (ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    assert sum(pin.startswith("torch==") for pin in pins) == 1


def test_importing_the_package_loads_nothing() -> None:
    tree = ast.parse((ROOT / "almrr_core" / "__init__.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    loaded = run_python("import sys; import almrr_core; print(*sys.modules)").stdout.split()
    assert "almrr_core" in loaded
    assert not {"torch", "numpy", "cv2", "numba"} & set(loaded)


@pytest.mark.parametrize("module", [name for name in TORCH_FREE if any(ROOT.glob(f"almrr_core/{name}*"))])
def test_lower_layers_load_no_torch(module: str) -> None:
    done = run_python(f"import sys; import almrr_core.{module}; print('torch' in sys.modules)")
    assert done.stdout.strip() == "False", done.stdout + done.stderr


SKIPPING = """
import pytest

def test_data():
    pytest.skip("no weights at /nowhere")

def test_gpu():
    pytest.skip("needs a CUDA GPU with 8 GB")

@pytest.mark.skipif(True, reason="openvino is missing")
def test_package():
    pass

@pytest.mark.xfail(reason="known")
def test_expected():
    assert False
"""


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", "1 failed, 1 skipped, 1 xfailed, 2 errors"), ("", "4 skipped, 1 xfailed")]
)
def test_a_skip_for_something_missing_fails_in_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_skipping.py").write_text(SKIPPING, encoding="utf-8")
    late = "import pytest\npytest.importorskip('no_such_library')\n"
    (tmp_path / "test_whole_file.py").write_text(late, encoding="utf-8")
    options = "-p no:cacheprovider --continue-on-collection-errors"
    run = "import pytest; raise SystemExit(pytest.main([]))"
    done = run_python(run, tmp_path, CI=ci, ALMRR_SHARED=str(tmp_path), PYTEST_ADDOPTS=options)
    assert outcome in done.stdout, done.stdout
    assert (done.returncode != 0) == bool(ci)
