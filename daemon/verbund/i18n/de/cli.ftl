### Was Befehle sagen.

error-prefix = Fehler
warning-prefix = Warnung
cli-not-a-time = { $got } ist keine Zeitspanne: etwa 90s, 15m, 24h oder 7d schreiben
column-resource = RESSOURCE
column-name = NAME
column-version = VERSION
column-changed = GEÄNDERT
column-id = KENNUNG
column-generation = GENERATION
column-threshold = NÖTIGE ZUSTIMMUNGEN
column-display-name = BEZEICHNUNG
column-roles = ROLLEN
column-parent = ÜBERGEORDNET
column-standing = STATUS
column-organisation = ORGANISATION
column-land = LAND
column-site = STANDORT
column-addresses = ADRESSEN
column-user = BENUTZER
column-role = ROLLE
column-sites = STANDORTE
column-owner = INHABER
column-revoked = GESPERRT
column-expires = GÜLTIG BIS
column-used = VERWENDET
column-approvals = ZUSTIMMUNGEN
column-admitted = AUFGENOMMEN
column-refused = ABGELEHNT
column-action = MASSNAHME
column-done = ERLEDIGT
column-schema = SCHEMA
paths-no-home = kein Heimatverzeichnis: HOME ist nicht gesetzt
paths-no-home-remedy = HOME oder { $variable } auf einen absoluten Pfad setzen.
file-unreadable = { $path } ließ sich nicht lesen: { $reason }
file-form = { $path } enthält nicht, was es sollte: { $reason }
context-key-form = { $got } nennt keinen Schlüssel: file:/absoluter/Pfad oder eine pkcs11:-URI schreiben
context-key-relative = { $got } ist ein relativer Pfad: ein Kontext gilt in jedem Verzeichnis, daher den absoluten schreiben
context-key-pkcs11 = der Schlüssel kann so nicht genannt werden: { $reason }
context-file = die Kontexte in { $path } ließen sich nicht lesen oder schreiben: { $reason }
context-form = { $path } ist keine Datei mit Kontexten: { $reason }. Berichtigen, oder beiseitelegen und die Kontexte neu anlegen
context-unknown = es gibt keinen Kontext { $name } (es gibt: { $known })
context-none = kein Kontext ist gewählt: mit „verbund context add“ einen anlegen, oder mit „verbund context use“ oder --context einen wählen
context-exists = es gibt schon einen Kontext { $name }: einen anderen Namen wählen, oder ihn mit --replace ersetzen
context-name = { $name } kann kein Kontext heißen: bis zu 63 Buchstaben, Ziffern, - _ . verwenden
client-no-key = der Kontext { $context } nennt keinen Schlüssel, und hierfür braucht es einen
client-no-key-remedy = Ihn ergänzen: verbund context add { $context } --replace --key file:/Pfad …
client-key-at = des Schlüssels { $path }
client-odd-answer = die Antwort ist nicht zu verstehen: { $reason }
client-odd-remedy = Die Versionen dieses Programms und des Daemons vergleichen.
client-unreachable-remedy = Prüfen, ob ein Daemon läuft und die Adressen des Kontexts stimmen (verbund context show); Adressen weiterer Standorte ergänzt: verbund context add NAME --replace --other STANDORT=HOST:PORT --other-pin STANDORT=PIN
client-no-quorum = keine Mehrheit der Stimmen ist erreichbar, und frisches Lesen braucht eine
client-no-quorum-remedy = Was nur liest, zeigt mit --stale, was dieser Standort hat und wie alt es ist; eine Änderung braucht die Mehrheit. „verbund status“ zeigt, wer fehlt.
client-clock-remedy = Die Uhr dieser Maschine stellen (NTP), dann erneut versuchen.
client-deadline = keine Antwort innerhalb von { $seconds } s
client-interrupted = unterbrochen
client-login = Benutzerzertifikat beantragen
client-no-chain = der Standort hat eine leere Zertifikatskette gesendet
client-reading = { $what } lesen
client-reading-status = den Zustand lesen
client-stale = Veraltet: was dieser Standort vor { $age } hatte, bei Index { $index }.
client-session = eine Sitzung für signierte Änderungen öffnen
client-session-contended = eine Sitzung öffnen: andere Maschinen mit demselben Schlüssel waren fünfmal schneller; erneut versuchen
client-unknown = { $about }: ob es geschehen ist, ist nicht bekannt ({ $reason })
client-unknown-remedy = Feststellen und zu Ende bringen mit: verbund resume { $path }
client-watching = beobachten
client-watch-again = Die Verbindung ist abgerissen ({ $reason }); es geht an der Stelle weiter.
client-stream-ended = der Strom endete
file-unwritable = { $path } ließ sich nicht schreiben: { $reason }
confirm-choice = { "[ja/nein]" }
confirm-yes = ja
confirm-refused = nicht bestätigt: es wurde nichts getan
confirm-nobody = hier ist eine Bestätigung nötig, und die Standardeingabe ist kein Terminal
confirm-nobody-remedy = Vorher mit --yes bestätigen.
confirm-delete = { $what } wirklich löschen?
confirm-suspend = { $name } wirklich aussetzen? Ihre Leute ändern nichts, bis die Aussetzung endet.
confirm-revoke-key = Den Schlüssel { $id } wirklich sperren? Er kommt nie zurück.
confirm-remove-node = Den Knoten { $node } wirklich ausscheiden? Er kehrt nie unter dieser Kennung zurück.
confirm-replace-voter = Den Knoten { $node } wirklich für immer aufgeben, damit ein anderer für ihn stimmt?
confirm-approve = Dem zustimmen?
confirm-coordinators = Wirklich { $n } Koordinatoren vorschlagen, von denen { $m } zustimmen müssen?
done-changed = { $about }: erledigt (Version { $version }).
done-unchanged = { $about }: war schon so (Version { $version }).
done-session = Die Sitzung ist offen bis { $until }.
done-admitted = { $about }: aufgenommen als Knoten { $node }.
done-waiting = { $about }: { $have } von { $need } Zustimmungen. Ein weiterer Koordinator stimmt zu mit: { $command }
about-approve = { $hash } zustimmen
about-approve-site = dem Standort { $site } zustimmen
about-update-site = den Standort { $site } ändern
about-refuse-site = den Standort { $site } ablehnen
about-invite = den Standort { $site } einladen
about-revoke-invitation = die Einladung { $id } zurücknehmen
about-create-org = die Organisation { $name } anlegen
about-suspend-org = die Organisation { $name } aussetzen
about-resume-org = die Aussetzung der Organisation { $name } beenden
about-create-user = den Benutzer { $name } anlegen
about-delete-user = den Benutzer { $name } löschen
about-add-key = einen Schlüssel von { $name } eintragen
about-revoke-key = den Schlüssel { $id } sperren
about-bind-role = { $name } eine Rolle geben
about-unbind-role = { $name } eine Rolle nehmen
about-add-node = dem Standort { $site } einen Knoten hinzufügen
about-update-node = den Knoten { $node } ändern
about-remove-node = den Knoten { $node } ausscheiden
about-replace-voter = den Knoten { $node } ersetzen
about-set-policy = die Richtlinie { $name } vorschlagen
about-delete-policy = die Entfernung der Richtlinie { $name } vorschlagen
about-coordinators = einen neuen Kreis von Koordinatoren vorschlagen
about-delete = { $what } löschen
apply-created = angelegt
apply-updated = geändert
apply-unchanged = unverändert
apply-waiting = wartet auf Zustimmungen
apply-failed = misslungen
apply-list = eine List ohne items
apply-nothing = in der Datei steht kein Dokument
apply-twice = Dokument { $number } ({ $name }) steht zum zweiten Mal da
apply-wrong = Dokument { $number } ({ $name }): { $reason }
apply-wrong-remedy = Es wurde nichts gesendet. Die Dokumente berichtigen und den Befehl wiederholen.
apply-version = apiVersion ist { $got }, erwartet wird { $wanted }
apply-no-organisation = spec.organisation fehlt: angeben, oder --org nennen
apply-use = diese Art wird nicht so angelegt: { $command } verwenden
apply-never = { $kind } entsteht im Verbund, nicht durch ein Dokument
approve-blind = --yes ohne --hash würde allem zustimmen, was gekommen ist
approve-blind-remedy = --hash mit dem Hash angeben, den der Betreiber des Standorts sieht und nennt.
approve-none = keine Anfrage des Standorts { $site } wartet auf Zustimmung
approve-none-remedy = Der Standort fragt mit „verbund join“ an; „verbund list admissions“ zeigt alle Anfragen.
approve-refused = die Anfrage wurde von der koordinierenden Person mit dem Schlüssel { $key } abgelehnt: { $reason }
approve-refused-remedy = Eine Ablehnung gilt endgültig. Den Standort neu einladen: verbund invite { $site } --org ORGANISATION
refuse-question = Die Anfrage des Standorts { $site } endgültig ablehnen?
refuse-next = „verbund join“ sagt es dem Standort, der wartet. Falls er neu anfragen darf: verbund invite { $site } --org { $organisation }
approve-several = mehrere Anfragen des Standorts { $site } warten
approve-several-remedy =
    Mit --hash sagen, welche:
    { "  " }{ $hashes }
