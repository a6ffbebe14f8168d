#!/usr/bin/env python3
"""The Polars peer: the shipped pipeline's marts, from the same files, as lazy queries of the streaming engine."""

import argparse
import datetime
import os
import sys
import time
from pathlib import Path


def arguments():
    """What a run of the shipped pipeline takes from its file is given here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of the sources")
    parser.add_argument("--reference", required=True, help="folder of the pipeline's reference tables")
    parser.add_argument("--out", required=True, type=Path, help="folder for one Parquet file per mart")
    parser.add_argument("--period", required=True, help="the month that is reported on")
    parser.add_argument("--as-of-day", required=True, type=datetime.date.fromisoformat, help="first day not to count")
    parser.add_argument("--time-zone", default="Europe/Berlin")
    parser.add_argument("--currency", default="EUR")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="time each step")
    return parser.parse_args()


class Clock:
    """Says what each step took."""

    def __init__(self, speaks):
        self.speaks, self.wall, self.cpu = speaks, time.perf_counter(), time.process_time()

    def step(self, name):
        """Prints the time since the last step."""
        wall, cpu = time.perf_counter(), time.process_time()
        if self.speaks:
            print(f"{wall - self.wall:8.3f} s {cpu - self.cpu:8.3f} CPU s  {name}", file=sys.stderr)
        self.wall, self.cpu = wall, cpu


def publish(options, clock, name, frame):
    """Writes one mart as the other peers do."""
    file = options.out / f"{name}.parquet"
    frame.sink_parquet(file, compression="zstd", compression_level=1, engine="streaming")
    clock.step(name)


def main():
    """All marts, in the order in which they need each other."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    # Polars reads this when it is imported.
    os.environ["POLARS_MAX_THREADS"] = str(options.threads)
    import ledger
    import marts
    import reconciliation
    import sources

    clock = Clock(options.verbose)
    read = sources.read_all(options)
    clock.step("contract")
    posted = ledger.Ledger(options, read, clock)
    days = posted.made("sums by day", marts.by_day(posted.streams()))
    daily = posted.made("channels by day", marts.channel_daily(days))
    months = posted.made("sums by month", marts.months_of_ledger(days))
    tables = {
        "channel_contribution_daily": daily,
        "channel_contribution_monthly": posted.made("channels by month", marts.channel_monthly(daily)),
        "product_contribution_monthly": posted.made("products", marts.product_monthly(posted.streams(), days)),
        "basis_bridge": posted.made("bridge", marts.basis_bridge(months)),
        "suspense_items": marts.suspense_items(posted.rows(), options),
        "quarantined_rows": marts.quarantined(read),
    }
    for name, frame in tables.items():
        publish(options, clock, name, frame)
    publish(options, clock, "contribution_ledger", posted.rows())
    publish(options, clock, "reconciliation", reconciliation.reconciliation(posted, days, months, tables))


if __name__ == "__main__":
    main()
