# Recipes for people who work on this project; `just` alone lists them.

python := ".venv/bin/python"

_default:
    @just --list

# Make .venv with everything, and install the pinned agent CLIs that the tests run.
setup:
    python3 -m venv .venv
    .venv/bin/pip install --quiet --editable '.[dev]'
    npm install --prefix tests/agents --no-audit --no-fund --no-package-lock

# Show it all on simulated agents, without any key.
demo:
    .venv/bin/llmctl demo

# Run the tests, or those that are named: just test tests/sql -k claim; all of them sooner: just test -n auto
test *arguments:
    {{python}} -m pytest {{arguments}}

# What each failure of each real agent CLI comes to, as a table from real runs.
matrix:
    {{python}} -m tests.agents.error_matrix

# How two accounts share the work when one reaches its limit, as a story from real runs.
failover:
    {{python}} -m tests.agents.failover_demo

# Check style, imports and SQL.
lint:
    .venv/bin/ruff format --check .
    .venv/bin/ruff check .
    .venv/bin/lint-imports
    .venv/bin/sqlfluff lint sql

# Check the types.
types:
    .venv/bin/mypy

# Install the peers that the benchmark compares with.
setup-bench:
    .venv/bin/pip install --quiet --editable '.[dev,bench]'
    npm install --prefix tests/bench --no-audit --no-fund --no-package-lock

# Measure, as ratios in one run; `just bench P2` measures one thing, `--json` prints one object a line.
bench *measures:
    {{python}} -m tests.bench {{measures}}

# Bring everything into form.
fmt:
    .venv/bin/ruff format .
    .venv/bin/ruff check --fix .