approve-short = ein Fingerabdruck braucht mindestens { $least } Ziffern, um etwas zu bedeuten
approve-mismatch = kein Schlüssel der Anfrage hat den Fingerabdruck { $fingerprint }
approve-mismatch-remedy = Nicht zustimmen. Den Betreiber des Standorts am Telefon fragen, was „verbund join“ gezeigt hat.
approve-no-address = keine: er nimmt nichts an
approve-hash =
    Hash der Anfrage: { $hash }
    Alles am Telefon mit dem vergleichen, was der Betreiber des Standorts sieht.
approve-question = Den Standort { $site } aufnehmen?
fingerprint-anchor = Vertrauensanker (Pin)
fingerprint-issuing = ausstellende CA
fingerprint-node = Knotenschlüssel
fingerprint-sealing = Versiegelungsschlüssel
change-created = angelegt
change-updated = geändert
change-deleted = gelöscht
client-exporting = die Protokollkette exportieren
column-direction = RICHTUNG
column-federation = VERBUND
column-file = DATEI
column-from = VON
column-to = NACH
column-port = PORT
column-protocol = PROTOKOLL
column-purpose = ZWECK
column-key = SCHLÜSSEL
column-kind = ART
column-matched = STAND
column-node = KNOTEN
column-part = ROLLE
column-pin = PIN
column-result = ERGEBNIS
column-seen = GEHÖRT
context-added = Der Kontext { $name } wurde hinzugefügt.
context-replaced = Der Kontext { $name } wurde ersetzt.
context-removed = Der Kontext { $name } wurde entfernt.
context-used = Der Kontext { $name } ist jetzt der eingestellte.
context-incomplete = ein Kontext braucht mindestens eine --address, dazu --federation und --pin oder --data-dir
context-incomplete-remedy = Auf der Maschine eines Knotens holt --data-dir beides aus dessen Verzeichnis.
delete-not-possible = { $kind } kann man nicht löschen
delete-user-name = { $name } ist kein solcher Name: Organisation.Benutzer, bei einer Rolle Organisation.Benutzer.Rolle
found-exists = dieses Verzeichnis gehört schon zum Verbund { $federation }
found-exists-remedy = Ein anderes --data-dir wählen, oder den Daemon damit starten: verbund serve
found-other-site = die Schlüssel im Verzeichnis sind die von { $found }, nicht von { $wanted }
found-missing = es fehlt: { $missing }
found-missing-remedy = Mit diesen Optionen angeben, oder in der Datei, die -f nennt.
found-threshold = { $m } von { $n } Koordinatoren können nicht sicher entscheiden (oder ein Schlüssel steht doppelt da)
found-threshold-remedy = Mehr als die Hälfte muss zustimmen, und nicht mehr, als es gibt; gut sind 3 von 5 aus zwei Organisationen.
found-done = Der Verbund { $name } ist gegründet, mit dem Standort { $site } und { $m } von { $n } Koordinatoren. Seine Kennung, die sich nie ändert:
found-next-serve =
    Weiter:
      1. Die Kennung allen mitteilen, die beitreten, auf einem Weg, den niemand sonst in der Hand hat.
      2. Den Daemon starten:
    { "       " }{ $command }
