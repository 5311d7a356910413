"""A chart with the accounts of commitments, and one commitment over three months."""

from tests.ledger.books import CHART_TEXT

from tieout.ledger.chart import parse_chart
from tieout.reconciliation.commitments import Terms, parse_commitments

ACCOUNTS = """\
  - {code: "1900", name: Purchase commitments (memo), type: asset}
  - {code: "2900", name: Purchase commitments (contra), type: liability}
  - {code: "2150", name: Accrued commitment shortfall, type: liability}
  - {code: "6300", name: Unused commitments, type: expense}
control:
"""
ROLES = """\
  commitment: "1900"
  commitment_contra: "2900"
  shortfall: "6300"
  accrued_shortfall: "2150"
expense:
"""
PROMISING_TEXT = CHART_TEXT.replace("control:\n", ACCOUNTS).replace("expense:\n", ROLES)
PROMISING = parse_chart(PROMISING_TEXT, name="chart.yaml")
TEXT = """\
commitments:
  - id: ea-7
    provider: openai
    billing_account_id: org-1
    currency: USD
    start_on: 2026-10-01
    last_on: 2026-12-31
    committed: "1000"
    reference: Order form 7
"""


def terms(more: str = "") -> Terms:
    """The commitment, with further lines of the file."""
    (found,) = parse_commitments(TEXT + more, name="commitments.yaml")
    return found
