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
