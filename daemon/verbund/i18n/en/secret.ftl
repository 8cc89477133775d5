### Secrets of workloads.

about-secret = seal the secret { $secret } (revision { $revision })
about-reseal = seal the secret { $secret } (revision { $revision }) to further sites
about-delete-secret = delete the secret { $secret }
column-secret = SECRET
column-revision = REVISION
column-values-since = VALUES SINCE REVISION
column-recipients = SEALED TO
column-known-to-excluded = KNOWN TO EXCLUDED
column-delegated = MAY BE SEALED FURTHER
column-exposed = COULD EVER OPEN IT
column-sealing-key = SEALING KEY
column-can-open = CAN OPEN IT
secret-excluded = excluded
secret-other-key = no: it has another sealing key now
secret-none-to-rotate = No secret is known to an excluded site.
secret-to-rotate = { $count } secret(s) are known to excluded sites: give them other values with "verbund secret set".
secret-rotate-this = Excluded sites know it. Other values: { $command }
secret-recipients = It is sealed to these sites, which can open it, and to no other. Compare the keys with those that the sites say ("verbund site show"):
secret-question = Seal it to these { $count } site(s)?
secret-nowhere = the workload { $workload } fits no site, so that there is nobody to seal to
secret-nowhere-remedy = "verbund why { $workload }" says why. Or name the sites with --to.
secret-to-excluded = the site { $site } was excluded: nothing is sealed to it
secret-stdin-once = standard input can be read for one value only
secret-stdin-key = standard input has no name: say --from-file KEY=-
secret-no-value = no value was given
secret-no-value-remedy = Name files with --from-file KEY=FILE (- is standard input), or lines KEY=VALUE with --from-env-file FILE. Values never stand in arguments.
secret-key = { $key } is no key: use 1 to 253 of a-z, A-Z, 0-9, "-", "_" and "."
secret-key-twice = the key { $key } was given twice
secret-line = { $path }, line { $line }: wanted is KEY=VALUE
secret-too-long = { $path } has more than { $most } bytes
secret-reseal-values = to seal the same values anew, they are needed once more
secret-reseal-values-remedy = Give them as to "verbund secret set"; or, at a site that can open them, name its data with --data-dir.
secret-other-keys = the values have the keys { $found }, but the secret has { $wanted }: for other values there is "verbund secret set"
secret-not-delegated = the secret { $secret } may be sealed by its operator alone
secret-not-delegated-remedy = Ask { $organisation } to seal it anew, or to allow it with --delegate true.
secret-sealed-to-all = The secret { $secret } is sealed to all these sites already; nothing was changed.
secret-not-named = The workload { $workload } does not use it yet: add { $secret } to "secrets" in its document.
secret-runs-elsewhere = Note: { $workload } is on { $cluster } at site { $site }, which can't open it now. It goes on there with the old values until it moves.
words-secret-no-recipient = the secret is not sealed to site { $site }, so it can't be opened there: its operator has to seal it anew, to this site too
words-secret-other-key = the secret was sealed to site { $site } for another sealing key than the one kept here: it has to be sealed anew
words-secret-altered = the secret does not open: it was sealed for another place, or was altered
delete-secret-name = { $name } is no name of a secret: wanted is workload.secret

help-secret = Secrets of workloads: sealed here, opened only at the sites to which they are sealed.
help-secret-set = Seal a secret with new values to the sites that may run its workload.
help-secret-set_name = Name of the secret, and of the Kubernetes Secret that it becomes.
help-secret-set_workload = The workload. It names the secret under "secrets" in its document.
help-secret-set_from-file = A value from a file, as it stands; - is standard input. Without KEY= the file's name is the key. Once for each value.
help-secret-set_from-env-file = Values from a file of lines KEY=VALUE; - is standard input.
help-secret-set_to = A site that shall be able to open it, once for each; none: all at which the workload might run.
help-secret-set_delegate = Whether the Plattformbetreiber of these sites may seal it to further sites: true or false; as before if not given, at first false.
help-secret-list = List secrets. Values are never shown.
help-secret-list_workload = Those of this workload only.
help-secret-list_to-rotate = Only those whose values an excluded site knows. Exit code 3 as long as there is one.
help-secret-show = Show a secret: its keys, and who can open it.
help-secret-show_name = Name of the secret.
help-secret-show_workload = The workload.
help-secret-reseal = Seal the same values anew: to other sites, by who has them; or to further sites, at one that can open them.
help-secret-reseal_name = Name of the secret.
help-secret-reseal_workload = The workload.
help-secret-reseal_from-file = As with "secret set".
help-secret-reseal_from-env-file = As with "secret set".
help-secret-reseal_to = A site that shall be able to open it, once for each; none: all at which the workload might run.
help-secret-reseal_delegate = As with "secret set".
help-secret-delete = Delete a secret that its workload names no more.
help-secret-delete_name = Name of the secret.
help-secret-delete_workload = The workload.
