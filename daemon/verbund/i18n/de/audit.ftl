### Exporte des Protokolls.

audit-good = Der Export ist echt.
audit-written = Nach { $path } geschrieben.
audit-anchored = Verankert in
audit-genesis = der Gründung, deren Hash die Kennung des Verbunds ist
audit-head = dem Kopf bei Index { $index }
audit-records = Einträge
audit-end = Endet bei Index
audit-age = Alter des Kopfes
audit-chain = Kettenhash
audit-signed = Signiert von
audit-signed-value = { $signed } von { $all } Standorten: { $sites }
audit-first-bad = Erster schlechter Eintrag: { $index }. Was vor ihm steht, ist gut.
audit-no-federation = --federation wurde nicht angegeben: die Kennung oben mit der bekannten vergleichen
audit-anchor-head = der Export beginnt bei Index { $index }, nicht bei der Gründung: Kette und Zustand dort mit einer früheren Prüfung vergleichen
audit-dissent = Knoten { $node } hat für Index { $index } einen anderen Kopf signiert als die Mehrheit: er ist abgewichen
audit-old = der Export ist echt, aber sein Kopf ist { $age } alt
audit-old-remedy = Einen neueren verlangen; gibt es keinen, hält jemand das Spätere zurück.
audit-broken = der Export ist abgebrochen: { $reason }
