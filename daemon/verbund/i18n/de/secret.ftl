### Geheimnisse von Fachverfahren.

about-secret = das Geheimnis { $secret } versiegeln (Fassung { $revision })
about-reseal = das Geheimnis { $secret } (Fassung { $revision }) für weitere Standorte versiegeln
about-delete-secret = das Geheimnis { $secret } löschen
column-secret = GEHEIMNIS
column-revision = FASSUNG
column-values-since = WERTE SEIT FASSUNG
column-recipients = VERSIEGELT FÜR
column-known-to-excluded = AUSGESCHLOSSENEN BEKANNT
column-delegated = DARF WEITER VERSIEGELT WERDEN
column-exposed = KONNTEN ES JE ÖFFNEN
column-sealing-key = SIEGELSCHLÜSSEL
column-can-open = KANN ES ÖFFNEN
secret-excluded = ausgeschlossen
secret-other-key = nein: er hat jetzt einen anderen Siegelschlüssel
secret-none-to-rotate = Kein Geheimnis ist einem ausgeschlossenen Standort bekannt.
secret-to-rotate = { $count } Geheimnis(se) sind ausgeschlossenen Standorten bekannt: mit „verbund secret set“ andere Werte geben.
secret-rotate-this = Ausgeschlossene Standorte kennen es. Andere Werte: { $command }
secret-recipients = Es wird für diese Standorte versiegelt, die es öffnen können, und für keine anderen. Die Schlüssel mit denen vergleichen, die die Standorte nennen („verbund site show“):
secret-question = Für diese { $count } Standort(e) versiegeln?
secret-nowhere = das Fachverfahren { $workload } passt an keinen Standort: es gibt niemanden, für den zu versiegeln wäre
secret-nowhere-remedy = „verbund why { $workload }“ sagt, warum. Oder die Standorte mit --to nennen.
secret-to-excluded = der Standort { $site } wurde ausgeschlossen: für ihn wird nichts versiegelt
secret-stdin-once = die Standardeingabe kann nur für einen Wert gelesen werden
secret-stdin-key = die Standardeingabe hat keinen Namen: --from-file SCHLÜSSEL=- angeben
secret-no-value = es wurde kein Wert angegeben
secret-no-value-remedy = Dateien mit --from-file SCHLÜSSEL=DATEI nennen (- ist die Standardeingabe) oder Zeilen SCHLÜSSEL=WERT mit --from-env-file DATEI. Werte stehen nie in Argumenten.
secret-key = { $key } ist kein Schlüssel: 1 bis 253 Zeichen aus a-z, A-Z, 0-9, „-“, „_“ und „.“ verwenden
secret-key-twice = der Schlüssel { $key } wurde zweimal angegeben
secret-line = { $path }, Zeile { $line }: verlangt ist SCHLÜSSEL=WERT
secret-too-long = { $path } hat mehr als { $most } Byte
secret-reseal-values = um dieselben Werte neu zu versiegeln, werden sie noch einmal gebraucht
secret-reseal-values-remedy = Wie bei „verbund secret set“ angeben; oder an einem Standort, der sie öffnen kann, dessen Daten mit --data-dir nennen.
secret-other-keys = die Werte haben die Schlüssel { $found }, das Geheimnis aber { $wanted }: für andere Werte gibt es „verbund secret set“
secret-not-delegated = das Geheimnis { $secret } darf nur sein Betreiber versiegeln
secret-not-delegated-remedy = { $organisation } bitten, es neu zu versiegeln oder es mit --delegate true zu erlauben.
secret-sealed-to-all = Das Geheimnis { $secret } ist schon für alle diese Standorte versiegelt; nichts wurde geändert.
secret-not-named = Das Fachverfahren { $workload } benutzt es noch nicht: { $secret } in seinem Dokument unter „secrets“ eintragen.
secret-runs-elsewhere = Hinweis: { $workload } ist auf { $cluster } am Standort { $site }, der es jetzt nicht öffnen kann. Es läuft dort mit den alten Werten weiter, bis es umzieht.
words-secret-no-recipient = das Geheimnis ist nicht für den Standort { $site } versiegelt und kann dort nicht geöffnet werden: sein Betreiber muss es neu versiegeln, auch für diesen Standort
words-secret-other-key = das Geheimnis wurde für einen anderen Siegelschlüssel des Standorts { $site } versiegelt als den hier verwahrten: es muss neu versiegelt werden
words-secret-altered = das Geheimnis lässt sich nicht öffnen: es wurde für einen anderen Ort versiegelt oder verändert
delete-secret-name = { $name } ist kein Name eines Geheimnisses: verlangt ist fachverfahren.geheimnis

help-secret = Geheimnisse von Fachverfahren: hier versiegelt, nur an den Standorten geöffnet, für die sie versiegelt sind.
help-secret-set = Ein Geheimnis mit neuen Werten für die Standorte versiegeln, die sein Fachverfahren betreiben dürfen.
help-secret-set_name = Name des Geheimnisses und des Kubernetes-Secrets, das daraus wird.
help-secret-set_workload = Das Fachverfahren. Es nennt das Geheimnis in seinem Dokument unter „secrets“.
help-secret-set_from-file = Ein Wert aus einer Datei, so wie er dort steht; - ist die Standardeingabe. Ohne SCHLÜSSEL= ist der Dateiname der Schlüssel. Einmal je Wert.
help-secret-set_from-env-file = Werte aus einer Datei mit Zeilen SCHLÜSSEL=WERT; - ist die Standardeingabe.
help-secret-set_to = Ein Standort, der es öffnen können soll, einmal je Standort; ohne Angabe: alle, an denen das Fachverfahren laufen könnte.
help-secret-set_delegate = Ob die Plattformbetreiber dieser Standorte es für weitere Standorte versiegeln dürfen: true oder false; ohne Angabe wie bisher, anfangs false.
help-secret-list = Geheimnisse auflisten. Werte werden nie gezeigt.
help-secret-list_workload = Nur die dieses Fachverfahrens.
help-secret-list_to-rotate = Nur die, deren Werte ein ausgeschlossener Standort kennt. Rückgabewert 3, solange es eines gibt.
help-secret-show = Ein Geheimnis zeigen: seine Schlüssel, und wer es öffnen kann.
help-secret-show_name = Name des Geheimnisses.
help-secret-show_workload = Das Fachverfahren.
help-secret-reseal = Dieselben Werte neu versiegeln: für andere Standorte, durch den, der sie hat; oder für weitere, an einem, der sie öffnen kann.
help-secret-reseal_name = Name des Geheimnisses.
help-secret-reseal_workload = Das Fachverfahren.
help-secret-reseal_from-file = Wie bei „secret set“.
help-secret-reseal_from-env-file = Wie bei „secret set“.
help-secret-reseal_to = Ein Standort, der es öffnen können soll, einmal je Standort; ohne Angabe: alle, an denen das Fachverfahren laufen könnte.
help-secret-reseal_delegate = Wie bei „secret set“.
help-secret-delete = Ein Geheimnis löschen, das sein Fachverfahren nicht mehr nennt.
help-secret-delete_name = Name des Geheimnisses.
help-secret-delete_workload = Das Fachverfahren.
