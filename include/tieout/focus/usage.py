"""Metered AI usage as providers report it, one row per account, model, tier and time bucket.

Owns the columns only. Token counts are whole tokens; `input_tokens` is the total including cached
and cache-write tokens (OpenAI's convention; Anthropic's is converted on the way in).
"""

import pyarrow as pa

from tieout.focus.columns import TIMESTAMP

USAGE_SCHEMA = pa.schema(
    [
        pa.field("usage_id", pa.string(), nullable=False),
        pa.field("provider", pa.string(), nullable=False),
        pa.field("billing_account_id", pa.string(), nullable=False),
        pa.field("sub_account_id", pa.string()),
        pa.field("sub_account_name", pa.string()),
        pa.field("api_key_id", pa.string()),
        pa.field("charge_period_start", TIMESTAMP, nullable=False),
        pa.field("charge_period_end", TIMESTAMP, nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("service_tier", pa.string(), nullable=False),
        pa.field("input_tokens", pa.int64(), nullable=False),
        pa.field("cached_input_tokens", pa.int64(), nullable=False),
        pa.field("cache_write_tokens", pa.int64(), nullable=False),
        pa.field("cache_write_1h_tokens", pa.int64(), nullable=False),
        pa.field("output_tokens", pa.int64(), nullable=False),
        pa.field("web_searches", pa.int64(), nullable=False),
        pa.field("requests", pa.int64(), nullable=False),
        pa.field("source_document", pa.string(), nullable=False),
        pa.field("source_row", pa.int32(), nullable=False),
    ]
)

SERVICE_TIERS = ("standard", "batch", "priority", "flex")
CHARGE_TIERS = (*SERVICE_TIERS, "provisioned")  # capacity by the hour has no metered tokens
TOKEN_KINDS = ("input", "cached_input", "cache_write", "cache_write_1h", "output")
