#!/usr/bin/env python3
"""Whole runs side by side: `tieout run` and a DuckDB peer that makes the same marts of the same files.

Both are timed as processes, in turn, in one sitting; then their marts are compared value by value. See README.md.
"""

import argparse
import datetime
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
DUCKDB = "duckdb==2.0.0"
PIPELINE = Path("pipelines") / "channel_contribution.yaml"


def arguments():
    """What to measure, and where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, nargs="+", action="extend", help="orders of the shop; default 1000000")
    parser.add_argument("--months", type=int, default=24, help="months of history")
    parser.add_argument("--end", type=datetime.date.fromisoformat, default=datetime.date(2026, 10, 31))
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count; one more comes first and is dropped")
    parser.add_argument("--tieout", type=Path, default=PROJECT / "target" / "release" / "tieout")
    parser.add_argument("--work", type=Path, default=PROJECT / "target" / "bench", help="folder for everything")
    parser.add_argument("--keep", action="store_true", help="keep shops and outputs; a kept shop is used again")
    options = parser.parse_args()
    options.orders = options.orders or [1_000_000]
    options.tieout, options.work = options.tieout.resolve(), options.work.resolve()
    return options


def with_duckdb(work):
    """Goes on in an environment of its own where DuckDB cannot be imported: the peer's version is pinned."""
    try:
        import duckdb  # noqa: F401
    except ImportError:
        python = work / "venv" / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", DUCKDB], check=True)
        os.execv(python, [str(python), str(Path(__file__).resolve()), *sys.argv[1:]])


@dataclass
class Measured:
    """What one process took."""

    wall: float
    user: float
    system: float
    peak_mb: float

    @property
    def cpu(self):
        """Seconds of all processors together: what a noisy machine disturbs least."""
        return self.user + self.system


def measured(command, log, environment=None):
    """Runs a command to its end. Stops everything when it fails, with the end of what it said."""
    with open(log, "wb") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
    # Linux counts the resident set in kilobytes, macOS in bytes.
    peak = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
    return Measured(wall, usage.ru_utime, usage.ru_stime, peak)


@dataclass
class Bench:
    """The folders of one size."""

    options: argparse.Namespace
    folder: Path

    @property
    def shop(self):
        """The generated sources."""
        return self.folder / "shop"

    @property
    def project(self):
        """The shipped pipeline as `tieout init` writes it."""
        return self.folder / "project"

    @property
    def period(self):
        """The month that is reported on: the last of the history."""
        return f"{self.options.end:%Y-%m}"

    def prepare(self, orders):
        """Generates the shop and the project once. `truth.json` is written last, so a shop that has it is complete."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.shop / "truth.json").exists():
            shutil.rmtree(self.shop, ignore_errors=True)
            options = ["--orders", orders, "--months", self.options.months, "--end", self.options.end]
            measured([self.options.tieout, "sample", self.shop, *options], self.folder / "sample.log")
        shutil.rmtree(self.project, ignore_errors=True)
        measured([self.options.tieout, "init", self.project], self.folder / "init.log")

    def run_tieout(self):
        """One run that finds nothing published and makes, proves, publishes and mails everything."""
        outputs = self.folder / "published"
        shutil.rmtree(outputs, ignore_errors=True)
        shutil.rmtree(self.project / "outbox", ignore_errors=True)
        return measured(
            [self.options.tieout, "run", self.project / PIPELINE, "--period", self.period],
            self.folder / "tieout.log",
            {"TIEOUT_INPUTS": str(self.shop), "TIEOUT_OUTPUTS": str(outputs)},
        )

    def run_peer(self):
        """One run of the peer as of the same instant."""
        outputs = self.folder / "peer"
        shutil.rmtree(outputs, ignore_errors=True)
        first_day_after = (self.options.end.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
        places = ["--data", self.shop, "--reference", self.project / "pipelines" / "reference", "--out", outputs]
        command = [sys.executable, HERE / "peer.py", *places, "--period", self.period, "--as-of-day", first_day_after]
        return measured(command, self.folder / "peer.log")

    def rounds(self):
        """Both in turn, so that whatever else the machine does hits both. The first round warms the caches."""
        ours, theirs = [], []
        for number in range(self.options.rounds + 1):
            one, other = self.run_tieout(), self.run_peer()
            print(f"  round {number}: tieout {one.cpu:.2f} CPU s, peer {other.cpu:.2f} CPU s", file=sys.stderr)
            if number > 0:
                ours.append(one)
                theirs.append(other)
        return ours, theirs


def spread(values):
    """Median, least and most."""
    return f"{statistics.median(values):.2f} [{min(values):.2f} {max(values):.2f}]"


def ratio(ours, theirs):
    """The median of the rounds' own ratios: the two of one round had the same machine."""
    return statistics.median(one / other for one, other in zip(ours, theirs))


def report(ours, theirs):
    """Prints the table and the ratios."""
    print(f"  {'':<8} {'wall s':<24} {'CPU s':<24} {'user s':>8} {'sys s':>8} {'peak MB':>9}")
    for name, runs in (("tieout", ours), ("peer", theirs)):
        user, system = (statistics.median(getattr(run, part) for run in runs) for part in ("user", "system"))
        peak = statistics.median(run.peak_mb for run in runs)
        wall, cpu = spread([run.wall for run in runs]), spread([run.cpu for run in runs])
        print(f"  {name:<8} {wall:<24} {cpu:<24} {user:>8.2f} {system:>8.2f} {peak:>9.0f}")
    of = {name: ratio([getattr(run, name) for run in ours], [getattr(run, name) for run in theirs])
          for name in ("wall", "cpu", "peak_mb")}
    print(f"  tieout / peer: CPU {of['cpu']:.2f}, wall {of['wall']:.2f}, peak memory {of['peak_mb']:.2f}")


def main():
    """Every size in turn. The exit code is 1 when any mart differs."""
    options = arguments()
    if not options.tieout.exists():
        sys.exit(f"{options.tieout} is not there: cargo build --release, or --tieout PATH")
    with_duckdb(options.work)
    sys.dont_write_bytecode = True
    import compare
    import duckdb

    version = subprocess.run([options.tieout, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{version}, DuckDB {duckdb.__version__}, {os.cpu_count()} processors, load before {load}")
    same = True
    for orders in options.orders:
        bench = Bench(options, options.work / f"{orders}-orders-{options.months}-months-{options.end}")
        bench.prepare(orders)
        size = sum(file.stat().st_size for file in bench.shop.rglob("*.parquet")) / 1e6
        print(f"\n{orders} orders, {options.months} months to {options.end}, {size:.0f} MB of Parquet")
        ours, theirs = bench.rounds()
        report(ours, theirs)
        same = compare.compare(bench.folder / "published" / "current.json", bench.folder / "peer") and same
        if not options.keep:
            shutil.rmtree(bench.folder)
    print("\nall marts are the same" if same else "\nMARTS DIFFER")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
