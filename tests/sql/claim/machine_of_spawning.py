"""What agents spawn, as a rule of the machine in test_against_model, beside a model that only counts."""

from collections import Counter
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from tests.sql.claim.model_of_needs import KEYS, POLICIES, Needs
from tests.sql.client import Client, Run

FILE = "tasks.jsonl"
DEPTH, CHILDREN, TASKS = 2, 3, 5
SPAWNS = {"spawns": FILE, "spawn_limits": {"depth": DEPTH, "children": CHILDREN, "tasks": TASKS}}
ROWS = st.lists(
    st.tuples(st.one_of(st.just({}), KEYS), POLICIES, st.booleans()), min_size=1, max_size=CHILDREN + 1
)


class Trees:
    """Which task was spawned by which, and which of them may spawn."""

    def __init__(self) -> None:
        self.parents: dict[int, int] = {}
        self.spawning: set[int] = set()

    def above(self, number: int) -> list[int]:
        """Return the tasks above it, up to the root."""
        found = []
        while number in self.parents:
            found.append(number := self.parents[number])
        return found

    def root(self, number: int) -> int:
        return [number, *self.above(number)][-1]

    def tree(self, number: int) -> list[int]:
        """Return all below the root of its tree."""
        return sorted(child for child in self.parents if self.root(child) == self.root(number))

    def passes_a_cap(self, number: int, rows: int, *, deeper: bool) -> bool:
        """Return whether a task may not spawn so many, some of which spawn again if ``deeper``."""
        depth = len(self.above(number))
        return (
            depth >= DEPTH
            or (deeper and depth + 1 >= DEPTH)
            or sum(parent == number for parent in self.parents.values()) + rows > CHILDREN
            or len(self.tree(number)) + rows > TASKS
        )


class Spawning:
    """Needs a machine with these attributes."""

    db: Client
    held: set[int]
    dispatchers: list[UUID]
    open: list[tuple[int, Run]]
    ended: list[tuple[int, Run]]
    statuses: dict[int, str]
    submitted: int
    needs: Needs
    trees: Trees

    def may_spawn(self) -> list[tuple[int, Run]]:
        return [(who, run) for who, run in self.open if run.number in self.trees.spawning]

    @precondition(lambda self: self.may_spawn() and not self.held)
    @rule(data=st.data(), given=ROWS)
    def spawn(self, data: st.DataObject, given: list[tuple[dict[str, int], str | None, bool]]) -> None:
        """The run of a task succeeds, and its agent has written down others, which may come after tasks of its tree."""
        who, run = data.draw(st.sampled_from(self.may_spawn()))
        parent = run.number
        rows = self.needs.tasks([row[:2] for row in given], None, self.trees.tree(parent))
        deeper = [may_spawn for *_, may_spawn in given]
        for row, may_spawn in zip(rows, deeper, strict=True):
            del row["tenant_id"]
            row.update({"spawns": FILE} if may_spawn else {})
        spawn = [{"line": line, "task": row} for line, row in enumerate(rows, 1)]
        asked = self.db.value("select cancel_requested_at is not null from tasks where number = %s", parent)
        before = len(self.children(parent))
        self.open.remove((who, run))
        self.ended.append((who, run))
        assert self.db.finish(self.dispatchers[who], run, None, ran_s=1, spawn=spawn) == "finished"
        error, said = self.db.one(
            "select r.error_class, r.error_message from task_runs as r where id = %s", run.id
        )
        numbers = self.children(parent)[before:]
        if error is not None:
            assert not numbers
            if not asked and not self.trees.passes_a_cap(parent, len(rows), deeper=any(deeper)):
                assert "it would wait for itself" in str(said)
            return
        assert not asked
        assert len(numbers) == len(rows)
        assert not self.trees.passes_a_cap(parent, len(rows), deeper=any(deeper)), "a cap was passed"
        self.needs.note(rows, numbers)
        self.submitted += len(numbers)
        self.trees.parents.update(dict.fromkeys(numbers, parent))
        self.trees.spawning.update(number for number, spawns in zip(numbers, deeper, strict=True) if spawns)
        self.statuses.update({number: str(self.db.status(number)[0]) for number in numbers})

    def children(self, parent: int) -> list[int]:
        return [
            row[0]  # type: ignore[misc]
            for row in self.db.rows(
                "select t.number from tasks as t join tasks as p on p.id = t.parent where p.number = %s order by 1",
                parent,
            )
        ]

    @invariant()
    def trees_are_what_was_spawned_and_no_cap_is_passed(self) -> None:
        found: dict[object, object] = dict(
            self.db.rows("select t.number, p.number from tasks as t join tasks as p on p.id = t.parent")  # type: ignore[arg-type]
        )
        assert found == self.trees.parents
        counted: dict[object, object] = {
            row[0]: row[1]
            for row in self.db.rows(
                "select number, task_trees.tasks from task_trees join tasks on tasks.id = root"
            )
        }
        sizes: Counter[object] = Counter(self.trees.root(number) for number in self.trees.parents)
        assert counted == {root: sizes[root] for root in counted}
        assert sizes.keys() <= counted.keys()
        assert max(sizes.values(), default=0) <= TASKS

    @invariant()
    def a_tree_has_cost_what_its_runs_have(self) -> None:
        assert not self.db.rows(
            "select root from task_trees left join (select tree, sum(coalesce(cost_usd, 0)) as usd from task_runs"
            " join tasks on tasks.id = task_id group by tree) as spent on tree = root"
            " where task_trees.cost_usd <> coalesce(usd, 0)"
        )
