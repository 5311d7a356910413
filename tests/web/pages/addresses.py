"""Addresses of the closed sample month that every page's contract is tried on: one a route or more.

Whoever adds a page adds its addresses here.
"""

ADDRESSES = (
    "/close/2026-10",
    "/close/2026-10?sort=-due_on&size=5",
    "/reconciliation/2026-10",
    "/reconciliation/2026-10?sort=-difference&size=2",
    "/reconciliation/2026-10/account/anthropic/nordlicht-labs",
    "/reconciliation/2026-10/account/aws/417000000001",
    "/reconciliation/2026-10/rows/estimate_to_report/not_metered/anthropic/nordlicht-labs",
    "/reconciliation/2026-10/rows/credit_rollforward/purchase-2/anthropic/nordlicht-labs",
    "/documents/2026-10",
    "/documents/2026-10?sort=-total&size=3",
    "/documents/2026-10/document/2f5864ef918eb2c1906165f6a1868c04d328a8b78792e96228108203f742df2b",
    "/reconciliation/2026-10/exception/26a490e39619b63dfa607f799d64b9bfcb7e8547b84f0d48ef7d0f5ee1e6c58e",
)
