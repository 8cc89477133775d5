### What commands say.

error-prefix = error
warning-prefix = warning
cli-not-a-time = { $got } is no length of time: write it like 90s, 15m, 24h or 7d
column-resource = RESOURCE
column-name = NAME
column-version = VERSION
column-changed = CHANGED
column-id = ID
column-generation = GENERATION
column-threshold = MUST AGREE
column-display-name = DISPLAY NAME
column-roles = ROLES
column-parent = PARENT
column-standing = STANDING
column-organisation = ORGANISATION
column-land = LAND
column-site = SITE
column-addresses = ADDRESSES
column-user = USER
column-role = ROLE
column-sites = SITES
column-owner = OWNER
column-revoked = REVOKED
column-expires = EXPIRES
column-used = USED
column-approvals = APPROVALS
column-admitted = ADMITTED
column-refused = REFUSED
column-action = ACTION
column-done = DONE
column-schema = SCHEMA
paths-no-home = no home directory: HOME is not set
paths-no-home-remedy = Set HOME or { $variable } to an absolute path.
file-unreadable = { $path } could not be read: { $reason }
file-form = { $path } is not what it should be: { $reason }
context-key-form = { $got } names no key: write file:/absolute/path or a pkcs11: URI
context-key-relative = { $got } is a relative path: a context is used from any directory, so write the absolute one
context-key-pkcs11 = the key cannot be named like this: { $reason }
context-file = the contexts in { $path } could not be read or written: { $reason }
context-form = { $path } is no file of contexts: { $reason }. Correct it, or move it away and add the contexts anew
context-unknown = there is no context { $name } (there are: { $known })
context-none = no context is chosen: add one with "verbund context add", or choose one with "verbund context use" or --context
context-exists = there is a context { $name } already: choose another name, or --replace it
context-name = { $name } cannot be a context's name: use up to 63 letters, digits, - _ .
client-no-key = the context { $context } names no key, and this needs one
client-no-key-remedy = Add it: verbund context add { $context } --replace --key file:/path …
client-key-at = the key { $path }
client-odd-answer = the answer cannot be understood: { $reason }
client-odd-remedy = Compare the versions of this program and of the daemon.
client-unreachable-remedy = Check that a daemon runs and that the context's addresses are right (verbund context show); addresses of other sites are added with: verbund context add NAME --replace --other SITE=HOST:PORT --other-pin SITE=PIN
client-no-quorum = no majority of the voters can be reached, and a fresh read needs one
client-no-quorum-remedy = What only reads shows with --stale what this site has, and how old it is; a change needs the majority. "verbund status" shows who is missing.
client-clock-remedy = Set this machine's clock (NTP), then try again.
client-deadline = no answer within { $seconds } s
client-interrupted = interrupted
client-login = asking for a user certificate
client-no-chain = the site sent an empty certificate chain
client-reading = reading { $what }
client-reading-status = reading the status
client-stale = Stale: what this site had { $age } ago, at index { $index }.
client-session = opening a session for signed changes
client-session-contended = opening a session: other machines with the same key were faster five times; try again
client-unknown = { $about }: whether it was done is not known ({ $reason })
client-unknown-remedy = Find out, and finish it, with: verbund resume { $path }
client-watching = watching
client-watch-again = The connection broke ({ $reason }); going on where it broke.
client-stream-ended = the stream ended
file-unwritable = { $path } could not be written: { $reason }
confirm-choice = { "[yes/no]" }
confirm-yes = yes
confirm-refused = not confirmed: nothing was done
confirm-nobody = this needs a confirmation, and standard input is no terminal
confirm-nobody-remedy = Confirm beforehand with --yes.
confirm-delete = Really delete { $what }?
confirm-suspend = Really suspend { $name }? Its people change nothing until it is resumed.
confirm-revoke-key = Really revoke the key { $id }? It never comes back.
confirm-remove-node = Really retire node { $node }? It never returns under this id.
confirm-replace-voter = Really give node { $node } up for ever, so that another votes in its place?
confirm-approve = Approve this?
confirm-coordinators = Really propose { $n } coordinators, of whom { $m } must agree?
done-changed = { $about }: done (version { $version }).
done-unchanged = { $about }: was so already (version { $version }).
done-session = The session is open until { $until }.
done-admitted = { $about }: admitted as node { $node }.
done-waiting = { $about }: { $have } of { $need } approvals. Another coordinator approves with: { $command }
about-approve = approving { $hash }
about-approve-site = approving the site { $site }
about-update-site = changing the site { $site }
about-refuse-site = refusing the site { $site }
about-invite = inviting the site { $site }
about-revoke-invitation = taking the invitation { $id } back
about-create-org = creating the organisation { $name }
about-suspend-org = suspending the organisation { $name }
about-resume-org = resuming the organisation { $name }
about-create-user = creating the user { $name }
about-delete-user = deleting the user { $name }
about-add-key = registering a key of { $name }
about-revoke-key = revoking the key { $id }
about-bind-role = giving a role to { $name }
about-unbind-role = taking a role back from { $name }
about-add-node = adding a node to the site { $site }
about-update-node = changing the node { $node }
about-remove-node = retiring the node { $node }
about-replace-voter = replacing the node { $node }
about-set-policy = proposing the policy { $name }
about-delete-policy = proposing to remove the policy { $name }
about-coordinators = proposing a new set of coordinators
about-delete = deleting { $what }
apply-created = created
apply-updated = updated
apply-unchanged = unchanged
apply-waiting = waiting for approvals
apply-failed = failed
apply-list = a List without items
apply-nothing = there is no document in the file
apply-twice = document { $number } ({ $name }) stands there a second time
apply-wrong = document { $number } ({ $name }): { $reason }
apply-wrong-remedy = Nothing was sent. Correct the documents and run the command again.
apply-version = apiVersion is { $got }, wanted { $wanted }
apply-no-organisation = spec.organisation is missing: write it, or say --org
apply-use = this kind is not applied: use { $command }
apply-never = { $kind } is made by the federation, not by a document
approve-blind = --yes without --hash would approve whatever came
approve-blind-remedy = Add --hash with the hash that the site's operator sees and tells you.
approve-none = no request of the site { $site } waits for approval
approve-none-remedy = The site asks with "verbund join"; "verbund list admissions" shows all requests.
approve-refused = the request was refused by the coordinator with the key { $key }: { $reason }
approve-refused-remedy = A refusal is for good. Invite the site again: verbund invite { $site } --org ORGANISATION
refuse-question = Refuse the request of the site { $site } for good?
refuse-next = "verbund join" says so to the site that waits. If it may ask again: verbund invite { $site } --org { $organisation }
approve-several = several requests of the site { $site } wait
approve-several-remedy =
    Say which one, with --hash:
    { "  " }{ $hashes }
