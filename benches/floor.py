#!/usr/bin/env python3
"""The floor: decodes every column that the pipeline's sources declare, and nothing else.

A sum per column is what makes an engine decode it: a count or a least value would be answered from the footers. No
program that reads these files and looks at every value takes much less; what is above it is work of its own.
"""

import argparse

import duckdb

BY_MONTH = ("orders", "order_lines", "refunds", "shipments", "fees", "spend", "spend_control")
WHOLE = ("product_costs", "fx_rates")


def looked_at(name, kind):
    """The cheapest sum that needs every value of a column."""
    column = f'"{name}"'
    if kind == "VARCHAR":
        return f"sum(strlen({column}))"
    if kind == "DATE":
        return f"sum({column} - date '2000-01-01')"
    if kind.startswith("TIMESTAMP"):
        return f"sum(epoch_us({column}))"
    return f"count_if({column})" if kind == "BOOLEAN" else f"sum({column})"


def decode(connection, files):
    """Sums every column that is in the files; the month of a folder is in none."""
    rows = f"read_parquet('{files}', hive_partitioning = false)"
    columns = connection.sql(f"describe from {rows}").fetchall()
    sums = ", ".join(looked_at(name, kind) for name, kind, *_ in columns)
    connection.sql(f"select {sums} from {rows}").fetchall()


def main():
    """All sources, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of the sources")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    connection = duckdb.connect(config={"threads": options.threads, "preserve_insertion_order": False})
    connection.execute("set enable_progress_bar = false")
    for name in BY_MONTH:
        decode(connection, f"{options.data}/{name}/*/*.parquet")
    for name in WHOLE:
        decode(connection, f"{options.data}/{name}/*.parquet")


if __name__ == "__main__":
    main()
