"""Names under which providers' companies write invoices, to tell whose invoice a paper is.

Owns the names and nothing else: a name that is not here says nothing, and is no reason to guess.
"""

import re

# Companies of November 2026. A company may sell for several plug-ins: Anthropic bills its API and
# Claude Code, Microsoft bills Azure.
_SELLERS: tuple[tuple[str, frozenset[str]], ...] = (
    ("amazon web services", frozenset({"aws"})),
    ("aws", frozenset({"aws"})),
    ("anthropic", frozenset({"anthropic", "claude_code"})),
    ("anysphere", frozenset({"cursor"})),
    ("berriai", frozenset({"litellm"})),
    ("berrie ai", frozenset({"litellm"})),
    ("cursor", frozenset({"cursor"})),
    ("github", frozenset({"github"})),
    ("google", frozenset({"gcp"})),
    ("microsoft", frozenset({"azure"})),
    ("openai", frozenset({"openai"})),
    ("openrouter", frozenset({"openrouter"})),
)
_WORD = re.compile(r"[^\W_]+")


def words(name: str) -> str:
    """A company's name in lower-case words: `OpenAI, L.L.C.` and `OPENAI L L C` are one."""
    return " ".join(_WORD.findall(name.casefold()))


def providers_of(seller: str) -> frozenset[str]:
    """The plug-ins whose invoices a company writes; empty for a name that nobody knows."""
    name = f" {words(seller)} "
    return frozenset(one for known, found in _SELLERS if f" {known} " in name for one in found)
