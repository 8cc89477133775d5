//! Whether somebody changed in the cluster what was applied: every field that was applied must still have its value. Fields
//! that others added do not matter.

use serde_json::Value;

/// Fields that are written and never read back, or that only tell how to write.
const WRITE_ONLY: [&str; 1] = ["stringData"];

/// The first field of `applied` that `live` has not, or has with another value.
#[must_use]
pub fn first(applied: &Value, live: &Value) -> Option<String> {
    let mut path = Vec::new();
    differs(applied, live, &mut path).then(|| path.join("."))
}

/// Whether it differs; `path` is then the place.
fn differs(applied: &Value, live: &Value, path: &mut Vec<String>) -> bool {
    match (applied, live) {
        (applied, Value::Null) => !is_nothing(applied),
        (Value::Null, _) => false,
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().filter(|(field, _)| !WRITE_ONLY.contains(&field.as_str())).any(|(field, value)| {
                within(field, path, |path| differs(value, found.get(field).unwrap_or(&Value::Null), path))
            })
        }
        (Value::Array(wanted), Value::Array(found)) => wanted.iter().enumerate().any(|(number, item)| {
            let other = counterpart(item, number, found);
            within(&number.to_string(), path, |path| differs(item, other, path))
        }),
        (wanted, found) => wanted != found && !(holds_quantities(path) && same_quantity(wanted, found)),
    }
}

fn within(field: &str, path: &mut Vec<String>, check: impl FnOnce(&mut Vec<String>) -> bool) -> bool {
    path.push(field.to_owned());
    let differs = check(path);
    if !differs {
        path.pop();
    }
    differs
}

/// What the API server leaves out when it writes an object back.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
    }
}

/// The item of a list that is the same thing: by name where items have one, by place otherwise.
fn counterpart<'a>(item: &Value, number: usize, found: &'a [Value]) -> &'a Value {
    let by = |field: &str| {
        let name = item.get(field)?;
        found.iter().find(|other| other.get(field) == Some(name)).or(Some(&Value::Null))
    };
    if item.is_object() {
        let key = ["name", "mountPath", "ip"].into_iter().find_map(by);
        return key.or_else(|| found.get(number)).unwrap_or(&Value::Null);
    }
    found.get(number).unwrap_or(&Value::Null)
}

/// Whether quantities stand here: elsewhere `1.10` and `1.1` are different texts.
fn holds_quantities(path: &[String]) -> bool {
    let of_amounts = ["resources", "hard", "limits", "defaultRequest", "sizeLimit", "capacity"];
    path.iter().any(|field| of_amounts.contains(&field.as_str()))
}

/// Quantities have several spellings (`0.5` and `500m`), and the server picks one.
fn same_quantity(a: &Value, b: &Value) -> bool {
    let quantity = |value: &Value| match value {
        Value::String(text) => quantity(text),
        Value::Number(number) => quantity(&number.to_string()),
        _ => None,
    };
    matches!((quantity(a), quantity(b)), (Some(a), Some(b)) if a == b)
}

/// A Kubernetes quantity in thousandths; `None` for what is none, or is too large.
#[must_use]
pub fn quantity(text: &str) -> Option<u128> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if number.is_empty() || fraction.len() > 3 || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: u128 = format!("{fraction:0<3}").parse().ok()?;
    let thousandths = whole.checked_mul(1000)?.checked_add(fraction)?;
    let factor: u128 = match suffix {
        "" => 1,
        "m" => return thousandths.checked_div(1000).filter(|_| thousandths % 1000 == 0),
        "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "P" => 1_000_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "Pi" => 1 << 50,
        _ => return None,
    };
    thousandths.checked_mul(factor)
}

#[cfg(test)]
mod tests;
