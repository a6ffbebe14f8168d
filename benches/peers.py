"""What `tieout` is measured beside: how each peer is installed, started, and where its marts are."""

import importlib.metadata
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import dbt_peer

HERE = Path(__file__).resolve().parent
DUCKDB = "duckdb==2.0.0"
# Environments by folder. dbt has one of its own: it brings many packages, and may want others than the rest.
ENVIRONMENTS = {
    "venv": (DUCKDB,),
    "venv-dbt": ("dbt-core<1.12", "dbt-duckdb==1.11.1", DUCKDB),
    "venv-polars": ("polars==2.1.0",),
}


@dataclass(frozen=True)
class Places:
    """What a peer is told: where everything is, and as of when."""

    data: Path
    reference: Path
    out: Path
    project: Path
    period: str
    as_of_day: str


@dataclass(frozen=True)
class Peer:
    """One peer by its name, with the environment that it runs in."""

    name: str
    environment: str
    writes_marts: bool = True

    def prepare(self, places):
        """What is done once, before anything is timed."""
        if self.name == "dbt":
            dbt_peer.Project().write(places.project)

    def command(self, python, places):
        """What is timed."""
        if self.name == "floor":
            return [python, HERE / "floor.py", "--data", places.data]
        if self.name == "dbt":
            return dbt_command(python, places)
        program = HERE / ("peer.py" if self.name == "duckdb" else "polars_peer")
        folders = ["--data", places.data, "--reference", places.reference, "--out", places.out]
        return [python, program, *folders, "--period", places.period, "--as-of-day", places.as_of_day]


PEERS = {
    peer.name: peer
    for peer in (
        Peer("duckdb", "venv"),
        Peer("dbt", "venv-dbt"),
        Peer("polars", "venv-polars"),
        Peer("floor", "venv", writes_marts=False),
    )
}


def dbt_command(python, places):
    """`dbt run` over the whole project, as it is started by hand."""
    given = {
        "data": str(places.data),
        "reference": str(places.reference),
        "out": str(places.out),
        "period": places.period,
        "as_of_day": places.as_of_day,
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
    }
    folders = ["--project-dir", places.project, "--profiles-dir", places.project]
    return [Path(python).parent / "dbt", "run", *folders, "--no-use-colors", "--vars", json.dumps(given)]


def is_here(pin):
    """Whether the running interpreter has a package in its pinned version."""
    name, _, version = pin.partition("==")
    try:
        return importlib.metadata.version(name) == version
    except importlib.metadata.PackageNotFoundError:
        return False


def python_of(environment, work):
    """The interpreter of an environment. It is made below the work folder unless the running one will do."""
    pins = ENVIRONMENTS[environment]
    if all(is_here(pin) for pin in pins):
        return sys.executable
    folder = work / environment
    python, stamp = folder / "bin" / "python", folder / "pins"
    # The stamp is written last: an environment that has it is complete, and of these versions.
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != "\n".join(pins):
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *pins], check=True)
        stamp.write_text("\n".join(pins), encoding="utf-8")
    return str(python)