found-next-added =
    { "  " }3. Sehen, wie es steht; der Kontext { $name } wurde für den eigenen Schlüssel angelegt:
    { "       " }verbund --context { $name } status
    { "  " }4. Eine Organisation und ihren Standort hereinlassen:
    { "       " }verbund --context { $name } org create ORGANISATION --display-name TEXT --role plattformbetreiber --administrator admin --administrator-key p256:…
    { "       " }verbund --context { $name } invite STANDORT --org ORGANISATION --out STANDORT.einladung
found-next-add =
    { "  " }3. Mit dem eigenen Schlüssel mit ihm sprechen (found --key tut das von selbst):
    { "       " }verbund context add { $site } --data-dir { $directory } --address { $api } --key file:SCHLÜSSELDATEI
    { "       " }verbund --context { $site } status
found-next-others =
    { "  " }Wer sonst einen Schlüssel dieses Verbunds hat, auf einer anderen Maschine:
    { "       " }verbund context add NAME --federation { $federation } --pin { $pin } --address { $api } --key file:SCHLÜSSELDATEI
found-key-unknown = der Schlüssel { $key } aus --key gehört weder den Koordinatoren noch dem Administrator: dieser Verbund würde ihn nicht kennen
found-key-unknown-remedy = Es wurde nichts angelegt. Die Datei eines dieser Schlüssel nennen, oder --key weglassen.
first-context-exists-remedy = Es wurde nichts angelegt. Den neuen Kontext mit --context NAME benennen.
first-context-no-api = wo die HTTP-API des Daemons sein wird, ist nicht bekannt; für --key lässt sich so kein Kontext anlegen
first-context-no-api-remedy = Es wurde nichts angelegt. Die Konfiguration des Daemons nennen (--config DATEI, listen.admin), oder --address api=HOST:PORT angeben.
init-keys-of = der Schlüssel in { $path }
init-site = Die Schlüssel von { $domain }:
init-pin = Pin des Vertrauensankers: { $pin }
init-nothing = Alles war schon da; es wurde nichts geändert.
init-made = erzeugt
init-present = war da
init-away = anderswo verwahrt
init-awaited = wird von der PKI der Behörde erwartet
init-next = Weiter, mit der Einladung, die ein Koordinator schickt: { $command }
org-next = Weiter: ihren Standort einladen mit „verbund invite STANDORT --org { $name } --out STANDORT.invitation“ oder, für eine Organisation ohne Standort, Nutzer anlegen: verbund user create --help
init-request = Die Anfrage liegt in { $path }. Von der eigenen PKI signieren lassen (CA, Pfadlänge 0), dann: verbund init … --ca-certificate DATEI
init-accepted = Das Zertifikat wurde übernommen. Pin des Vertrauensankers: { $pin }
invite-no-federation = der Standort kennt den Verbund noch nicht
invite-no-contact = kein Knoten des Standorts { $site } nimmt Verbindungen an
invite-no-contact-remedy = Den Kontext eines erreichbaren Standorts verwenden, oder Adressen dieses Standorts mit --contact nennen.
invite-secret = Diese Einladung ist geheim: wer sie hat, kann bis { $expires } einmal als { $site } um Aufnahme bitten. Auf sicherem Weg übergeben.
join-argument = andere auf dieser Maschine sehen die Einladung in der Prozessliste; besser eine Datei oder - verwenden
join-fingerprints =
    Fingerabdrücke für die Koordinatoren, am Telefon vorzulesen:
      Vertrauensanker         { $anchor }
      Knotenschlüssel         { $node }
      Versiegelungsschlüssel  { $sealing }
join-contact = Die Gegenstelle hat den richtigen Pin und gehört zum Verbund { $federation }.
join-requested =
    Die Schlüssel sind bewiesen, die Anfrage steht im Log. Ihr Hash:
    { "  " }{ $groups }
    { "  " }{ $hash }
join-waiting = Warten auf Zustimmungen: { $have } von { $need }. (Strg-C löst sich davon; die Anfrage bleibt.)
join-detached = gelöst: die Anfrage läuft ohne diesen Befehl weiter
join-detached-remedy = Denselben Befehl wieder ausführen, um weiter zu warten.
join-done = Der Standort { $site } ist aufgenommen, als Knoten { $node }.
join-next-serve =
    Weiter:
      1. Den Daemon starten:
    { "       " }{ $command }
join-next-added =
    { "  " }2. Sehen, wie es steht; der Kontext { $name } wurde für den eigenen Schlüssel angelegt:
    { "       " }verbund --context { $name } status
join-next-add =
    { "  " }2. Mit dem eigenen Schlüssel mit ihm sprechen (join --key tut das von selbst):
    { "       " }verbund context add { $site } --data-dir { $directory } --address { $api } --key file:SCHLÜSSELDATEI
    { "       " }verbund --context { $site } status
