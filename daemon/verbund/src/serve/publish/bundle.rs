//! The SPIFFE bundle of a trust domain: a JWK set with the two parameters that the specification adds.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde::Serialize;
use verbund_identity::{CaCertificate, CaCertificateError};
use verbund_model::Algorithm;

/// How often, in seconds, who follows a bundle should look again.
const REFRESH_HINT: u64 = 300;

/// SPIFFE Trust Domain and Bundle, 4.1.
#[derive(Serialize)]
struct Document {
    keys: Vec<Jwk>,
    spiffe_sequence: u64,
    spiffe_refresh_hint: u64,
}

/// A key for X509-SVIDs: RFC 7517 and 7518, 6.2; its certificate in `x5c` is what counts (SPIFFE X509-SVID, 6.1).
#[derive(Serialize)]
struct Jwk {
    kty: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    crv: &'static str,
    x: String,
    y: String,
    x5c: [String; 1],
}

/// The bundle with these anchors (DER) as JSON. `sequence` rises with every change. Errors: an anchor is no CA's certificate.
pub fn document(sequence: u64, anchors: &[&[u8]]) -> Result<Vec<u8>, CaCertificateError> {
    let keys = anchors.iter().map(|der| jwk(der)).collect::<Result<Vec<_>, _>>()?;
    let document = Document { keys, spiffe_sequence: sequence, spiffe_refresh_hint: REFRESH_HINT };
    // Strings and numbers only: nothing in there can fail to serialise.
    Ok(serde_json::to_vec_pretty(&document).unwrap_or_default())
}

fn jwk(der: &[u8]) -> Result<Jwk, CaCertificateError> {
    let ca = CaCertificate::from_der(der)?;
    let crv = match ca.key.algorithm() {
        Algorithm::P256 => "P-256",
        Algorithm::P384 => "P-384",
    };
    // 0x04 ‖ x ‖ y (SEC 1, 2.3.3), which is the only form that a key has here.
    let point = ca.key.point().get(1..).unwrap_or_default();
    let (x, y) = point.split_at(point.len() / 2);
    Ok(Jwk {
        kty: "EC",
        purpose: "x509-svid",
        crv,
        x: BASE64URL_NOPAD.encode(x),
        y: BASE64URL_NOPAD.encode(y),
        x5c: [BASE64.encode(der)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbund_keys::{Signer as _, SoftwareKey, make_root};

    #[test]
    fn a_bundle_says_what_the_specification_wants() {
        let key = SoftwareKey::generate(Algorithm::P384).unwrap();
        let domain = "berlin.verbund".parse().unwrap();
        let year = std::time::Duration::from_secs(365 * 86_400);
        let root = make_root(&key, &domain, year, time::OffsetDateTime::now_utc()).unwrap();
        let bundle = document(7, &[root.der()]).unwrap();
        let bundle: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
        assert_eq!((&bundle["spiffe_sequence"], &bundle["spiffe_refresh_hint"]), (&7.into(), &300.into()));
        let [jwk] = bundle["keys"].as_array().unwrap().as_slice() else { panic!("{bundle}") };
        assert_eq!((&jwk["kty"], &jwk["use"], &jwk["crv"]), (&"EC".into(), &"x509-svid".into(), &"P-384".into()));
        let [x5c] = jwk["x5c"].as_array().unwrap().as_slice() else { panic!("{jwk}") };
        assert_eq!(BASE64.decode(x5c.as_str().unwrap().as_bytes()).unwrap(), root.der());
        let coordinate = |name: &str| BASE64URL_NOPAD.decode(jwk[name].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!([&[4][..], &coordinate("x"), &coordinate("y")].concat(), key.public_key().point());
        assert!(document(7, &[b"no certificate"]).is_err());
    }
}
