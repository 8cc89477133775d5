//! Attack 5: an agent is given a kubeconfig that somebody else wrote (design 6): it runs a program, reads files of the agent's
//! machine, trusts anybody, or leads to a service that answers whoever is near.
//!
//! Expected: refused before anything is run, read or dialled; only inline credentials and an `https` address of a host pass. Two
//! deviations from the plan, on purpose: loopback is let pass, because an API server on the agent's own machine is called so (k3s
//! writes such files) and whatever answers there must show a certificate of the file's CA; and host names are not resolved here.

use std::path::Path;

use data_encoding::BASE64;
use verbund_agent_kube::{Connection, connect};
use verbund_attacks::world::Site;

/// Takes a kubeconfig with this user and cluster, as `verbund agent run --kubeconfig` does. Errors: why not.
async fn take(folder: &Path, user: &str, cluster: &str) -> Result<(), String> {
    let path = folder.join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         users: [{{name: u, user: {user}}}]\nclusters: [{{name: k, cluster: {cluster}}}]\n"
    );
    std::fs::write(&path, text).unwrap();
    connect(&Connection { kubeconfig: Some(path), context: None }).await.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn what_it_could_do_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (ran, secret) = (folder.path().join("ran"), folder.path().join("secret"));
    std::fs::write(&secret, "a secret of the agent's machine").unwrap();
    let ca = BASE64.encode(Site::new("west", "land").unwrap().root.pem().as_bytes());
    let at = |server: &str, more: &str| format!("{{server: '{server}', certificate-authority-data: {ca}{more}}}");
    let good = at("https://10.0.0.1:6443", "");
    let file = secret.display();
    let command =
        format!("{{apiVersion: client.authentication.k8s.io/v1, command: touch, args: ['{}']}}", ran.display());

    for control in [&good, &at("https://127.0.0.1:6443", ""), &at("https://api.land.example:6443", "")] {
        assert_eq!(take(folder.path(), "{token: t}", control).await, Ok(()), "positive control");
    }
    let users = [
        ("exec", format!("{{exec: {command}}}")),
        ("auth-provider", "{auth-provider: {name: gcp, config: {}}}".to_owned()),
        ("has as", "{token: t, as: 'system:admin'}".to_owned()),
        ("has as", "{token: t, as-groups: ['system:masters']}".to_owned()),
        ("tokenFile", format!("{{tokenFile: '{file}'}}")),
        ("client-certificate", format!("{{client-certificate: '{file}', client-key-data: eA==}}")),
        ("client-key", format!("{{client-certificate-data: eA==, client-key: '{file}'}}")),
    ];
    for (word, user) in users {
        let why = take(folder.path(), &user, &good).await.unwrap_err();
        assert!(why.contains(word), "{user}: {why}");
        assert!(!why.contains("a secret"), "it was read: {why}");
    }
    let clusters = [
        ("insecure", at("https://10.0.0.1", ", insecure-skip-tls-verify: true")),
        ("certificate-authority", format!("{{server: 'https://10.0.0.1', certificate-authority: '{file}'}}")),
        ("proxy-url", at("https://10.0.0.1", ", proxy-url: 'http://10.0.0.2:3128'")),
        ("https", at("http://10.0.0.1", "")),
        ("https", at("file:///etc/passwd", "")),
        ("no API server", at("https://169.254.169.254/latest", "")),
        ("no API server", at("https://[::ffff:169.254.169.254]", "")),
        ("no API server", at("https://[fd00:ec2::254]", "")),
        ("no API server", at("https://2852039166", "")),
        ("no API server", at("https://metadata.google.internal", "")),
        ("no API server", at("https://0.0.0.0:6443", "")),
    ];
    for (word, cluster) in clusters {
        let why = take(folder.path(), "{token: t}", &cluster).await.unwrap_err();
        assert!(why.contains(word), "{cluster}: {why}");
    }
    assert!(!ran.exists(), "nothing was run");
}
