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

### Rotation: neue Zertifikate, und eine andere ausstellende CA an der Stelle der bisherigen.

help-keys-rotate = Zertifikate und ausstellende CA des eigenen Standorts im laufenden Betrieb erneuern.
help-keys-rotate-node = Den laufenden Knoten jetzt ein neues Zertifikat nehmen lassen. Verbindungen laufen weiter.
help-keys-rotate-ca = Eine andere ausstellende CA an die Stelle der bisherigen setzen: prepare, activate, taint, revoke. Bis revoke führt „activate --key“ zurück.
help-keys-rotate-ca_step = Der Schritt: status (zeigen), prepare (neue CA ankündigen), activate (sie stellt aus), taint (die vorige ist abzulösen), revoke (die vorige gilt nicht mehr, endgültig), withdraw (eine angekündigte zurücknehmen).
help-keys-rotate-ca_key = Welche CA gemeint ist, wenn es mehrere sein können; der Anfang der Kennung genügt. Mit activate auch eine vorige: der Weg zurück.
help-keys-rotate-ca_request = Wohin der Antrag geschrieben wird, wenn die Wurzel nicht hier liegt.
help-keys-rotate-ca_certificate = Das Zertifikat (PEM), das die Wurzel oder die PKI der Behörde auf den Antrag ausgestellt hat.
help-keys-rotate-ca_custody = Den neuen Schlüssel in diesem Token erzeugen: pkcs11:token=…?module-path=…; sonst dort, wo die anderen liegen.
help-keys-sign-ca = Dort, wo die Wurzel liegt: das Zertifikat einer ausstellenden CA unterschreiben. Aus dem Antrag wird nur der Schlüssel übernommen.
help-keys-sign-ca_request = Der Antrag (PEM).
help-keys-sign-ca_out = Wohin das Zertifikat geschrieben wird.
help-keys-sign-ca_valid = Wie lange es gilt, höchstens fünf Jahre, etwa 365d.
keys-column-here = SCHLÜSSEL
keys-column-valid = GÜLTIGE ZERTIFIKATE
keys-here = hier
keys-elsewhere = nicht hier
keys-ca-issuing = stellt aus
keys-ca-prepared = angekündigt
keys-ca-previous = stellte vorher aus
keys-ca-tainted = abzulösen
keys-ca-unannounced = noch nicht angekündigt
about-rotate-ca = die ausstellende CA von { $site } wechseln
keys-rotate-node-done = Der Knoten hat ein neues Zertifikat.
keys-rotate-node-waits = Kein laufender Knoten hat die Bitte angenommen; der nächste, der hier startet, tut es.
keys-rotate-no-site = Den Standort { $site } gibt es im Verbund nicht
keys-rotate-no-ca = Auf { $key } passt keine oder mehr als eine CA des Standorts
keys-rotate-none = Es gibt keine CA, auf die der Schritt passt
keys-rotate-several = Der Schritt passt auf mehrere CAs: eine mit --key nennen
keys-rotate-remedy = Was es gibt, zeigt „verbund keys rotate ca status“.
keys-rotate-request = Die Wurzel liegt nicht hier. Der Antrag für die CA { $key } ist { $path }.
    Dort, wo die Wurzel liegt: verbund keys sign-ca { $path } --out ca-neu.pem --data-dir …
    Danach hier: verbund keys rotate ca prepare --certificate ca-neu.pem
keys-rotate-prepared = Die CA { $key } ist angekündigt. Weiter mit „verbund keys rotate ca activate“, zurück mit „withdraw“.
keys-rotate-activated = Der laufende Knoten nimmt sie binnen Sekunden und ein neues Zertifikat von ihr. Weiter mit „taint“, zurück mit „activate --key“ der vorigen.
keys-rotate-tainted = Was die vorige CA ausgestellt hat, läuft ab oder wird erneuert; „verbund keys rotate ca status“ zählt, was noch gilt. Weiter mit „revoke“, zurück mit „activate --key“.
keys-rotate-revoked = Was sie ausgestellt hat, gilt nirgends mehr. Liegt ihr Schlüssel in einem Token, dort löschen.
keys-rotate-withdrawn = Sie wird nie ausstellen. Liegt ihr Schlüssel in einem Token, dort löschen.
keys-signed-ca = { $path }: das Zertifikat der CA { $key }. Die Kennung mit der des Antrags vergleichen.
confirm-withdraw-ca = Die angekündigte CA { $key } für immer zurücknehmen?
confirm-revoke-ca = Die CA { $key } für immer herausnehmen? { $count ->
    [0] Von hier ausgestellte gültige Zertifikate hat sie keine.
    [one] Ein hier ausgestelltes, noch gültiges Zertifikat gilt dann nirgends mehr.
   *[other] { $count } hier ausgestellte, noch gültige Zertifikate gelten dann nirgends mehr.
}

### Zeremonien vor Zeugen.

help-ceremony = Ablauf und Protokoll einer Schlüsselzeremonie schreiben (Markdown zum Drucken). Schlüssel werden dabei nicht angefasst.
help-ceremony_kind = Was getan wird: root (eine Wurzel erzeugen, die ohne Netz verwahrt wird) oder ca (sie eine andere ausstellende CA unterschreiben lassen).
help-ceremony_site = Name des Standorts.
help-ceremony_federation = Name des Verbunds.
help-ceremony_pki-url = Adresse der Sperrlisten und CA-Zertifikate, wie bei „verbund init“.
help-ceremony_witness = Name einer Zeugin oder eines Zeugen; mehrfach möglich. Sonst bleiben zwei Zeilen frei.
help-ceremony_out = Datei statt Standardausgabe; sie darf nicht vorhanden sein.
ceremony-written = Ablauf und Protokoll stehen in { $path }.
ceremony-witness = Zeuge
