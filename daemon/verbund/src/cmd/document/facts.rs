//! Coordinates as people write them: degrees with a decimal point, or the millionths of the state.

use serde_json::{Value, json};

use crate::t;

/// Facts with their coordinates in millionths of a degree: `52.3759` becomes `52375900`, whole numbers stay. Errors: the
/// field that is no such number.
pub fn in_millionths(mut facts: Value) -> Result<Value, String> {
    for (name, most) in [("latitude", 90.0), ("longitude", 180.0)] {
        let Some(value) = facts.pointer_mut(&format!("/coordinates/{name}")) else { continue };
        if value.is_i64() || value.is_u64() {
            continue;
        }
        let degrees = value.as_f64().filter(|degrees| degrees.abs() <= most).ok_or_else(|| {
            let field = format!("spec.facts.coordinates.{name}");
            t!("document-degrees", field = field, found = value.to_string(), most = most.to_string())
        })?;
        // At most 180 million, so the cast keeps every digit.
        #[allow(clippy::cast_possible_truncation, reason = "the degrees were held against their bounds")]
        let millionths = (degrees * 1_000_000.0).round() as i64;
        *value = json!(millionths);
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_and_millionths() {
        let of = |latitude: Value| in_millionths(json!({ "coordinates": { "latitude": latitude, "longitude": 9.5 } }));
        assert_eq!(
            of(json!(52.3759)).unwrap()["coordinates"],
            json!({ "latitude": 52_375_900, "longitude": 9_500_000 })
        );
        assert_eq!(of(json!(52_375_900)).unwrap()["coordinates"]["latitude"], json!(52_375_900));
        assert_eq!(of(json!(-0.000_001)).unwrap()["coordinates"]["latitude"], json!(-1));
        for wrong in [json!(90.1), json!("52"), json!(null)] {
            assert!(of(wrong.clone()).unwrap_err().contains("spec.facts.coordinates.latitude"), "{wrong}");
        }
    }
}
