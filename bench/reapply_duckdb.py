"""What tieout's reapply is measured against in DuckDB: `python -m bench.reapply_duckdb`.

`case FOLDER SQL OUT` runs the `CASE` chain that everybody writes over the monthly charge files;
`floor FOLDER` adds up two of their columns and does nothing else.
"""

import sys
from pathlib import Path

import duckdb


def main() -> None:
    """Do the work that the arguments name."""
    program, folder, *more = sys.argv[1:]
    source = f"read_parquet('{folder}/charges_*.parquet')"
    with duckdb.connect() as connection:
        if program == "case":
            statement = Path(more[0]).read_text(encoding="utf-8").replace("{source}", source)
            connection.execute(f"COPY ({statement}) TO '{more[1]}' (FORMAT parquet)")
        else:
            sums = connection.execute(
                f"SELECT sum(billed_cost), sum(effective_cost) FROM {source}"  # noqa: S608  our own path
            ).fetchone()
            sys.stdout.write(f"{sums}\n")


if __name__ == "__main__":
    main()
