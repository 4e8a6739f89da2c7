"""`python -m tests.agents.install`: install the agent CLIs that the tests run, at pinned versions.

Those of npm (package.json) go to node_modules. Those of PyPI (pypi.json) go each to a virtual environment below .venvs,
since their requirements contradict each other. It needs npm, and a Python with venv that suits each of PyPI's.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
NPM = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
MINORS = range(10, 15)
"""Which Pythons are looked for: 3.10 to 3.14."""
MINOR = "import ensurepip, sys; print(sys.version_info[1])"


def main() -> None:
    """Install all at the same time: npm waits for the network while pip computes."""
    at_work = {"npm": subprocess.Popen([*NPM, "--prefix", str(HERE)], stdin=subprocess.DEVNULL)}
    pythons = dict(found_pythons())
    problems = []
    for cli, package in json.loads((HERE / "pypi.json").read_text()).items():
        first, last = package["python"]
        suitable = [minor for minor in range(last, first - 1, -1) if minor in pythons]
        if suitable:
            at_work[cli] = installation(cli, pythons[suitable[0]], package["requirement"])
        else:
            problems.append(f"{cli} needs Python 3.{first} to 3.{last} with venv, which is not there")
    problems += [f"{name}: not installed" for name, process in at_work.items() if process.wait() != 0]
    if problems:  # an empty text would be a failure, too
        sys.exit("\n".join(problems))


def found_pythons() -> Iterator[tuple[int, str]]:
    """The Pythons of this machine that have venv, by their minor version."""
    for name in (*(f"python3.{minor}" for minor in MINORS), "python3", sys.executable):
        python = shutil.which(name)
        if python is None:
            continue
        answer = subprocess.run([python, "-c", MINOR], capture_output=True, text=True)
        if answer.returncode == 0:  # a name of pyenv's may lead nowhere
            yield int(answer.stdout), python


def installation(cli: str, python: str, requirement: str) -> subprocess.Popen[bytes]:
    """Start the installation of a package of PyPI; what an earlier one installed stays."""
    venv = HERE / ".venvs" / cli
    inside = str(venv / "bin" / "python")
    script = '"$0" -m venv "$1" && shift && exec "$@"'
    command = ["sh", "-c", script, python, str(venv), inside, *PIP, requirement]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
