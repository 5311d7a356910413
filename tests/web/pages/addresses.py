"""Addresses of the closed sample month that every page's contract is tried on: one a route or more.

Whoever adds a page adds its addresses here.
"""

ADDRESSES = (
    "/close/2026-10",
    "/close/2026-10?sort=-due_on&size=5",
)
