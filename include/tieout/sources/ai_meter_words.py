"""What a meter's words say about tokens: which kind is counted, at which service tier.

Owns the small vocabularies of the three clouds; names of models are in `ai_meter_tables/`. Every
pattern is plain RE2 (no look-around, no back reference) and runs on `plain` text.
"""

import re

# Things that are counted, but are no tokens of a request: their kind is unknown here, on purpose.
_NO_TOKENS = re.compile(
    r"storage|training|trng|hosting|hstng|grounding|tool calls|imagecount|image count"
    r"|created image|input image$|t2i|characters|search units|rerank|ranking|modelunits"
    r"|model units|model copy|provisioned|reserved|tpm\b|consumption unit"
    r"|\b(?:images|unit|gb|calls?|seconds?|minutes?|hours?|sessions?|megapixels?|pages?)$"
)
_KINDS = (
    ("cache_write_1h", re.compile(r"cache ?write(?: tokens)? ?1h")),
    ("cache_write", re.compile(r"cache ?write|\bcd wr\b|cache creation")),
    (
        "cached_input",
        re.compile(r"cache ?read|cache hit|caching|cached|c?cchd\b|\b(?:cd|ch|cach|cache) inp"),
    ),
    ("output", re.compile(r"output|\b(?:outp|outpt|opt|out)\b|tokencount output")),
    ("input", re.compile(r"input|\b(?:inp|inpt)\b|\bin (?:gl|glbl|dz|dzone|regnl)\b|embedding")),
)
_PROVISIONED = re.compile(
    r"provisioned|\bptus?\b|\bgsus?\b|scale units?|modelunits|model units|reserved .*tpm"
)
_TIERS = (
    ("batch", re.compile(r"\bbatch")),
    ("flex", re.compile(r"\bflex\b")),
    ("priority", re.compile(r"\bpriority\b|\bpp\b")),
)
_OTHER_TIER = re.compile(r"latency ?optimized")
_SEPARATORS = re.compile(r"[\s_\-/(),]+")


def plain(text: str) -> str:
    """Lower case, one blank for each run of blanks, dashes, slashes, brackets and underscores."""
    return _SEPARATORS.sub(" ", text.lower()).strip()


def token_kind(words: str) -> str | None:
    """The kind of token that `plain` words count; None when they count something else."""
    if _NO_TOKENS.search(words):
        return None
    return next((kind for kind, pattern in _KINDS if pattern.search(words)), None)


def service_tier(words: str, *, kind: str | None) -> str | None:
    """The tier that `plain` words name; a token row that names none is standard.

    None for what is no token row, and for a tier that no rate card knows (latency-optimised).
    """
    if _PROVISIONED.search(words):
        return "provisioned"
    named = next((tier for tier, pattern in _TIERS if pattern.search(words)), None)
    if named or kind is None or _OTHER_TIER.search(words):
        return named
    return "standard"
