//! Models, checks and control totals, as far as the file alone can tell.

use std::collections::BTreeMap;

use super::Validator;
use crate::pipeline::spec::{
    CheckSpec, ChecksSpec, ControlTotalSpec, MartSpec, ModelsSpec, ScopeSpec, SeveritySpec, SideSpec,
};
use crate::pipeline::{
    Carried, CheckSettings, Checks, Column, ColumnType, ControlTotal, Lookup, Mart, Models, Param, Relation, Scope,
    Severity, Side, Source, parse,
};

impl Validator<'_> {
    pub(super) fn models(&mut self, spec: ModelsSpec) -> Models {
        let directories = self.directories(&["models", "directories"], &spec.directories);
        let scope = |scope| match scope {
            ScopeSpec::Reference => Scope::Reference,
            ScopeSpec::Intake => Scope::Intake,
            ScopeSpec::Period => Scope::Period,
            ScopeSpec::History => Scope::History,
        };
        let lookups = spec.lookups.into_iter().map(|(name, lookup)| {
            self.identifier(&["models", "lookups", &name], &name);
            if lookup.key.is_empty() {
                self.problem(&["models", "lookups", &name, "key"], "E106", "a lookup needs a key");
            }
            let lookup = Lookup {
                model: lookup.model,
                key: lookup.key,
                valid_from: lookup.valid_from,
                valid_to: lookup.valid_to,
                value: lookup.value,
                max_age_days: lookup.max_age_days.map(i64::from),
            };
            (name, lookup)
        });
        let lookups = lookups.collect();
        let carried = spec.carried.into_iter().map(|carried| Carried {
            model: carried.model,
            key: carried.key,
            matched_by: carried.matched_by,
            remainder: carried.remainder,
        });
        let carried = carried.collect();
        let marts = spec.marts.into_iter().map(|(name, mart)| (name.clone(), self.mart(name, mart))).collect();
        Models {
            directories,
            scopes: spec.scopes.into_iter().map(|(name, written)| (name, scope(written))).collect(),
            lookups,
            carried,
            marts,
        }
    }

    fn directories(&mut self, path: &[&str], written: &[String]) -> Vec<std::path::PathBuf> {
        let place = |index: usize| index.to_string();
        let resolved = written.iter().enumerate().map(|(index, folder)| {
            let index = place(index);
            let place: Vec<&str> = path.iter().copied().chain([index.as_str()]).collect();
            self.path(&place, folder)
        });
        resolved.flatten().collect()
    }

    fn mart(&mut self, name: String, spec: MartSpec) -> Mart {
        let path = ["models", "marts", &name];
        self.identifier(&path, &name);
        let columns = self.columns(&["models", "marts", &name, "columns"], &spec.columns);
        let known: Vec<&str> = spec.columns.0.iter().map(|(column, _)| column.as_str()).collect();
        if spec.grain.is_empty() {
            let path = ["models", "marts", &name, "grain"];
            self.problem(&path, "E210", format!("mart `{name}` needs a grain: rows without one have no order")).help =
                Some("list the columns that identify a row".to_owned());
        }
        self.known_columns(&["models", "marts", &name, "grain"], &spec.grain, &known);
        self.known_columns(&["models", "marts", &name, "ratios"], &spec.ratios, &known);
        if let Some(period) = &spec.period {
            self.known(&["models", "marts", &name, "period"], "column", period, &known);
            let bad = columns
                .iter()
                .find(|column| &column.name == period)
                .is_some_and(|column| !matches!(column.kind, ColumnType::Date | ColumnType::Text) || column.nullable);
            if bad {
                let message = format!("`{period}` gives a row its period: a date or text without nulls");
                self.problem(&["models", "marts", &name, "period"], "E106", message);
            }
        }
        Mart {
            name,
            description: spec.description,
            grain: spec.grain,
            period: spec.period,
            columns,
            parts: spec.parts,
            ratios: spec.ratios,
        }
    }

    pub(super) fn checks(&mut self, spec: ChecksSpec) -> Checks {
        let directories = self.directories(&["checks", "directories"], &spec.directories);
        let settings =
            spec.settings.into_iter().map(|(name, settings)| (name.clone(), self.check(&name, settings))).collect();
        Checks { directories, settings }
    }

    fn check(&mut self, name: &str, spec: CheckSpec) -> CheckSettings {
        if let Some(owner) = &spec.owner {
            self.owner(&["checks", "settings", name, "owner"], owner);
        }
        let severity = match spec.severity {
            SeveritySpec::Info => Severity::Info,
            SeveritySpec::Warn => Severity::Warn,
            SeveritySpec::Block => Severity::Block,
        };
        CheckSettings { severity, owner: spec.owner, help: spec.help }
    }

    pub(super) fn control_totals(
        &mut self,
        specs: BTreeMap<String, ControlTotalSpec>,
        sources: &BTreeMap<String, Source>,
        models: &Models,
    ) -> Vec<ControlTotal> {
        let mut totals = Vec::new();
        for (name, spec) in specs {
            let left = self.side(&["control_totals", &name, "left"], spec.left, sources, models);
            let right = self.side(&["control_totals", &name, "right"], spec.right, sources, models);
            let rounding = spec.rounding.and_then(|text| self.rounding(&name, &text));
            if let (Some(left), Some(right)) = (left, right) {
                if left.by.len() != right.by.len() {
                    self.problem(&["control_totals", &name], "E106", "both sides group by as many columns");
                }
                totals.push(ControlTotal { name, left, right, rounding });
            }
        }
        totals
    }

    fn rounding(&mut self, control: &str, text: &str) -> Option<(i128, u8)> {
        match parse::decimal(text) {
            Some(Param::Decimal { unscaled, scale }) if unscaled >= 0 => Some((unscaled, scale)),
            _ => {
                let path = ["control_totals", control, "rounding"];
                self.problem(&path, "E106", format!("`{text}` is no amount of at most 38 digits"));
                None
            }
        }
    }

    fn side(
        &mut self,
        path: &[&str],
        spec: SideSpec,
        sources: &BTreeMap<String, Source>,
        models: &Models,
    ) -> Option<Side> {
        let of = match (spec.source, spec.table) {
            (Some(source), None) => Relation::Source(source),
            (None, Some(table)) => Relation::Table(table),
            _ => {
                self.problem(path, "E106", "a side is of a source or of a table, one of them");
                return None;
            }
        };
        let (at, kind, name, known): (_, _, _, Vec<&str>) = match &of {
            Relation::Source(name) => ("source", "source", name, sources.keys().map(String::as_str).collect()),
            Relation::Table(name) => ("table", "mart", name, models.marts.keys().map(String::as_str).collect()),
        };
        let at: Vec<&str> = path.iter().copied().chain([at]).collect();
        self.known(&at, kind, name, &known);
        let columns: Option<Vec<String>> = match &of {
            Relation::Source(name) => sources.get(name).map(|source| names(&source.columns)),
            Relation::Table(name) => models.marts.get(name).map(|mart| names(&mart.columns)),
        };
        if let Some(columns) = columns {
            self.side_columns(path, &spec.by, spec.filter.keys(), &columns);
        }
        Some(Side { of, sum: spec.sum, by: spec.by, filter: spec.filter })
    }

    fn side_columns<'a>(
        &mut self,
        path: &[&str],
        by: &[String],
        filter: impl Iterator<Item = &'a String>,
        columns: &[String],
    ) {
        let known: Vec<&str> = columns.iter().map(String::as_str).collect();
        let inner = |name| path.iter().copied().chain([name]).collect::<Vec<_>>();
        self.known_columns(&inner("by"), by, &known);
        for column in filter {
            let place: Vec<&str> = path.iter().copied().chain(["where", column.as_str()]).collect();
            self.known(&place, "column", column, &known);
        }
    }

    /// A name means one table.
    pub(super) fn table_names(&mut self, sources: &BTreeMap<String, Source>, models: &Models) {
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        taken.insert("source_files".to_owned(), "the table of files read".to_owned());
        for name in sources.keys() {
            for table in [name.clone(), format!("{name}_rejected"), format!("{name}_duplicates")] {
                self.table_name(&["sources", name], table, format!("source `{name}`"), &mut taken);
            }
        }
        for name in models.marts.keys() {
            self.table_name(&["models", "marts", name], name.clone(), format!("mart `{name}`"), &mut taken);
        }
        for (index, carried) in models.carried.iter().enumerate() {
            let path = ["models", "carried", &index.to_string(), "remainder"];
            let whose = format!("the remainder of `{}`", carried.model);
            self.table_name(&path, carried.remainder.clone(), whose, &mut taken);
        }
    }

    fn table_name(&mut self, path: &[&str], table: String, whose: String, taken: &mut BTreeMap<String, String>) {
        if let Some(other) = taken.get(&table) {
            let message = format!("table `{table}` of {whose} is also that of {other}");
            self.problem(path, "E121", message).help = Some("give one of them another name".to_owned());
        } else {
            taken.insert(table, whose);
        }
    }
}

fn names(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.name.clone()).collect()
}
