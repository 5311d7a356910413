"""Cost Explorer's daily figures: what is asked, and how the answer becomes preliminary charges.

Owns the question and the reading of `GetCostAndUsage` pages; the plug-in `providers/aws.py` owns
the asking. Grain: UTC day, service, linked account. Sign: a cost is positive, a credit negative.
Every record type is in these figures (usage, tax, support, credits, refunds, upfront fees), because
two groupings are the most that the interface allows and the record type would be a third.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from tieout.core.errors import SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import parse_decimal
from tieout.core.period import Period
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.ai_meters import recognise
from tieout.sources.aws_client import NAME
from tieout.sources.aws_services import service_category_of_name
from tieout.sources.base import Normalised, RawDocument
from tieout.sources.limits import load_json
from tieout.sources.rows import SourceRow, decimal_or_none, normalise

COST, QUANTITY = "UnblendedCost", "UsageQuantity"

_ACCOUNT_NAME = "description"
_MIXED_UNITS = frozenset({"", "N/A"})
_TAX = "Tax"
_ISSUER = "Amazon Web Services"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One service of one account on one day, as Cost Explorer wrote it; keys still unchecked."""

    day: date
    keys: object
    metrics: object


Row = SourceRow[Bucket]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """One day of one page; a day that goes over a page's end comes again on the next."""

    day: date
    is_estimated: bool
    groups: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    document: str
    days: tuple[_Day, ...]
    names: Mapping[str, str]


