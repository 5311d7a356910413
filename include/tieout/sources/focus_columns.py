"""FOCUS columns by our names, and where a file keeps them: dialects, mappings, constants.

Owns names only (FOCUS 1.0 to 1.4, Cost and Usage); `focus_rows` owns what the values mean.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tieout.core.errors import SettingError, SourceAnswerError
from tieout.focus.columns import MONEY
from tieout.sources.limits import load_json
from tieout.sources.rows import CHARGES
from tieout.sources.tables import Wanted

_OWN = frozenset({"line_id", "provider", "source_document", "source_row", "source_tags"})


def focus_name(column: str) -> str:
    """FOCUS's name of a charge column: `sku_price_id` is `SkuPriceId`."""
    return "".join(word.capitalize() for word in column.split("_"))


FOCUS_COLUMNS = {
    focus_name(one.name): one.name
    for one in CHARGES
    if one.name not in _OWN and not one.name.startswith("x_")
}
AMOUNT_COLUMNS = {focus_name(one.name): one.name for one in CHARGES if one.type == MONEY}
# names that only one kind of file has: before FOCUS 1.3, and of the clouds' own exports
OLD_PROVIDER = "ProviderName"
EXTRA_COLUMNS = (
    "BillingPeriodEnd",
    OLD_PROVIDER,
    "x_ServiceCode",
    "x_SkuMeterCategory",
    "x_SkuMeterId",
    "x_SkuMeterName",
    "x_SkuMeterSubcategory",
    "x_UsageType",
)
REQUIRED = (
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "EffectiveCost",
    "ServiceName",
)
KNOWN = (*FOCUS_COLUMNS, *EXTRA_COLUMNS)

_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusMapping:
    """How a file that is nearly FOCUS becomes it.

    `columns` has the file's own name by FOCUS name, `constants` a value for FOCUS columns that the
    file lacks.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusLayout:
    """Source columns and constants by FOCUS name."""

    names: Mapping[str, str]
    constants: Mapping[str, str]

    def wanted(self) -> Wanted:
        """What is read of the file."""
        amounts = [self.names[name] for name in AMOUNT_COLUMNS if name in self.names]
        texts = [source for name, source in self.names.items() if name not in AMOUNT_COLUMNS]
        return Wanted(texts=texts, amounts=amounts)


def parse_mapping(text: str, *, where: str) -> FocusMapping:
    """Read a mapping: `{"columns": {"their name": "FocusName"}, "constants": {"FocusName": "x"}}`.

    Raises:
        SettingError: anything else, a name that FOCUS does not have, or one that is given twice.
    """
    try:
        value = load_json(text.encode(), name=where)
    except SourceAnswerError as error:
        raise SettingError(f"{where} is no mapping: {error}") from error
    if not isinstance(value, dict) or not set(value) <= {"columns", "constants"}:
        raise SettingError(
            f"{where} is no mapping: expected an object with columns and constants and nothing "
            "else; correct it."
        )
    columns = _names(value.get("columns", {}), where)
    constants = _names(value.get("constants", {}), where)
    targets = [*columns.values(), *constants]
    unknown = sorted(set(targets) - set(KNOWN))
    twice = sorted({name for name in targets if targets.count(name) > 1})
    if unknown or twice:
        wrong = f"does not know {unknown[0]!r}" if unknown else f"gives {twice[0]!r} twice"
        raise SettingError(
            f"{where} {wrong}: expected names of FOCUS Cost and Usage columns, each once; correct "
            "it."
        )
    return FocusMapping(
        columns={focus: theirs for theirs, focus in columns.items()}, constants=constants
    )


def mapping_text(mapping: FocusMapping) -> str:
    """The mapping as canonical JSON, which `parse_mapping` reads again."""
    columns = {theirs: focus for focus, theirs in mapping.columns.items()}
    value = {"columns": columns, "constants": dict(mapping.constants)}
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def layout_of(
    header: tuple[str, ...], *, name: str, provider: str, mapping: FocusMapping
) -> FocusLayout:
    """Where a file keeps the FOCUS columns; case, blanks and underscores in names do not count.

    Raises:
        SourceAnswerError: a column that every FOCUS file has is missing, or two could be meant.
    """
    names = {focus: theirs for focus, theirs in mapping.columns.items() if theirs in header}
    taken = set(names.values())
    folded: dict[str, list[str]] = {}
    for column in header:
        if column not in taken:
            folded.setdefault(_folded(column), []).append(column)
    for focus in KNOWN:
        found = folded.get(_folded(focus), [])
        if focus in names or focus in mapping.constants or not found:
            continue
        if len(found) > 1 and focus not in found:
            raise SourceAnswerError(
                f"{name} has {found[0]!r} and {found[1]!r}: expected one column {focus}; name it "
                f"in the mapping of the connection tieout_{provider}."
            )
        names[focus] = focus if focus in found else found[0]
    _check(names, mapping, header, name=name, provider=provider)
    return FocusLayout(names=names, constants=mapping.constants)


def _check(
    names: Mapping[str, str],
    mapping: FocusMapping,
    header: tuple[str, ...],
    *,
    name: str,
    provider: str,
) -> None:
    present = {*names, *mapping.constants}
    missing = [one for one in REQUIRED if one not in present]
    if not present & {"ServiceProviderName", OLD_PROVIDER}:
        missing.append("ServiceProviderName")
    if not missing:
        return
    shown = ", ".join(column[:30] for column in header[:_MOST_SHOWN]) or "nothing"
    raise SourceAnswerError(
        f"{name} has no column {', '.join(missing)}: expected FOCUS 1.0 to 1.4 Cost and Usage with "
        f"commas between cells, found {shown}; map its names or give constants in the mapping of "
        f"the connection tieout_{provider}."
    )


def _folded(name: str) -> str:
    return name.replace("_", "").replace(" ", "").lower()


def _names(value: object, where: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(
        isinstance(one, str) and one.strip() for one in value.values()
    ):
        raise SettingError(
            f"{where} is no mapping: expected names as text under columns and constants; correct "
            "it."
        )
    return {str(key): one for key, one in value.items()}
