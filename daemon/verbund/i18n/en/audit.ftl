### Audit exports.

audit-good = The export is true.
audit-written = Written to { $path }.
audit-anchored = Anchored to
audit-genesis = the genesis, whose hash is the federation's id
audit-head = the head at index { $index }
audit-records = Records
audit-end = Ends at index
audit-age = Age of the head
audit-chain = Chain hash
audit-signed = Signed by
audit-signed-value = { $signed } of { $all } sites: { $sites }
audit-first-bad = First bad record: { $index }. What stands before it is good.
audit-no-federation = --federation was not given: compare the federation's id above with the one you know
audit-anchor-head = the export begins at index { $index }, not at the genesis: compare chain and state there with an earlier verification
audit-dissent = node { $node } signed another head for index { $index } than the majority: it diverged
audit-old = the export is true, but its head is { $age } old
audit-old-remedy = Ask for a newer one; if there is none, somebody holds back what came later.
audit-broken = the export broke off: { $reason }
