//! Attack 28: a client offers only what is weaker than the crypto profile: TLS 1.2 and older, suites, groups and signatures that are
//! not in it (design 3.7, 3.8; BSI TR-02102-2).
//!
//! Expected: the handshake fails at every listener of the real daemon; tried with openssl, whose weaker side none of our own libraries
//! could play. What waits for the replicated profile: that an older version of it never comes back (until then the profile is built
//! in, and that trust bundles only rise in number is shown in `pki/tls/tests/transport/judgement.rs`).

use std::process::{Command, Stdio};

use verbund_kit::{Federation, Settings};

/// Whether openssl agrees on something with a listener. It has no certificate, which TLS 1.3 looks at after the handshake is done.
fn agrees(address: &str, alpn: &str, offer: &[&str]) -> (bool, String) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", address, "-alpn", alpn]).args(offer);
    // The machine's own policy is not asked: it would keep openssl from offering what is tried.
    let output = command.env("OPENSSL_CONF", "/dev/null").stdin(Stdio::null()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let cipher = said.lines().find(|line| line.contains("Cipher is"));
    // A suite is chosen before a certificate is shown, and what cannot sign as is wanted breaks off in between.
    let shown = !said.contains("no peer certificate available");
    (shown && cipher.is_some_and(|line| !line.contains("(NONE)")), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_listener_agrees_on_less_than_the_profile() {
    let federation = Federation::found(Settings::default(), None).await.unwrap();
    let site = &federation.sites[0];
    let listeners = [
        (site.peer_address(), "verbund-peer/1"),
        (site.peer_address(), "verbund-join/1"),
        (site.admin_address(), "h2"),
        (site.agents_address(), "h2"),
    ];
    let good: [&[&str]; 4] = [
        &["-tls1_3", "-groups", "P-256"],
        &["-tls1_3", "-groups", "P-384"],
        &["-tls1_3", "-groups", "P-256", "-ciphersuites", "TLS_AES_256_GCM_SHA384"],
        &["-tls1_3", "-groups", "P-256", "-ciphersuites", "TLS_AES_128_GCM_SHA256"],
    ];
    let bad: [(&str, &[&str]); 9] = [
        ("TLS 1.2", &["-tls1_2"]),
        ("TLS 1.2 with its best suite", &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384", "-groups", "P-384"]),
        ("TLS 1.1", &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]),
        ("TLS 1.0", &["-tls1", "-cipher", "ALL:@SECLEVEL=0"]),
        ("ChaCha20", &["-tls1_3", "-groups", "P-256", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"]),
        ("CCM", &["-tls1_3", "-groups", "P-256", "-ciphersuites", "TLS_AES_128_CCM_SHA256"]),
        ("X25519", &["-tls1_3", "-groups", "X25519"]),
        ("finite fields", &["-tls1_3", "-groups", "ffdhe3072"]),
        ("Ed25519 and RSA signatures", &["-tls1_3", "-groups", "P-256", "-sigalgs", "ed25519:RSA-PSS+SHA256"]),
    ];
    for (address, alpn) in &listeners {
        for offer in good {
            let (agreed, said) = agrees(address, alpn, offer);
            assert!(agreed, "control: {alpn} with {offer:?}: {said}");
        }
        for (what, offer) in bad {
            let (agreed, said) = agrees(address, alpn, offer);
            // What openssl itself refuses to offer proves nothing.
            let reached =
                said.contains("CONNECTED") && !said.contains("no protocols available") && !said.contains("no cipher");
            assert!(reached, "VOID: openssl did not offer {what}: {said}");
            assert!(!agreed, "{alpn}: {what}: {said}");
        }
    }
    assert_eq!(federation.leader(0).unwrap(), 0);
}