approve-short = a fingerprint needs at least { $least } digits to mean something
approve-mismatch = no key of the request has the fingerprint { $fingerprint }
approve-mismatch-remedy = Do not approve. Ask the site's operator, by telephone, what "verbund join" showed.
approve-no-address = none: it accepts nothing inbound
approve-hash =
    Hash of the request: { $hash }
    Compare all of it with what the site's operator sees, by telephone.
approve-question = Admit the site { $site }?
fingerprint-anchor = trust anchor (pin)
fingerprint-issuing = issuing CA
fingerprint-node = node key
fingerprint-sealing = sealing key
change-created = created
change-updated = updated
change-deleted = deleted
client-exporting = exporting the audit chain
column-direction = DIRECTION
column-federation = FEDERATION
column-file = FILE
column-from = FROM
column-to = TO
column-port = PORT
column-protocol = PROTOCOL
column-purpose = PURPOSE
column-key = KEY
column-kind = KIND
column-matched = HAS
column-node = NODE
column-part = PART
column-pin = PIN
column-result = RESULT
column-seen = HEARD OF
context-added = The context { $name } was added.
context-replaced = The context { $name } was replaced.
context-removed = The context { $name } was removed.
context-used = The context { $name } is the current one now.
context-incomplete = a context needs at least one --address, and --federation and --pin or --data-dir
context-incomplete-remedy = On the machine of a node, --data-dir takes both from its directory.
delete-not-possible = { $kind } cannot be deleted
delete-user-name = { $name } is no such name: wanted organisation.user, and for a role binding organisation.user.role
found-exists = this directory belongs to the federation { $federation } already
found-exists-remedy = Choose another --data-dir, or start the daemon with it: verbund serve
found-other-site = the keys in the directory are those of { $found }, not of { $wanted }
found-missing = this is missing: { $missing }
found-missing-remedy = Say it with these flags, or in the file that -f names.
found-threshold = { $m } of { $n } coordinators cannot decide safely (or a key stands twice)
found-threshold-remedy = More than half must agree, and not more than there are; 3 of 5 from two organisations is good.
found-done = The federation { $name } is founded, with the site { $site } and { $m } of { $n } coordinators. Its id, which never changes:
found-next-serve =
    Next:
      1. Tell the id to everybody who joins, on a way that nobody else controls.
      2. Start the daemon:
    { "       " }{ $command }
