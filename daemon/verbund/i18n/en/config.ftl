### Configuration of the daemon.

config-source-default = default
config-errors = { $count ->
    [one] The configuration has one error:
   *[other] The configuration has { $count } errors:
}
config-ok = The configuration is valid.
config-unreadable = the file could not be read: { $reason }
config-unreadable-remedy = Name a file that exists and that this user may read with --config, or leave --config out.
config-file-too-large = the file has { $bytes } bytes, more than the { $limit } that are read
config-file-too-large-remedy = This is probably not a configuration of Verbund.
config-yaml = not valid YAML: { $reason }
config-yaml-remedy = Correct the line; what stands below it was not checked.
config-not-a-map = the file is not a map of settings
config-not-a-map-remedy = Write settings as "name: value", one a line.
config-section = a group of settings is wanted here, not a value
config-section-remedy = Write its settings below it, indented: { $fields }.
config-wants-text = one value is wanted here, not a group or list
config-wants-text-remedy = Write "name: value".
config-wants-list = a list is wanted here, not a group
config-wants-list-remedy = Write each value on a line of its own behind "- ".
config-unknown = there is no such setting
config-unknown-near = Did you mean { $near }?
config-unknown-remedy = "verbund config show" lists all settings.
config-missing = a value is missing
config-relative = { $got } is a relative path
config-relative-remedy = Write the whole path, beginning with "/".
config-choice = { $got } is not one of the choices
config-choice-remedy = Choose one of: { $choices }.
config-number = { $got } is not an allowed number
config-number-remedy = Write a number from { $least } to { $most }; for bytes KiB, MiB and GiB may follow it.
config-not-a-socket = { $got } is no address to bind
config-not-an-authority = { $got } is not host:port
config-not-a-name = { $got } is no name
config-passphrase = the text names no source of a passphrase
config-needs = it needs { $other } beside it
config-advertise-closed = a node that accepts nothing inbound has no address to advertise
config-advertise-closed-remedy = Leave "advertise" out, or set "inbound: accept".
config-no-peers = nothing is bound for peers although inbound connections are accepted
config-no-peers-remedy = Name addresses in listen.peers, or set "inbound: none".
config-election-short = elections would begin before three heartbeats could be missed
config-election-short-remedy = Make it at least three times raft.heartbeatMs.
config-election-range = the longest election timeout is not longer than the shortest
config-election-range-remedy = Make it larger than raft.electionMinMs; twice as large is usual.
config-checkpoint = checkpoints fall on indexes for which signed heads are kept
config-checkpoint-remedy = Use a multiple of 256.
config-column-setting = SETTING
config-column-value = VALUE
config-column-source = SOURCE

config-field-data-dir = Directory where the daemon keeps keys, log, snapshots and audit segments.
config-field-site = Name of the site that this daemon must belong to.
config-field-listen-peers = Addresses to bind for peers, such as [::]:7100 or 10.0.0.1:7100.
config-field-listen-admin = Addresses to bind for the HTTP API, such as 127.0.0.1:7101.
config-field-listen-agents = Addresses to bind for the agents of the site's clusters, such as [::]:7103; none: no agent is served.
config-field-listen-metrics = Addresses to bind for Prometheus (without TLS), such as 127.0.0.1:7102.
config-field-listen-pki = Addresses to bind for revocation lists and CA certificates (without TLS), such as [::]:7104; they must be reached under the address of "verbund init --pki-url". None: none are offered.
config-field-listen-bundle = Addresses to bind for the SPIFFE bundles of the trust domains (HTTPS), such as [::]:7105; none: none are offered.
config-field-advertise = Where peers reach this node: host:port or network=host:port.
config-field-inbound = "accept", or "none" if this node accepts nothing and dials everyone itself.
config-field-proxy-address = HTTP CONNECT proxy to dial through: host:port.
config-field-proxy-credentials-file = File (mode 0600) with user:password for the proxy.
config-field-passphrase-source = Where the passphrase of the sealed keys comes from: file:PATH (mode 0600), credential:NAME (systemd), env:VARIABLE or prompt.
config-field-custody = The token in which the site's keys are to be (RFC 7512): pkcs11:token=…?module-path=…&pin-source=…; sealed files are not taken then.
config-field-log-format = "text" for people or "json" for programs.
config-field-log-level = From which level on is logged: error, warn, info, debug, trace.
config-field-raft-heartbeat-ms = Milliseconds between two heartbeats of the leader.
config-field-raft-election-min-ms = Shortest election timeout in milliseconds.
config-field-raft-election-max-ms = Longest election timeout in milliseconds.
config-field-raft-snapshot-entries = Entries after which a snapshot is taken.
config-field-raft-kept-entries = Entries below a snapshot that stay in the log.
config-field-limits-connections = Most open connections of one listener.
config-field-limits-connections-per-address = Most open connections from one address.
config-field-limits-handshakes = Most TLS handshakes under way at once.
config-field-limits-handshake-seconds = Seconds that a handshake may take.
config-field-limits-streams = Most open streams of one connection.
config-field-limits-message-bytes = Most bytes of one message or request.
config-field-limits-pending-writes = Most writes that wait for their outcome.
config-field-low-disk-bytes = Below so many free bytes writes are refused.
config-field-syslog-address = Syslog over TLS to which audit records are sent: host:port.
config-field-syslog-server-name = Name that the syslog server's certificate must carry.
config-field-syslog-ca-file = PEM file with the CA of the syslog server.
config-field-syslog-cursor-file = File that remembers the last record sent.
config-field-checkpoint-entries = A checkpoint is made at multiples of so many entries.
config-field-checkpoint-quiet-seconds = And at the last entry before so many quiet seconds.
config-hidden = { $by } replaces what { $source } says of { $field } ({ $value })
config-probe-remedy = Correct it before the daemon needs it: "verbund serve" would not start, or would fail later.