def question(period: Period, through: date) -> dict[str, object]:
    """The request: every day of the period up to `through` (inclusive), by service and account."""
    end = min(period.end_on, through + timedelta(days=1))  # the interface's End is exclusive
    return {
        "TimePeriod": {"Start": period.start_on.isoformat(), "End": end.isoformat()},
        "Granularity": "DAILY",
        "Metrics": [COST, QUANTITY],
        "GroupBy": [
            {"Type": "DIMENSION", "Key": "SERVICE"},
            {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
        ],
    }


def read_estimate(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """Preliminary charges out of the kept pages; documents of other kinds are ignored.

    A bucket that appears twice is refused, or its money would count twice. `complete_through` is
    the last day of the unbroken run of days that Cost Explorer answered for. One info finding names
    the days that it still calls estimated.

    Raises:
        SourceAnswerError: a page is no such answer.
    """
    pages = [_page(one) for one in documents if one.kind == "estimate"]
    names = {account_id: name for page in pages for account_id, name in page.names.items()}
    seen: set[tuple[date, str, str]] = set()

    def to_charge(row: Row, amount: Decimal) -> Mapping[str, object]:
        day, service, linked = _place(row.values, period)
        if (day, service, linked) in seen:
            raise SourceAnswerError(
                f"{service} of account {linked} on {day} came twice: expected each once, or its "
                "money would count twice; pull again."
            )
        seen.add((day, service, linked))
        return {
            **_charge(row.values, amount, day=day, service=service),
            "billing_account_id": account,
            "billing_account_name": names.get(account),
            "sub_account_id": linked or None,
            "sub_account_name": names.get(linked),
            "billing_period_start": period.start_on,
        }

    result = normalise(_rows(pages), amount_of=_amount, to_charge=to_charge, provider=NAME)
    days = _days(pages)
    return Normalised(
        charges=result.charges,
        findings=(*result.findings, *_estimated_findings(days)),
        totals=result.totals,
        complete_through=_last_unbroken(days, period),
    )


def _page(document: RawDocument) -> _Page:
    answer = load_json(document.content, name=document.name)
    values = answer if isinstance(answer, dict) else {}
    results = values.get("ResultsByTime")
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise SourceAnswerError(
            f"{document.name} has no list called ResultsByTime: expected an answer of "
            "GetCostAndUsage; pull it again."
        )
    return _Page(
        document=document.sha256,
        days=tuple(_one_day(one, document.name) for one in results),
        names=_names(values.get("DimensionValueAttributes")),
    )


def _one_day(result: Mapping[str, object], name: str) -> _Day:
    place = result.get("TimePeriod")
    span = place if isinstance(place, dict) else {}
    day, end = _date(span.get("Start"), name), _date(span.get("End"), name)
    groups = result.get("Groups")
    if end - day != timedelta(days=1) or not isinstance(groups, list):
        raise SourceAnswerError(
            f"{name} has a bucket from {day} to {end}: expected one day with a list of groups; "
            "pull it again."
        )
    total = result.get("Total")
    amount = total.get(COST) if isinstance(total, dict) else None
    if not groups and isinstance(amount, dict) and parse_decimal(str(amount.get("Amount"))):
        raise SourceAnswerError(
            f"{name} has a cost on {day} that no group holds: expected it by service and account; "
            "pull it again."
        )
    return _Day(
        day=day,
        is_estimated=result.get("Estimated") is True,
        groups=tuple(one if isinstance(one, dict) else {} for one in groups),
    )


def _names(attributes: object) -> dict[str, str]:
    """Account names by id; an entry of another form names nobody."""
    names: dict[str, str] = {}
    for one in attributes if isinstance(attributes, list) else []:
        more = one.get("Attributes") if isinstance(one, dict) else None
        if isinstance(more, dict) and isinstance(more.get(_ACCOUNT_NAME), str):
            names[str(one.get("Value"))] = more[_ACCOUNT_NAME]
    return names


def _rows(pages: Sequence[_Page]) -> Iterator[Row]:
    for page in pages:
        groups = ((one.day, group) for one in page.days for group in one.groups)
        for number, (day, group) in enumerate(groups, start=1):
            bucket = Bucket(day=day, keys=group.get("Keys"), metrics=group.get("Metrics"))
            yield SourceRow(document=page.document, number=number, values=bucket)


def _amount(row: Row) -> Decimal:
    return parse_decimal(str(_metric(row.values, COST).get("Amount")))


def _charge(bucket: Bucket, amount: Decimal, *, day: date, service: str) -> Mapping[str, object]:
    quantity = _metric(bucket, QUANTITY)
    unit = str(quantity.get("Unit") or "")
    is_counted = unit not in _MIXED_UNITS
    category = service_category_of_name(service)
    is_ai = category == AI_SERVICE_CATEGORY
    meter = recognise("aws", service=service, meter="", on=day) if is_ai else None
    return {
        "provider": NAME,
        "charge_period_start": datetime.combine(day, time(), UTC),
        "charge_period_end": datetime.combine(day + timedelta(days=1), time(), UTC),
        "charge_category": "Tax" if service == _TAX else "Usage",
        "effective_cost": amount,
        "billing_currency": _currency(bucket),
        "consumed_quantity": decimal_or_none(quantity.get("Amount")) if is_counted else None,
        "consumed_unit": unit if is_counted else None,
        "service_category": category,
        "service_name": service,
        "service_provider_name": "AWS",
        "invoice_issuer_name": _ISSUER,
        "x_model_developer": meter.developer if meter else None,
        "x_model": meter.model if meter else None,
        "tags": tags_json({}),
    }


def _place(bucket: Bucket, period: Period) -> tuple[date, str, str]:
    if not period.contains(bucket.day):
        raise SourceAnswerError(
            f"The bucket is of {bucket.day}: expected a day of {period}; pull again."
        )
    keys = bucket.keys
    if not isinstance(keys, list) or len(keys) != len(("service", "account")) or not keys[0]:
        raise SourceAnswerError(
            f"The bucket's keys are {str(keys)[:60]}: expected service and linked account."
        )
    return bucket.day, str(keys[0]), str(keys[1])


def _metric(bucket: Bucket, name: str) -> Mapping[str, object]:
    metrics = bucket.metrics
    found = metrics.get(name) if isinstance(metrics, dict) else None
    if not isinstance(found, dict):
        raise SourceAnswerError(
            f"The bucket has no metric {name}: expected an amount and a unit; pull again."
        )
    return found


def _currency(bucket: Bucket) -> str:
    unit = str(_metric(bucket, COST).get("Unit"))
    if len(unit) != len("USD") or not (unit.isalpha() and unit.isupper()):
        raise SourceAnswerError(
            f"The unit of {COST} is {unit[:20]!r}: expected a currency such as USD; pull again."
        )
    return unit


def _date(value: object, name: str) -> date:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise SourceAnswerError(
            f"{name} has a bucket of {str(value)[:40]!r}: expected a date such as 2026-10-01; "
            "pull it again."
        ) from None


def _days(pages: Sequence[_Page]) -> dict[date, bool]:
    """Whether each day that was answered for is still an estimate."""
    days: dict[date, bool] = {}
    for one in (one for page in pages for one in page.days):
        days[one.day] = days.get(one.day, False) or one.is_estimated
    return days


def _last_unbroken(days: Mapping[date, bool], period: Period) -> date | None:
    last = None
    for day in period.days():
        if day not in days:
            break
        last = day
    return last


def _estimated_findings(days: Mapping[date, bool]) -> tuple[Finding, ...]:
    estimated = sorted(day for day, is_estimated in days.items() if is_estimated)
    if not estimated:
        return ()
    named = ", ".join(f"{day:%d %b}" for day in estimated)
    return (
        Finding(
            kind="estimated_days",
            severity="info",
            subject="aws cost explorer",
            message=(
                f"Cost Explorer still calls its figures of {named} estimated: expected until AWS "
                "has closed the bill; pull again then."
            ),
        ),
    )
