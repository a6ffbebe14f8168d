#!/usr/bin/env python3
"""Compares the marts that `tieout` published with those the peer wrote: every row and every column, by value.

    python compare.py OUTPUTS/current.json PEER_FOLDER
"""

import json
import sys
from pathlib import Path

import duckdb

# What tells the rows of a mart apart, as the pipeline declares it.
GRAINS = {
    "contribution_ledger": ["stream", "source_key"],
    "channel_contribution_daily": ["day", "basis", "sales_channel", "marketing_channel"],
    "channel_contribution_monthly": ["period", "basis", "sales_channel", "marketing_channel"],
    "product_contribution_monthly": ["period", "basis", "sku", "marketing_channel"],
    "basis_bridge": ["period", "measure"],
    "suspense_items": ["stream", "source_key"],
    "reconciliation": ["identity", "stream", "measure", "currency"],
    # Contradictory rows share a key and may have equal amounts: they are numbered here, and compared as a bag.
    "quarantined_rows": ["stream", "source_key", "reject_reason", "amount", "currency", "copy"],
}
# Raw content is shown in each engine's own JSON, and the row number follows from it.
NOT_COMPARED = {"quarantined_rows": {"content", "row_no"}}
# Rows that one comparison holds in memory.
CHUNK = 4_000_000


def published(current_json):
    """The files of each mart as of one publication."""
    tables = json.loads(Path(current_json).read_text(encoding="utf-8"))["tables"]
    return {name: table["files"] for name, table in tables.items()}


def quoted(name):
    """A column name as an identifier: `rows` and `day` are words of SQL."""
    return f'"{name}"'


def source(files, mart):
    """A mart's files as a table expression; bags get a running number to be joined by."""
    rows = f"read_parquet({files!r}, hive_partitioning = false)"
    if mart != "quarantined_rows":
        return rows
    key = ", ".join(quoted(name) for name in GRAINS[mart][:-1])
    return f"(select *, row_number() over (partition by {key}) as copy from {rows})"


def columns_of(connection, table):
    """Names and types of a table expression, without those that are not compared."""
    return {row[0]: row[1] for row in connection.sql(f"describe select * from {table}").fetchall()}


def is_number(kind):
    """Whether two values of a type have a difference."""
    return kind.startswith("DECIMAL") or kind in ("BIGINT", "HUGEINT", "INTEGER", "DOUBLE")


def joined(left, right, grain, chunk, chunks):
    """Both sides beside each other, a part of the rows at a time, so that memory does not grow with history."""
    part = f"hash({quoted(grain[-1])}, {quoted(grain[0])}) % {chunks} = {chunk}" if chunks > 1 else "true"
    on = " and ".join(f"l.{quoted(name)} is not distinct from r.{quoted(name)}" for name in grain)
    return (
        f"(select true as is_left, * from {left} where {part}) as l "
        f"full join (select true as is_right, * from {right} where {part}) as r on {on}"
    )


def differences(connection, left, right, grain, columns, rows):
    """Rows on one side only, and per column how many values differ and by how much at most."""
    chunks = max(1, -(-rows // CHUNK))
    measures = [name for name in columns if name not in grain]
    counts = ["count(*) filter (is_right is null)", "count(*) filter (is_left is null)", "count(*)"]
    for name in measures:
        both = f"is_left and is_right and l.{quoted(name)} is distinct from r.{quoted(name)}"
        apart = f"max(abs(l.{quoted(name)} - r.{quoted(name)}))" if is_number(columns[name]) else "null"
        counts += [f"count(*) filter ({both})", f"{apart} filter ({both})" if is_number(columns[name]) else "null"]
    totals = [0, 0, 0]
    found = {name: [0, None] for name in measures}
    for chunk in range(chunks):
        tables = joined(left, right, grain, chunk, chunks)
        row = connection.sql(f"select {', '.join(counts)} from {tables}").fetchall()[0]
        totals = [total + value for total, value in zip(totals, row[:3])]
        for name, number, apart in zip(measures, row[3::2], row[4::2]):
            found[name][0] += number
            found[name][1] = max((value for value in (found[name][1], apart) if value is not None), default=None)
    return totals, {name: value for name, value in found.items() if value[0]}


def examples(connection, left, right, grain, column, limit=3):
    """The first rows in which a column differs."""
    shown = ", ".join(f"coalesce(l.{quoted(name)}, r.{quoted(name)})" for name in grain)
    where = f"is_left is distinct from is_right or l.{quoted(column)} is distinct from r.{quoted(column)}"
    query = f"select {shown}, l.{quoted(column)}, r.{quoted(column)} from {joined(left, right, grain, 0, 1)}"
    return connection.sql(f"{query} where {where} order by all limit {limit}").fetchall()


def compare_mart(connection, mart, files, peer):
    """Lines that say what differs in one mart; none when it is the same. Prints its verdict."""
    left, right, grain = source(files, mart), source([str(peer)], mart), GRAINS[mart]
    ours, theirs = columns_of(connection, left), columns_of(connection, right)
    problems = [f"columns on one side only: {sorted(set(ours) ^ set(theirs))}"] if set(ours) != set(theirs) else []
    floats = sorted(name for name, kind in theirs.items() if kind in ("FLOAT", "DOUBLE"))
    # A float would be compared as a float, and may be equal by luck.
    problems += [f"floats in the peer: {floats}"] if floats else []
    skipped = NOT_COMPARED.get(mart, set())
    shared = {name: kind for name, kind in ours.items() if name in theirs and name not in skipped}
    rows = [connection.sql(f"select count(*) from {table}").fetchall()[0][0] for table in (left, right)]
    (only_left, only_right, pairs), found = differences(connection, left, right, grain, shared, max(rows))
    if only_left or only_right or rows[0] != rows[1] or pairs != rows[0]:
        problems.append(f"rows: {rows[0]} and {rows[1]}, only in tieout {only_left}, only in the peer {only_right}")
        first = next((name for name in shared if name not in grain), grain[0])
        problems += [f"  {row}" for row in examples(connection, left, right, grain, first)]
    for name, (number, apart) in found.items():
        problems.append(f"{name}: {number} values differ" + ("" if apart is None else f", by {apart} at most"))
        problems += [f"  {row}" for row in examples(connection, left, right, grain, name)]
    compared = len([name for name in shared if name != "copy"])
    print(f"  {mart:<30} {'DIFFERENT' if problems else 'same'}: {rows[0]} rows, {compared} columns")
    return problems


def compare(current_json, peer_folder):
    """Compares all marts. Gives whether all are the same, and prints the first differences of those that are not."""
    tables = published(current_json)
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false; set preserve_insertion_order = false")
    same = True
    for name in sorted(set(tables) ^ set(GRAINS)):
        print(f"  {name:<30} DIFFERENT: published by one side only")
        same = False
    for mart in sorted(set(tables) & set(GRAINS)):
        problems = compare_mart(connection, mart, tables[mart], Path(peer_folder) / f"{mart}.parquet")
        for problem in problems:
            print(f"      {problem}")
        same = same and not problems
    return same


if __name__ == "__main__":
    sys.exit(0 if compare(sys.argv[1], sys.argv[2]) else 1)
