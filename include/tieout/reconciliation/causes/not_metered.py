"""Not metered: the provider bills something that no token count says anything about."""

from collections.abc import Iterator

import pyarrow.compute as pc

from tieout.reconciliation.breaks import AI_KEY, Break, Case
from tieout.reconciliation.cases import PROVISIONED
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 105
SENTENCE = "Usage that is not metered by tokens and therefore not estimated ({rows} charges)."


def find(case: Case) -> Iterator[Explanation]:
    """Billed usage without a token kind, where the estimate prices tokens and capacity only.

    An estimate that prices anything else could have priced this too, and then proves nothing.
    """
    if case.names == AI_KEY and _prices_tokens_only(case):
        yield from (whole("not_metered", one) for one in case.breaks if _has_no_tokens(one))


def _prices_tokens_only(case: Case) -> bool:
    others = pc.and_(
        pc.is_null(case.earlier["x_token_kind"]),
        pc.fill_null(pc.not_equal(case.earlier["x_service_tier"], PROVISIONED), fill_value=True),
    )
    is_priced = pc.is_valid(case.earlier["x_token_kind"])
    return bool(pc.any(is_priced).as_py()) and not pc.any(others).as_py()


def _has_no_tokens(found: Break) -> bool:
    key = found.key
    is_other_usage = key.category == "Usage" and key.kind is None and key.tier != PROVISIONED
    return is_other_usage and not found.earlier
