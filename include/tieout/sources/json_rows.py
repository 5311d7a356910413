"""Rows out of JSON answers: lists of objects, texts, amounts and days, refused when they are none.

Owns the reading of fields that several plug-ins without an SDK share; knows no provider.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import cast

from tieout.core.errors import SourceAnswerError
from tieout.core.money import parse_decimal
from tieout.core.period import Period, utc_midnight
from tieout.sources.base import RawDocument
from tieout.sources.limits import load_json

Values = Mapping[str, object]


def answer(content: bytes, *, name: str) -> Values:
    """The answer as an object.

    Raises:
        SourceAnswerError: it is something else.
    """
    found = load_json(content, name=name)
    if not isinstance(found, dict):
        raise SourceAnswerError(
            f"{name} is no JSON object: expected the provider's answer; pull it again."
        )
    return found


def objects(values: Values, key: str, *, name: str) -> list[Values]:
    """The objects in the list under `key`.

    Raises:
        SourceAnswerError: no list, or something in it that is no object.
    """
    found = values.get(key)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise SourceAnswerError(
            f"{name} has no list of rows called {key}: expected the provider's page format; "
            "pull it again."
        )
    return cast("list[Values]", found)


def inner(values: Values, key: str) -> Values:
    """The object under `key`; an empty one when it is missing or something else."""
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def text(values: Values, key: str) -> str | None:
    """The field as text; None when it is missing or empty."""
    value = values.get(key)
    return None if value is None or value == "" else str(value)


def amount(values: Values, key: str) -> Decimal:
    """The field as an exact number.

    Raises:
        SourceAnswerError: missing.
        MoneyFormatError: not a number.
    """
    value = values.get(key)
    if value is None:
        raise SourceAnswerError(f"Field {key} is missing: expected an amount.")
    return parse_decimal(str(value))


def day(value: object, *, period: Period) -> date:
    """A day of the period, from a date or an instant as text.

    Raises:
        SourceAnswerError: no date, or one of another month than was asked.
    """
    try:
        found = date.fromisoformat(str(value)[: len("2026-10-01")])
    except ValueError:
        raise SourceAnswerError(
            f"The row's date is {str(value)[:40]!r}: expected one such as 2026-10-01."
        ) from None
    if not period.contains(found):
        raise SourceAnswerError(
            f"The row is of {found}: expected a day of {period}, which was asked."
        )
    return found


def day_span(on: date) -> tuple[datetime, datetime]:
    """First instant of a UTC day and of the day after."""
    return utc_midnight(on), utc_midnight(on + timedelta(days=1))


def cost_pages(
    documents: Sequence[RawDocument], key: str
) -> Iterator[tuple[RawDocument, list[Values]]]:
    """Cost documents with the rows under `key`, in order.

    Raises:
        SourceAnswerError: no such page, or two documents hold the same rows: a provider that gives
            one page twice would be counted twice.
    """
    seen: dict[str, str] = {}
    for document in documents:
        if document.kind != "cost":
            continue
        rows = objects(answer(document.content, name=document.name), key, name=document.name)
        twin = seen.setdefault(document.sha256, document.name)
        if rows and twin != document.name:
            raise SourceAnswerError(
                f"{document.name} is the same as {twin}, to the byte: expected rows of its own; "
                "pull it again, nothing was counted."
            )
        yield document, rows