found-next-added =
    { "  " }3. See how it is; the context { $name } was added for your key:
    { "       " }verbund --context { $name } status
    { "  " }4. Let an organisation and its site in:
    { "       " }verbund --context { $name } org create ORGANISATION --display-name TEXT --role plattformbetreiber --administrator admin --administrator-key p256:…
    { "       " }verbund --context { $name } invite SITE --org ORGANISATION --out SITE.invitation
found-next-add =
    { "  " }3. Talk to it with your own key (found --key does so by itself):
    { "       " }verbund context add { $site } --data-dir { $directory } --address { $api } --key file:KEYFILE
    { "       " }verbund --context { $site } status
found-next-others =
    { "  " }Whoever else has a key of this federation, on another machine:
    { "       " }verbund context add NAME --federation { $federation } --pin { $pin } --address { $api } --key file:KEYFILE
found-key-unknown = the key { $key } of --key is none of the coordinators' or the administrator's: this federation would not know it
found-key-unknown-remedy = Nothing was made. Name the file of one of those keys, or leave --key out.
first-context-exists-remedy = Nothing was made. Name the new context with --context NAME.
first-context-no-api = where the daemon's HTTP API will be is not known, so no context can be added for --key
first-context-no-api-remedy = Nothing was made. Name the daemon's configuration (--config FILE, listen.admin), or say --address api=HOST:PORT.
init-keys-of = the keys in { $path }
init-site = The keys of { $domain }:
init-pin = Pin of the trust anchor: { $pin }
init-nothing = Everything was there already; nothing was changed.
init-made = made
init-present = was there
init-away = kept elsewhere
init-awaited = awaited from the authority's PKI
init-next = Next, with the invitation that a coordinator sends: { $command }
org-next = Next: invite its site with "verbund invite SITE --org { $name } --out SITE.invitation", or, for an organisation without a site, create users: verbund user create --help
init-request = The request lies in { $path }. Have your PKI sign it (CA, path length 0), then: verbund init … --ca-certificate FILE
init-accepted = The certificate was taken. Pin of the trust anchor: { $pin }
invite-no-federation = the site does not know the federation yet
invite-no-contact = no node of the site { $site } accepts connections
invite-no-contact-remedy = Use the context of a site that can be reached, or name addresses of this site with --contact.
invite-secret = This invitation is a secret: whoever has it can ask to join as { $site }, once, until { $expires }. Hand it over on a safe way.
join-argument = others on this machine can see the invitation in the list of processes; use a file or - instead
join-fingerprints =
    Fingerprints for the coordinators, to be read out by telephone:
      trust anchor  { $anchor }
      node key      { $node }
      sealing key   { $sealing }
join-contact = The contact has the right pin and belongs to the federation { $federation }.
join-requested =
    The keys are proven and the request is in the log. Its hash:
    { "  " }{ $groups }
    { "  " }{ $hash }
join-waiting = Waiting for approvals: { $have } of { $need }. (Ctrl-C detaches; the request stays.)
join-detached = detached: the request goes on without this command
join-detached-remedy = Run the same command again to wait on.
join-done = The site { $site } is admitted as node { $node }.
join-next-serve =
    Next:
      1. Start the daemon:
    { "       " }{ $command }
join-next-added =
    { "  " }2. See how it is; the context { $name } was added for your key:
    { "       " }verbund --context { $name } status
