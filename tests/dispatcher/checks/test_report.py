"""Findings as people read them."""

from dispatcher.checks import report
from dispatcher.checks.finding import Finding

FOUND = [
    Finding("ok", "database", "the embedded server in /var/lib/llmctl/llmctl-8d6bb29322a9 answers"),
    Finding("warning", "work directory", "nearly\x1b[2J full", "remove old runs, or set execution.work_dir"),
]


def test_a_finding_is_one_line_where_there_is_no_window() -> None:
    assert report.lines(FOUND) == [
        "ok       database        the embedded server in /var/lib/llmctl/llmctl-8d6bb29322a9 answers",
        "warning  work directory  nearly full → remove old runs, or set execution.work_dir",
        "1 warning",
    ]


def test_a_finding_that_is_longer_than_the_window_goes_on_below_itself() -> None:
    assert "\n".join(report.lines(FOUND, width=70)).splitlines() == [
        "ok       database        the embedded server in",
        "                         /var/lib/llmctl/llmctl-8d6bb29322a9 answers",
        "warning  work directory  nearly full → remove old runs, or set",
        "                         execution.work_dir",
        "1 warning",
    ]


def test_a_window_of_no_width_changes_nothing() -> None:
    assert report.lines(FOUND, width=40) == report.lines(FOUND)
