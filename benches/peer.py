#!/usr/bin/env python3
"""The peer: the shipped pipeline's marts, from the same files, in DuckDB's own SQL (`peer/*.sql` by name)."""

import argparse
import sys
import time
from pathlib import Path

import duckdb

SQL = Path(__file__).resolve().parent / "peer"


def arguments():
    """What a run of the shipped pipeline takes from its file is given here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of the sources")
    parser.add_argument("--reference", required=True, help="folder of the pipeline's reference tables")
    parser.add_argument("--out", required=True, help="folder for one Parquet file per mart")
    parser.add_argument("--period", required=True, help="the month that is reported on")
    parser.add_argument("--as-of-day", required=True, help="the first day that does not count")
    parser.add_argument("--time-zone", default="Europe/Berlin")
    parser.add_argument("--currency", default="EUR")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="time each statement")
    return parser.parse_args()


def statements(connection, options):
    """Every statement of every file, with its places filled in."""
    places = {
        "{data}": options.data,
        "{reference}": options.reference,
        "{out}": options.out,
        "{period}": options.period,
        "{as_of_day}": options.as_of_day,
        "{time_zone}": options.time_zone,
        "{currency}": options.currency,
    }
    for file in sorted(SQL.glob("*.sql")):
        text = file.read_text(encoding="utf-8")
        for place, value in places.items():
            text = text.replace(place, value)
        for statement in connection.extract_statements(text):
            yield file.name, statement


def main():
    """Runs all statements in one connection, in memory."""
    options = arguments()
    Path(options.out).mkdir(parents=True, exist_ok=True)
    settings = {
        "threads": options.threads,
        "preserve_insertion_order": False,
        # What does not fit into memory goes beside the marts, not into the folder that the process was started in.
        "temp_directory": f"{options.out}/spilled",
    }
    connection = duckdb.connect(config=settings)
    connection.execute("set enable_progress_bar = false")
    for file, statement in statements(connection, options):
        began, used = time.perf_counter(), time.process_time()
        connection.execute(statement)
        if options.verbose:
            lines = [line for line in statement.query.splitlines() if line.strip() and not line.startswith("--")]
            wall, cpu = time.perf_counter() - began, time.process_time() - used
            print(f"{wall:8.3f} s {cpu:8.3f} CPU s  {file}  {lines[0][:70]}", file=sys.stderr)


if __name__ == "__main__":
    main()
