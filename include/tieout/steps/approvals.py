"""Approvals: who proposed and approved the policies behind a figure. Shows, decides nothing."""

from collections.abc import Iterable
from typing import Any

from tieout.store import policies
from tieout.store.session import Tx


def approvals(tx: Tx, labels: Iterable[str]) -> list[dict[str, Any]]:
    """Each version that a label such as `classification@3` names, with its two people."""
    found = []
    for label in labels:
        one = policies.by_label(tx, label)
        found.append(
            {
                "policy": label,
                "sha256": one.sha256,
                "proposed_by": one.proposed_by,
                "approved_by": one.approved_by,
                "approved_at": one.approved_at.isoformat() if one.approved_at else None,
            }
        )
    return found
