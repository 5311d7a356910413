"""What a provider does not have, as functions of the provider protocol that give nothing.

Owns these empty answers; a plug-in imports the ones that it lacks, so that the protocol is whole.
"""

from decimal import Decimal

from tieout.focus.usage import USAGE_SCHEMA
from tieout.sources.base import ControlTotals, Normalised, NormalisedUsage, RawDocument
from tieout.sources.rows import CHARGES

__all__ = ["fetch_usage", "to_estimate", "to_usage"]


def fetch_usage(*_: object, **__: object) -> tuple[RawDocument, ...]:
    """Nothing: this provider has neither a meter nor preliminary figures of its own."""
    return ()


def to_usage(*_: object, **__: object) -> NormalisedUsage:
    """No usage rows."""
    return NormalisedUsage(
        usage=USAGE_SCHEMA.empty_table(), findings=(), rows_in=0, rows_out=0, rows_bad=0
    )


def to_estimate(*_: object, **__: object) -> Normalised:
    """No preliminary figures."""
    totals = ControlTotals(
        rows_in=0, rows_out=0, rows_bad=0, source_total=Decimal(0), loaded_units=0, refused_units=0
    )
    return Normalised(charges=CHARGES.empty_table(), findings=(), totals=totals)
