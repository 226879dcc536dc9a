//! What faults a venue starts with: a file, or a seed.

use std::path::Path;

use serde_json::Value;
use toml_edit::{DocumentMut, Item, Table};

use super::{Fault, Kind};

/// The faults of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// None, until some are added.
    Quiet,
    /// These.
    Listed(Vec<Fault>),
    /// A random mix that a healthy trader must survive, the same for the same seed.
    Seeded {
        /// Seed.
        seed: u64,
        /// New faults a second, on average.
        rate: f64,
        /// Only these kinds; empty: every kind of the mix.
        only: Vec<Kind>,
    },
}

/// Why a plan cannot be read, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError(pub String);

impl core::fmt::Display for PlanError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}
impl core::error::Error for PlanError {}

/// New faults a second if a seed comes alone.
const RATE: f64 = 0.5;

impl Plan {
    /// From what stands behind `--faults`: a file, or `seed:N[,rate=R][,only=KIND+KIND]`.
    ///
    /// # Errors
    /// A file that cannot be read, a word that is not known, a number that is none.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        match text.strip_prefix("seed:") {
            Some(seeded) => Self::seeded(seeded),
            None => Self::read(Path::new(text)),
        }
    }

    fn seeded(text: &str) -> Result<Self, PlanError> {
        let wrong = |what: &str| PlanError(format!("seed:{text}: {what}"));
        let mut words = text.split(',');
        let seed = words.next().unwrap_or_default();
        let seed = seed.parse().map_err(|_| wrong("the seed is a whole number"))?;
        let (mut rate, mut only) = (RATE, Vec::new());
        for word in words {
            match word.split_once('=') {
                Some(("rate", value)) => {
                    rate = value.parse().map_err(|_| wrong("the rate is faults a second"))?;
                    if !(0.0..=100.0).contains(&rate) {
                        return Err(wrong("the rate lies between 0 and 100"));
                    }
                }
                Some(("only", names)) => {
                    for name in names.split('+') {
                        let kind = Kind::parse(name);
                        only.push(kind.ok_or_else(|| wrong(&format!("{name:?} is no kind")))?);
                    }
                }
                _ => return Err(wrong("write seed:N,rate=R,only=KIND+KIND")),
            }
        }
        Ok(Self::Seeded { seed, rate, only })
    }

    /// From a TOML file of `[[fault]]` tables.
    ///
    /// # Errors
    /// As [`Plan::parse`].
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| PlanError(format!("cannot read {}: {error}", path.display())))?;
        Self::from_toml(&text).map_err(|error| PlanError(format!("{}: {error}", path.display())))
    }

    /// From the text of such a file.
    ///
    /// # Errors
    /// As [`Plan::parse`].
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        let document: DocumentMut = text.parse().map_err(|error| PlanError(format!("{error}")))?;
        let Some((_, item)) = document.iter().next() else { return Ok(Self::Quiet) };
        let only = document.len() == 1 && document.contains_key("fault");
        let tables = item.as_array_of_tables().filter(|_| only);
        let tables = tables.ok_or_else(|| PlanError("only [[fault]] belongs here".to_owned()))?;
        let faults: Result<Vec<Fault>, PlanError> = tables.iter().map(fault).collect();
        Ok(Self::Listed(faults?))
    }
}

fn fault(table: &Table) -> Result<Fault, PlanError> {
    let mut object = serde_json::Map::new();
    for (key, item) in table {
        object.insert(key.to_owned(), json(item)?);
    }
    let name = object.get("kind").and_then(Value::as_str).unwrap_or("a fault").to_owned();
    let fault: Fault = serde_json::from_value(Value::Object(object))
        .map_err(|error| PlanError(format!("{name}: {error}")))?;
    fault.check().map_err(PlanError)?;
    Ok(fault)
}

fn json(item: &Item) -> Result<Value, PlanError> {
    if let Some(text) = item.as_str() {
        Ok(text.into())
    } else if let Some(number) = item.as_integer() {
        Ok(number.into())
    } else if let Some(number) = item.as_float() {
        Ok(number.into())
    } else if let Some(table) = item.as_table_like() {
        let rows: Result<_, PlanError> =
            table.iter().map(|(key, item)| Ok((key.to_owned(), json(item)?))).collect();
        Ok(Value::Object(rows?))
    } else {
        Err(PlanError(format!("{}: a text, a number or a table", item.to_string().trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Outcome, Part};

    #[test]
    fn a_file_lists_faults() {
        let text = r#"
            [[fault]]
            kind = "reset"
            where = { route = "public", connection = 1 }
            after = 99
            count = 1
            bytes = 7
            [[fault]]
            kind = "answer"
            where = { method = "order.place" }
            probability = 0.1
            code = -1007
            outcome = "executed"
        "#;
        let reset = Fault::new(Kind::Reset).on(Part::Public).connection(1).after(99).count(1);
        let answer = Fault::new(Kind::Answer).method("order.place").probability(0.1);
        let answer = answer.code(-1007).outcome(Outcome::Executed);
        assert_eq!(Plan::from_toml(text), Ok(Plan::Listed(vec![reset.bytes(7), answer])));
        assert_eq!(Plan::from_toml("# nothing"), Ok(Plan::Quiet));
    }

    #[test]
    fn what_is_not_known_is_named() {
        let check = |text: &str, part: &str| {
            let error = Plan::from_toml(text).expect_err(text).0;
            assert!(error.contains(part), "{error}");
        };
        check("[[fault]]\nkind = \"nosuch\"", "nosuch");
        check("[[fault]]\nkind = \"reset\"\nbites = 1", "bites");
        check("[[fault]]\nkind = \"reset\"\nwhere = { rout = 1 }", "rout");
        check("[[fault]]\nkind = \"reset\"\nprobability = 2.0", "probability");
        check("[[fault]]\nkind = \"answer\"", "code");
        check("[[faults]]\nkind = \"reset\"", "[[fault]]");
    }

    #[test]
    fn a_seed_has_a_rate_and_a_choice() {
        let only = vec![Kind::Reset, Kind::Lag];
        let plan = Plan::Seeded { seed: 7, rate: 2.0, only };
        assert_eq!(Plan::parse("seed:7,rate=2,only=reset+lag"), Ok(plan));
        let plan = Plan::Seeded { seed: 7, rate: RATE, only: vec![] };
        assert_eq!(Plan::parse("seed:7"), Ok(plan));
        for text in ["seed:x", "seed:1,rate=-1", "seed:1,only=nosuch", "seed:1,what=2"] {
            assert!(Plan::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_and_back() {
        let fault = Fault::new(Kind::FillFirst).method("cancel").ppm(500_000).for_ms(1_000);
        let text = serde_json::to_string(&fault).expect("serializes");
        assert_eq!(serde_json::from_str::<Fault>(&text).expect("reads"), fault, "{text}");
    }
}
