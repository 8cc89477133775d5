//! Attack 29: somebody carries a site's disk away, or a copy of it (design 3.1, I9).
//!
//! Expected: no private key is found on it in clear, in whatever form, and without the passphrase it speaks for nobody. The same scan
//! finds the public halves, so that it could have found the others. The canary of a workload's secret is looked for in the
//! kit's tests (`secrets_stay_where_they_are_sealed_to.rs`); that of a backup waits. Keys in a token are in `daemon/verbund/tests/custody.rs`.

use std::path::Path;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use verbund_keys::{KeyFile, KeyLabel, Passphrase};
use verbund_kit::desk::PASSPHRASE;
use verbund_kit::{Federation, Settings};

/// Every file below a directory, with what is in it.
fn contents(at: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contents(&path, into);
        } else if path.is_file() {
            into.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

/// The forms in which bytes could lie there, all of them or a part: encodings shift what they write by the place.
fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![bytes.to_vec(), HEXLOWER.encode(bytes).into(), HEXLOWER.encode(bytes).to_uppercase().into()];
    for shift in 0..3 {
        // The inner characters, which do not depend on what stands around.
        let encoded = BASE64_NOPAD.encode(&[&vec![0; shift][..], bytes].concat());
        all.push(encoded.as_bytes()[4..encoded.len() - 2].to_vec());
    }
    all.extend([BASE64.encode(bytes).into(), BASE64URL_NOPAD.encode(bytes).into_bytes()]);
    all
}

fn found(files: &[(String, Vec<u8>)], needle: &[u8]) -> Vec<String> {
    let holds = |content: &[u8], form: &[u8]| content.windows(form.len()).any(|window| window == form);
    let all = forms(needle);
    let names = files.iter().filter(|(_, content)| all.iter().any(|form| holds(content, form)));
    names.map(|(name, _)| name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_tells_no_key_and_speaks_for_nobody() {
    let mut federation = Federation::found(Settings::default(), None).await.unwrap();
    let person = federation.new_provider("erika").unwrap();
    federation.connect(0, &person).await.unwrap().get("/v1/sites").await.unwrap();
    federation.sites[0].terminate().unwrap();
    let keys = federation.sites[0].data_dir().join("keys");
    let passphrase = Passphrase::new(PASSPHRASE.as_bytes().to_vec()).unwrap();
    let mut files = Vec::new();
    contents(federation.sites[0].directory(), &mut files);
    let bytes: usize = files.iter().map(|(_, content)| content.len()).sum();

    let mut looked = 0;
    for entry in std::fs::read_dir(&keys).unwrap() {
        let path = entry.unwrap().path();
        let Ok(file) = KeyFile::read(&path) else { continue };
        let public = file.public_key().point().to_vec();
        assert!(!found(&files, &public).is_empty(), "control: the scan finds the public half of {}", path.display());
        if file.label() == KeyLabel::Sealing {
            continue;
        }
        let key = file.unlock(&passphrase).unwrap();
        let scalar = key.scalar().unwrap();
        let places = found(&files, &scalar);
        assert!(places.is_empty(), "the private half of {} lies in {places:?}", path.display());
        looked += 1;
        assert!(file.unlock(&Passphrase::new(b"correct horse battery staple 1950".to_vec()).unwrap()).is_err());
    }
    assert!(looked >= 3, "VOID: {looked} keys of root, issuing CA and node");
    assert!(found(&files, PASSPHRASE.as_bytes()).is_empty(), "the passphrase lies there");
    println!("{looked} private keys and the passphrase looked for in {} files, {bytes} bytes", files.len());

    // The thief's daemon, over a copy of the disk, with a passphrase of his own.
    let wrong = federation.desk.path("wrong");
    std::fs::write(&wrong, "another passphrase 1949").unwrap();
    std::fs::set_permissions(&wrong, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = federation.sites[0].config().display().to_string();
    let source = format!("file:{}", wrong.display());
    let said = federation.desk.say(&["serve", "--config", &config, "--passphrase-source", &source]).unwrap();
    assert!(said.code != 0 && said.err.contains("passphrase"), "{said:?}");
    federation.start(0).await.expect("control: with the right one it starts");
}
