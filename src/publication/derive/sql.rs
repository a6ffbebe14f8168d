//! `current.sql`: a DuckDB view per table over its exact files.
//!
//! The files are written out, since DuckDB refuses subqueries inside `read_parquet`. Reading partition columns from the
//! paths is switched off: `period=` and `run=` are where the files are, not columns of the tables.

use super::Derived;
use crate::publication::ManifestColumn;

pub(super) fn views(seq: u64, tables: &[Derived]) -> String {
    let header = format!("-- Publication {seq}. For DuckDB: one view per table, over exactly its files.\n");
    tables.iter().map(view).fold(header, |sql, view| sql + "\n" + &view)
}

fn view(table: &Derived) -> String {
    let name = identifier(&table.name);
    if table.files.is_empty() {
        let columns = table.manifests.last().map(|manifest| manifest.columns.as_slice()).unwrap_or_default();
        let columns: Vec<String> = columns.iter().map(empty_column).collect();
        return format!("create or replace view {name} as\nselect {}\nwhere false;\n", columns.join(", "));
    }
    let files: Vec<String> =
        table.files.iter().map(|file| format!("    {}", literal(&escaped(&file.address)))).collect();
    format!(
        "create or replace view {name} as\nselect * from read_parquet([\n{}\n], hive_partitioning = false);\n",
        files.join(",\n")
    )
}

fn empty_column(column: &ManifestColumn) -> String {
    let kind = match column.kind.as_str() {
        "text" => "varchar",
        "integer" => "bigint",
        "timestamp" => "timestamptz",
        "local_timestamp" => "timestamp",
        other => other,
    };
    format!("cast(null as {kind}) as {}", identifier(&column.name))
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A file name that DuckDB does not take for a pattern.
fn escaped(address: &str) -> String {
    let one = |letter: char| match letter {
        '*' | '?' | '[' => format!("[{letter}]"),
        other => other.to_string(),
    };
    address.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(escaped("a[1]*.parquet"), "a[[]1][*].parquet");
    }
}
