//! Keys as a token shows them.

use cryptoki::error::Error;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use verbund_model::{Algorithm, PublicKey};

/// The curves' names as CKA_EC_PARAMS has them (DER, RFC 5480).
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
/// DER's tag of an OCTET STRING.
const OCTET_STRING: u8 = 4;

/// CKA_EC_PARAMS for a curve.
pub(super) const fn curve(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::P256 => P256,
        Algorithm::P384 => P384,
    }
}

/// What is known of a private key, without the key.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) label: String,
    pub(super) id: Vec<u8>,
    pub(super) key_type: Option<KeyType>,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) signs: bool,
    pub(super) derives: bool,
    pub(super) sensitive: bool,
    pub(super) extractable: bool,
    pub(super) point: Option<Vec<u8>>,
}

impl Seen {
    /// In words, for an error.
    pub(super) fn describe(&self) -> String {
        match (self.key_type, self.algorithm) {
            (Some(KeyType::EC), Some(algorithm)) => algorithm.as_str().to_owned(),
            (Some(KeyType::EC), None) => "an EC key on another curve".to_owned(),
            (Some(key_type), _) => format!("a key of type {key_type}"),
            (None, _) => "a key of a type that the token does not tell".to_owned(),
        }
    }

    /// Why the private part is not safe in the token; `None` if it is.
    pub(super) const fn weakness(&self) -> Option<&'static str> {
        match (self.extractable, self.sensitive) {
            (true, _) => Some("may be taken out of it (CKA_EXTRACTABLE)"),
            (false, false) => Some("can be read in clear (not CKA_SENSITIVE)"),
            (false, true) => None,
        }
    }
}

/// All private keys that match.
pub(super) fn private_keys(session: &Session, extra: &[Attribute]) -> Result<Vec<ObjectHandle>, Error> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    template.extend_from_slice(extra);
    session.find_objects(&template)
}

/// Reads what a private key shows of itself.
pub(super) fn look(session: &Session, handle: ObjectHandle) -> Result<Seen, Error> {
    let wanted = [
        AttributeType::Label,
        AttributeType::Id,
        AttributeType::KeyType,
        AttributeType::EcParams,
        AttributeType::Sign,
        AttributeType::Derive,
        AttributeType::Sensitive,
        AttributeType::Extractable,
        AttributeType::EcPoint,
    ];
    // Extractable until the token says otherwise.
    let mut seen = Seen { extractable: true, ..Seen::default() };
    for attribute in session.get_attributes(handle, &wanted)? {
        match attribute {
            Attribute::Label(label) => seen.label = String::from_utf8_lossy(&label).into_owned(),
            Attribute::Id(id) => seen.id = id,
            Attribute::KeyType(key_type) => seen.key_type = Some(key_type),
            Attribute::EcParams(parameters) => {
                seen.algorithm =
                    [Algorithm::P256, Algorithm::P384].into_iter().find(|algorithm| curve(*algorithm) == parameters);
            }
            Attribute::Sign(signs) => seen.signs = signs,
            Attribute::Derive(derives) => seen.derives = derives,
            Attribute::Sensitive(sensitive) => seen.sensitive = sensitive,
            Attribute::Extractable(extractable) => seen.extractable = extractable,
            Attribute::EcPoint(point) => seen.point = Some(point),
            _ => {}
        }
    }
    Ok(seen)
}

/// The points of the public keys that belong to a private one: by id, or where it has none by label.
pub(super) fn points(session: &Session, seen: &Seen) -> Result<Vec<Vec<u8>>, Error> {
    let belongs = if seen.id.is_empty() {
        Attribute::Label(seen.label.clone().into_bytes())
    } else {
        Attribute::Id(seen.id.clone())
    };
    let mut points = Vec::new();
    for handle in session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY), belongs])? {
        for attribute in session.get_attributes(handle, &[AttributeType::EcPoint])? {
            if let Attribute::EcPoint(point) = attribute {
                points.push(point);
            }
        }
    }
    // Some tokens show the point at the private key, and keep no public one.
    points.extend(seen.point.clone().filter(|point| !point.is_empty()));
    Ok(points)
}

/// A public key from CKA_EC_POINT: wrapped in an OCTET STRING as the standard says, or bare as some tokens give it. Told apart
/// by the length, since both begin with 4.
pub(super) fn public_key(algorithm: Algorithm, point: &[u8]) -> Option<PublicKey> {
    let bare = 1 + 2 * algorithm.coordinate_len();
    let point = match point {
        [OCTET_STRING, length, inner @ ..] if usize::from(*length) == bare && inner.len() == bare => inner,
        bytes if bytes.len() == bare => bytes,
        _ => return None,
    };
    PublicKey::from_point(algorithm, point).ok()
}

/// A point as an OCTET STRING.
pub(super) fn wrapped(point: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(point.len()).ok().filter(|length| *length < 0x80)?;
    Some([&[OCTET_STRING, length], point].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::{Signer as _, SoftwareKey};

    #[test]
    fn both_forms_of_a_point_are_read_and_nothing_else() {
        for algorithm in [Algorithm::P256, Algorithm::P384] {
            let key = SoftwareKey::generate(algorithm).unwrap().public_key().clone();
            let der = wrapped(key.point()).unwrap();
            assert_eq!(public_key(algorithm, &der).as_ref(), Some(&key));
            assert_eq!(public_key(algorithm, key.point()).as_ref(), Some(&key));
            for bad in [&der[1..], &der[..der.len() - 1], &key.point()[1..], &[][..]] {
                assert_eq!(public_key(algorithm, bad), None);
            }
        }
    }
}
