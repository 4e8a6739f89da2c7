"""Plays `claude` or `codex` for the pictures of the page: it prints their lines, but uses no model.

$SCENES names a file of JSON with a scene for the first line of a prompt. What is in no scene succeeds at once. How many
tokens that took, and what they cost, follows from the prompt, so that each picture shows the same numbers.
"""

import json
import os
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import pause
from typing import TypedDict


class Scene(TypedDict, total=False):
    """What an agent does: it says and does ``steps`` (a step that begins with ``$`` is a command), then answers.

    With ``holds`` it works on for ever instead. ``limit`` is when its account works again, in seconds since 1970.
    """

    steps: Sequence[str]
    answer: str
    holds: bool
    error: str
    limit: float
    files: Mapping[str, str]


def show(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def claude(scene: Scene, seed: int, *, resumed: bool) -> int:
    show(
        type="system",
        subtype="init",
        session_id=f"{seed:08x}-0000-4000-8000-000000000000",
        cwd=str(Path.cwd()),
    )
    for step in scene.get("steps", ()):
        use = {"type": "tool_use", "name": "Bash", "input": {"command": step[1:].strip()}}
        block = use if step.startswith("$") else {"type": "text", "text": step}
        show(type="assistant", message={"content": [block]})
    if "limit" in scene and not resumed:
        limit = {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": scene["limit"]}
        show(type="rate_limit_event", rate_limit_info=limit)
        show(
            type="result",
            is_error=True,
            subtype="success",
            api_error_status=429,
            result="usage limit reached",
        )
        return 1
    if scene.get("holds"):
        pause()
    for name, text in scene.get("files", {}).items():
        Path(name).write_text(text)
    if "error" in scene:
        sys.stderr.write(scene["error"] + "\n")
        return 1
    usage = {
        "inputTokens": 4_000 + seed % 9_000,
        "cacheReadInputTokens": 20_000 + seed % 70_000,
        "outputTokens": 800 + seed % 5_000,
        "costUSD": round(0.04 + seed % 900 / 1_500, 4),
    }
    show(
        type="result",
        is_error=False,
        subtype="success",
        result=scene.get("answer", "Done."),
        session_id=f"{seed:08x}-0000-4000-8000-000000000000",
        total_cost_usd=usage["costUSD"],
        model_usage_since_last_result={"claude-sonnet-4-5": usage},
    )
    return 0


def codex(scene: Scene, seed: int) -> int:
    show(type="thread.started", thread_id=f"{seed:08x}-0000-7000-8000-000000000000")
    for step in scene.get("steps", ()):
        if step.startswith("$"):
            show(type="item.started", item={"type": "command_execution", "command": step[1:].strip()})
        else:
            show(type="item.completed", item={"type": "agent_message", "text": step})
    if scene.get("holds"):
        pause()
    show(type="item.completed", item={"type": "agent_message", "text": scene.get("answer", "Done.")})
    tokens = {
        "input_tokens": 9_000 + seed % 9_000,
        "cached_input_tokens": 5_000,
        "output_tokens": 700 + seed % 3_000,
    }
    show(type="turn.completed", usage=tokens)
    return 0


def main() -> int:
    prompt = sys.stdin.read()
    scenes: Mapping[str, Scene] = json.loads(Path(os.environ["SCENES"]).read_text())
    scene = scenes.get(prompt.partition("\n")[0], Scene())
    seed = zlib.crc32(prompt.encode())
    if sys.argv[1] == "codex":
        return codex(scene, seed)
    return claude(scene, seed, resumed="--resume" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
