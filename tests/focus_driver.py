"""Runs the FOCUS validator on one file and prints its verdict as one line of JSON.

    .tools/focus/bin/python tests/focus_driver.py FILE VERSION CRITERIA

It runs in the validator's own environment, not in the project's. CRITERIA is ALL, or the ids of the
validator's applicability criteria with commas: rules that ask for another one are skipped. Only the
rules that come with the validator are used: nothing is downloaded.
"""

import contextlib
import importlib
import io
import json
import logging
import sys
from typing import Any


def main() -> None:
    """Prints {"checked": n, "skipped": n, "failed": [{rule, text, message, violations}]}."""
    path, version, criteria = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    validator = importlib.import_module("focus_validator.validator")
    with contextlib.redirect_stdout(io.StringIO()):
        results = validator.Validator(
            data_filename=path,
            output_destination=None,
            output_type="console",
            focus_dataset="CostAndUsage",
            rules_version=version,
            rules_block_remote_download=True,
            applicability_criteria=criteria,
        ).validate()
    skipped = [rule for rule, entry in results.by_rule_id.items() if _is_skipped(entry)]
    failed = [
        _failure(rule, entry, results.rules.get(rule))
        for rule, entry in sorted(results.by_rule_id.items())
        if not entry.get("ok") and not _is_skipped(entry)
    ]
    checked = len(results.by_rule_id) - len(skipped)
    verdict = {"checked": checked, "skipped": len(skipped), "failed": failed}
    sys.stdout.write(json.dumps(verdict) + "\n")


def _is_skipped(entry: dict[str, Any]) -> bool:
    return bool((entry.get("details") or {}).get("skipped"))


def _failure(rule: str, entry: dict[str, Any], model: Any) -> dict[str, object]:
    details = entry.get("details") or {}
    return {
        "rule": rule,
        "text": model.validation_criteria.must_satisfy if model else "",
        "message": str(details.get("message") or details.get("reason") or ""),
        "violations": int(details.get("violations") or 0),
    }


if __name__ == "__main__":
    main()
