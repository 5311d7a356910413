"""The templates' environment: escaping always on, a missing value is an error. Knows no page."""

import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tieout.publish import money_text
from tieout.web.assets import assets
from tieout.web.table import RIGHT, Cell, State, Unknown

_FOLDER: Final = Path(__file__).parent / "templates"
_SHORT: Final = 8
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
    made.filters["cell"] = as_cell
    made.filters["short"] = short
    made.filters["dated"] = dated
    made.filters["decimal"] = Decimal
    made.tests["state"] = lambda value: isinstance(value, State)
    made.tests["unknown"] = lambda value: isinstance(value, Unknown)
    made.globals["assets"] = assets()
    made.globals["RIGHT"] = RIGHT
    made.globals["shown"] = money_text.shown
    return made


def render(template: str, **values: Any) -> str:
    """A template filled in."""
    return environment().get_template(template).render(**values)


def as_cell(value: Any) -> Cell:
    """Every cell in one form, so that the macro has one way to show it."""
    return value if isinstance(value, Cell) else Cell(value=value)


def dated(text: str) -> Markup:
    """A sentence whose months and days stay in one piece at the end of a line."""
    parts = enumerate(_DAY.split(text))
    pieces = [escape(one) if at % 2 == 0 else _WHOLE.format(one) for at, one in parts]
    return Markup("").join(pieces)


def short(text: str) -> str:
    """The first characters of a hash; its copy button gives all."""
    return text[:_SHORT]
