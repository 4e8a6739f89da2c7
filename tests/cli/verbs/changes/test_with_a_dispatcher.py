"""The verbs about changes on what a real dispatcher recorded: from a red check to a branch of a remote."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.repositories.projects import ENVIRONMENT, Project, lines, new_project
from tests.fixtures.dispatchers import PATIENCE, ROOT, Site

KEY = "sk-live-verysecretkey123456"


class Shell:
    """Somebody at a shell, in the checkout or elsewhere."""

    def __init__(self, site: Site, place: Path) -> None:
        self.place = place
        self._variables = ENVIRONMENT | site.variables() | {"PYTHONPATH": str(ROOT)}

    def __call__(self, *arguments: str, place: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=place or self.place,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE * 2,
            check=False,
        )

    def ok(self, *arguments: str, place: Path | None = None) -> str:
        done = self(*arguments, place=place)
        assert done.returncode == 0, done
        return os.fsdecode(done.stdout)

    def submit(self, prompt: str, *options: str) -> str:
        return self.ok("submit", "-q", "sh", f"{prompt}; echo done; exit", "--repo", ".", *options).strip()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = new_project(tmp_path / "shop")
    project.write(code=lines())
    project.commit("first")
    project.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    project.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    return project


@pytest.fixture
def shell(site: Site, project: Project) -> Shell:
    site.configure("security", allow_commands=True)
    site.configure("repositories", shop={"path": str(project.path), "push": "origin"})
    site.configure("groups", sh={"env": {"SITE": str(site.directory), "API_KEY": "env:ACCOUNT_KEY"}})
    (site.directory / "home").mkdir()
    (site.directory / "home" / "config.yaml").write_text(site.write_config().read_text())
    return Shell(site, project.path)


def run(site: Site) -> None:
    site.run(env={"ACCOUNT_KEY": KEY})


def test_a_red_check_gets_green_and_its_change_is_staged(site: Site, shell: Shell, project: Project) -> None:
    number = shell.submit(
        "if [ -e $SITE/second ]; then sed -i s/^1$/one/ code; else touch $SITE/second; echo wrong >new; fi",
        *("--check", "grep one code || { echo there is no one; exit 3; }"),
    )
    run(site)
    [row] = shell.ok("ls").splitlines()[1:]
    assert "+1 -1 ✓" in row
    assert "verdict     green: grep one code" in shell.ok("show", number)
    assert shell.ok("logs", number, "--check", "--run", "1") == "there is no one\n"
    assert shell.ok("logs", number, "--check") == "one\n"
    assert "+one\n" in shell.ok("diff", number)
    assert "1 file changed, 1 insertion(+), 1 deletion(-)" in shell.ok("diff", number, "--stat")
    shell.ok("apply", number)
    assert project.git("status", "--porcelain") == "M  code"
    assert shell("apply", number).returncode == 5  # not onto what is not committed


def test_of_three_tasks_one_is_merged_one_conflicts_and_one_is_red(
    site: Site, shell: Shell, project: Project
) -> None:
    label = ("--label", "batch=a", "--check")
    good = shell.submit("sed -i s/^1$/one/ code", *label, "true")
    conflicts = shell.submit("sed -i s/^1$/eins/ code", *label, "true")
    red = shell.submit("sed -i s/^9$/nine/ code", *label, "! grep one code")
    run(site)
    assert shell.ok("diff", "--stat", "-l", "batch=a").endswith("3 tasks: 3 green; 3 files, +3 -3\n")
    done = shell("merge", "-l", "batch=a")
    assert done.returncode == 5, done
    lines_of = done.stdout.decode().splitlines()[1:]
    assert [line.split()[0] for line in lines_of] == [good, conflicts, red]
    for line, name, result in zip(
        lines_of, ("s/^1$/one/", "s/^1$/eins/", "s/^9$/nine/"), ("merged", "conflict", "red"), strict=True
    ):
        assert f" sed -i {name} code" in line
        assert f" {result} " in f"{line} "
    assert (project.path / "code").read_text() == lines(l1="one")
    assert project.git("status", "--porcelain") == ""

    shell.ok("branch", red, "nine")
    assert project.git("show", "nine:code") == lines(l9="nine").strip("\n")
    shell.ok("push", red)
    assert project.git("ls-remote", "origin").split()[1:] == [f"refs/heads/llmctl/{red}"]


def test_a_task_in_a_repository_that_nobody_allowed_says_so(site: Site, shell: Shell, tmp_path: Path) -> None:
    other = new_project(tmp_path / "other")
    other.write(code="x\n")
    other.commit()
    number = shell.ok("submit", "-q", "sh", "echo x", "--repo", str(other.path)).strip()
    run(site)
    assert "permission_denied" in shell.ok("show", number)
    done = shell("diff", number)
    assert (done.returncode, done.stdout) == (5, b"")
    assert other.git("for-each-ref", "refs/llmctl") == ""


def test_a_patch_with_any_bytes_and_a_masked_key_applies_and_says_what_is_masked(
    site: Site, shell: Shell, project: Project, tmp_path: Path
) -> None:
    number = shell.submit(
        "printf 'caf\\351\\n' >latin1; head -c 3000000 /dev/urandom >large.bin; echo KEY=$API_KEY >key; "
        "printf 'x\\0y' >'new\nline'; sed -i s/^1$/one/ code"
    )
    run(site)
    note = f"*** stands for keys of the account, which refs/llmctl/{number}/1 has\n"
    shown = shell("diff", number)
    assert (shown.returncode, shown.stderr.decode()) == (0, f"note that {note}")
    assert shown.stdout.endswith(f"\nllmctl: {note}".encode())
    assert KEY.encode() not in shown.stdout

    # Whoever has the patch alone gets everything but the key.
    clone = Project(tmp_path / "clone")
    project.git("clone", "--quiet", str(project.path), str(clone.path))
    subprocess.run(["git", "-C", clone.path, "apply", "--index"], input=shown.stdout, check=True)
    clone.git("fetch", "--quiet", str(project.path), f"refs/llmctl/{number}/1")
    assert clone.git("diff-index", "--cached", "--name-only", "FETCH_HEAD") == "key"
    assert clone.git("show", ":key") == "KEY=***"

    # Where the repository is, its commit counts.
    done = shell("apply", number)
    assert (done.returncode, "note" in done.stderr.decode()) == (0, False), done
    assert (project.path / "key").read_text() == f"KEY={KEY}\n"
