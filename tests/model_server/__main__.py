"""`python -m tests.model_server`: serve until interrupted. The first line of output is the address."""

import argparse
import contextlib
import sys
from pathlib import Path

import msgspec

from tests.model_server.server import ModelServer, RecordedRequest


def main() -> None:
    arguments = read_arguments()
    with contextlib.ExitStack() as stack:
        record = None
        if arguments.record is not None:
            journal = stack.enter_context(Path(arguments.record).open("ab", buffering=0))

            def record(request: RecordedRequest) -> None:
                journal.write(msgspec.json.encode(request) + b"\n")

        server = stack.enter_context(ModelServer(arguments.port, record))
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            if arguments.while_stdin_is_open:
                sys.stdin.buffer.read()
            else:
                server.stopping.wait()


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.model_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument(
        "--record", metavar="FILE", help="append each request to this file, as a line of JSON"
    )
    parser.add_argument(
        "--while-stdin-is-open", action="store_true", help="stop at the end of standard input"
    )
    return parser.parse_args()


main()
