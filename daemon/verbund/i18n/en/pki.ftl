### A site's certificates: what was issued, what is revoked.

help-keys-issued = Show which valid certificates the site's CA has issued, and which of them are revoked.
help-keys-revoke = Revoke certificates of the own site: within seconds the running node signs a new revocation list and passes it on.
help-keys-revoke_serials = Serial numbers (hexadecimal, also with colons as openssl shows them).
help-keys-revoke_key = Instead of a serial number: whatever was issued for this key, certificates for reading of a registered key among it. The beginning of the id is enough.
help-keys-revoke_reason = Reason by RFC 5280: unspecified, key-compromise, affiliation-changed, superseded, cessation-of-operation or privilege-withdrawn.
help-init_pki-url = Address under which everybody will reach the site's revocation lists and CA certificates (listen.pki), such as http://pki.site.example:7104. It stands in every certificate that is issued from then on.
keys-column-serial = SERIAL NUMBER
keys-column-state = STATE
keys-column-until = VALID UNTIL
keys-issued-none = No valid certificate is issued.
keys-revoked = revoked
keys-valid = valid
keys-revoke-done = { $new ->
    [one] One certificate is
   *[other] { $new } certificates are
} newly revoked{ $unchanged ->
    [0] {"."}
   *[other] ; { $unchanged } were before.
}
keys-revoke-next = The running node signs the new revocation list by itself and passes it on; one that is stopped does so at its next start.
keys-revoke-no-key = no valid certificate is issued for the key { $key }
keys-revoke-serial = "{ $serial }" is no serial number: hexadecimal digits in pairs are wanted
keys-revoke-unknown = this site has issued no valid certificate with the serial number { $serial }
keys-revoke-remedy = "verbund keys issued" shows what is issued. Certificates of another site can be revoked by that site only.
confirm-revoke = Revoke { $count ->
    [one] this certificate
   *[other] these { $count } certificates
} for ever: { $names }?

### Rotation: new certificates, and another issuing CA in the place of the present one.

help-keys-rotate = Renew certificates and the issuing CA of the own site while everything runs.
help-keys-rotate-node = Have the running node take a new certificate now. Connections go on.
help-keys-rotate-ca = Put another issuing CA in the place of the present one: prepare, activate, taint, revoke. Until revoke, "activate --key" leads back.
help-keys-rotate-ca_step = The step: status (show), prepare (announce a new CA), activate (it issues), taint (the previous one is to be replaced), revoke (the previous one counts no more, for ever), withdraw (take an announced one back).
help-keys-rotate-ca_key = Which CA is meant where it could be several; the beginning of its id is enough. With activate also a previous one: the way back.
help-keys-rotate-ca_request = Where the request is written if the root is not here.
help-keys-rotate-ca_certificate = The certificate (PEM) that the root or the authority's PKI made for the request.
help-keys-rotate-ca_custody = Make the new key in this token: pkcs11:token=…?module-path=…; else where the others are.
help-keys-sign-ca = Where the root is: sign the certificate of an issuing CA. Of the request only the key is taken.
help-keys-sign-ca_request = The request (PEM).
help-keys-sign-ca_out = Where the certificate is written.
help-keys-sign-ca_valid = How long it is valid, at most five years, such as 365d.
keys-column-here = KEY
keys-column-valid = VALID CERTIFICATES
keys-here = here
keys-elsewhere = not here
keys-ca-issuing = issues
keys-ca-prepared = announced
keys-ca-previous = issued before
keys-ca-tainted = to be replaced
keys-ca-unannounced = not announced yet
about-rotate-ca = changing the issuing CA of { $site }
keys-rotate-node-done = The node has a new certificate.
keys-rotate-node-waits = No running node has taken the request; the next one that starts here does.
keys-rotate-no-site = there is no site { $site } in the federation
keys-rotate-no-ca = no CA of the site, or more than one, fits { $key }
keys-rotate-none = there is no CA that the step fits
keys-rotate-several = the step fits several CAs: name one with --key
keys-rotate-remedy = "verbund keys rotate ca status" shows what there is.
keys-rotate-request = The root is not here. The request for the CA { $key } is { $path }.
    Where the root is: verbund keys sign-ca { $path } --out ca-new.pem --data-dir …
    Then here: verbund keys rotate ca prepare --certificate ca-new.pem
keys-rotate-prepared = The CA { $key } is announced. On with "verbund keys rotate ca activate", back with "withdraw".
keys-rotate-activated = Within seconds the running node takes it, and a new certificate of it. On with "taint", back with "activate --key" of the previous one.
keys-rotate-tainted = What the previous CA issued runs out or is renewed; "verbund keys rotate ca status" counts what is still valid. On with "revoke", back with "activate --key".
keys-rotate-revoked = What it issued counts nowhere any more. If its key is in a token, delete it there.
keys-rotate-withdrawn = It will never issue. If its key is in a token, delete it there.
keys-signed-ca = { $path }: the certificate of the CA { $key }. Compare the id with that of the request.
confirm-withdraw-ca = Take the announced CA { $key } back for ever?
confirm-revoke-ca = Take the CA { $key } out for ever? { $count ->
    [0] Of what was issued here nothing of it is valid.
    [one] One certificate that was issued here and is still valid will count nowhere any more.
   *[other] { $count } certificates that were issued here and are still valid will count nowhere any more.
}

### Ceremonies before witnesses.

help-ceremony = Write the script and the protocol of a key ceremony (Markdown, to be printed). No key is touched.
help-ceremony_kind = What is done: root (making a root that is kept without network) or ca (having it sign another issuing CA).
help-ceremony_site = Name of the site.
help-ceremony_federation = Name of the federation.
help-ceremony_pki-url = Address of the revocation lists and CA certificates, as with "verbund init".
help-ceremony_witness = Name of a witness; may be given several times. Otherwise two lines stay open.
help-ceremony_out = File instead of standard output; it must not exist.
ceremony-written = Script and protocol are in { $path }.
ceremony-witness = Witness
