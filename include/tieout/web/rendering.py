"""The templates' environment: escaping always on, a missing value is an error. Knows no page."""

import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tieout.web import cells
from tieout.web.assets import assets
from tieout.web.table import RIGHT

_FOLDER: Final = Path(__file__).parent / "templates"
_DAY: Final = re.compile(r"(\d{4}-\d{2}(?:-\d{2})?)")
_WHOLE: Final = Markup('<span class="day">{}</span>')


@cache
def environment() -> Environment:
    """One environment for the process."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["short"] = lambda text: text[: cells.SHORT]
    made.filters["dated"] = dated
    made.filters["decimal"] = Decimal
    made.globals["assets"] = assets()
    made.globals["RIGHT"] = RIGHT
    for made_here in (cells.row_html, cells.money_html, cells.state_html, cells.hash_html):
        made.globals[made_here.__name__] = made_here
    return made


def render(template: str, **values: Any) -> str:
    """A template filled in."""
    return environment().get_template(template).render(**values)


def dated(text: str) -> Markup:
    """A sentence whose months and days stay in one piece at the end of a line."""
    parts = enumerate(_DAY.split(text))
    pieces = [escape(one) if at % 2 == 0 else _WHOLE.format(one) for at, one in parts]
    return Markup("").join(pieces)
