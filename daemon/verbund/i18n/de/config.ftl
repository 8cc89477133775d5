### Konfiguration des Daemons.

config-source-default = Vorgabe
config-errors = { $count ->
    [one] Die Konfiguration hat einen Fehler:
   *[other] Die Konfiguration hat { $count } Fehler:
}
config-ok = Die Konfiguration ist gültig.
config-unreadable = die Datei ließ sich nicht lesen: { $reason }
config-unreadable-remedy = Mit --config eine Datei nennen, die es gibt und die dieser Benutzer lesen darf, oder --config weglassen.
config-file-too-large = die Datei hat { $bytes } Bytes, mehr als die { $limit }, die gelesen werden
config-file-too-large-remedy = Das ist vermutlich keine Konfiguration von Verbund.
config-yaml = kein gültiges YAML: { $reason }
config-yaml-remedy = Die Zeile berichtigen; was unter ihr steht, wurde nicht geprüft.
config-not-a-map = die Datei enthält keine Einstellungen
config-not-a-map-remedy = Einstellungen als „Name: Wert“ schreiben, eine je Zeile.
config-section = hier wird eine Gruppe von Einstellungen erwartet, kein Wert
config-section-remedy = Ihre Einstellungen eingerückt darunter schreiben: { $fields }.
config-wants-text = hier wird ein einzelner Wert erwartet, keine Gruppe oder Liste
config-wants-text-remedy = „Name: Wert“ schreiben.
config-wants-list = hier wird eine Liste erwartet, keine Gruppe
config-wants-list-remedy = Jeden Wert auf eine eigene Zeile hinter „- “ schreiben.
config-unknown = diese Einstellung gibt es nicht
config-unknown-near = Ist { $near } gemeint?
config-unknown-remedy = „verbund config show“ zeigt alle Einstellungen.
config-missing = ein Wert fehlt
config-relative = { $got } ist ein relativer Pfad
config-relative-remedy = Den ganzen Pfad schreiben, beginnend mit „/“.
config-choice = { $got } steht nicht zur Wahl
config-choice-remedy = Eines davon wählen: { $choices }.
config-number = { $got } ist keine erlaubte Zahl
config-number-remedy = Eine Zahl von { $least } bis { $most } schreiben; bei Bytes darf KiB, MiB oder GiB folgen.
config-not-a-socket = { $got } ist keine Adresse, die gebunden werden kann
config-not-an-authority = { $got } ist nicht Host:Port
config-not-a-name = { $got } ist kein Name
config-passphrase = der Text nennt keine Quelle einer Passphrase
config-needs = dazu gehört { $other }
config-advertise-closed = ein Knoten, der nichts annimmt, hat keine Adresse bekanntzugeben
config-advertise-closed-remedy = „advertise“ weglassen oder „inbound: accept“ setzen.
config-no-peers = für andere Knoten wird nichts gebunden, obwohl eingehende Verbindungen angenommen werden
config-no-peers-remedy = Adressen in listen.peers nennen oder „inbound: none“ setzen.
config-election-short = Wahlen begännen, bevor drei Herzschläge ausbleiben können
config-election-short-remedy = Mindestens das Dreifache von raft.heartbeatMs wählen.
config-election-range = die längste Wahlfrist ist nicht länger als die kürzeste
config-election-range-remedy = Größer als raft.electionMinMs wählen; üblich ist das Doppelte.
config-checkpoint = Prüfpunkte liegen auf Indizes, für die signierte Köpfe aufgehoben werden
config-checkpoint-remedy = Ein Vielfaches von 256 verwenden.
config-column-setting = EINSTELLUNG
config-column-value = WERT
config-column-source = QUELLE

