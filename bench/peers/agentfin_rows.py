"""Classify charges with agentfin 0.2: `python agentfin_rows.py CHARGES RULES.json ROWS OUT`.

Runs in the peers' environment. Timed is the loop of `apply_rules` alone: the events are made and
their regular expressions compiled before. Its three fields are the project (task), the initiative
(agent) and the cost centre (team).
"""

# mypy: ignore-errors
# The packages live in the peers' environment, which mypy does not see, and have no types.

import json
import re
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
from agentfin.attribution import apply_rules

FIELDS = {"project": "task", "initiative": "agent", "cost_center": "team"}


def main() -> None:
    """Classify the first charges of the file."""
    charges, rules, count, out = sys.argv[1:]
    events = [_event(row) for row in _rows(charges, int(count))]
    written = json.loads(Path(rules).read_text())
    config = {
        "defaults": dict.fromkeys(FIELDS.values(), ""),
        "rules": [
            {"match": dict(_pattern(*one) for one in rule["when"]), "set": {field: rule["then"]}}
            for dimension, field in FIELDS.items()
            for rule in written[dimension]
        ],
    }
    apply_rules(events[0], config)
    started = time.process_time()
    classes = [list(apply_rules(event, config)) for event in events]
    cpu_s = time.process_time() - started
    Path(out).write_text(json.dumps({"cpu_s": cpu_s, "rows": len(events), "classes": classes}))


def _rows(charges: str, count: int) -> list[dict[str, str]]:
    batch = next(pq.ParquetFile(charges).iter_batches(batch_size=count))
    return batch.to_pylist()


def _event(row: dict[str, str]) -> dict[str, object]:
    names = ("region_id", "resource_id", "service_name", "sku_meter", "sub_account_id")
    columns = {name: row[name] for name in (*names, "sub_account_name")}
    tags = {f"tag {name}": value for name, value in json.loads(row["tags"]).items()}
    return {"provider": row["provider"], "metadata": {**columns, **tags}}


def _pattern(source: str, name: str, operator: str, values: list[str]) -> tuple[str, str]:
    key = "provider" if name == "provider" else f"meta.{'tag ' if source == 'tag' else ''}{name}"
    escaped = "|".join(re.escape(value) for value in values)
    return key, {
        "in": f"^(?:{escaped})$",
        "prefix": f"^{escaped}",
        "regex": "".join(values),
        "exists": ".",
    }[operator]


if __name__ == "__main__":
    main()
