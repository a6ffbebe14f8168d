//! Models, checks and control totals, as far as the file alone can tell.

use std::collections::BTreeMap;

use super::Validator;
use crate::pipeline::spec::{
    CheckSpec, ChecksSpec, ControlTotalSpec, MartSpec, ModelsSpec, ScopeSpec, SeveritySpec, SideSpec,
};
use crate::pipeline::{
    Carried, CheckSettings, Checks, ControlTotal, Lookup, Mart, Models, Relation, Scope, Severity, Side, Source,
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
        resolved.collect()
    }

    fn mart(&mut self, name: String, spec: MartSpec) -> Mart {
        let path = ["models", "marts", &name];
        self.identifier(&path, &name);
        let columns = self.columns(&["models", "marts", &name, "columns"], &spec.columns);
        let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        if spec.grain.is_empty() {
            let path = ["models", "marts", &name, "grain"];
            self.problem(&path, "E210", format!("mart `{name}` needs a grain: rows without one have no order")).help =
                Some("list the columns that identify a row".to_owned());
        }
        self.known_columns(&["models", "marts", &name, "grain"], &spec.grain, &known);
        self.known_columns(&["models", "marts", &name, "ratios"], &spec.ratios, &known);
        if let Some(period) = &spec.period {
            self.known_columns(&["models", "marts", &name, "period"], std::slice::from_ref(period), &known);
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
            if let (Some(left), Some(right)) = (left, right) {
                if left.by.len() != right.by.len() {
                    self.problem(&["control_totals", &name], "E106", "both sides group by as many columns");
                }
                totals.push(ControlTotal { name, left, right });
            }
        }
        totals
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
        let (name, known): (_, Vec<&str>) = match &of {
            Relation::Source(name) => (name, sources.keys().map(String::as_str).collect()),
            Relation::Table(name) => (name, models.marts.keys().map(String::as_str).collect()),
        };
        if !known.contains(&name.as_str()) {
            let near =
                crate::problem::nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            self.problem(path, "E120", format!("unknown source or mart `{name}`")).help = near;
        }
        Some(Side { of, sum: spec.sum, by: spec.by, filter: spec.filter })
    }
}
