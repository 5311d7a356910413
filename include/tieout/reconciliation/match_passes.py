"""The passes of each pair of figures, in their fixed order. Owns which columns must agree.

Each pair starts with the provider's own line numbers, goes on with what a charge is, and ends with
coarser groups of which only totals are compared. Source: reconciliation practice, fixed pass order.
"""

from tieout.reconciliation.match_values import Pass, Shape

_ACCOUNT = ("provider", "billing_account_id", "billing_currency")
_NUMBERS = ("invoice_id", "invoice_detail_id")
_STRONG = Pass(
    name="line number", keys=(*_ACCOUNT, *_NUMBERS), shape="1:1", required=_NUMBERS
)  # fmt: skip
_SHAPES: tuple[Shape, ...] = ("1:1", "1:n", "n:1", "n:m")
_METER = ("charge_category", "x_model", "x_service_tier", "x_token_kind")
_METER_OF_DAY = (*_ACCOUNT, *_METER, "sub_account_id", "charge_day")
_METER_OF_MONTH = (*_ACCOUNT, *_METER, "service_month")
_CHARGE = (
    *_ACCOUNT,
    *("charge_category", "sub_account_id", "service_name", "sku_id", "sku_meter", "region_id"),
    *("resource_id", "charge_description", "charge_start"),
)
_SKU = (*_ACCOUNT, "charge_category", "service_name", "sku_id", "region_id", "service_month")
_PRINTED = (*_ACCOUNT, "document_part", "charge_description")
_PART = (*_ACCOUNT, "document_part")


def _each_shape(name: str, keys: tuple[str, ...]) -> tuple[Pass, ...]:
    return tuple(Pass(name=f"{name} {shape}", keys=keys, shape=shape) for shape in _SHAPES)


ESTIMATE_TO_REPORT = (
    _STRONG,
    *_each_shape("meter and day", _METER_OF_DAY),
    *_each_shape("meter and month", _METER_OF_MONTH),
)
DRAFT_TO_FINAL = (
    _STRONG,
    *_each_shape("charge", _CHARGE),
    *_each_shape("sku and month", _SKU),
)
REPORT_TO_INVOICE = (
    _STRONG,
    *_each_shape("invoice and description", (*_PRINTED, "invoice_id")),
    *_each_shape("description", _PRINTED),
    *_each_shape("invoice total", (*_PART, "invoice_id")),
    *_each_shape("account total", _PART),
)
