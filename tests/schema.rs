//! Every line of JSON that the sample captures give is as docs/output.schema.json says, and has no field that it does
//! not describe.
//!
//! The checker knows the keywords that the schema uses and refuses others: a validator of the whole standard would be
//! the largest dependency of the project. Unlike the standard it takes every object for closed: readers must pass over
//! fields that they do not know, but a field that the schema does not know is one that somebody forgot to describe.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the lints know tests by their attribute, and these are their helpers"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

/// A schema, and the root that its references begin at.
struct Schema(Value);

impl Schema {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/output.schema.json");
        let text = fs::read_to_string(path).expect("the schema");
        Self(serde_json::from_str(&text).expect("the schema is JSON"))
    }

    /// What is wrong with a line; nothing where it is as it should be.
    fn check(&self, line: &Value) -> Result<(), String> {
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
        let number = |value: &Value| value.as_u64().map(i128::from);
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
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type {other} is not known here"),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// The members of an object. What is none was refused by its type, or is by the choice that it is not.
fn members(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn captures() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let entries = fs::read_dir(directory).expect("captures").map(|entry| entry.expect("an entry").path());
    let mut captures: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "pcapng")).collect();
    captures.sort();
    captures
}

fn lines(capture: &Path, options: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridgetap"));
    let output = command.args(["replay", "--json"]).args(options).arg(capture).output().expect("bridgetap runs");
    assert!(output.status.success(), "{}: {}", capture.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[test]
fn every_line_of_every_capture_is_as_the_schema_says() {
    let schema = Schema::read();
    let mut seen = BTreeSet::new();
    for capture in captures() {
        for options in [
            &[][..],
            &["--packets"],
            &["--numeric"],
            &["--names=alias"],
            &["--max-flows=1", "--max-pending=1"],
            &["-c7"],
        ] {
            let lines = lines(&capture, options);
            for (number, line) in (1..).zip(&lines) {
                if let Err(why) = schema.check(line) {
                    panic!("{} {options:?}, line {number}: {why}", capture.display());
                }
                seen.insert(format!("{} {}", text(&line["kind"]), line["outcome"].as_str().unwrap_or_default()));
            }
            assert_eq!(lines.last().map(|line| &line["kind"]), Some(&json!("summary")), "{}", capture.display());
        }
    }
    // Or the captures were empty, and nothing was checked.
    for kind in ["arp answered", "ping answered", "dns answered", "dns failed", "tcp opened", "tcp closed", "tcp open"]
    {
        assert!(seen.contains(kind), "{kind} is in no capture: {seen:?}");
    }
}

#[test]
fn a_line_that_is_not_as_it_should_be_is_refused() {
    let schema = Schema::read();
    let ping = captures().into_iter().find(|path| path.ends_with("ping-by-address.pcapng")).expect("the capture");
    let line = lines(&ping, &[]).into_iter().find(|line| line["kind"] == "ping").expect("a ping");
    assert_eq!(schema.check(&line), Ok(()));
    let changed = |name: &str, value: Value| {
        let mut changed = line.clone();
        changed[name] = value;
        schema.check(&changed)
    };
    for (name, value) in [
        ("unknown", json!(1)),
        ("outcome", json!("lost")),
        ("latency_ns", json!(-1)),
        ("frames", json!([])),
        ("tries", json!("1")),
        ("client", json!(null)),
        ("request", json!({"id": 65_536, "sequence": 0, "bytes": 56, "fragmented": false})),
    ] {
        assert!(changed(name, value.clone()).is_err(), "{name} {value} passed");
    }
    let mut without = line.clone();
    without.as_object_mut().expect("an object").remove("late");
    assert!(schema.check(&without).is_err(), "a missing field passed");
}
