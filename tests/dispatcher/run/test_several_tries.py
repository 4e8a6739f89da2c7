"""Several tries at one task in one repository, with real dispatchers: one is picked, and the others' work is kept."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.fixtures.dispatchers import Site
from tests.fixtures.repositories import Repository

NUMBER = "n=${PWD%/work}; n=${n##*/}; n=${n%-*}"
"""Agents of tries are told the same. Their directories are named for their tasks."""
TRIES = f"""{NUMBER}
echo precious-$n >work
echo ready >$SITE/ready-$n
case $n in
1) trap 'echo stops >$SITE/stops; exit 1' TERM; while :; do sleep 0.05; done ;;
2) flock -s $SITE/gate true; echo precious-2 >work; echo done ;;
esac
"""
"""The first goes on until it is stopped, the second is green once the gate is open, and the third must not start."""
CHANGE = f"{NUMBER}; echo precious-$n >work; echo I am $n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def site(site: Site, repository: Repository) -> Site:
    site.configure("security", allow_commands=True)
    site.configure("repositories", shop={"path": str(repository.path)})
    return site


def submit(site: Site, prompt: str, *options: str, check: str = "test -s work") -> list[int]:
    """Queue three tries at a task, as a person does, and return their numbers, with that of their judge."""
    told = site.llmctl(
        *("submit", "sh", prompt, "--repo", "shop", "--check", check, "--retries", "0", "--tries", "3"),
        *("-o", "json", *options),
    )
    assert told.returncode == 0, told.stderr
    return [row["number"] for row in json.loads(told.stdout)]


def states(site: Site, numbers: Sequence[int]) -> list[str]:
    return [str(site.task(number)["status"]) for number in numbers]


def picked(site: Site, number: int) -> Mapping[str, object]:
    (row,) = site.sql("SELECT show_task(%s) -> 'tries' AS tries", str(number))
    return dict(row["tries"])


def wait_for_file(site: Site, name: str) -> None:
    site.wait_until((site.directory / name).exists)


@pytest.mark.parametrize("kill", ["nobody", "while two run", "when one is picked"])
def test_the_first_green_try_ends_the_others_and_what_they_changed_is_recorded(
    site: Site, repository: Repository, kill: str
) -> None:
    site.configure("groups", sh={"max_concurrent": 2})
    gate = site.gate()
    numbers = submit(site, TRIES)
    site.start()
    for number in numbers[:2]:
        wait_for_file(site, f"ready-{number}")
    if kill == "while two run":
        site.start_again()

    gate.open()
    if kill == "when one is picked":
        site.wait_until(lambda: picked(site, 1)["picked"])
        site.start_again()
    site.wait_until(lambda: not {"queued", "leased", "running"} & {*states(site, numbers)})

    assert states(site, numbers) == ["canceled", "succeeded", "canceled"], site.summary()
    assert picked(site, 1)["picked"] == 2
    assert [len(site.runs(number)) for number in numbers] == [1, 1, 0]
    assert {site.task(number)["error_message"] for number in (1, 3)} == {"task 2 was picked"}
    assert (site.directory / "stops").exists()
    for number in (1, 2):
        assert repository.show(f"refs/llmctl/{number}/1", "work") == f"precious-{number}\n"
    assert site.llmctl("diff", "1").stdout.count("+precious-1") == 1


def test_a_try_whose_check_fails_picks_nobody_and_the_next_one_goes_on(
    site: Site, repository: Repository
) -> None:
    site.configure("groups", sh={"max_concurrent": 1})
    numbers = submit(site, CHANGE, check="grep -q precious-2 work")

    site.run()

    assert states(site, numbers) == ["failed", "succeeded", "canceled"]
    assert site.task(1)["error_class"] == "check_failed"
    assert repository.show("refs/llmctl/1/1", "work") == "precious-1\n"


def test_tries_of_which_none_is_green_are_all_recorded_and_none_is_picked(
    site: Site, repository: Repository
) -> None:
    numbers = submit(site, CHANGE, check="false")

    site.run()

    assert states(site, numbers) == ["failed"] * 3
    assert picked(site, 1)["picked"] is None
    assert [repository.show(f"refs/llmctl/{n}/1", "work") for n in numbers] == [
        f"precious-{n}\n" for n in numbers
    ]


JUDGE = """
cp -r tries "$SITE/seen-$LLMCTL_RUN"
cat "$1" >>$SITE/told
cat "$SITE/verdict"
"""


@pytest.fixture
def judged(site: Site) -> Site:
    """A site with a tool that reads what a judge gets, and says what the test wrote into `verdict`."""
    judge = site.directory / "judge.sh"
    judge.write_text(JUDGE)
    site.configure("tools", judge={"argv": ["sh", str(judge), "{prompt_file}"], "proof": "none"})
    site.configure("groups", judge={"tool": "judge", "env": {"SITE": str(site.directory)}})
    return site


def test_a_judge_reads_the_patches_and_answers_of_the_green_tries_and_its_answer_decides(
    judged: Site, repository: Repository
) -> None:
    site = judged
    (site.directory / "verdict").write_text("1 is shorter.\n\nPICK: 3\n")
    numbers = submit(site, CHANGE, "--judge", "judge", check="! grep -q precious-2 work")

    site.run()

    assert numbers == [1, 2, 3, 4]
    assert states(site, numbers) == ["succeeded", "failed", "succeeded", "succeeded"], site.summary()
    seen = site.directory / f"seen-{site.runs(4)[0]['id']}"
    assert sorted(file.name for file in seen.iterdir()) == ["1.patch", "1.txt", "3.patch", "3.txt"]
    for number in (1, 3):
        assert f"+precious-{number}" in (seen / f"{number}.patch").read_text()
        assert f"I am {number}" in (seen / f"{number}.txt").read_text()
    told = (site.directory / "told").read_text()
    assert "PICK: NUMBER" in told
    assert told.rstrip().endswith(CHANGE)
    assert picked(site, 1)["picked"] == 3
    assert site.llmctl("show", "3").stdout.count("picked") > 0
    assert repository.show("refs/llmctl/3/1", "work") == "precious-3\n"


def test_a_judge_that_names_nobody_is_told_so_and_then_fails_and_every_try_keeps_its_result(
    judged: Site, repository: Repository
) -> None:
    site = judged
    (site.directory / "verdict").write_text("They are all fine. PICK: 2000\n")
    numbers = submit(site, CHANGE, "--judge", "judge")

    site.run()

    assert states(site, numbers) == ["succeeded"] * 3 + ["failed"]
    assert site.task(4)["error_class"] == "no_pick"
    assert len(site.runs(4)) > 1
    assert "Your answer picks none of the tries" in (site.directory / "told").read_text()
    assert picked(site, 1)["picked"] is None
    assert [row["number"] for row in json.loads(site.llmctl("inbox", "-o", "json").stdout)] == [4]

    (site.directory / "verdict").write_text("PICK: 2\n")
    assert site.llmctl("retry", "4").returncode == 0
    site.run()

    assert states(site, numbers) == ["succeeded"] * 4
    assert picked(site, 1)["picked"] == 2
