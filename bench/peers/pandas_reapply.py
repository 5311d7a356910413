"""The reapply in pandas 3, distinct attributes first: `python pandas_reapply.py FOLDER RULES OUT`.

Runs in the peers' environment. Arrow-backed columns (texts and exact decimals); tags are parsed and
rules evaluated once for each distinct attribute tuple, then joined back and summed.
"""

# mypy: ignore-errors
# The packages live in the peers' environment, which mypy does not see, and have no types.

import json
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa

_TEXT = pd.ArrowDtype(pa.string())


def main() -> None:
    """Write the ledger of the folder's charges."""
    folder, out = Path(sys.argv[1]), sys.argv[3]
    rules = json.loads(Path(sys.argv[2]).read_text())
    conditions = [one for group in rules.values() for rule in group for one in rule["when"]]
    columns = sorted({"provider", "tags", *(one[1] for one in conditions if one[0] == "column")})
    charges = pd.concat(
        [_month(path, columns) for path in sorted(folder.glob("charges_*.parquet"))],
        ignore_index=True,
    )
    charges["tuple"] = charges.groupby(columns, sort=False, dropna=False).ngroup()
    distinct = charges.drop_duplicates("tuple").set_index("tuple")[columns]
    charges = charges[["period", "tuple", "billed_cost"]]
    tags = pd.DataFrame([json.loads(text) for text in distinct["tags"]], index=distinct.index)
    tags = tags.astype(_TEXT)
    classes = pd.DataFrame({"provider": distinct["provider"]})
    for dimension, ordered in rules.items():
        classes[dimension] = _decided(ordered, distinct, tags)
    ledger = (
        charges.join(classes, on="tuple")
        .groupby(["period", *classes.columns], sort=False, dropna=False)
        .agg(charge_count=("tuple", "size"), billed_cost=("billed_cost", "sum"))
        .reset_index()
    )
    ledger.to_parquet(out, index=False)


def _month(path: Path, columns: list[str]) -> pd.DataFrame:
    found = pd.read_parquet(path, columns=[*columns, "billed_cost"], dtype_backend="pyarrow")
    found["period"] = pd.Series(path.stem.removeprefix("charges_"), found.index, dtype="category")
    return found


def _decided(ordered: list[dict], distinct: pd.DataFrame, tags: pd.DataFrame) -> pd.Series:
    """The class that the first matching rule gives, walking over the rows still open."""
    decided = pd.Series(pd.NA, distinct.index, dtype=_TEXT)
    rows = distinct.index
    for rule in ordered:
        matched = rows
        for source, name, operator, values in rule["when"]:
            texts = (tags if source == "tag" else distinct)[name].loc[matched]
            matched = matched[_holds(texts, operator, values).to_numpy(bool, na_value=False)]
        decided.loc[matched] = tags[rule["tag"]].loc[matched] if rule["tag"] else rule["then"]
        rows = rows.difference(matched, sort=False)
    return decided


def _holds(texts: pd.Series, operator: str, values: list[str]) -> pd.Series:
    if operator == "in":
        return texts.isin(values)
    if operator == "prefix":
        return texts.str.startswith(values[0])
    if operator == "regex":
        return texts.str.contains(values[0], regex=True)
    return texts.notna()


if __name__ == "__main__":
    main()
