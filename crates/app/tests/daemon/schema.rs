//! Holds values against the part of JSON Schema that the API document uses.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What is said about a value, or helps people, and needs no check.
const IGNORED: [&str; 2] = ["description", "example"];

/// A document with the schemas that references lead to.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn new(document: Value) -> Self {
        Self(document)
    }

    pub(crate) fn root(&self) -> &Value {
        &self.0
    }

    /// What a value stands for: itself, or what it refers to.
    pub(crate) fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let target = self.0.pointer(reference.trim_start_matches('#'));
                target.unwrap_or_else(|| panic!("{reference} leads nowhere"))
            }
            None => value,
        }
    }

    /// The places in which `value` is not as `schema` says, a sentence each.
    pub(crate) fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(schema, value, "$", &mut faults);
        self.check_documented(schema, value, "$", &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
        let schema = self.follow(schema);
        for (keyword, argument) in schema.as_object().expect("a schema is an object") {
            let good = match keyword.as_str() {
                "type" => has_type(argument, value),
                "enum" => argument.as_array().unwrap().contains(value),
                "format" => value.as_str().is_none_or(|text| has_format(argument.as_str().unwrap(), text)),
                "required" => missing(argument, value).is_none(),
                "properties" => {
                    self.check_properties(argument.as_object().unwrap(), value, place, faults);
                    true
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(argument, item, &format!("{place}[{index}]"), faults);
                    }
                    true
                }
                "allOf" => {
                    argument.as_array().unwrap().iter().for_each(|each| self.check(each, value, place, faults));
                    true
                }
                "additionalProperties" => {
                    self.check_additional(schema, argument, value, place, faults);
                    true
                }
                ignored => {
                    assert!(IGNORED.contains(&ignored), "the validator does not know {ignored:?}");
                    true
                }
            };
            if !good {
                faults.push(format!("{place} breaks {keyword} {argument}: {value}"));
            }
        }
    }

    fn check_properties(&self, properties: &Map<String, Value>, value: &Value, place: &str, faults: &mut Vec<String>) {
        for (name, member) in value.as_object().into_iter().flatten() {
            if let Some(schema) = properties.get(name) {
                self.check(schema, member, &format!("{place}.{name}"), faults);
            }
        }
    }

    fn check_additional(&self, schema: &Value, rule: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
        for (name, member) in value.as_object().into_iter().flatten() {
            if schema.pointer(&format!("/properties/{name}")).is_some() {
                continue;
            }
            match rule.as_bool() {
                Some(true) => {}
                Some(false) => faults.push(format!("{place} must not have {name}")),
                None => self.check(rule, member, &format!("{place}.{name}"), faults),
            }
        }
    }

    /// More than JSON Schema asks: a member that the document does not name is one that nobody can rely on.
    fn check_documented(&self, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
        let schema = self.follow(schema);
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            values.iter().for_each(|value| self.check_documented(items, value, &format!("{place}[]"), faults));
        }
        let mut known = Map::new();
        self.collect_properties(schema, &mut known);
        if known.is_empty() {
            return;
        }
        for (name, member) in value.as_object().into_iter().flatten() {
            match known.get(name) {
                Some(schema) => self.check_documented(schema, member, &format!("{place}.{name}"), faults),
                None => faults.push(format!("{place}.{name} is not documented")),
            }
        }
    }

    fn collect_properties(&self, schema: &Value, known: &mut Map<String, Value>) {
        let schema = self.follow(schema);
        let own = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        known.extend(own.map(|(name, schema)| (name.clone(), schema.clone())));
        let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        parts.for_each(|part| self.collect_properties(part, known));
    }
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type of JSON Schema: {other}"),
    };
    match wanted.as_array() {
        Some(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        None => is(wanted.as_str().unwrap()),
    }
}

fn has_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" => {
            let shape: String = text.chars().map(|each| if each.is_ascii_digit() { '0' } else { each }).collect();
            shape == "0000-00-00T00:00:00.000Z"
        }
        "uri" => text.starts_with("https://") && text.is_ascii() && !text.contains(' '),
        other => panic!("the validator does not know the format {other:?}"),
    }
}

fn missing<'a>(required: &'a Value, value: &Value) -> Option<&'a str> {
    let present: BTreeSet<&str> = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let required = required.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    required.into_iter().find(|name| value.is_object() && !present.contains(name))
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let document = Document::new(serde_json::json!({
        "Row": {
            "type": "object", "required": ["id"], "properties": { "id": { "type": "string" }, "at": { "format": "date-time" } }
        },
        "Rows": { "type": "array", "items": { "allOf": [{ "$ref": "#/Row" }, { "properties": { "n": { "enum": [1] } } }] } },
        "Facts": { "type": "object", "additionalProperties": { "type": ["string", "null"] } }
    }));
    let faults = |name: &str, value: &str| {
        let schema = serde_json::json!({ "$ref": format!("#/{name}") });
        document.faults(&schema, &serde_json::from_str(value).unwrap()).len()
    };
    assert_eq!(faults("Rows", r#"[{"id":"a"},{"id":"b","n":1,"at":"2026-01-02T03:04:05.678Z"}]"#), 0);
    for wrong in [r#"{}"#, r#"[{}]"#, r#"[{"id":1}]"#, r#"[{"id":"a","n":2}]"#, r#"[{"id":"a","x":1}]"#] {
        assert_eq!(faults("Rows", wrong), 1, "{wrong}");
    }
    assert_eq!(faults("Rows", r#"[{"id":"a","at":"2026-01-02"}]"#), 1);
    assert_eq!(faults("Facts", r#"{"a":"b","c":null}"#), 0);
    assert_eq!(faults("Facts", r#"{"a":1}"#), 1);
}
