//! A whole site whose keys are in a token.

use std::path::{Path, PathBuf};
use std::time::Duration;

use time::OffsetDateTime;
use verbund_identity::{Subject, TrustDomain};
use verbund_keys::custody::{Access, StoredKey, UnlockError};
use verbund_keys::site_keys::State;
use verbund_keys::{
    Anchor, InitOptions, InitReport, KeyLabel, Passphrase, PassphraseSource, Reason, Revoked, Signer as _, SiteKeys,
    SiteKeysError, SoftwareKey, TokenError, seal,
};
use verbund_model::NodeId;

use crate::kit::{LABEL, Soft, module, told};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn domain() -> TrustDomain {
    "nord.dvc".parse().unwrap()
}

fn access(soft: &Soft) -> Access<'static> {
    Access::new(None, Some(soft.uri()), PassphraseSource::None)
}

fn init(soft: &Soft, dir: &Path, anchor: Anchor) -> Result<InitReport, SiteKeysError> {
    let options = InitOptions { anchor, ..InitOptions::default() };
    SiteKeys::init(dir, &domain(), access(soft), &options, OffsetDateTime::now_utc())
}

fn put(soft: &Soft, name: &str, text: &str) -> String {
    let path = soft.directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

with_token!(certificates_and_revocation_lists_of_token_keys_verify_with_openssl, |soft: &Soft| {
    let dir = soft.directory.join("keys");
    init(soft, &dir, Anchor::OwnRoot).unwrap();
    let keys = SiteKeys::open(&dir, Access::new(None, None, PassphraseSource::None)).unwrap();
    let now = OffsetDateTime::now_utc();
    let leaf = |number| {
        let subject = Subject::Node(NodeId::mint(0, number));
        keys.ca().issue_identity(subject, vec!["nord.example".to_owned()], vec![], DAY, now).unwrap()
    };
    let (good, bad) = (leaf(1), leaf(2));
    let root = put(soft, "root.pem", &keys.anchor_certificate().pem());
    let ca = put(soft, "ca.pem", &keys.ca().certificate().pem());
    let serial = bad.chain[0].info().unwrap().serial;
    let list =
        keys.ca().issue_crl(1, &[Revoked { serial, since: now, reason: Reason::KeyCompromise }], DAY, now).unwrap();
    let crl = put(soft, "ca.crl", &list.pem());
    told("openssl", &["verify", "-CAfile", &root, &ca]);
    let crl_says = told("openssl", &["crl", "-in", &crl, "-CAfile", &ca, "-verify", "-noout"]);
    assert!(crl_says.contains("verify OK"), "{crl_says}");
    let (good, bad) = (put(soft, "good.pem", &good.chain[0].pem()), put(soft, "bad.pem", &bad.chain[0].pem()));
    let check = ["verify", "-crl_check", "-CAfile", &root, "-untrusted", &ca, "-CRLfile", &crl];
    told("openssl", &[&check[..], &[&good]].concat());
    let refused = std::process::Command::new("openssl").args(check).arg(&bad).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("certificate revoked"), "{refused:?}");
});

with_token!(a_request_for_an_authority_is_signed_in_the_token, |soft: &Soft| {
    let dir = soft.directory.join("keys");
    let report = init(soft, &dir, Anchor::AuthorityPki).unwrap();
    assert_eq!(report.pieces.len(), 5);
    let request = dir.join("ca.csr").display().to_string();
    let says = told("openssl", &["req", "-in", &request, "-verify", "-noout"]);
    assert!(says.contains("verify OK"), "{says}");
});

with_token!(a_site_is_made_once_and_its_files_say_where_the_keys_are, |soft: &Soft| {
    let dir = soft.directory.join("keys");
    let first = init(soft, &dir, Anchor::OwnRoot).unwrap();
    assert!(first.pieces.iter().all(|(_, state)| *state == State::Made) && first.pieces.len() == 6, "{first:?}");
    assert!(init(soft, &dir, Anchor::OwnRoot).unwrap().changed_nothing());
    let stored = SiteKeys::stored(&dir).unwrap();
    assert_eq!(stored.len(), 4);
    for key in &stored {
        let uri = key.token().unwrap();
        assert_eq!((uri.token.as_str(), uri.object.clone()), (LABEL, Some(format!("nord.dvc:{}", key.label()))));
    }
    let keys = SiteKeys::open(&dir, access(soft)).unwrap();
    let sealed = seal(keys.sealing_key().public_key(), b"i", b"a", b"x").unwrap();
    assert_eq!(*keys.sealing_key().open(b"i", b"a", &sealed).unwrap(), b"x");
    assert!(keys.node_key().sign(b"m").is_ok());
    // The root signs the same CA again; then its reference goes away as its token would.
    let mut keys = keys;
    keys.renew_ca(access(soft), DAY, OffsetDateTime::now_utc()).unwrap();
    std::fs::remove_file(dir.join("root.key")).unwrap();
    let again = SiteKeys::open(&dir, access(soft)).unwrap();
    assert_eq!(again.ca().signer().public_key(), keys.ca().signer().public_key());
});

with_token!(a_run_that_broke_off_after_making_a_key_is_completed_with_that_key, |soft: &Soft| {
    let dir = soft.directory.join("keys");
    init(soft, &dir, Anchor::OwnRoot).unwrap();
    let before = StoredKey::read(&dir.join("sealing.key")).unwrap().public_key().clone();
    std::fs::remove_file(dir.join("sealing.key")).unwrap();
    assert_eq!(init(soft, &dir, Anchor::OwnRoot).unwrap().pieces.last().unwrap().1, State::Made);
    assert_eq!(StoredKey::read(&dir.join("sealing.key")).unwrap().public_key(), &before);
});

