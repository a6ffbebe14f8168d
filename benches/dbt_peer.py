#!/usr/bin/env python3
"""Writes the DuckDB peer's SQL (`peer/*.sql`) as a dbt project, so that the same logic is not written twice.

A `create table` or `create view` becomes a model, a macro is created before the first model, a variable becomes a macro
of dbt, and a `copy` becomes the post-hook of the model whose rows it writes.
"""

import argparse
import re
from pathlib import Path

SQL = Path(__file__).resolve().parent / "peer"
NAME = "contribution"
PLACES = ("data", "reference", "out", "period", "as_of_day", "time_zone", "currency")

MODEL = re.compile(r"create (table|view) (\w+) as\b", re.IGNORECASE)
MACRO = re.compile(r"create macro (\w+)", re.IGNORECASE)
VARIABLE = re.compile(r"set variable (\w+) = (.*)", re.IGNORECASE | re.DOTALL)
COPY = re.compile(r"copy (\w+)\s+to\s+('[^']*')\s+(\(.*\))", re.IGNORECASE | re.DOTALL)
READS = re.compile(r"\b(from|join)(\s+)(\w+)\b(?!\s*\()", re.IGNORECASE)

PROJECT = f"""name: {NAME}
version: "1.0"
profile: {NAME}
model-paths: [models]
macro-paths: [macros]
on-run-start: "{{{{ sql_macros() }}}}"
flags: {{send_anonymous_usage_stats: false}}
"""
# A file of its own: what dbt keeps between runs. The settings are those of the peer.
PROFILES = f"""{NAME}:
  target: bench
  outputs:
    bench:
      type: duckdb
      path: "{{{{ var('out') }}}}/{NAME}.duckdb"
      threads: 2
      settings: {{threads: 2, preserve_insertion_order: false}}
"""


def statements(text):
    """The statements of a file without the comments before them. No statement of the peer has `;` within."""
    for statement in text.split(";\n"):
        lines = statement.strip().splitlines()
        while lines and (lines[0].startswith("--") or not lines[0].strip()):
            lines.pop(0)
        if lines:
            yield "\n".join(lines).rstrip(";")


def with_vars(sql):
    """The peer's places as variables of dbt, and its own variables as macros."""
    for place in PLACES:
        sql = sql.replace("{" + place + "}", f"{{{{ var('{place}') }}}}")
    return re.sub(r"getvariable\('(\w+)'\)", r"{{ \1() }}", sql)


def references(sql, models, table_macros):
    """A select with its models as `ref`s. Those that it only names to a table macro are in a comment that dbt reads."""
    own = set(re.findall(r"(\w+) as \(\s*(?:select|from|unpivot)\b", sql, re.IGNORECASE))
    known = set(models) - own
    macros = "|".join(table_macros) or "(?!)"
    named = {
        name
        for call in re.findall(rf"\b(?:{macros})\(([^)]*)\)", sql)
        for name in re.findall(r"'(\w+)'", call)
        if name in known
    }
    sql = READS.sub(lambda m: f"{m[1]}{m[2]}{{{{ ref('{m[3]}') }}}}" if m[3] in known else m[0], sql)
    comments = "".join(f"-- depends_on: {{{{ ref('{name}') }}}}\n" for name in sorted(named))
    return comments + sql


class Project:
    """What the peer's statements come to."""

    def __init__(self):
        self.models, self.kinds, self.copies = {}, {}, {}
        self.macros, self.variables, self.table_macros = [], {}, []
        for file in sorted(SQL.glob("*.sql")):
            for statement in statements(file.read_text(encoding="utf-8")):
                self.take(statement, file.name)

    def take(self, statement, file):
        """Sorts one statement; one of an unknown kind must not be lost silently."""
        if found := MODEL.match(statement):
            self.kinds[found[2]] = found[1].lower()
            body = statement[found.end():].strip()
            self.models[found[2]] = references(body, self.models, self.table_macros)
        elif found := MACRO.match(statement):
            self.macros.append(re.sub("create macro", "create or replace macro", statement, count=1))
            if "query_table(" in statement:
                self.table_macros.append(found[1])
        elif found := VARIABLE.match(statement):
            self.variables[found[1]] = found[2]
        elif found := COPY.match(statement):
            self.copies[found[1]] = f"copy (from {{{{ this }}}}) to {found[2]} {found[3]}"
        else:
            raise SystemExit(f"{file}: what kind of statement is this?\n{statement[:200]}")

    def write(self, folder):
        """The project as files. The same text gives the same files, so that dbt need not parse them again."""
        (folder / "models").mkdir(parents=True, exist_ok=True)
        (folder / "macros").mkdir(exist_ok=True)
        put(folder / "dbt_project.yml", PROJECT)
        put(folder / "profiles.yml", PROFILES)
        macros = ";\n".join(with_vars(macro) for macro in self.macros)
        text = "{% macro sql_macros() %}\n" + macros + "\n{% endmacro %}\n"
        for name, value in self.variables.items():
            text += f"{{% macro {name}() %}}({with_vars(value)}){{% endmacro %}}\n"
        put(folder / "macros" / "peer.sql", text)
        for name, body in self.models.items():
            put(folder / "models" / f"{name}.sql", self.config(name) + with_vars(body) + "\n")

    def config(self, name):
        """A model is what the peer makes it: a table or a view."""
        # A hook is a text within the text: dbt fills it in when it runs.
        hook = f", post_hook=\"{with_vars(self.copies[name])}\"" if name in self.copies else ""
        return f"{{{{ config(materialized='{self.kinds[name]}'{hook}) }}}}\n"


def put(file, text):
    """Leaves a file alone that already says the same."""
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


def main():
    """Writes the project into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the dbt project")
    Project().write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
