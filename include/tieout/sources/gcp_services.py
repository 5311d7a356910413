"""Which FOCUS service category a Google Cloud service belongs to, and what its credits are.

Owns two tables only. Services are found by id, which stays when Google renames a service, else by
name; one that is missing here is "Other", which is a fact about this table and not about the money.
"""

from typing import Final

from tieout.focus.columns import AI_SERVICE_CATEGORY

_BY_ID: Final = {
    "6F81-5844-456A": "Compute",  # Compute Engine
    "95FF-2EF5-5EA1": "Storage",  # Cloud Storage
    "9662-B51E-5089": "Databases",  # Cloud SQL
    "A1E8-BE35-7EBC": "Integration",  # Cloud Pub/Sub
    "AEFD-7695-64FA": AI_SERVICE_CATEGORY,  # Gemini API
    "C7E2-9256-1C43": AI_SERVICE_CATEGORY,  # Vertex AI
    "F17B-412E-CB64": "Compute",  # App Engine
    "FA26-5236-B8B5": "Networking",  # Cloud DNS
}
_BY_NAME: Final = {
    "ai platform": AI_SERVICE_CATEGORY,
    "alloydb": "Databases",
    "app engine": "Compute",
    "artifact registry": "Developer Tools",
    "backup and dr service": "Storage",
    "bigquery": "Analytics",
    "bigquery bi engine": "Analytics",
    "bigquery reservation api": "Analytics",
    "bigquery storage api": "Analytics",
    "certificate authority service": "Security",
    "cloud bigtable": "Databases",
    "cloud build": "Developer Tools",
    "cloud composer": "Analytics",
    "cloud data fusion": "Analytics",
    "cloud dataflow": "Analytics",
    "cloud dataproc": "Analytics",
    "cloud dns": "Networking",
    "cloud document ai api": AI_SERVICE_CATEGORY,
    "cloud filestore": "Storage",
    "cloud firestore": "Databases",
    "cloud functions": "Compute",
    "cloud key management service (kms)": "Security",
    "cloud logging": "Management and Governance",
    "cloud memorystore for redis": "Databases",
    "cloud monitoring": "Management and Governance",
    "cloud natural language api": AI_SERVICE_CATEGORY,
    "cloud pub/sub": "Integration",
    "cloud run": "Compute",
    "cloud run functions": "Compute",
    "cloud scheduler": "Integration",
    "cloud spanner": "Databases",
    "cloud speech api": AI_SERVICE_CATEGORY,
    "cloud sql": "Databases",
    "cloud storage": "Storage",
    "cloud tasks": "Integration",
    "cloud translation": AI_SERVICE_CATEGORY,
    "cloud vision api": AI_SERVICE_CATEGORY,
    "compute engine": "Compute",
    "firebase hosting": "Web",
    "gemini api": AI_SERVICE_CATEGORY,
    "gemini enterprise agent platform": AI_SERVICE_CATEGORY,
    "identity platform": "Identity",
    "kubernetes engine": "Compute",
    "looker studio": "Analytics",
    "memorystore": "Databases",
    "networking": "Networking",
    "secret manager": "Security",
    "security command center": "Security",
    "stackdriver monitoring": "Management and Governance",
    "storage transfer service": "Migration",
    "support": "Management and Governance",
    "vertex ai": AI_SERVICE_CATEGORY,
    "vmware engine": "Compute",
}

# Discounts that belong to the price of their row; every other credit is money given, and is shown
# as a charge of its own (Google: structure of the standard data export, credits.type).
DISCOUNTS: Final = frozenset(
    {
        "COMMITTED_USAGE_DISCOUNT",
        "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE",
        "DISCOUNT",
        "FEE_UTILIZATION_OFFSET",
        "SPENDING_BASED_DISCOUNT",  # the console's word for DISCOUNT
        "SUSTAINED_USAGE_DISCOUNT",
    }
)
COMMITMENTS: Final = {
    "COMMITTED_USAGE_DISCOUNT": "Usage",
    "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE": "Spend",
}


def service_category(service_id: str | None, name: str | None) -> str:
    """FOCUS service category of a Google Cloud service."""
    return _BY_ID.get(service_id or "") or _BY_NAME.get((name or "").lower(), "Other")


def credit_description(sku_description: str, credit_type: str | None) -> str:
    """What a line is called: a discount goes under its SKU, other credits under a name of theirs.

    The export's charges and the lines of Google's cost table use the same words, so that they meet.
    """
    if not credit_type or credit_type in DISCOUNTS:
        return sku_description
    return f"{sku_description} ({credit_type})"