with_token!(sealed_files_do_not_pass_for_keys_in_a_token_nor_another_key_for_the_right_one, |soft: &Soft| {
    let (sealed, dir) = (soft.directory.join("sealed"), soft.directory.join("keys"));
    let passphrase = Passphrase::new("p").unwrap();
    let kdf = verbund_keys::KdfParameters { memory_kib: 8, passes: 1, lanes: 1 };
    let options = InitOptions { kdf, ..InitOptions::default() };
    SiteKeys::init(&sealed, &domain(), &passphrase, &options, OffsetDateTime::now_utc()).unwrap();
    let refused = |error| matches!(error, Some(SiteKeysError::Unlock(UnlockError::NotInToken { .. })));
    assert!(refused(SiteKeys::open(&sealed, access(soft)).err()));
    assert!(refused(init(soft, &sealed, Anchor::OwnRoot).err()));

    init(soft, &dir, Anchor::OwnRoot).unwrap();
    let path = dir.join("node.key");
    let text = std::fs::read_to_string(&path).unwrap();
    let ours = StoredKey::read(&path).unwrap().public_key().to_string();
    let other = SoftwareKey::generate(verbund_model::Algorithm::P256).unwrap().public_key().to_string();
    std::fs::write(&path, text.replace(&ours, &other)).unwrap();
    let error = SiteKeys::open(&dir, access(soft)).unwrap_err();
    assert!(matches!(&error, SiteKeysError::Unlock(UnlockError::Token(TokenError::OtherKey { .. }))), "{error:?}");
});

with_token!(a_canary_in_the_token_is_in_no_file_that_is_written, |soft: &Soft| {
    // Keys whose scalars are known are put into the token under the names that `init` gives, so it takes them.
    let mut canaries = Vec::new();
    for label in [KeyLabel::SiteRoot, KeyLabel::IssuingCa, KeyLabel::Node, KeyLabel::Sealing] {
        let key = SoftwareKey::generate(label.algorithm()).unwrap();
        let path = soft.directory.join("control.pem");
        std::fs::write(&path, pem::encode(&pem::Pem::new("PRIVATE KEY", key.to_pkcs8().unwrap().to_vec()))).unwrap();
        assert!(contains(std::slice::from_ref(&path), &key.scalar().unwrap()), "positive control: found in a PEM file");
        std::fs::remove_file(&path).unwrap();
        import(&key, label);
        canaries.push(key);
    }
    let dir = soft.directory.join("keys");
    init(soft, &dir, Anchor::OwnRoot).unwrap();
    let keys = SiteKeys::open(&dir, access(soft)).unwrap();
    assert_eq!(keys.node_key().public_key(), canaries[2].public_key(), "the canaries are the site's keys");
    let sealed = seal(keys.sealing_key().public_key(), b"i", b"a", b"x").unwrap();
    assert_eq!(*keys.sealing_key().open(b"i", b"a", &sealed).unwrap(), b"x");
    let shown = soft.directory.join("shown");
    std::fs::write(&shown, format!("{keys:?} {:?}", SiteKeys::stored(&dir).unwrap())).unwrap();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 7);
    files.push(shown);
    for canary in &canaries {
        assert!(!contains(&files, &canary.scalar().unwrap()));
    }
});

/// Puts a key that is known into the token, with the attributes that a made one has.
fn import(key: &SoftwareKey, label: KeyLabel) {
    use cryptoki::object::{Attribute, KeyType, ObjectClass};
    let module = cryptoki::context::Pkcs11::new(module()).unwrap();
    let locking = cryptoki::context::CInitializeFlags::OS_LOCKING_OK;
    module.initialize(cryptoki::context::CInitializeArgs::new(locking)).unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    let session = module.open_rw_session(slot).unwrap();
    session.login(cryptoki::session::UserType::User, Some(&crate::kit::PIN.into())).unwrap();
    let curve: &[u8] = match label.algorithm() {
        verbund_model::Algorithm::P256 => &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        verbund_model::Algorithm::P384 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
    };
    let common = [
        Attribute::Token(true),
        Attribute::KeyType(KeyType::EC),
        Attribute::EcParams(curve.to_vec()),
        Attribute::Label(format!("nord.dvc:{label}").into_bytes()),
        Attribute::Id(label.as_str().as_bytes().to_vec()),
    ];
    let point = key.public_key().point();
    let mut public = common.to_vec();
    public.extend([
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::Private(false),
        Attribute::EcPoint([&[4, u8::try_from(point.len()).unwrap()], point].concat()),
    ]);
    let mut private = common.to_vec();
    private.extend([
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Value(key.scalar().unwrap().to_vec()),
        Attribute::Sign(label != KeyLabel::Sealing),
        Attribute::Derive(label == KeyLabel::Sealing),
    ]);
    session.create_object(&public).unwrap();
    session.create_object(&private).unwrap();
    drop(session);
    module.finalize().unwrap();
}

/// Whether one of the files holds the bytes: bare, in hexadecimal, or in base64 at any offset, within or across lines.
fn contains(files: &[PathBuf], secret: &[u8]) -> bool {
    use base64::Engine as _;
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut needles = vec![secret.to_vec(), hex.clone().into_bytes(), hex.to_uppercase().into_bytes()];
    for skip in 0..3 {
        let whole = &secret[skip..skip + (secret.len() - skip) / 3 * 3];
        needles.push(base64::engine::general_purpose::STANDARD.encode(whole).into_bytes());
        needles.push(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(whole).into_bytes());
    }
    files.iter().any(|file| {
        let mut bytes = std::fs::read(file).unwrap();
        let bare = bytes.clone();
        bytes.retain(|byte| !byte.is_ascii_whitespace());
        [bare, bytes].iter().any(|all| needles.iter().any(|needle| all.windows(needle.len()).any(|w| w == needle)))
    })
}
