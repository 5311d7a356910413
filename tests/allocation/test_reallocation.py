"""What a pool says of its posting: read, and refused while the file is proposed."""

import pytest

from tieout.allocation.parse import parse_pools
from tieout.allocation.reallocation import Reallocation
from tieout.core.errors import RuleFileError

POOL = """
pools:
  - id: platform
    owner: maria
    method: even
    targets: [search, support]
"""
SENDER = "    sender: {cost_center: CC-900 Platform, pl_category: Research and development}\n"


def test_a_pool_without_posting_is_booked_on_its_receivers() -> None:
    (pool,) = parse_pools(POOL, name="pools.yaml")
    assert pool.reallocation is None


def test_an_assessment_has_an_account_of_its_own_and_a_distribution_has_none() -> None:
    text = f"{POOL}    posting: assessment\n    account: '6800'\n{SENDER}"
    (assessed,) = parse_pools(text, name="pools.yaml")
    (distributed,) = parse_pools(f"{POOL}    posting: distribution\n{SENDER}", name="pools.yaml")
    sender = {"cost_center": "CC-900 Platform", "pl_category": "Research and development"}
    assert assessed.reallocation == Reallocation(account="6800", **sender)
    assert distributed.reallocation == Reallocation(**sender)
    styles = [one.reallocation.style for one in (assessed, distributed) if one.reallocation]
    assert styles == ["assessment", "distribution"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (f"    posting: spreading\n{SENDER}", "one of distribution, assessment"),
        ("    posting: distribution\n", "posting needs posting .* and sender beside it"),
        (SENDER, "sender needs posting"),
        ("    account: '6800'\n", "account needs posting"),
        (f"    posting: assessment\n{SENDER}", "; add account"),
        (f"    posting: distribution\n    account: '6800'\n{SENDER}", "; leave out account"),
        ("    posting: distribution\n    sender: {cost_center: CC-900}\n", "pl_category"),
    ],
)
def test_half_of_a_posting_is_refused(more: str, reason: str) -> None:
    with pytest.raises(RuleFileError, match=reason):
        parse_pools(POOL + more, name="pools.yaml")


def test_a_fee_over_its_term_has_no_posting_of_this_kind() -> None:
    text = f"""
pools:
  - id: licence
    owner: maria
    method: amortise
    start_on: 2026-10-01
    months: 12
    percent: {{search: 100}}
    posting: distribution
{SENDER}"""
    with pytest.raises(RuleFileError, match="booked through prepaid month by month"):
        parse_pools(text, name="pools.yaml")
