"""Addresses of the closed sample month that every page's contract is tried on: one a route or more.

Whoever adds a page adds its addresses here.
"""

# a line of the sample month for each way that cost takes: its content makes its id
_SHARE = "826945c92dbfc0b8a9b25cc60e3eca5bea4525193b19cdfe0e0424a2311b11ac"
_DIRECT = "1369684b93bf26a59d0453b840d34f7974e3f54c449daca935cc8b30cb6876c1"

# the first file of the AWS report
_REPORT = "cea996639ce5f40478edc2b75566e3f550a48f577d9c1ede74f6c1b97315be3a"

ADDRESSES = (
    "/close/2026-10",
    "/close/2026-10?sort=-due_on&size=5",
    "/reconciliation/2026-10",
    "/reconciliation/2026-10?sort=-difference&size=2",
    "/reconciliation/2026-10?table=exceptions&sort=-amount&find=cloud",
    "/reconciliation/2026-10/account/anthropic/nordlicht-labs",
    "/reconciliation/2026-10/account/aws/417000000001",
    "/reconciliation/2026-10/rows/estimate_to_report/not_metered/anthropic/nordlicht-labs",
    "/reconciliation/2026-10/rows/credit_rollforward/purchase-2/anthropic/nordlicht-labs",
    "/documents/2026-10",
    "/documents/2026-10?sort=-total&size=3",
    "/documents/2026-10/document/2f5864ef918eb2c1906165f6a1868c04d328a8b78792e96228108203f742df2b",
    "/reconciliation/2026-10/exception/26a490e39619b63dfa607f799d64b9bfcb7e8547b84f0d48ef7d0f5ee1e6c58e",
    "/ledger/2026-10",
    "/ledger/2026-10?by=provider,initiative&where=account:5100&sort=initiative&size=5",
    "/ledger/2026-10?basis=restated&by=cost_center&against=29",
    "/ledger/2026-10/lines?where=account:6900",
    "/ledger/2026-10/lines?sort=amount&size=10",
    f"/ledger/2026-10/line/{_SHARE}?size=20",
    f"/ledger/2026-10/line/{_DIRECT}?size=5&sort=-amount",
    "/ledger/2026-10/journal?size=10",
    "/ledger/2026-10/journal?where=account:5100&where=journal_type:invoice",
    f"/ledger/2026-10/document/{_REPORT}?row=382",
    "/ledger/2026-10/entry/2026-invoice-000001",
    "/audit/2026-10?size=20",
    "/audit/2026-10?person=ana&act=period_signed&about=2026&since=2026-10-01",
    "/audit/2026-10/event/1",
    "/audit/2026-10/verify",
    "/audit/2026-10/checkpoints",
    "/audit/2026-10/access?size=5",
    "/audit/2026-10/changes",
    "/audit/2026-10/query/manual_entries",
    "/rules/2026-10",
    "/rules/2026-10/classification",
    "/rules/2026-10/classification/1?charges=yes",
    "/rules/2026-10/chart/1",
    "/rules/2026-10/classification/edit?provider=aws&service=Amazon%20Simple%20Storage%20Service",
    "/allocation/2026-10",
    "/allocation/2026-10/shared-platform",
    "/allocation/2026-10/(certificate)",
    "/initiatives/2026-10?sort=-shared&basis=restated",
    "/initiatives/2026-10/support-assistant",
    "/initiatives/2026-10/(unallocated)",
)