config-field-data-dir = Verzeichnis, in dem der Daemon Schlüssel, Log, Abbilder und Protokollsegmente hält.
config-field-site = Name des Standorts, zu dem dieser Daemon gehören muss.
config-field-listen-peers = Zu bindende Adressen für andere Knoten, etwa [::]:7100 oder 10.0.0.1:7100.
config-field-listen-admin = Zu bindende Adressen für die HTTP-API, etwa 127.0.0.1:7101.
config-field-listen-agents = Adressen für die Agenten der Container-Cluster des Standorts, etwa [::]:7103; keine: kein Agent wird bedient.
config-field-listen-metrics = Zu bindende Adressen für Prometheus (ohne TLS), etwa 127.0.0.1:7102.
config-field-listen-pki = Zu bindende Adressen für Sperrlisten und CA-Zertifikate (ohne TLS), etwa [::]:7104; sie müssen unter der Adresse von „verbund init --pki-url“ erreichbar sein. Keine: es werden keine angeboten.
config-field-listen-bundle = Zu bindende Adressen für die SPIFFE-Bundles der Vertrauensdomänen (HTTPS), etwa [::]:7105; keine: es werden keine angeboten.
config-field-advertise = Wo andere diesen Knoten erreichen: Host:Port oder Netz=Host:Port.
config-field-inbound = „accept“, oder „none“, wenn dieser Knoten nichts annimmt und alle selbst anwählt.
config-field-proxy-address = HTTP-CONNECT-Proxy, über den gewählt wird: Host:Port.
config-field-proxy-credentials-file = Datei (Modus 0600) mit Benutzer:Passwort für den Proxy.
config-field-passphrase-source = Woher die Passphrase der versiegelten Schlüssel kommt: file:PFAD (Modus 0600), credential:NAME (systemd), env:VARIABLE oder prompt.
config-field-custody = Das Token, in dem die Schlüssel des Standorts liegen sollen (RFC 7512): pkcs11:token=…?module-path=…&pin-source=…; versiegelte Dateien gelten dann nicht.
config-field-log-format = „text“ für Menschen oder „json“ für Programme.
config-field-log-level = Ab welcher Stufe protokolliert wird: error, warn, info, debug, trace.
config-field-raft-heartbeat-ms = Millisekunden zwischen zwei Herzschlägen des Leaders.
config-field-raft-election-min-ms = Kürzeste Wahlfrist in Millisekunden.
config-field-raft-election-max-ms = Längste Wahlfrist in Millisekunden.
config-field-raft-snapshot-entries = Einträge, nach denen ein Abbild entsteht.
config-field-raft-kept-entries = Einträge unter einem Abbild, die im Log bleiben.
config-field-limits-connections = Höchstzahl offener Verbindungen eines Listeners.
config-field-limits-connections-per-address = Höchstzahl offener Verbindungen von einer Adresse.
config-field-limits-handshakes = Höchstzahl gleichzeitiger TLS-Handshakes.
config-field-limits-handshake-seconds = Sekunden, die ein Handshake dauern darf.
config-field-limits-streams = Höchstzahl offener Ströme einer Verbindung.
config-field-limits-message-bytes = Höchstzahl der Bytes einer Nachricht oder Anfrage.
config-field-limits-pending-writes = Höchstzahl von Schreibvorgängen, die auf ihr Ergebnis warten.
config-field-low-disk-bytes = Unter so vielen freien Bytes werden Schreibvorgänge abgelehnt.
config-field-syslog-address = Syslog über TLS, an den Protokolleinträge gehen: Host:Port.
config-field-syslog-server-name = Name, den das Zertifikat des Syslog-Servers tragen muss.
config-field-syslog-ca-file = PEM-Datei mit der CA des Syslog-Servers.
config-field-syslog-cursor-file = Datei, die sich den zuletzt gesendeten Eintrag merkt.
config-field-checkpoint-entries = Ein Prüfpunkt entsteht bei Vielfachen von so vielen Einträgen.
config-field-checkpoint-quiet-seconds = Und beim letzten Eintrag vor so vielen ruhigen Sekunden.
config-hidden = { $by } ersetzt, was { $source } zu { $field } sagt ({ $value })
config-probe-remedy = Berichtigen, bevor der Daemon es braucht: „verbund serve“ würde nicht starten oder später scheitern.
