#!/usr/bin/env python3
"""Counts the instructions of fixed small workloads and says how they differ from those that are committed.

    python3 benches/instructions.py            # the table
    python3 benches/instructions.py --renew    # the table, which becomes benches/instructions.txt
    python3 benches/instructions.py --whole    # a run of the shipped pipeline too, which takes some minutes

Instructions are the same on a busy machine and an idle one, so a change of a few per cent shows. They are counted by
valgrind over the debug build that the tests have made. No count fails: it is for people to read.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BASELINE = HERE / "instructions.txt"
SHOP = ["--orders", "200", "--months", "1", "--end", "2026-10-31"]
# Differences below this share are noise: of hash seeds, of the time, of names that are drawn.
NOISE = 0.01
# Counted when it is asked for.
WHOLE = "run channel_contribution"


def main():
    options = arguments()
    if shutil.which("valgrind") is None:
        print("no instructions counted: valgrind is missing (apt-get install valgrind)")
        return
    with tempfile.TemporaryDirectory(prefix="tieout-instructions-") as folder:
        counts = counted(options, Path(folder))
    told = compiler()
    known, made_by = baseline()
    if known and made_by != told:
        print(f"the baseline was made by {made_by}, this is {told}")
    table(counts, known)
    if options.renew:
        write(counts, told)
        print(f"{BASELINE.relative_to(ROOT)} is renewed")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tieout", type=Path, default=ROOT / "target/debug/tieout", help="the program, a debug build")
    parser.add_argument("--pieces", type=Path, help="the benchmark `pieces`, a debug build; default: asked of cargo")
    parser.add_argument("--whole", action="store_true", help="count a run of the shipped pipeline too")
    parser.add_argument("--renew", action="store_true", help="write the counts as the new baseline")
    options = parser.parse_args()
    options.tieout = options.tieout.resolve()
    options.pieces = options.pieces or built_pieces()
    return options


def built_pieces():
    """The benchmark's program. Built already where the tests have run."""
    command = ["cargo", "test", "--locked", "--bench", "pieces", "--no-run", "--message-format", "json"]
    said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    programs = [message.get("executable") for message in messages if message.get("target", {}).get("name") == "pieces"]
    return Path(next(program for program in programs if program))


def counted(options, folder):
    """Instructions by name, in the order of the workloads."""
    plain([options.tieout, "init", folder / "project"])
    plain([options.tieout, "sample", folder / "shop", *SHOP])
    project = folder / "project/pipelines"
    workloads = [
        lambda: pieces(options.pieces, folder),
        lambda: {"validate": whole([options.tieout, "validate", project / "channel_contribution.yaml"], folder)},
        lambda: {"run weekly_exceptions": run(options, project / "weekly_exceptions.yaml", "2026-W43", folder)},
    ]
    if options.whole:
        shipped = project / "channel_contribution.yaml"
        workloads.append(lambda: {WHOLE: run(options, shipped, "2026-10", folder)})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(lambda workload: workload(), workloads))
    return {name: count for counts in done for name, count in counts.items()}


def run(options, pipeline, period, folder):
    return whole([options.tieout, "run", pipeline, "--period", period], folder)


def environment(folder):
    """Nothing of the machine's own, and one thread."""
    return {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(folder),
        "TOKIO_WORKER_THREADS": "1",
        "TIEOUT_INPUTS": str(folder / "shop"),
        "TIEOUT_OUTPUTS": str(folder / "published"),
        "TIEOUT_EXCEPTIONS": str(folder / "exceptions"),
    }


def one_core():
    # The program takes as many threads as it sees cores.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def plain(command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def valgrind(arguments, command, folder):
    command = ["valgrind", *arguments, *map(str, command)]
    done = subprocess.run(
        command, env=environment(folder), preexec_fn=one_core, capture_output=True, text=True, cwd=folder
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr[-4000:]}")
    return done


def whole(command, folder):
    """Instructions of a whole process, all its threads. Cachegrind without its caches takes half the time of callgrind."""
    count = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    said = valgrind(count, command, folder).stderr
    return int(re.search(r"I +refs: +([\d,]+)", said)[1].replace(",", ""))


def pieces(program, folder):
    """Instructions of each piece: a profile is written whenever `counted` is left, of what it did alone."""
    function = "pieces::counted"
    collect = ["--collect-atstart=no", f"--toggle-collect={function}", f"--dump-after={function}"]
    count = ["--tool=callgrind", *collect, f"--callgrind-out-file={folder}/pieces"]
    said = valgrind(count, [program, "--once"], folder).stdout
    names = said.split("\n")[:-1]
    totals = [total(folder / f"pieces.{nth}") for nth in range(1, len(names) + 1)]
    return dict(zip(names, totals))


def total(profile):
    return int(re.search(r"^(?:totals|summary): (\d+)", profile.read_text(), re.MULTILINE)[1])


def compiler():
    said = subprocess.run(["rustc", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return f"rustc {said[1]} on {os.uname().machine}"


def baseline():
    if not BASELINE.exists():
        return {}, ""
    lines = BASELINE.read_text().splitlines()
    made_by = next((line.split("made by ")[1] for line in lines if "made by " in line), "")
    pairs = [line.rsplit(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return {name: int(count.replace(",", "")) for name, count in pairs}, made_by


def table(counts, known):
    print(f"{'workload':<26}{'instructions':>16}{'change':>10}")
    for name, count in counts.items():
        print(f"{name:<26}{count:>16,}{change(count, known.get(name)):>10}")
    for name in sorted(known.keys() - counts.keys() - {WHOLE}):
        print(f"{name:<26}{'gone':>16}")


def change(count, before):
    if before is None:
        return "new"
    share = count / before - 1
    return "same" if abs(share) < NOISE else f"{share:+.1%}"


def write(counts, made_by):
    known, _ = baseline()
    counts = {**{name: count for name, count in known.items() if name == WHOLE}, **counts}
    lines = [
        "# Instructions of a debug build, by `python3 benches/instructions.py --renew`; see benches/README.md.",
        f"# made by {made_by}",
        *(f"{name:<26}{count:>16,}" for name, count in counts.items()),
    ]
    BASELINE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
