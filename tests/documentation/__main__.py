"""`just docs`: writes the generated parts of the documentation."""

from tests.documentation.pages import DOCS, PAGES, written

for name in PAGES:
    (DOCS / name).write_text(written(name))
