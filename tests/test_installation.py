"""What `pip install .`, `pipx` and `uv tool install` put on a machine: the whole product, without a warning."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from dispatcher.database.migrate import Schema

ROOT = Path(__file__).parents[1]
PRODUCT = ("sql", "dispatcher", "wrappers", "cli")
SUFFIXES = (".py", ".sql", ".html", ".css", ".js", ".svg", ".json", ".yaml", ".bash", ".zsh", ".fish")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built by the backend itself: without pip, and without a network."""
    directory = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-W", "error", "-m", "hatchling", "build", "-t", "wheel", "-d", directory],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout
    [wheel] = directory.glob("*.whl")
    assert built.stdout == f"{wheel}\n"  # no warning besides
    return wheel


def test_the_wheel_holds_every_file_of_the_product_and_no_other(wheel: Path) -> None:
    ours = {
        str(path.relative_to(ROOT))
        for package in PRODUCT
        for path in (ROOT / package).rglob("*")
        if path.suffix in SUFFIXES or path.name == "py.typed"
    }
    with ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
    assert {name for name in names if not name.endswith(".md")} == ours


def test_the_schema_of_an_installed_program_is_that_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as packed:
        packed.extractall(tmp_path)
    asks = "import sql; from dispatcher.database.migrate import Schema; print(sql.__file__, Schema().digest)"
    asked = subprocess.run(
        [sys.executable, "-c", asks],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.split() == [str(tmp_path / "sql" / "__init__.py"), Schema().digest]
