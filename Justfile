# Recipes for people who work on this project. `just` alone lists them.

python := ".venv/bin/python"

_default:
    @just --list

# Create .venv and install everything, including what the tests run: the pinned agent CLIs, axe-core, and pg for Node.
setup:
    python3 -m venv .venv
    .venv/bin/pip install --quiet --editable '.[dev]'
    {{python}} -m tests.agents.install
    npm install --prefix tests/browser --no-audit --no-fund --no-package-lock
    npm install --prefix tests/documentation --no-audit --no-fund --no-package-lock

# Install the locked versions in place of the newest ones, each compared with its hash.
setup-locked:
    python3 -m venv .venv
    .venv/bin/pip install --quiet --require-hashes --requirement constraints/newest.txt
    .venv/bin/pip install --quiet --no-deps --no-build-isolation --editable .

# Write constraints/ anew: the newest versions that pyproject.toml allows, and the lowest. It needs uv.
lock:
    uv pip compile --quiet --universal --python-version 3.11 --extra dev --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --output-file constraints/newest.txt pyproject.toml
    uv pip compile --quiet --universal --python-version 3.11 --extra dev --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --resolution lowest-direct --output-file constraints/lowest.txt pyproject.toml

# Show the whole system with simulated agents, without any key.
demo:
    .venv/bin/llmctl demo

# Run all tests, or some: just test tests/sql -k claim. All of them in parallel: just test -n auto
test *arguments:
    {{python}} -m pytest {{arguments}}

# Print the result of each failure of each real agent CLI, as a table from real runs.
matrix:
    {{python}} -m tests.agents.error_matrix

# Show how two accounts share the work when one reaches its limit, in real runs.
failover:
    {{python}} -m tests.agents.failover_demo

# Write the generated parts of docs/: configuration.md, json.md and sql.md. A test says whether they are up to date.
docs:
    {{python}} -m tests.documentation

# Make the pictures of docs/images/ anew. `just screenshots DIRECTORY` makes those of all pages, widths and schemes there.
screenshots *directory:
    {{python}} -m tests.browser.screenshots {{directory}}
    {{python}} -m tests.documentation.pictures {{directory}}

# Make only those of the command line, which need no browser.
pictures *directory:
    {{python}} -m tests.documentation.pictures {{directory}}

# Check style, imports and SQL.
lint:
    .venv/bin/ruff format --check .
    .venv/bin/ruff check .
    .venv/bin/lint-imports
    .venv/bin/sqlfluff lint sql

# Check the types.
types:
    .venv/bin/mypy

# Install the peers that the benchmark compares with: from PyPI, npm, and where there is apt, Debian's Slurm and task-spooler.
setup-bench:
    .venv/bin/pip install --quiet --editable '.[dev,bench]'
    npm install --prefix tests/bench --no-audit --no-fund --no-package-lock
    ! command -v apt-get >/dev/null || $([ "$(id -u)" = 0 ] || echo sudo) apt-get install --yes --no-install-recommends slurmctld slurmd slurm-client task-spooler

# Run the benchmark. `just bench P2` runs one measure, `--json` prints one object a line.
bench *measures:
    {{python}} -m tests.bench {{measures}}

# Format everything.
fmt:
    .venv/bin/ruff format .
    .venv/bin/ruff check --fix .

# Fetch the scripts of the page anew. A test compares them with their checksums.
vendor:
    npm install --prefix build/vendor --no-audit --no-fund --no-package-lock htmx.org@2.0.11 idiomorph@0.8.0
    cp build/vendor/node_modules/htmx.org/dist/htmx.min.js dispatcher/api/page/static/vendor/
    cp build/vendor/node_modules/idiomorph/dist/idiomorph.min.js dispatcher/api/page/static/vendor/
    {{python}} -m pytest tests/dispatcher/api/page/test_files.py
