"""What tasks that come after others may be, worked out from who comes after whom and from what became of these alone.

It reads no state of a need but to ask whether that is justified, and knows nothing of inboxes, locks and steps.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.sql.client import Client

KINDS = {"after": "succeeded", "after_any": "ended", "after_failed": "failed", "after_tree": "tree"}
KEYS = st.dictionaries(st.sampled_from(sorted(KINDS)), st.integers(0, 5), min_size=1, max_size=2)
POLICIES = st.sampled_from([None, "hold", "fail", "skip"])
FINAL = ("succeeded", "failed", "canceled")
GIVEN_UP = ("unmet", "skipped")


@dataclass
class Needs:
    """``edges`` are who comes after whom, and how. ``insisted`` are tasks that a person queued again or released."""

    edges: set[tuple[int, int, str]] = field(default_factory=set)
    policies: dict[int, str | None] = field(default_factory=dict)
    insisted: set[int] = field(default_factory=set)
    once_given_up: set[int] = field(default_factory=set)
    met_once: set[tuple[int, str]] = field(default_factory=set)

    def tasks(
        self, given: Sequence[tuple[dict[str, int], str | None]], tenant: object, numbers: Sequence[int]
    ) -> list[dict[str, object]]:
        """Tasks of a batch that come after earlier ones of it, or after these numbers of the same tenant."""
        batch = []
        for place, (keys, policy) in enumerate(given):
            names = [*numbers, *(f"step-{earlier}" for earlier in range(place))]
            after = {key: [names[choice % len(names)]] for key, choice in keys.items() if names}
            batch.append(
                {"tool": "claude", "prompt": "p", "tenant_id": tenant, "max_attempts": 1,
                 "step": f"step-{place}", "on_unmet": policy, **after}
            )  # fmt: skip
        return batch

    def note(self, batch: Sequence[dict[str, object]], numbers: Sequence[int]) -> None:
        steps = {str(task["step"]): number for task, number in zip(batch, numbers, strict=True)}
        for task, number in zip(batch, numbers, strict=True):
            self.policies[number] = task["on_unmet"]  # type: ignore[assignment]
            for key, kind in KINDS.items():
                names = task.get(key, [])
                assert isinstance(names, list)
                self.edges |= {(number, steps[name] if name in steps else int(name), kind) for name in names}

    def after(self, number: int, db: Client) -> set[int]:
        """All that comes after a task, at once or through others, and may still be changed by its end."""
        edges = db.rows(
            "select t.number, n.number from task_dependencies d join tasks t on t.id = d.task_id"
            " join tasks n on n.id = d.needs where d.state in ('open', 'unmet')"
        )
        found = {number}
        while more := {int(str(task)) for task, needed in edges if needed in found} - found:
            found |= more
        return found

    def forget(self, number: int) -> None:
        self.edges = {edge for edge in self.edges if number not in edge[:2]}

    def check(self, db: Client, is_drained: bool) -> None:
        """Compare with the database: all if ``is_drained``, or else only what is certain."""
        rows = {
            row[0]: row[1:]
            for row in db.rows("select number, status, wait_reason, error_class, run_no from tasks")
        }
        children = defaultdict(list)
        for parent, number in db.rows(
            "select p.number, t.number from tasks t join tasks p on p.id = t.parent"
        ):
            children[parent].append(number)
        for needed, kind in {edge[1:] for edge in self.edges}:
            if self._state(needed, kind, rows, children) == "met":
                self.met_once.add((needed, kind))
        states: dict[tuple[object, ...], object] = {
            row[:3]: row[3]
            for row in db.rows(
                "select t.number, n.number, d.kind, d.state from task_dependencies d"
                " join tasks t on t.id = d.task_id join tasks n on n.id = d.needs"
            )
        }
        assert states.keys() == self.edges
        for edge, state in states.items():
            if state == "met":
                assert edge[1:] in self.met_once, f"{edge} was never met"
            elif state == "waived":
                assert edge[0] in self.insisted
            elif is_drained:
                assert state == self._state(edge[1], str(edge[2]), rows, children), f"{edge} is {state}"
        for number in {edge[0] for edge in self.edges}:
            self._check_task(
                number, [s for edge, s in states.items() if edge[0] == number], rows[number], is_drained
            )

    def _check_task(
        self, number: int, needs: Iterable[object], row: tuple[object, ...], is_drained: bool
    ) -> None:
        status, waits, error, runs = row
        is_open, is_unmet = bool({"open", "unmet"} & {*needs}), "unmet" in needs
        is_given_up = error in GIVEN_UP
        self.once_given_up |= {number} if is_given_up else set()
        waits_for_needs = status == "queued" and waits in ("dependency", "held")
        if is_open:
            assert waits_for_needs or is_given_up or error == "canceled", f"{number} did not wait: {row}"
            assert runs == 0, f"{number} ran before its needs were met"
        if is_given_up:
            assert is_unmet, f"{number} was given up for nothing"
        if is_drained and not is_open:
            assert waits != "dependency"
        if is_drained and is_unmet and number not in self.insisted and error != "canceled":
            kinds = {kind for task, _, kind in self.edges if task == number}
            policy = self.policies[number] or ("skip" if kinds == {"failed"} else "hold")
            expected = {
                "fail": ("failed", "unmet"),
                "skip": ("canceled", "skipped"),
                "hold": ("queued", None),
            }[policy]
            assert (status, error) == expected, f"{number} should be {expected}"

    def _state(
        self,
        number: object,
        kind: str,
        rows: dict[object, tuple[object, ...]],
        children: dict[object, list[object]],
    ) -> str:
        status, _, error, _ = rows[number]
        if kind == "tree":
            below = [self._state(child, "tree", rows, children) for child in children[number]]
            own = "met" if error == "skipped" else self._state(number, "succeeded", rows, children)
            return next((state for state in ("unmet", "open") if state in (own, *below)), "met")
        if status not in FINAL:
            return "open"
        return "met" if kind in ("ended", status) else "unmet"
