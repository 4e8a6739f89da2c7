"""Templates. What they print is made harmless and escaped, so no text of an agent becomes markup or hides."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Undefined
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from markupsafe import Markup, escape

from dispatcher import quantities, remarks
from dispatcher.api.page.frame import static_files, words
from dispatcher.durations import duration
from dispatcher.terminal import harmless

TEMPLATES = Path(__file__).parents[1] / "templates"


# The filter `typed` is for what the person gets back into a form: all of it, also what nobody sees.


def _shown(value: object) -> object:
    """Return what is printed for a value of a template: nothing for None, and text without what nobody sees."""
    if value is None:
        return ""
    return value if isinstance(value, Markup | Undefined) else harmless(str(value))


ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters.update(
    age=quantities.age,
    count=quantities.count,
    duration=duration,
    grouped=words.grouped,
    money=words.money,
    not_proven=remarks.not_proven,
    ran_s=remarks.ran_s,
    remark=remarks.remark,
    since=words.since,
    size=quantities.size,
    stopwatch=quantities.stopwatch,
    tone=words.tone,
    typed=escape,
    state_word=words.state_word,
    when=words.when,
)
ENVIRONMENT.globals.update(static=static_files.address, now=words.now)

TEMPLATE_CONFIG = TemplateConfig(instance=JinjaTemplateEngine.from_environment(ENVIRONMENT))
