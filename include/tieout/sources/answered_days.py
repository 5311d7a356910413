"""How far day by day answers of OpenAI and Anthropic reach: up to the first day without one.

Owns the rule and its finding. An empty bucket is an answer, so it vouches for a quiet day; a day
that was asked and has no bucket may have charges that nobody has seen.
"""

from collections.abc import Collection
from datetime import date

from tieout.core.finding import Finding
from tieout.core.period import Period

_SHOWN = 5


def complete_through(answered: Collection[date], *, period: Period, through: date) -> date | None:
    """The last day (inclusive, at most `through`) up to which every day was answered, or None."""
    last = None
    for day in period.days():
        if day > through or day not in answered:
            break
        last = day
    return last


def missing_days(
    answered: Collection[date], *, period: Period, provider: str
) -> tuple[Finding, ...]:
    """One finding if days are missing that lie before an answered one; else nothing."""
    newest = max(answered, default=period.start_on)
    missing = [day for day in period.days() if day < newest and day not in answered]
    if not missing:
        return ()
    shown = ", ".join(map(str, missing[:_SHOWN])) + (" and more" if missing[_SHOWN:] else "")
    return (
        Finding(
            kind="missing_days",
            severity="warning",
            subject=f"{provider} {missing[0]}",
            message=(
                f"The {provider} report says nothing about {shown}: expected an answer for each "
                f"day, empty for a day without charges; pull it again, from {missing[0]} on only "
                "days with charges count as received."
            ),
        ),
    )
