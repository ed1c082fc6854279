//! Checks JSON by one of the schemas in docs/.
//!
//! The checker knows the keywords that the schemas use and refuses others: a validator of the whole standard would be
//! the largest dependency of the project. Unlike the standard it takes every object for closed: readers must pass over
//! fields that they do not know, but a field that the schema does not know is one that somebody forgot to describe.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests may fail")]

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// A schema, and the root that its references begin at.
pub struct Schema(Value);

impl Schema {
    /// docs/NAME.schema.json
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/{name}.schema.json"));
        let text = fs::read_to_string(path).expect("the schema");
        Self(serde_json::from_str(&text).expect("the schema is JSON"))
    }

    /// What is wrong with a line; nothing where it is as it should be.
    pub fn check(&self, line: &Value) -> Result<(), String> {
        let kind = &line["kind"];
        self.value(&self.0, line).map_err(|why| format!("{kind}: {why}"))
    }

    fn value(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let rules = schema.as_object().expect("a schema is an object");
        for (keyword, rule) in rules {
            self.keyword(keyword, rule, rules, value).map_err(|why| format!("{why} in {value}"))?;
        }
        Ok(())
    }

    fn keyword(&self, keyword: &str, rule: &Value, rules: &Map<String, Value>, value: &Value) -> Result<(), String> {
        // Limits are small whole numbers, which a floating-point number holds.
        let number = Value::as_f64;
        match keyword {
            "$schema" | "$defs" | "title" | "description" | "properties" => Ok(()),
            "$ref" => self.value(self.definition(rule), value),
            "oneOf" | "anyOf" => self.choice(keyword == "oneOf", rule, value),
            "const" => holds(value == rule, || format!("not {rule}")),
            "enum" => holds(list(rule).contains(value), || format!("none of {rule}")),
            "type" => {
                let is_allowed = rule.as_str().is_some_and(|name| is_a(value, name))
                    || rule.as_array().is_some_and(|names| names.iter().any(|name| is_a(value, text(name))));
                holds(is_allowed, || format!("not of type {rule}"))
            }
            "minimum" => holds(value.is_null() || number(value) >= number(rule), || format!("below {rule}")),
            "maximum" => holds(value.is_null() || number(value) <= number(rule), || format!("above {rule}")),
            "minItems" => holds(list(value).len() as u64 >= rule.as_u64().expect("a number"), || "too short".into()),
            "items" => list(value).iter().try_for_each(|item| self.value(rule, item)),
            "additionalProperties" => members(value).values().try_for_each(|member| self.value(rule, member)),
            "required" => self.object(rule, &rules["properties"], members(value)),
            other => panic!("the keyword {other} is not known here"),
        }
    }

    fn object(&self, required: &Value, properties: &Value, members: &Map<String, Value>) -> Result<(), String> {
        for name in list(required) {
            holds(members.contains_key(text(name)), || format!("{name} is missing"))?;
        }
        for (name, member) in members {
            let schema = properties.get(name).ok_or_else(|| format!("{name} is not described"))?;
            self.value(schema, member).map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(())
    }

    fn choice(&self, exactly_one: bool, choices: &Value, value: &Value) -> Result<(), String> {
        let failures: Vec<_> = list(choices).iter().filter_map(|choice| self.value(choice, value).err()).collect();
        let fits = list(choices).len() - failures.len();
        holds(fits == 1 || fits > 1 && !exactly_one, || format!("{fits} choices fit: {}", failures.join("; ")))
    }

    fn definition(&self, reference: &Value) -> &Value {
        let name = text(reference).strip_prefix("#/$defs/").expect("a reference within the schema");
        self.0["$defs"].get(name).unwrap_or_else(|| panic!("no definition of {name}"))
    }
}

fn holds(condition: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(why()) }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type {other} is not known here"),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A string.
pub fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// The members of an object. What is none was refused by its type, or is by the choice that it is not.
fn members(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}