keys-exists = { $path } gibt es schon, und Schlüssel werden nie überschrieben
keys-exists-remedy = Einen anderen Namen wählen.
keys-made = Der Schlüssel liegt versiegelt in { $path }. Seine öffentliche Hälfte, die jeder sehen darf:
keys-made-in-token = Der Schlüssel liegt in { $uri } und kommt dort nicht heraus. Ein Kontext nennt ihn mit --key. Seine öffentliche Hälfte, die jeder sehen darf:
keys-column-custody = VERWAHRUNG
keys-column-object = Name
keys-column-protection = Schutz
keys-sealed = versiegelte Datei
keys-protected = nicht auslesbar
keys-unprotected = AUSLESBAR, nicht verwenden
keys-token-empty = Im Token { $token } sind keine privaten Schlüssel.
keys-probe-there = vorhanden
keys-backup-good = gut: derselbe Schlüssel, und er arbeitet
keys-backup-useless = der Schlüssel ist da, aber was er tut, passt nicht zu seiner öffentlichen Hälfte
keys-backup-nothing = es gibt keinen Schlüssel, der eine Sicherung hätte: Wurzel und Versiegelungsschlüssel dieses Standorts liegen in keinem Token
keys-backup-nothing-remedy = Versiegelte Dateien sichert man als Dateien. Liegt die Datei root.key anderswo, sie für die Prüfung zurückholen.
keys-word-sealing = ein Schlüssel, der nur öffnet
keys-word-signing = ein Schlüssel, der unterschreibt
network-source = Andere Knoten, bekannt aus: { $source }.
network-nothing = nichts (kein Kontext, und dieses Verzeichnis gehört zu keinem Verbund)
network-enrolment = der Aufnahme des Knotens bei Index { $index } (kein Kontext führt zum Zustand)
network-state = dem Zustand bei Index { $index }
network-here = dieser Knoten
network-any = beitretende Standorte
network-in = eingehend
network-out = ausgehend
network-peers = Replikation zwischen Knoten
network-peers-proxy = Replikation zwischen Knoten, über den Proxy
network-join = Aufnahmeanfragen
network-admin = HTTP-API, Befehlszeile
network-admin-from = Administration
network-metrics = Messwerte (Prometheus)
network-metrics-from = Überwachung
network-pki = Sperrlisten und CA-Zertifikate (CRL, AIA)
network-bundle = Bundles der Vertrauensdomänen (SPIFFE)
network-proxy = Weg nach draußen für alle Verbindungen zu Knoten
network-syslog = Protokolleinträge an das SIEM
network-works = geht ({ $millis } ms)
network-closed = { $site } ({ $node }) nimmt nichts an und wählt uns selbst an.
network-no-anchor = kein Vertrauensanker des Standorts ist bekannt
node-other-federation = { $path } gehört zu einem anderen Verbund als der Kontext
node-other-keys = { $path } ist schon da und eine andere: ein leeres Verzeichnis wählen
node-next = Weiter: „dataDir: { $directory }“ in die Konfiguration des Daemons schreiben und ihn starten: verbund serve --config { $file }
node-next-file = DATEI
policy-one-document = eine Richtlinie ist ein Dokument, und die Datei hat { $count }
policy-no-document = eine Richtlinie ist eine Zuordnung von Namen zu Werten, höchstens 32 tief
resource-empty = Von der Art „{ $kind }“ ist noch nichts da.
resource-none = { $what } gibt es nicht
resource-none-remedy = Sehen, was es gibt: verbund list { $kind }
resume-other-federation = der Kontext { $context } gehört zu einem anderen Verbund als der Umschlag
role-leader = Leader
role-follower = stimmt
role-candidate = Kandidat
role-learner = lernt
role-joining = tritt bei
role-halted = angehalten
status-good = Alles ist in Ordnung.
status-warnings = Es läuft, aber etwas sollte angesehen werden:
status-bad = Etwas stimmt nicht:
status-notice = { $name }: { $text } (seit { $since })
status-no-quorum = keine Mehrheit: { $reachable } der Stimmen erreichbar, { $needed } nötig. Nichts kann geändert werden, und Lesen ist veraltet (--stale), bis genug der schweigenden Knoten zurück sind
status-no-leader = niemand führt, obwohl genug Stimmen erreichbar sind: eine Wahl dauert Sekunden. Hält es an, die Uhren ansehen und „verbund network check“ an jedem Standort
status-no-spare = der Verlust einer weiteren von { $voters } Stimmen hält Änderungen an
status-halted = der antwortende Knoten hat angehalten
status-disk = Änderungen werden abgelehnt, weil die Platte fast voll ist ({ $free } frei)
status-suspended = der Standort { $site } ist ausgesetzt
status-silent = Knoten { $node } von { $site } schweigt (zuletzt gehört: { $since }). Er holt von selbst auf, wenn er wieder läuft; ist er für immer verloren: verbund node replace-voter { $node }
status-silent-away = Knoten { $node } von { $site } schweigt (zuletzt gehört: { $since }); er holt von selbst auf, wenn er wieder läuft
status-lost = der Standort { $site } ist verloren: so festgestellt { $since }
status-returning-in = der Standort { $site } antwortet wieder; er wurde { $since } als verloren festgestellt und gilt in etwa { $seconds } s als zurückgekehrt
status-returning = der Standort { $site } antwortet wieder; er wurde { $since } als verloren festgestellt und gilt als zurückgekehrt, sobald die Stimmberechtigten ihn lange genug stetig gehört haben (verbund timings show; länger, wenn er mehrmals verloren war)
status-not-started = Knoten { $node } von { $site } ist aufgenommen und lief noch nie: ihn auf seiner Maschine starten (verbund serve)
status-unheard = von Knoten { $node } von { $site } war nichts zu hören, seit der antwortende Knoten läuft. Läuft er nicht, ihn auf seiner Maschine starten (verbund serve); ist er für immer verloren: verbund node replace-voter { $node }
status-unheard-away = von Knoten { $node } von { $site } war nichts zu hören, seit der antwortende Knoten läuft; läuft er nicht, ihn auf seiner Maschine starten (verbund serve)
status-certificate = das TLS-Zertifikat des Knotens endet { $end }
status-clock = die Uhr dieser Maschine und die des Knotens weichen um { $difference } ab
status-never = nie
status-here = antwortet
status-nobody = niemand
status-federation = Verbund
status-quorum = Mehrheit
status-quorum-lost = { $reachable } von { $voters } Stimmen erreichbar, { $needed } nötig
status-quorum-value = { $reachable } von { $voters } Stimmen erreichbar, { $spare ->
        [0] keine darf ausfallen
        [one] eine darf ausfallen
       *[other] { $spare } dürfen ausfallen
    }
