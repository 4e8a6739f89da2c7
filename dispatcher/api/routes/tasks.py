"""`/tasks`: tasks as people see them."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from dispatcher.api.caller import Caller
from sql import calls
from sql.rows import Task

Number = Annotated[int, Parameter(ge=1, le=2**63 - 1, description="The number of a task.")]


@get("/tasks/{number:int}", summary="Show a task", tags=["tasks"])
async def read_task(caller: Caller, number: Number) -> Task:
    return await caller.call(calls.show_task(str(number)))


ROUTES = (read_task,)
