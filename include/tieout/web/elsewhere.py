"""Ways from one page to another that may not be installed: then there is no link, never a dead one.

Owns where the figures of one page go on; the addresses of a page are its own.
"""

from tieout.rules.register import POOL_PREFIX
from tieout.web.desk import Desk


def has(desk: Desk, page: str) -> bool:
    """Whether there is such a page."""
    return any(tab.name == page for tab in desk.tabs)


def document(desk: Desk, period: str, sha256: str) -> str:
    """A provider's document, with the rows that were read of it where there is a page for that."""
    for page in ("documents", "ledger"):
        if has(desk, page):
            return desk.link(f"/{page}/{period}/document/{sha256}")
    return ""


def ledger(desk: Desk, period: str, dimension: str, value: str) -> str:
    """The ledger lines of a month where a dimension has a value; empty without a page for it."""
    if not has(desk, "ledger"):
        return ""
    return desk.link(f"/ledger/{period}/lines", where=((dimension, value),))


def policy(desk: Desk, period: str, label: str) -> str:
    """A version such as `classification@3`; empty without a page for rules."""
    kind, _, version = label.partition("@")
    return desk.link(f"/rules/{period}/{kind}/{version}") if has(desk, "rules") else ""


def initiative(desk: Desk, period: str, name: str) -> str:
    """An initiative, or what nobody was given; empty without a page for initiatives."""
    return desk.link(f"/initiatives/{period}/{name}") if has(desk, "initiatives") else ""


def pool(desk: Desk, period: str, pool_id: str) -> str:
    """A cost pool; empty without a page for allocation."""
    return desk.link(f"/allocation/{period}/{pool_id}") if has(desk, "allocation") else ""


def target(desk: Desk, period: str, name: str) -> str:
    """The page of what bears cost: an initiative, or `pool:` and a pool."""
    if name.startswith(POOL_PREFIX):
        return pool(desk, period, name.removeprefix(POOL_PREFIX))
    return initiative(desk, period, name)


def draft(desk: Desk, period: str, **asked: str) -> str:
    """The rule editor with a rule drafted from rows of the backlog; empty without it."""
    return desk.link(f"/rules/{period}/classification/edit", **asked) if has(desk, "rules") else ""