status-leader = Leader
status-leader-value = Knoten { $node }, Amtszeit { $term }
status-applied = Zustand
status-applied-value = Index { $index }, als neuester bekannt vor { $age }
status-checkpoint = Prüfpunkt
status-tls = Zertifikat bis
status-disk-free = Platte frei
status-version = Version
status-source = Aus Sicht des Knotens { $node } von { $site }, { $time }.
usage-command = den Befehl { $got } gibt es nicht
usage-argument = die Option oder das Argument { $got } gibt es hier nicht
usage-missing = es fehlt: { $what }
usage-value = { $got } ist kein Wert für { $argument }; erlaubt sind { $allowed }
usage-invalid = { $got } ist kein Wert für { $argument }: { $reason }
usage-conflict = { $one } und { $other } schließen einander aus
usage-near = Ist { $near } gemeint?
usage-remedy = --help zeigt, was es gibt.
client-elsewhere = Der eigene Standort des Kontexts antwortet nicht; der Standort { $site } antwortet.
client-patience = Noch kein Ergebnis ({ $reason }); es wird bis zu { $seconds } s versucht (--deadline), Strg-C beendet es.
client-no-leader-remedy = Es wurde nichts geändert. Während einer Wahl dauert das Sekunden; „verbund status“ zeigt, wer fehlt.
client-unknown-key-remedy = Ein Administrator der eigenen Organisation trägt ihn ein: verbund user create oder verbund user add-key. Ist das geschehen, hat dieser Standort ihn vielleicht noch nicht: verbund status
client-key-revoked-remedy = Einen anderen eingetragenen Schlüssel verwenden: verbund context add NAME --replace --key file:PFAD
client-not-authorised-person = Den Kontext von jemandem nehmen, der es darf (--context). Das hängt daran, wessen Schlüssel es ist; keine Rolle gibt es.
client-key-exists-remedy = Ein Schlüssel gehört einer Person, und dieser ist registriert: einen anderen erzeugen (verbund keys new), oder ansehen, wem er gehört: verbund list keys
client-not-authorised-remedy = Den Kontext von jemandem verwenden, der es darf (--context), oder die Rolle geben lassen: verbund role bind. Was der eigene Schlüssel darf: verbund list role-bindings
client-excluded-remedy = Der Weg zurück ist eine neue Einladung mit neuem Namen und neuen Schlüsseln: verbund site invite
client-suspended-remedy = Ein Koordinator beendet die Aussetzung: verbund org resume ORG
client-not-found-remedy = „verbund list ART“ zeigt, was es gibt.
client-exists-remedy = Einen anderen Namen wählen, oder ändern, was da ist; „verbund get ART NAME“ zeigt es.
client-invitation-remedy = Einen Koordinator um eine neue bitten: verbund invite
client-federation-remedy = Der Kontext gehört zu einem anderen Verbund, oder der Verbund wurde aus einem Überlebenden neu gegründet: verbund context show
client-expired-remedy = Die Uhr dieser Maschine stellen (NTP), dann den Befehl wiederholen.
client-stopped-remedy = „verbund status“ sagt, was geschehen und was zu tun ist.
client-range-remedy = Einen Bereich darin verlangen, oder mit --context einen anderen Standort fragen.
client-ca-remedy = Der Daemon des Standorts muss den Schlüssel seiner ausstellenden CA erreichen; bis dahin den Kontext eines anderen Standorts verwenden.
words-memory = aus der Passphrase ließ sich kein Schlüssel ableiten: es ist zu wenig Speicher frei
words-name = { $got } ist kein Name: 1 bis { $max } der Zeichen a-z, 0-9 und '-' verwenden, am Anfang und am Ende ein Buchstabe oder eine Ziffer
words-hash = { $got } ist kein SHA-256-Hash: 64 hexadezimale Ziffern schreiben
words-hash-prefix = { $got } ist kein Hash: mindestens { $least } seiner ersten hexadezimalen Ziffern schreiben
words-node-id = { $got } ist keine Knotenkennung: Generation.Zähler schreiben, etwa 0.3
words-public-key = { $got } ist kein öffentlicher Schlüssel: p256:… oder p384:… schreiben, wie ihn „verbund keys show“ ausgibt
words-land = { $got } ist kein Land; es gibt { $all }
words-address = { $got } ist keine Adresse: Host:Port oder Netz=Host:Port schreiben (IPv6 in Klammern)
words-kind = die Art { $got } gibt es nicht; es gibt { $all }
words-role = die Rolle { $got } gibt es nicht; es gibt { $all }
words-no-address = keine Adresse ist bekannt
words-unresolved = der Name lässt sich nicht auflösen
words-proxy = der Proxy: { $reason }
words-untrusted = wer antwortet, dem wird nicht geglaubt: { $reason }
words-tls = der TLS-Handshake ist misslungen: { $reason }
words-alpn = wer antwortet, hört nicht auf das Richtige. Andere Knoten (Port 7100) und Menschen (die HTTP-API, Port 7101) haben je einen eigenen Port: ist es der andere?
words-timeout = keine Antwort innerhalb von { $seconds } s
words-io-none = das gibt es nicht
words-io-denied = dieser Benutzer darf das nicht
words-io-exists = das gibt es schon
words-io-directory = das ist ein Verzeichnis
words-io-no-directory = ein Teil des Pfads ist kein Verzeichnis
words-io-full = die Platte ist voll
words-io-read-only = das Dateisystem lässt kein Schreiben zu
words-io-refused = dort nimmt niemand Verbindungen an
words-io-broken = die Verbindung ist abgerissen
words-io-unreachable = dorthin führt kein Weg
words-io-late = keine rechtzeitige Antwort
words-io-in-use = die Adresse ist belegt
words-io-not-ours = die Adresse gehört nicht zu dieser Maschine
words-file-exists = { $path } gibt es schon, und es wird nie überschrieben: erst beiseitelegen, oder einen anderen Namen wählen
words-file-mode = andere als der Eigentümer dürfen { $path } verwenden (Modus { $mode }): chmod 600 { $path }
words-directory-mode = andere dürfen in das Verzeichnis { $path } schreiben (Modus { $mode }): chmod 700 { $path }
words-file-kind = { $path } ist keine gewöhnliche Datei
words-file-size = { $path } hat mehr als { $max } Bytes: das ist nicht, was dort erwartet wurde
words-file-io = { $path } ließ sich nicht verwenden: { $reason }
words-key-form = { $path } ist keine Schlüsseldatei von Verbund
words-key-version = { $path } hat die Schlüsseldatei-Version { $version }, die dieses Programm nicht kennt: ein neueres verwenden
words-key-damaged = { $path } ist beschädigt (die Prüfsumme passt nicht): aus der eigenen Kopie wiederherstellen
words-passphrase = falsche Passphrase für { $path }: erneut eingeben, oder mit --passphrase-source die richtige Quelle nennen
words-key-altered = { $path } wurde absichtlich verändert: die Passphrase stimmt, das Siegel nicht. Aus der eigenen Kopie wiederherstellen und herausfinden, wer darin geschrieben hat
words-key-purpose = { $path } enthält einen Schlüssel für { $found }, gebraucht wird hier { $wanted }
words-no-passphrase = { $path } ist mit einer Passphrase versiegelt, und es wurde keine gegeben
words-not-in-token = { $path } enthält seinen Schlüssel selbst, und die Schlüssel sollen im Token { $token } liegen: custody berichtigen, oder die Schlüssel des Standorts im Token erzeugen
words-token-none = keine
words-token-uri-form = das ist keine PKCS#11-URI: pkcs11:token=NAME;object=SCHLÜSSEL?module-path=/Pfad/des/moduls.so schreiben (RFC 7512)
words-token-uri-pin = eine PIN steht nie in einer URI: sie in eine Datei schreiben (Modus 0600) und diese mit pin-source=file:/PFAD nennen
words-token-uri-attribute = die PKCS#11-URI enthält { $name }, was hier nicht gilt: Token und Schlüssel werden mit token, object, id und serial genannt, das Modul mit module-path, die PIN mit pin-source
words-token-uri-value = der Wert von { $name } in der PKCS#11-URI ist nicht brauchbar: ein Pfad beginnt mit /, pin-source ist file:/PFAD, env:NAME, credential:NAME, prompt oder pad, Sonderzeichen stehen als %XX
words-token-uri-twice = die PKCS#11-URI enthält { $name } zweimal
words-token-uri-no-token = die PKCS#11-URI nennt kein Token: token=NAME hinzufügen, denn die Nummern der Steckplätze ändern sich
words-token-not-built = diese Ausgabe von verbund kann keine Token benutzen (PKCS#11): eine nehmen, die mit „pkcs11“ gebaut ist
words-token-no-module = für das Token { $token } ist kein Modul genannt: ?module-path=/Pfad/des/moduls.so an die URI hängen, oder { $variable } setzen
words-token-module-missing = unter { $path } liegt kein PKCS#11-Modul: die Software des Tokens installieren, oder module-path berichtigen
words-token-module = das PKCS#11-Modul { $path } ist nicht benutzbar ({ $reason }): prüfen, ob es das Modul des Tokens und für diese Maschine ist, und ob seine eigene Konfiguration lesbar ist
words-token-missing = an { $module } ist kein Token mit dem Namen { $token } (vorhanden: { $present }): das Token einstecken oder einschalten, oder token= in der URI berichtigen
words-token-ambiguous = es gibt { $count } Token mit dem Namen { $token }: mit ;serial= in der URI sagen, welches gemeint ist
words-token-no-pin = keine PIN für das Token { $token }: { $reason }
words-token-pin-wrong = das Token { $token } hat die PIN abgelehnt: sie an ihrer Quelle berichtigen ({ $from }). Dieselbe PIN wird nicht noch einmal versucht, damit das Token nicht sperrt
words-token-pin-last = das Token { $token } nimmt nur noch einen Versuch an, dann sperrt es: die PIN an ihrer Quelle prüfen ({ $from }) und einmal von Hand anmelden, was den Zähler zurücksetzt. Unbeaufsichtigt wird sie nicht mehr versucht
words-token-pin-locked = die PIN des Tokens { $token } ist nach zu vielen falschen gesperrt: mit der PIN des Security Officers entsperren (etwa pkcs11-tool --init-pin --login --login-type so), und vorher klären, wer es versucht hat
words-token-pin-not-set = das Token { $token } hat keine Benutzer-PIN: es ist neu oder wurde neu initialisiert. Mit der PIN des Security Officers eine setzen; waren Schlüssel darin, sie aus der Sicherung des Herstellers zurückholen
words-token-busy = alle { $most } Sitzungen des Tokens { $token } sind seit { $seconds } s belegt: es antwortet zu langsam oder gar nicht
words-token-mechanism = dem Token { $token } fehlt { $mechanism }: { $without }. Siehe „verbund keys probe“
words-token-no-generate = in ihm können keine Schlüssel erzeugt werden (keys new, init, found)
words-token-no-sign = kein Schlüssel in ihm kann unterschreiben (Wurzel, ausstellende CA, Knoten, Koordinatoren, Benutzer)
words-token-no-agree = kein Versiegelungsschlüssel in ihm ist benutzbar: diesen in einer versiegelten Datei verwahren
words-token-failed = das Token { $token } hat versagt: { $reason }. Das Token ansehen und es noch einmal versuchen
words-token-wiped = das Token { $token } ist leer, und { $key } müsste darin sein: es wurde neu initialisiert. Es aus der Sicherung des Herstellers zurückholen; was keine Sicherung hat, neu erzeugen und neu eintragen
words-token-key-missing = im Token { $token } ist kein privater Schlüssel { $key }, wohl aber { $present }: object= oder id= in der URI berichtigen
words-token-key-ambiguous = im Token { $token } sind { $count } private Schlüssel { $key }: mit ;id= in der URI sagen, welcher gemeint ist
words-token-key-exists = im Token { $token } ist schon ein Schlüssel { $key }: Schlüssel werden nie ersetzt, einen anderen Namen wählen (object=)
words-token-no-key = die URI nennt das Token { $token } und keinen Schlüssel darin: ;object=NAME anhängen
words-token-key-type = der Schlüssel { $key } im Token { $token } ist { $found }, gebraucht wird { $wanted }: einen anderen nennen, oder einen erzeugen
words-token-other-key = der Schlüssel { $key } im Token { $token } ist { $found }, nicht { $wanted }: er wurde neu erzeugt, oder es ist ein anderes Token. Den alten aus der Sicherung des Herstellers zurückholen
words-token-unprotected = der Schlüssel { $key } im Token { $token } könnte herausgeholt und kopiert werden: nicht verwenden, sondern einen mit „verbund keys new --custody“ erzeugen
words-token-no-public = im Token { $token } liegt bei { $key } kein brauchbarer öffentlicher Schlüssel: das Objekt mit dem öffentlichen Schlüssel wiederherstellen
words-source-none = der Schlüssel braucht eine Passphrase, und keine Quelle ist genannt: --passphrase-source file:PFAD (Modus 0600), credential:NAME (systemd), env:VARIABLE oder prompt
words-source-form = das nennt keine Quelle einer Passphrase: file:PFAD, credential:NAME, env:VARIABLE oder prompt schreiben
words-source-credential = die Passphrase soll aus dem systemd-Credential { $name } kommen, aber CREDENTIALS_DIRECTORY ist nicht gesetzt: den Daemon als Unit mit LoadCredentialEncrypted={ $name }:… starten
words-source-variable = die Passphrase soll aus der Umgebungsvariablen { $name } kommen, die nicht gesetzt ist
words-source-prompt = die Passphrase ließ sich nicht an einem Terminal erfragen ({ $reason }): wo niemand sitzt, --passphrase-source file:PFAD, credential:NAME oder env:VARIABLE verwenden
words-source-differ = die beiden Passphrasen sind verschieden: es wurde nichts erzeugt, noch einmal versuchen
words-passphrase-empty = die Passphrase ist leer: Schlüssel werden nie ohne eine verwahrt
words-passphrase-long = die Passphrase hat { $length } Bytes und ist zu lang: wurde die richtige Datei genannt?
words-no-keys = in { $dir } liegen keine Schlüssel eines Standorts: mit „verbund init“ erzeugen
words-other-keys = { $dir } enthält die Schlüssel von { $found }, nicht von { $wanted }: für einen anderen Standort ein anderes Verzeichnis wählen; wurden diese versehentlich erzeugt und gehören noch zu keinem Verbund, dürfen sie mit dem Verzeichnis gelöscht werden
words-no-enrolment = { $dir } gehört noch zu keinem Verbund: „verbund found“ ausführen, oder „verbund join“ mit einer Einladung
words-enrolled = { $dir } gehört schon als Knoten { $node } zum Verbund { $federation }: ein anderes Verzeichnis verwenden
context-other-unknown = von { $site } ist kein Anker bekannt, darum wird der Standort noch nicht gefragt: das beginnt mit dem nächsten Lesen am Standort des Kontexts, oder mit --other-pin { $site }=PIN (verbund site show { $site } zeigt ihn): verbund context add { $name } --replace --other-pin { $site }=PIN
context-other-not-asked = { $site }: wird noch nicht gefragt, kein Anker ist bekannt (--other-pin, oder ein Lesen am Standort des Kontexts)
words-ask-passphrase = Passphrase { $of }:{ " " }
words-ask-new = Neue Passphrase { $of }:{ " " }
words-ask-again = Neue Passphrase { $of }, noch einmal:{ " " }
words-ask-pin = PIN des Tokens { $token }:{ " " }
words-kind-near = die Art { $got } gibt es nicht. Ist { $near } gemeint?
keys-of-site = der Schlüssel von { $site }
words-site-pin = { $got } nennt nicht Standort und Pin: SITE=HASH schreiben
context-other-form = { $got } nennt keinen Standort: STANDORT=HOST:PORT schreiben
context-learned = { $time }, bei Index { $index }
column-other-site = WEITERER STANDORT
column-learned = GELERNT
column-proposal = VORSCHLAG
column-created = GEMACHT
column-proposer = VORGESCHLAGEN VON
column-request = ANFRAGE
proposal-done = ausgeführt ({ $since })
proposal-waiting = wartet: { $have } von { $need } Zustimmungen
proposal-void = hinfällig: die Koordinatoren haben seither gewechselt; erneut vorschlagen
proposal-coordinator = Koordinator { $number } (Schlüssel { $key })
action-set-policy = setzt die Richtlinie { $name }
action-delete-policy = entfernt die Richtlinie { $name }
action-replace-voter = gibt den Knoten { $node } für immer auf, damit ein anderer für ihn stimmt
action-coordinators = macht { $n } Schlüssel zu Koordinatoren, von denen { $m } zustimmen müssen
about-carried-out = zustimmen, ausgeführt: { $what }
resource-several = mehrere beginnen mit { $prefix }
resource-several-remedy =
    Mehr Ziffern schreiben:
    { "  " }{ $names }
invitation-open = offen
invitation-used = verwendet
invitation-revoked = zurückgenommen
invitation-expired = abgelaufen
site-waiting = Warten auf Aufnahme:
site-waiting-next = „verbund site show STANDORT“ zeigt die Fingerabdrücke einer Anfrage, „verbund site approve STANDORT“ stimmt ihr zu.
site-not-yet = Der Standort { $site } ist noch kein Mitglied; er wartet auf seine Aufnahme:
approvals-value = { $have } von { $need }
status-admissions = Aufnahmen
status-admissions-value = es warten: { $sites } (verbund site list)
status-removed = der antwortende Knoten wurde für immer aufgegeben und nimmt nicht mehr teil. Ihn anhalten; der Standort { $site } kehrt mit einem neuen Knoten zurück: verbund node add
status-empty = der antwortende Knoten hat noch keinen Stand: er wartet, bis der Leader ihn erreicht. Dauert das an, zeigt „verbund network check“ auf beiden Seiten, was im Weg ist
status-no-node = der Standort { $site } hat keinen Knoten: er kehrt mit einem neuen zurück (verbund node add, auf seiner Maschine)
invite-unknown = Die Einladung liegt in { $path }; sie gilt, sobald „verbund resume“ gesagt hat, dass es geschehen ist.
join-no-keys = in { $directory } liegen keine Schlüssel eines Standorts: es wurde nichts gesendet, die Einladung gilt weiter
join-no-keys-remedy = Sie zuerst erzeugen, oder mit --data-dir das richtige Verzeichnis nennen: { $command }
join-other-keys-remedy = Nichts wurde gesendet. Das Verzeichnis mit den Schlüsseln dieses Standorts nennen (--data-dir). Versehentlich erzeugte Schlüssel, die noch zu keinem Verbund gehören, dürfen mit ihrem Verzeichnis gelöscht und neu erzeugt werden: verbund init
join-expired = die Einladung für { $site } galt bis { $end }: einen Koordinator um eine neue bitten (verbund invite)
join-secret = der Einmalschlüssel der Einladung ist nicht zu verwenden ({ $reason }): wurde sie ganz kopiert?
join-unreachable = die Gegenstelle, die die Einladung nennt, ist nicht zu verwenden: { $reason }. Es wurde nichts gesendet
join-other-federation = die Gegenstelle gehört zum Verbund { $found }, die Einladung gilt für { $wanted }: es wurde nichts gesendet
join-exchange = die Antwort der Gegenstelle ist nicht zu verwenden ({ $what }: { $reason }). Denselben Befehl wiederholen
join-keys = die Schlüssel des Standorts sind nicht zu verwenden: { $reason }
join-other-genesis = die Gegenstelle hat ein Gründungsdokument des Verbunds { $found } gesendet, die Einladung gilt für { $wanted }: einen Koordinator fragen
join-not-yet = der Anfrage { $hash } wurde nicht rechtzeitig zugestimmt; denselben Befehl wiederholen, um weiter zu warten
join-too-many = die Gegenstelle nimmt von dieser Adresse vorerst keine Versuche mehr an: in { $seconds } s erneut versuchen
join-malformed = die Gegenstelle konnte die Nachricht nicht lesen ({ $reason }): die Versionen beider Programme vergleichen
join-challenge = der Nachweis, dass der Standort seinen Versiegelungsschlüssel hat, gilt nicht (challenge { $reason }): denselben Befehl wiederholen
join-refused = der Verbund hat die Anfrage abgelehnt: { $reason }
join-not-found = keine Aufnahmeanfrage hat diesen Hash
join-turned-down = die Anfrage wurde endgültig abgelehnt (Schlüssel { $key }): { $reason }. Die Schlüssel des Standorts bleiben gut: mit einer neuen Einladung (verbund invite) kann er erneut anfragen
join-unavailable = der Verbund kann die Anfrage zurzeit nicht annehmen ({ $reason }): denselben Befehl später wiederholen
words-expired = die signierte Änderung galt bis { $end }, und im Log ist es { $now }
words-valid-too-long = die signierte Änderung gilt bis { $end }, zu lange nach der Zeit { $now } im Log
words-sessions = der Schlüssel hat { $limit } offene Sitzungen, mehr sind nicht erlaubt; die erste endet { $end }
agent-no-label = { $got } ist kein Etikett: schreiben Sie SCHLÜSSEL=WERT
agent-no-kind = { $got } ist keine Objektart: schreiben Sie VERSION/ART oder GRUPPE/VERSION/ART
agent-no-site = einen Standort { $site } gibt es nicht
agent-other = { $path } gehört dem Agenten eines anderen Clusters: nehmen Sie ein anderes Verzeichnis
agent-next = Nun den Agenten starten: verbund agent run --data-dir { $path } (mit --simulated für einen simulierten Cluster)
about-cluster-add = Container-Cluster { $cluster }
guard-copy-name = eine Kopie namens { $file } wäre kein Wächter
guard-copy-name-remedy = Sie muss guard oder verbund-guard heißen: Dieser Name macht das kopierte Programm dazu.
asking-no-key = der Schlüssel des Zertifikats und sein Antrag wurden nicht aufbewahrt, sodass keine Frage signiert werden kann
asking-tried = Befragen der Cluster zum Fachverfahren { $workload }
asking-failed = { $cluster } ({ $site }): { $detail }
asking-nowhere = Das Fachverfahren { $workload } hat zurzeit keine Kopie; „verbund why { $workload }“ sagt, was es fernhält
events-none = Kein Cluster hat etwas vermerkt.
events-warning = { $reason } (Warnung)
column-time = ZEIT
column-event = EREIGNIS
column-object = OBJEKT
column-count = ANZAHL
column-message = MELDUNG
