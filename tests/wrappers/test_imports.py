"""What is known of one CLI stands on what all CLIs share, and on nothing that is known of another one."""

import ast
from pathlib import Path

import pytest

import wrappers

ROOM = Path(wrappers.__file__).parent
SHARED = {file.stem for file in ROOM.glob("*.py")} - {"__init__", "registry"}
PACKAGES = sorted(folder.name for folder in ROOM.iterdir() if (folder / "__init__.py").is_file())


def imported_by(file: Path) -> set[str]:
    """Return what a module imports from within wrappers: the names just below the package."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name.split(".")[1] for name in found if name.startswith("wrappers.")}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_cli_knows_nothing_of_another_cli(package: str) -> None:
    for file in (ROOM / package).glob("*.py"):
        assert imported_by(file) <= {package, *SHARED}, file


@pytest.mark.parametrize("module", sorted(SHARED))
def test_what_all_clis_share_knows_no_cli(module: str) -> None:
    assert imported_by(ROOM / f"{module}.py") <= SHARED
