"""The conserving split of a million shares: `python -m bench.reapply_split make|ours|check`.

`make FILE` writes 200 pools, each with 50 weights and 100 totals (units of 1e-12); every program
splits each total by its pool's weights. `ours FILE OUT` times the splitting alone, as the peers'
programs do. `check FILE OUT` says how far a program's shares are from the totals and the quotas.
"""

import json
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from tieout.core import shares

POOLS, TARGETS, TOTALS = 200, 50, 100
SEED = 7
_UNITS, _PEER_UNIT = 10**12, 10**6


def main() -> None:
    """Do the work that the arguments name."""
    program, *paths = sys.argv[1:]
    if program == "make":
        Path(paths[0]).write_text(json.dumps(made()))
    elif program == "ours":
        Path(paths[1]).write_text(json.dumps(_ours(json.loads(Path(paths[0]).read_text()))))
    else:
        pools, out = (json.loads(Path(path).read_text()) for path in paths)
        sys.stdout.write(json.dumps(judged(pools, out["parts"])) + "\n")


def made() -> list[dict[str, list[int]]]:
    """Pools whose weights are token counts; one total in twenty is below ten cents.

    Totals are millionths, because openaimeter knows no smaller unit.
    """
    rng = np.random.default_rng(SEED)
    return [
        {
            "weights": [int(one) for one in rng.lognormal(8, 2, TARGETS).astype(np.int64) + 1],
            "totals": [
                int(one) // (100_000 if place % 20 == 0 else 1) * _PEER_UNIT
                for place, one in enumerate(rng.integers(10**6, 10**10, TOTALS))
            ],
        }
        for _ in range(POOLS)
    ]


def judged(pools: list[dict[str, list[int]]], parts: list[list[list[str]]]) -> dict[str, Any]:
    """Exactness and fairness of shares, which come as decimal texts in the currency.

    `lost` adds up each split's distance from its total, `worst` is the largest distance of a share
    from its exact quota, both in units of 1e-12; `negative` counts shares below zero.
    """
    lost, worst, negative, shared = Fraction(0), Fraction(0), 0, 0
    for pool, rows in zip(pools, parts, strict=False):
        whole = sum(pool["weights"])
        for total, row in zip(pool["totals"], rows, strict=False):
            found = [Fraction(text) * _UNITS for text in row]
            lost += abs(sum(found, Fraction(-total)))
            quotas = [Fraction(total * weight, whole) for weight in pool["weights"]]
            worst = max(worst, *(abs(a - b) for a, b in zip(found, quotas, strict=True)))
            negative += sum(one < 0 for one in found)
            shared += len(found)
    return {"shares": shared, "lost": float(lost), "worst": float(worst), "negative": negative}


def _ours(pools: list[dict[str, list[int]]]) -> dict[str, Any]:
    ready = [
        ({f"target-{place:03}": weight for place, weight in enumerate(pool["weights"])}, pool)
        for pool in pools
    ]
    started = time.process_time()
    found = [shares.split_many(pool["totals"], weights) for weights, pool in ready]
    cpu_s = time.process_time() - started
    parts = [
        [[_text(one) for one in row] for row in zip(*columns.values(), strict=True)]
        for columns in found
    ]
    return {"cpu_s": cpu_s, "parts": parts}


def _text(units: int) -> str:
    return f"{units // _UNITS}.{units % _UNITS:012}" if units >= 0 else f"-{_text(-units)}"


if __name__ == "__main__":
    main()
