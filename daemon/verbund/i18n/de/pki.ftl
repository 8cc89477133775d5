### Zertifikate eines Standorts: was ausgestellt wurde, was gesperrt ist.

help-keys-issued = Zeigen, welche gültigen Zertifikate die CA des Standorts ausgestellt hat, und welche davon gesperrt sind.
help-keys-revoke = Zertifikate des eigenen Standorts sperren: der laufende Knoten unterschreibt binnen Sekunden eine neue Sperrliste und gibt sie weiter.
help-keys-revoke_serials = Seriennummern (hexadezimal, auch mit Doppelpunkten, wie openssl sie zeigt).
help-keys-revoke_key = Statt einer Seriennummer: alles, was für diesen Schlüssel ausgestellt wurde, auch Lesezertifikate zu einem registrierten Schlüssel. Der Anfang der Kennung genügt.
help-keys-revoke_reason = Grund nach RFC 5280: unspecified, key-compromise, affiliation-changed, superseded, cessation-of-operation oder privilege-withdrawn.
help-init_pki-url = Adresse, unter der Sperrlisten und CA-Zertifikate des Standorts für alle erreichbar sein werden (listen.pki), etwa http://pki.standort.example:7104. Sie steht in allen Zertifikaten, die danach ausgestellt werden.
keys-column-serial = SERIENNUMMER
keys-column-state = STAND
keys-column-until = GÜLTIG BIS
keys-issued-none = Es ist kein gültiges Zertifikat ausgestellt.
keys-revoked = gesperrt
keys-valid = gültig
keys-revoke-done = { $new ->
    [one] Ein Zertifikat ist
   *[other] { $new } Zertifikate sind
} neu gesperrt{ $unchanged ->
    [0] {"."}
   *[other] , { $unchanged } waren es schon.
}
keys-revoke-next = Der laufende Knoten unterschreibt die neue Sperrliste von selbst und gibt sie weiter; ein angehaltener tut es beim nächsten Start.
keys-revoke-no-key = Für den Schlüssel { $key } ist kein gültiges Zertifikat ausgestellt
keys-revoke-serial = „{ $serial }“ ist keine Seriennummer: gesucht sind hexadezimale Ziffern in Paaren
keys-revoke-unknown = Dieser Standort hat kein gültiges Zertifikat mit der Seriennummer { $serial } ausgestellt
keys-revoke-remedy = Was ausgestellt ist, zeigt „verbund keys issued“. Zertifikate eines anderen Standorts sperrt nur dieser selbst.
confirm-revoke = { $count ->
    [one] Dieses Zertifikat
   *[other] Diese { $count } Zertifikate
} für immer sperren: { $names }?
