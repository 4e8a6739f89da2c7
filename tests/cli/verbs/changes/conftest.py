"""Tasks whose changes are recorded in a real repository, as a dispatcher records them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher
from tests.cli.repositories.projects import Project, lines, new_project

PATCH = ".llmctl/changes.patch"
PASSED = {"final_text": "done"}
RED = {"error_class": "check_failed", "error_message": "the check failed"}


@dataclass(frozen=True)
class Recorder:
    """Makes tasks on a repository, and ends their runs with a recorded change."""

    llmctl: Llmctl
    dispatcher: PlayedDispatcher
    project: Project

    def __call__(
        self,
        change: Callable[[Path], object] | None,
        *options: str,
        verdict: str | None = None,
        check: str = "true",
        ends: Mapping[str, object] = PASSED,
        prompt: str = "Make it better",
        problem: str | None = None,
    ) -> str:
        """Return the number of a task whose agent did ``change`` to its tree, None for nothing."""
        if verdict:
            options = (*options, "--check", check)
        number = self.llmctl.submit("claude", prompt, "--repo", str(self.project.path), *options)
        self.end(number, change, None, verdict, check, ends, problem)
        return number

    def reply(self, number: str, change: Callable[[Path], object], base: str) -> str:
        """Return the number of a reply to a task with a session, which worked on the same base."""
        told = self.llmctl("reply", number, "And now?", "-o", "json").json()
        assert isinstance(told, dict)
        self.end(str(told["number"]), change, base)
        return str(told["number"])

    def end(
        self,
        number: str,
        change: Callable[[Path], object] | None,
        base: str | None = None,
        verdict: str | None = None,
        check: str = "true",
        ends: Mapping[str, object] = PASSED,
        problem: str | None = None,
    ) -> None:
        """End the run of the task that is next."""
        [run] = self.dispatcher.start()
        recorded = self.project.record(int(number), change or (lambda _: None), base)
        if change is None:
            recorded = replace(recorded, head=recorded.base)
        numbers = self.project.git("diff", "--numstat", "-z", recorded.base, recorded.head).split("\0")[:-1]
        stat = [
            {
                "path": path,
                "insertions": None if more == "-" else int(more),
                "deletions": None if less == "-" else int(less),
            }
            for more, less, path in (line.split("\t", 2) for line in numbers)
        ]
        if stat:
            self.dispatcher.store(run, PATCH, self.project.patch(recorded))
        commands = [{"kind": "check", "command": check, "verdict": verdict, "output_tail": "1 failed\n"}]
        self.dispatcher.finish(
            run,
            change={
                "source": str(recorded.source),
                "base_commit": recorded.base,
                "ref": recorded.ref,
                "head_commit": recorded.head,
                "files": len(stat),
                "insertions": sum(int(str(one["insertions"] or 0)) for one in stat),
                "deletions": sum(int(str(one["deletions"] or 0)) for one in stat),
                "stat": stat,
                "problem": problem,
            },
            commands=commands if verdict else [],
            **ends,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = new_project(tmp_path / "shop")
    project.write(code=lines(), other=lines())
    project.commit("first")
    return project


@pytest.fixture
def record(llmctl: Llmctl, dispatcher: PlayedDispatcher, project: Project) -> Recorder:
    return Recorder(llmctl, dispatcher, project)


@pytest.fixture
def there(llmctl: Llmctl, project: Project) -> Llmctl:
    """`llmctl` in the checkout."""
    return replace(llmctl, directory=project.path)


def changed(**numbers: str) -> Callable[[Path], object]:
    """Changes lines of `code`."""
    return lambda tree: (tree / "code").write_text(lines(**numbers))
