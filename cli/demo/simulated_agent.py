"""The agent of `llmctl demo`: it reads a prompt, waits and prints an answer. It uses no model.

It runs as a program of its own, with a directory in which it notes what has failed once. In the prompt,
``[takes 2 s]`` says how long it works, ``[fails once]`` makes its first run fail, and ``[writes FILE]`` makes it
write a file.
"""

import json
import re
import sys
import time
from pathlib import Path


def main() -> None:
    prompt = sys.stdin.read()
    task = re.sub(r"\s*\[.*?\]", "", prompt).strip()
    takes = re.search(r"\[takes (\d+) s\]", prompt)
    time.sleep(int(takes[1]) if takes else 1)

    failed = Path(sys.argv[1]) / re.sub(r"\W+", "-", task)
    if "[fails once]" in prompt and not failed.exists():
        failed.touch()
        sys.exit("simulated failure: the next attempt succeeds")

    answer = f"Simulated answer to: {task}"
    if writes := re.search(r"\[writes (\S+)\]", prompt):
        Path(writes[1]).write_text(f"# {task}\n\n{answer}\n")
    words = {"input": len(prompt.split()), "output": len(answer.split())}
    json.dump({"answer": answer, "tokens": words}, sys.stdout)


if __name__ == "__main__":
    main()