join-next-add =
    { "  " }2. Talk to it with your own key (join --key does so by itself):
    { "       " }verbund context add { $site } --data-dir { $directory } --address { $api } --key file:KEYFILE
    { "       " }verbund --context { $site } status
keys-exists = { $path } exists already, and keys are never overwritten
keys-exists-remedy = Choose another name.
keys-made = The key lies sealed in { $path }. Its public half, which may be shown to anybody:
keys-made-in-token = The key is in { $uri } and cannot leave it. A context names it with --key. Its public half, which may be shown to anybody:
keys-column-custody = CUSTODY
keys-column-object = Name
keys-column-protection = Protection
keys-sealed = sealed file
keys-protected = cannot be read
keys-unprotected = CAN BE READ, do not use
keys-token-empty = There are no private keys in the token { $token }.
keys-probe-there = there
keys-backup-good = good: the same key, and it works
keys-backup-useless = the key is there, but what it does does not fit its public half
keys-backup-nothing = there is no key that would have a backup: this site's root and sealing key are in no token
keys-backup-nothing-remedy = Sealed files are backed up as files. If the file root.key lies elsewhere, bring it back for the check.
keys-word-sealing = a key that only opens
keys-word-signing = a key that signs
network-source = Other nodes as known from: { $source }.
network-nothing = nothing (no context, and this directory belongs to no federation)
network-enrolment = the node's admission at index { $index } (no context leads to the state)
network-state = the state at index { $index }
network-here = this node
network-any = joining sites
network-in = in
network-out = out
network-peers = replication between nodes
network-peers-proxy = replication between nodes, through the proxy
network-join = requests for admission
network-admin = HTTP API, command line
network-admin-from = administrators
network-metrics = metrics (Prometheus)
network-metrics-from = monitoring
network-pki = revocation lists and CA certificates (CRL, AIA)
network-bundle = bundles of the trust domains (SPIFFE)
network-proxy = way out for all connections to nodes
network-syslog = audit records to the SIEM
network-works = works ({ $millis } ms)
network-closed = { $site } ({ $node }) accepts nothing inbound and dials us itself.
network-no-anchor = no trust anchor of the site is known
node-other-federation = { $path } belongs to another federation than the context
node-other-keys = { $path } is there already and another: choose an empty directory
node-next = Next: write "dataDir: { $directory }" into the daemon's configuration and start it: verbund serve --config { $file }
node-next-file = FILE
policy-one-document = a policy is one document, and the file has { $count }
policy-no-document = a policy is a map of settings, not deeper than 32
resource-empty = Nothing of the kind "{ $kind }" is there yet.
resource-none = there is no { $what }
resource-none-remedy = See what there is: verbund list { $kind }
resume-other-federation = the context { $context } is of another federation than the envelope
role-leader = leader
role-follower = voter
role-candidate = candidate
role-learner = learner
role-joining = joining
role-halted = halted
status-good = Everything is all right.
status-warnings = It works, but something should be looked at:
status-bad = Something is wrong:
status-notice = { $name }: { $text } (since { $since })
status-no-quorum = no majority: { $reachable } of the voters reachable, { $needed } needed. Nothing can be changed, and reads are stale (--stale), until enough of the silent nodes are back
status-no-leader = nobody leads, although enough voters can be reached: an election takes seconds. If it lasts, look at the clocks and at "verbund network check" on every site
status-no-spare = the loss of one more voter of { $voters } stops changes
status-halted = the node that answers has halted
status-disk = changes are refused because the disk is nearly full ({ $free } free)
status-suspended = the site { $site } is suspended
status-silent = node { $node } of { $site } is silent (last heard of: { $since }). It catches up by itself when it runs again; if it is lost for good: verbund node replace-voter { $node }
status-silent-away = node { $node } of { $site } is silent (last heard of: { $since }); it catches up by itself when it runs again
status-lost = site { $site } is lost: found so at { $since }
status-returning-in = site { $site } answers again; it was found lost at { $since } and counts as returned in about { $seconds } s
status-returning = site { $site } answers again; it was found lost at { $since } and counts as returned once the voters have heard it steadily for long enough (verbund timings show; longer if it was lost several times)
status-not-started = node { $node } of { $site } was admitted and has not run yet: start it on its machine (verbund serve)
status-unheard = node { $node } of { $site } was not heard of since the node that answers started. If it does not run, start it on its machine (verbund serve); if it is lost for good: verbund node replace-voter { $node }
status-unheard-away = node { $node } of { $site } was not heard of since the node that answers started; if it does not run, start it on its machine (verbund serve)
status-certificate = the node's TLS certificate ends at { $end }
status-clock = this machine's clock and the node's differ by { $difference }
status-never = never
status-here = answers
status-nobody = nobody
status-federation = Federation
status-quorum = Quorum
status-quorum-lost = { $reachable } of { $voters } voters reachable, { $needed } needed
status-quorum-value = { $reachable } of { $voters } voters reachable, { $spare } may be lost
status-leader = Leader
status-leader-value = node { $node }, term { $term }
status-applied = State
status-applied-value = index { $index }, known as the newest { $age } ago
status-checkpoint = Checkpoint
status-tls = Certificate until
status-disk-free = Disk free
status-version = Version
status-source = As seen by node { $node } of { $site } at { $time }.
usage-command = there is no command { $got }
usage-argument = there is no option or argument { $got } here
usage-missing = this is missing: { $what }
usage-value = { $got } is no value for { $argument }; allowed are { $allowed }
usage-invalid = { $got } is no value for { $argument }: { $reason }
usage-conflict = { $one } and { $other } exclude each other
usage-near = Did you mean { $near }?
usage-remedy = --help shows what there is.
client-elsewhere = The context's own site does not answer; the site { $site } does.
client-patience = No result yet ({ $reason }); it is tried for up to { $seconds } s (--deadline), Ctrl-C ends it.
client-no-leader-remedy = Nothing was changed. While the voters elect, that takes seconds; "verbund status" shows who is missing.
client-unknown-key-remedy = An administrator of your organisation registers it: verbund user create or verbund user add-key. If that is done, this site may not have it yet: verbund status
client-key-revoked-remedy = Use another registered key: verbund context add NAME --replace --key file:PATH
client-not-authorised-person = Use the context of somebody who may (--context). This hangs on whose key it is, and no role gives it.
client-key-exists-remedy = A key belongs to one person, and this one is registered: make another (verbund keys new), or see whose it is: verbund list keys
client-not-authorised-remedy = Use the context of somebody who may (--context), or have an administrator give the role: verbund role bind. What your key may do: verbund list role-bindings
client-excluded-remedy = The way back is a new invitation with a new name and new keys: verbund site invite
client-suspended-remedy = A coordinator ends the suspension: verbund org resume ORG
client-not-found-remedy = "verbund list KIND" shows what there is.
client-exists-remedy = Choose another name, or change what is there; "verbund get KIND NAME" shows it.
client-invitation-remedy = Ask a coordinator for a new one: verbund invite
client-federation-remedy = The context belongs to another federation, or the federation was founded anew from a survivor: verbund context show
client-expired-remedy = Set this machine's clock (NTP), then run the command again.
client-stopped-remedy = "verbund status" says what happened, and what to do.
client-range-remedy = Ask for a range within it, or another site, with --context.
client-ca-remedy = The site's daemon must reach its issuing CA's key; until then use the context of another site.
words-memory = the key could not be derived from the passphrase: there is too little free memory
words-name = { $got } is no name: use 1 to { $max } of the characters a-z, 0-9 and '-', beginning and ending with a letter or digit
words-hash = { $got } is no SHA-256 digest: write 64 hexadecimal digits
words-hash-prefix = { $got } is no digest: write at least { $least } of its first hexadecimal digits
words-node-id = { $got } is no node id: write generation.counter, such as 0.3
words-public-key = { $got } is no public key: write p256:… or p384:…, as "verbund keys show" prints it
words-land = { $got } is no Land; there are { $all }
words-address = { $got } is no address: write host:port or network=host:port (IPv6 in brackets)
words-kind = there is no kind { $got }; there are { $all }
words-role = there is no role { $got }; there are { $all }
words-no-address = no address of it is known
words-unresolved = the name cannot be resolved
words-proxy = the proxy: { $reason }
words-untrusted = whoever answers is not believed: { $reason }
words-tls = the TLS handshake failed: { $reason }
words-alpn = whoever answers is no listener of the right kind. Peers (port 7100) and people (the HTTP API, port 7101) have one each: is it the other one's port?
words-timeout = no answer within { $seconds } s
words-io-none = it does not exist
words-io-denied = this user may not do that
words-io-exists = it exists already
words-io-directory = it is a directory
words-io-no-directory = part of the path is no directory
words-io-full = the disk is full
words-io-read-only = the file system is read-only
words-io-refused = nobody accepts connections there
words-io-broken = the connection broke
words-io-unreachable = no way leads there
words-io-late = no answer in time
words-io-in-use = the address is in use
words-io-not-ours = the address is not one of this machine
words-file-exists = { $path } exists already and is never overwritten: move it away first, or choose another name
words-file-mode = others than its owner may use { $path } (mode { $mode }): chmod 600 { $path }
words-directory-mode = others may write to the directory { $path } (mode { $mode }): chmod 700 { $path }
words-file-kind = { $path } is no regular file
words-file-size = { $path } has more than { $max } bytes: it is not what was expected there
words-file-io = { $path } could not be used: { $reason }
words-key-form = { $path } is no key file of Verbund
words-key-version = { $path } has key file version { $version }, which this program does not know: use a newer one
words-key-damaged = { $path } is damaged (its checksum does not fit): restore it from your copy
words-passphrase = wrong passphrase for { $path }: type it again, or name the right source with --passphrase-source
words-key-altered = { $path } was altered on purpose: the passphrase is right and the seal is not. Restore it from your copy and find out who wrote to it
words-key-purpose = { $path } holds a key for { $found }, and { $wanted } is needed here
words-no-passphrase = { $path } is sealed with a passphrase, and none was given
words-not-in-token = { $path } holds its key itself, and the keys are to be in the token { $token }: correct custody, or make the site's keys in the token
words-token-none = none
words-token-uri-form = this is no PKCS#11 URI: write pkcs11:token=LABEL;object=KEY?module-path=/path/of/module.so (RFC 7512)
words-token-uri-pin = a PIN never stands in a URI: write it into a file (mode 0600) and name that with pin-source=file:/PATH
words-token-uri-attribute = the PKCS#11 URI has { $name }, which does not count here: token and key are named by token, object, id and serial, the module by module-path, the PIN by pin-source
words-token-uri-value = the value of { $name } in the PKCS#11 URI cannot be used: a path begins with /, pin-source is file:/PATH, env:NAME, credential:NAME, prompt or pad, special characters stand as %XX
words-token-uri-twice = the PKCS#11 URI has { $name } twice
words-token-uri-no-token = the PKCS#11 URI names no token: add token=LABEL, since slots' numbers change
words-token-not-built = this build of verbund cannot use tokens (PKCS#11): take one that was built with “pkcs11”
words-token-no-module = no module is named for the token { $token }: add ?module-path=/path/of/module.so to the URI, or set { $variable }
words-token-module-missing = there is no PKCS#11 module at { $path }: install the token's software, or correct module-path
words-token-module = the PKCS#11 module { $path } cannot be used ({ $reason }): check that it is the token's module, for this machine, and that its own configuration is readable
words-token-missing = there is no token with the label { $token } at { $module } (there: { $present }): insert or switch on the token, or correct token= in the URI
words-token-ambiguous = there are { $count } tokens with the label { $token }: say with ;serial= in the URI which is meant
words-token-no-pin = no PIN for the token { $token }: { $reason }
words-token-pin-wrong = the token { $token } refused the PIN: correct it at its source ({ $from }). The same PIN is not tried again, so that the token does not lock
words-token-pin-last = the token { $token } takes one more try, then it locks: check the PIN at its source ({ $from }) and log in once by hand, which resets the counter. It is not tried unattended any more
words-token-pin-locked = the PIN of the token { $token } is locked after too many wrong ones: unlock it with the security officer's PIN (such as pkcs11-tool --init-pin --login --login-type so), after finding out who tried
words-token-pin-not-set = the token { $token } has no user PIN: it is new or was initialised anew. Set one with the security officer's PIN; if keys were in it, restore them with the vendor's backup
words-token-busy = all { $most } sessions of the token { $token } have been in use for { $seconds } s: it answers too slowly or not at all
words-token-mechanism = the token { $token } lacks { $mechanism }: { $without }. See “verbund keys probe”
words-token-no-generate = no keys can be made in it (keys new, init, found)
words-token-no-sign = no key in it can sign (root, issuing CA, node, coordinators, users)
words-token-no-agree = no sealing key can be used in it: keep that one in a sealed file
words-token-failed = the token { $token } failed: { $reason }. Look at the token and try again
words-token-wiped = the token { $token } is empty, and { $key } should be in it: it was initialised anew. Restore it with the vendor's backup; what has no backup is made anew and registered again
words-token-key-missing = the token { $token } has no private key { $key }, but { $present }: correct object= or id= in the URI
words-token-key-ambiguous = the token { $token } has { $count } private keys { $key }: say with ;id= in the URI which is meant
words-token-key-exists = the token { $token } has a key { $key } already: keys are never replaced, choose another name (object=)
words-token-no-key = the URI names the token { $token } and no key in it: add ;object=NAME
words-token-key-type = the key { $key } in the token { $token } is { $found }, wanted is { $wanted }: name another one, or make one
words-token-other-key = the key { $key } in the token { $token } is { $found }, not { $wanted }: it was made anew, or this is another token. Restore the old one with the vendor's backup
words-token-unprotected = the key { $key } in the token { $token } could be taken out and copied: do not use it, make one with “verbund keys new --custody”
words-token-no-public = the token { $token } holds no usable public key beside { $key }: restore the public key object
words-source-none = the key needs a passphrase and no source of one is named: --passphrase-source file:PATH (mode 0600), credential:NAME (systemd), env:VARIABLE or prompt
words-source-form = that names no source of a passphrase: write file:PATH, credential:NAME, env:VARIABLE or prompt
words-source-credential = the passphrase should come from the systemd credential { $name }, but CREDENTIALS_DIRECTORY is not set: start the daemon as a unit with LoadCredentialEncrypted={ $name }:…
words-source-variable = the passphrase should come from the environment variable { $name }, which is not set
words-source-prompt = the passphrase could not be asked for on a terminal ({ $reason }): where nobody is present, use --passphrase-source file:PATH, credential:NAME or env:VARIABLE
words-source-differ = the two passphrases differ: nothing was made, try again
words-passphrase-empty = the passphrase is empty: keys are never kept without one
words-passphrase-long = the passphrase has { $length } bytes, which is too long: was the right file named?
words-no-keys = there are no site's keys in { $dir }: make them with "verbund init"
words-other-keys = { $dir } has the keys of { $found }, not of { $wanted }: choose another directory for another site; if these were made by mistake and belong to no federation yet, they may be deleted with the directory
words-no-enrolment = { $dir } belongs to no federation yet: run "verbund found", or "verbund join" with an invitation
words-enrolled = { $dir } belongs to the federation { $federation } as node { $node } already: use another directory
context-other-unknown = of { $site } no anchor is known, so it is not asked yet: that begins with the next read at the context's own site, or with --other-pin { $site }=PIN (verbund site show { $site } shows it): verbund context add { $name } --replace --other-pin { $site }=PIN
context-other-not-asked = { $site }: not asked yet, no anchor is known (--other-pin, or a read at the context's own site)
words-ask-passphrase = Passphrase of { $of }:{ " " }
words-ask-new = New passphrase of { $of }:{ " " }
words-ask-again = New passphrase of { $of }, again:{ " " }
words-ask-pin = PIN of the token { $token }:{ " " }
words-kind-near = there is no kind { $got }. Did you mean { $near }?
keys-of-site = the keys of { $site }
words-site-pin = { $got } names no site and pin: write SITE=HASH
context-other-form = { $got } names no site: write SITE=HOST:PORT
context-learned = { $time }, at index { $index }
column-other-site = OTHER SITE
column-learned = LEARNED
column-proposal = PROPOSAL
column-created = MADE
column-proposer = PROPOSED BY
column-request = REQUEST
proposal-done = carried out ({ $since })
proposal-waiting = waiting: { $have } of { $need } approvals
proposal-void = void: the coordinators changed since it was made; propose it again
proposal-coordinator = coordinator { $number } (key { $key })
action-set-policy = sets the policy { $name }
action-delete-policy = removes the policy { $name }
action-replace-voter = gives the node { $node } up for ever, so that another votes in its place
action-coordinators = makes { $n } keys the coordinators, of whom { $m } must agree
about-carried-out = approving, carried out: { $what }
resource-several = several begin with { $prefix }
resource-several-remedy =
    Write more digits:
    { "  " }{ $names }
invitation-open = open
invitation-used = used
invitation-revoked = taken back
invitation-expired = expired
site-waiting = Waiting for admission:
site-waiting-next = "verbund site show SITE" shows a request's fingerprints, "verbund site approve SITE" approves it.
site-not-yet = The site { $site } is no member yet; it waits for admission:
approvals-value = { $have } of { $need }
status-admissions = Admissions
status-admissions-value = waiting: { $sites } (verbund site list)
status-removed = the node that answers was given up for ever and takes part no more. Stop it; the site { $site } returns with a new node: verbund node add
status-empty = the node that answers has no state yet: it waits for the leader to reach it. If that lasts, "verbund network check" on both sides shows what is in the way
status-no-node = the site { $site } has no node: it returns with a new one (verbund node add, on its machine)
invite-unknown = The invitation lies in { $path }; it counts once "verbund resume" has said that it was done.
join-no-keys = there are no site's keys in { $directory }: nothing was sent, the invitation is as good as before
join-no-keys-remedy = Make them first, or name the right directory with --data-dir: { $command }
join-other-keys-remedy = Nothing was sent. Name the directory with this site's keys (--data-dir). Keys that were made by mistake and belong to no federation yet may be deleted with their directory, and made anew: verbund init
join-expired = the invitation for { $site } ended at { $end }: ask a coordinator for a new one (verbund invite)
join-secret = the invitation's one-time key cannot be used ({ $reason }): was it copied whole?
join-unreachable = the contact that the invitation names cannot be used: { $reason }. Nothing was sent
join-other-federation = the contact belongs to the federation { $found }, the invitation is for { $wanted }: nothing was sent
join-exchange = the contact's answer could not be used ({ $what }: { $reason }). Run the same command again
join-keys = the site's keys could not be used: { $reason }
join-other-genesis = the contact sent a genesis document of the federation { $found }, the invitation is for { $wanted }: ask a coordinator
join-not-yet = the request { $hash } was not approved in time; run the same command again to wait on
join-too-many = the contact takes no more attempts from this address for now: try again in { $seconds } s
join-malformed = the contact could not read the message ({ $reason }): compare the versions of both programs
join-challenge = the proof that the site holds its sealing key does not hold (challenge { $reason }): run the same command again
join-refused = the federation refused the request: { $reason }
join-not-found = no request for admission has this hash
join-turned-down = a coordinator (key { $key }) refused the request for good: { $reason }. The site's keys stay good: with a new invitation (verbund invite) it may ask again
join-unavailable = the federation cannot take the request at the moment ({ $reason }): run the same command again later
words-expired = the signed change was valid until { $end }, and it is { $now } in the log
words-valid-too-long = the signed change is valid until { $end }, too long after the log's time { $now }
words-sessions = the key has { $limit } open sessions, which is the most; the first ends at { $end }
agent-no-label = { $got } is no label: write KEY=VALUE
agent-no-kind = { $got } is no kind: write VERSION/KIND or GROUP/VERSION/KIND
agent-no-site = there is no site { $site }
agent-other = { $path } belongs to the agent of another cluster: use another folder
agent-next = Start its agent: verbund agent run --data-dir { $path } (with --simulated for a simulated cluster)
about-cluster-add = cluster { $cluster }
guard-copy-name = a copy called { $file } would be no guard
guard-copy-name-remedy = Call it guard or verbund-guard: that name makes the copied program one.
asking-no-key = the certificate's key and its request were not kept, so that no question can be signed
asking-tried = asking the clusters about workload { $workload }
asking-failed = { $cluster } ({ $site }): { $detail }
asking-nowhere = workload { $workload } has no copy at present; "verbund why { $workload }" says what keeps it away
events-none = No cluster has noted anything.
events-warning = { $reason } (warning)
column-time = TIME
column-event = EVENT
column-object = OBJECT
column-count = COUNT
column-message = MESSAGE
