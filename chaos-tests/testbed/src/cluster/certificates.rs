//! A certification authority for one cluster, its certificates, and the kubeconfigs that hold them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use data_encoding::BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};

use super::Layout;

/// Whoever acts with a kubeconfig: its file, its user and its group (kubernetes.io, "Authenticating", X.509; the names of the
/// components are those that the default roles bind).
const USERS: [(&str, &str, &str); 3] = [
    ("admin", "verbund-testbed-admin", "system:masters"),
    ("controller-manager", "system:kube-controller-manager", ""),
    ("scheduler", "system:kube-scheduler", ""),
];

/// Writes keys, certificates and kubeconfigs of a new cluster. They last as long as the testbed's directory.
pub(crate) fn write_certificates(layout: &Layout) -> Result<()> {
    fs::create_dir_all(layout.path("pki"))?;
    fs::create_dir_all(layout.path("kubeconfig"))?;
    let authority = authority(layout.name())?;
    write(&layout.pki("ca.pem"), &authority.pem())?;

    let api = vec![
        layout.address().to_string(),
        layout.first_service().to_string(),
        "127.0.0.1".into(),
        "localhost".into(),
        "kubernetes".into(),
        "kubernetes.default".into(),
        "kubernetes.default.svc".into(),
        "kubernetes.default.svc.cluster.local".into(),
    ];
    let server = ExtendedKeyUsagePurpose::ServerAuth;
    let node = vec![layout.address().to_string(), layout.name().to_owned()];
    write_pair(layout, "api-server", &issue(&authority, "kube-apiserver", "", api, server.clone())?)?;
    write_pair(layout, "kubelet-server", &issue(&authority, layout.name(), "", node, server)?)?;
    // The API server asks the kubelet for logs and runs commands through it.
    let asking = client(&authority, "kube-apiserver-kubelet-client", "system:masters")?;
    write_pair(layout, "api-server-client", &asking)?;
    let tokens = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    write(&layout.pki("service-accounts.key"), &tokens.serialize_pem())?;
    write(&layout.pki("service-accounts.pub"), &tokens.public_key_pem())?;

    for (file, user, group) in USERS {
        let kubeconfig = kubeconfig(layout, &authority.pem(), &client(&authority, user, group)?);
        write(&layout.kubeconfig(file), &kubeconfig)?;
    }
    let kubelet = client(&authority, &format!("system:node:{}", layout.name()), "system:nodes")?;
    write(&layout.kubeconfig("kubelet"), &kubeconfig(layout, &authority.pem(), &kubelet))
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate and its key, PEM.
struct Pair {
    certificate: String,
    key: String,
}

fn authority(site: &str) -> Result<Authority> {
    let mut params = params(&format!("testbed {site}"), "", Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    CertifiedIssuer::self_signed(params, key).context("making the cluster's certification authority")
}

fn client(authority: &Authority, name: &str, group: &str) -> Result<Pair> {
    issue(authority, name, group, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)
}

fn issue(
    authority: &Authority,
    name: &str,
    group: &str,
    names: Vec<String>,
    purpose: ExtendedKeyUsagePurpose,
) -> Result<Pair> {
    let mut params = params(name, group, names)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate =
        params.signed_by(&key, authority).with_context(|| format!("issuing the certificate of {name}"))?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn params(name: &str, group: &str, names: Vec<String>) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    if !group.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn kubeconfig(layout: &Layout, authority: &str, user: &Pair) -> String {
    let (name, server) = (layout.name(), layout.api());
    let [authority, certificate, key] =
        [authority, &user.certificate, &user.key].map(|pem| BASE64.encode(pem.as_bytes()));
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: {name}
  cluster:
    server: {server}
    certificate-authority-data: {authority}
users:
- name: {name}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: {name}
  context: {{cluster: {name}, user: {name}}}
current-context: {name}
"
    )
}

fn write_pair(layout: &Layout, name: &str, pair: &Pair) -> Result<()> {
    write(&layout.pki(&format!("{name}.pem")), &pair.certificate)?;
    write(&layout.pki(&format!("{name}.key")), &pair.key)
}

/// Most of it is secret, so all of it is readable by the owner only.
fn write(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}
