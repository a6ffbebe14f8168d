#!/usr/bin/env python3
"""Whole runs side by side: `tieout run` and peers that make the same marts of the same files.

All are timed as processes, in turn, in one sitting; then their marts are compared value by value. See README.md.
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

# Nothing of a run is left beside the sources.
sys.dont_write_bytecode = True

import peers  # noqa: E402

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
PIPELINE = Path("pipelines") / "channel_contribution.yaml"


def arguments():
    """What to measure, and where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, nargs="+", action="extend", help="orders of the shop; default 1000000")
    parser.add_argument("--months", type=int, default=24, help="months of history")
    parser.add_argument("--end", type=datetime.date.fromisoformat, default=datetime.date(2026, 10, 31))
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count; one more comes first and is dropped")
    parser.add_argument("--peers", nargs="+", choices=peers.PEERS, default=["duckdb", "floor"], help="run beside it")
    parser.add_argument("--tieout", type=Path, default=PROJECT / "target" / "release" / "tieout")
    parser.add_argument("--work", type=Path, default=PROJECT / "target" / "bench", help="folder for everything")
    parser.add_argument("--keep", action="store_true", help="keep shops and outputs; a kept shop is used again")
    options = parser.parse_args()
    options.orders = options.orders or [1_000_000]
    options.tieout, options.work = options.tieout.resolve(), options.work.resolve()
    return options


@dataclass
class Measured:
    """What one process took, with all processes that it started and waited for. The peak is that of the largest."""

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
    pythons: dict

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
        for name in self.options.peers:
            peers.PEERS[name].prepare(self.places(name))

    def outputs_of(self, name):
        """Where a peer's marts go."""
        return self.folder / "peers" / name

    def places(self, name):
        """What a peer is told: the same files as of the same instant."""
        first_day_after = (self.options.end.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
        reference = self.project / "pipelines" / "reference"
        project = self.folder / f"{name}-project"
        return peers.Places(self.shop, reference, self.outputs_of(name), project, self.period, str(first_day_after))

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

    def run_peer(self, name):
        """One run that finds nothing there."""
        places = self.places(name)
        shutil.rmtree(places.out, ignore_errors=True)
        places.out.mkdir(parents=True)
        return measured(peers.PEERS[name].command(self.pythons[name], places), self.folder / f"{name}.log")

    def rounds(self):
        """All in turn, so that whatever else the machine does hits all. The first round warms the caches."""
        runs = {name: [] for name in ["tieout", *self.options.peers]}
        for number in range(self.options.rounds + 1):
            taken = {name: self.run_tieout() if name == "tieout" else self.run_peer(name) for name in runs}
            told = ", ".join(f"{name} {one.cpu:.2f}" for name, one in taken.items())
            print(f"  round {number}: CPU s {told}", file=sys.stderr, flush=True)
            if number > 0:
                for name, one in taken.items():
                    runs[name].append(one)
        return runs

    def compare(self):
        """Every peer's marts beside those of `tieout`. Gives whether all are the same.

        In a process of its own: what this one holds in memory would count as the peak of all that it starts later.
        """
        same = True
        for name in self.options.peers:
            if peers.PEERS[name].writes_marts:
                print(f"  tieout and {name}", flush=True)
                command = [self.pythons["compare"], "-B", HERE / "compare.py"]
                done = subprocess.run([*command, self.folder / "published" / "current.json", self.outputs_of(name)])
                same = same and done.returncode == 0
        return same


def spread(values):
    """Median, least and most."""
    return f"{statistics.median(values):.2f} [{min(values):.2f} {max(values):.2f}]"


def ratio(ours, theirs):
    """The median of the rounds' own ratios: the two of one round had the same machine."""
    return statistics.median(one / other for one, other in zip(ours, theirs))


def report(runs):
    """Prints the table, and what `tieout` took as a multiple of each peer."""
    print(f"  {'':<8} {'wall s':<24} {'CPU s':<24} {'user s':>8} {'sys s':>8} {'peak MB':>9}")
    for name, of in runs.items():
        user, system = (statistics.median(getattr(run, part) for run in of) for part in ("user", "system"))
        peak = statistics.median(run.peak_mb for run in of)
        wall, cpu = spread([run.wall for run in of]), spread([run.cpu for run in of])
        print(f"  {name:<8} {wall:<24} {cpu:<24} {user:>8.2f} {system:>8.2f} {peak:>9.0f}")
    ours = runs["tieout"]
    for name, theirs in runs.items():
        if name != "tieout":
            of = {part: ratio([getattr(run, part) for run in ours], [getattr(run, part) for run in theirs])
                  for part in ("wall", "cpu", "peak_mb")}
            print(f"  tieout / {name:<7} CPU {of['cpu']:.2f}, wall {of['wall']:.2f}, peak memory {of['peak_mb']:.2f}")


def main():
    """Every size in turn. The exit code is 1 when any mart differs."""
    options = arguments()
    if not options.tieout.exists():
        sys.exit(f"{options.tieout} is not there: cargo build --release, or --tieout PATH")
    pythons = {name: peers.python_of(peers.PEERS[name].environment, options.work) for name in options.peers}
    pythons["compare"] = peers.python_of("venv", options.work)
    version = subprocess.run([options.tieout, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    pins = sorted({pin for name in options.peers for pin in peers.ENVIRONMENTS[peers.PEERS[name].environment]})
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{version}, {', '.join(pins)}, {os.cpu_count()} processors, load before {load}")
    same = True
    for orders in options.orders:
        bench = Bench(options, options.work / f"{orders}-orders-{options.months}-months-{options.end}", pythons)
        bench.prepare(orders)
        size = sum(file.stat().st_size for file in bench.shop.rglob("*.parquet")) / 1e6
        print(f"\n{orders} orders, {options.months} months to {options.end}, {size:.0f} MB of Parquet")
        report(bench.rounds())
        same = bench.compare() and same
        if not options.keep:
            shutil.rmtree(bench.folder)
    print("\nall marts are the same" if same else "\nMARTS DIFFER")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
