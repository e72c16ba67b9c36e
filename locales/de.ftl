# Deutsch. Was fehlt, erscheint auf Englisch.

## Expressions, and what is said of a face

angry = Wut
disgust = Ekel
fear = Angst
happy = Freude
neutral = neutral
sad = Trauer
surprise = Überraschung
unsure = unsicher
sign-angry = Wu
sign-disgust = Ek
sign-fear = An
sign-happy = Fr
sign-neutral = Ne
sign-sad = Tr
sign-surprise = Üb
quality-too-small = Zu klein
quality-turned-away = Abgewandt
quality-tilted = Geneigt
quality-dark = Dunkel
quality-over-exposed = Überbelichtet
quality-blurred = Unscharf
quality-cut-off = Abgeschnitten
quality-covered = Verdeckt
quality-why = Qualität { $value }: { $reasons }
less-sure = { $reason }: weniger sicher
face-choose = { $name } auswählen
face-name-it = Gesicht benennen…
face-name = Gesicht { $id }

## Words of many places

close = Schließen
cancel = Abbrechen
save = Speichern
copy = Kopieren
stop = Stopp
pause = Pause
resume = Fortsetzen
play = Abspielen
paused = Pausiert
ended = Beendet
none = Keine
loading = Lädt
opening = Wird geöffnet
no-face = Kein Gesicht
no-signal = Kein Signal
system = System
source = Quelle
device = Gerät
weights = Gewichte
attention = Aufmerksamkeit
evidence = Evidenz
evidence-of-profile = Des Profils
key-enter = Eingabetaste
key-esc = Esc
next-frame = Nächstes Bild
next-file = Nächste Datei
previous-frame = Voriges Bild
previous-file = Vorige Datei
skip-forward = 5 Sekunden vor
skip-back = 5 Sekunden zurück
slideshow-stop = Diaschau beenden
slideshow = Diaschau
snapshot = Schnappschuss
contact-sheet = Kontaktbogen
zoom-in = Vergrößern
zoom-out = Verkleinern
zoom-reset = Normale Größe
full-screen = Vollbild
copy-values = Werte kopieren
copy-all = Alles kopieren
copy-what = { $what } kopieren
copy-note-name = Diesen Hinweis
copy-error-name = Diesen Fehler
copy-message-name = Diese Meldung

## Menus

menu-file = Datei
menu-camera = Kamera
menu-record = Aufnahme
menu-view = Ansicht
menu-people = Personen
menu-help = Hilfe
menu-none-yet = Noch keine
menu-open = Öffnen…
menu-open-folder = Ordner öffnen…
menu-recent-files = Zuletzt geöffnete Dateien
menu-open-weights = Gewichte öffnen…
menu-recent-weights = Zuletzt geöffnete Gewichte
menu-new-window = Neues Fenster
menu-quit = Beenden
menu-built-in-weights = Eingebaute Gewichte
camera-looking = Kameras werden gesucht…
camera-none = Keine Kamera gefunden
camera-refresh = Kameras neu suchen
camera-first = Erste Kamera
camera-demo = Demo
camera-open-file = Datei öffnen…
record-stop = Aufnahme beenden
record-start = Aufnahme starten
record-video = Beschriftetes Video aufnehmen
record-blur = Gesichter im Video unkenntlich machen
record-folder = Ordner für Aufnahmen…
record-no-folder = Noch nicht gewählt
record-report = Bericht der letzten Aufnahme
record-open-session = Aufnahme öffnen…
record-words = Name und Notizen…
view-heatmap = Wärmebild
view-map = Karte
view-colours = Farben
view-opacity = Deckkraft
view-mesh = Gesichtsnetz
view-smoothing = Glättung
view-detector = Detektor
view-baseline = Neutrale Basislinie
view-mirror = Kamera und Demo spiegeln
view-panel = Seitenleiste
view-timeline = Zeitleiste
view-next-face = Nächstes Gesicht
view-contact-sheet = Kontaktbogen des Ordners
view-theme = Design
view-attention-hint = Wohin das Netz geschaut hat
view-detector-auto = Auto
view-language = Sprache
view-language-no-font = { $name } (keine Schrift dafür installiert)
view-language-looking = { $name } (Schrift wird gesucht…)
language-japanese = Japanisch
language-bengali = Bengalisch
theme-light = Hell
theme-dark = Dunkel

## Panel

panel-showing = Gezeigt wird Gesicht { $id }: { $label }
panel-next-face = N: nächstes Gesicht
panel-starting = Startet
panel-opening = Die Quelle wird geöffnet
panel-loading = Das Netz wird geladen
panel-no-face-camera = Zur Kamera schauen, näher kommen, mehr Licht
panel-no-face = In diesem Bild wurde kein Gesicht gefunden
panel-analysing = Wertet aus
panel-waiting = Wartet auf den ersten Wert
panel-paused = Es werden keine Bilder gelesen
panel-no-source = Keine Quelle
panel-choose = Im Menü Kamera eine andere wählen
panel-ended = Die Quelle hat keine Bilder mehr
panel-evidence-for = Evidenz für { $expression }
panel-evidence-of-profile = Evidenz für { $expression } ({ $profile })
panel-evidence = Evidenz für den Ausdruck
panel-range = { $low } bis { $high }
people-count = { $count } Gesichter im Bild
figure-frames = Bilder/s
figure-readings = Werte/s
figure-latency = Latenz
figure-detection = Erkennung
figure-classification = Klassifikation
figure-faces = Gesichter
figure-turned = Drehung
figure-nod = Nicken
figure-lean = Neigung
figure-eyes = Augen offen
figure-mouth = Mund offen
figure-blinks = Lidschläge/min
figure-frames-hint = Bilder je Sekunde, die gezeigt werden
measurements = Messwerte
quality = Qualität { $value }
angle-left = { $degrees } links
angle-right = { $degrees } rechts
angle-up = { $degrees } oben
angle-down = { $degrees } unten
baseline-start = Neutrale Basislinie…
baseline-use = Gespeicherte nutzen
baseline-delete = Löschen
baseline-look = Neutral schauen
baseline-key = Taste B
baseline-on = Basislinie an
baseline-inactive = Basislinie inaktiv
baseline-off = Ausschalten

## Picture and stage

live-picture = Livebild
picture-zoom = { $factor }× · Doppelklick: einpassen
picture-loading = Das Netz wird geladen…
picture-fit = Bild einpassen
picture-no-face = Kein Gesicht im Bild
copy-picture = Bild kopieren
mark-paused-camera = PAUSE: die Kamera ist frei, Leertaste setzt fort
mark-paused = PAUSE: Leertaste setzt fort
mark-still = PAUSE: Leertaste spielt ab
mark-live = ● LIVE
mark-demo = DEMO: aufgenommene Porträts, keine Kamera
mark-image = BILD
mark-video = VIDEO
mark-no-signal = KEIN SIGNAL
stage-looking = Eine Kamera wird gesucht
stage-opening = { $begin } wird geöffnet
stage-moment = Eine Kamera braucht einen Moment, und das System fragt vielleicht um Erlaubnis.
stage-released = Die Kamera ist frei: andere Programme können sie nutzen.
stage-no-frames = Es werden keine Bilder gelesen.
stage-waiting = Wartet auf das erste Bild
stage-space = Die Leertaste setzt fort.
stage-age = Das letzte Bild ist { $age } alt.
stage-reconnecting = Alle paar Sekunden wird neu verbunden.
stage-reconnect = Neu verbinden
stage-demo = Demo zeigen
stage-again = Noch einmal versuchen
stage-open = Datei öffnen…
stage-play-again = Noch einmal abspielen
stage-failed = { $name } kann nicht gezeigt werden
stage-ended = { $name } ist zu Ende
stage-copy = Meldung kopieren
name-camera = die Kamera
name-camera-begin = Die Kamera
name-camera-named = die Kamera { $name }
name-camera-named-begin = Die Kamera { $name }
name-demo = die Demo
name-demo-begin = Die Demo
name-list = die Liste von { $count } Dateien
name-list-begin = Die Liste von { $count } Dateien
drop-hint = Gewichte, Bild, Video oder Ordner zum Öffnen hier ablegen
recording-waits = Die Aufnahme beginnt mit dem ersten Bild
recording-started = ● Aufnahme: R beendet sie
recording-lost = { $count } verloren
introduction-title = Willkommen bei moue
introduction-understood = Verstanden
introduction-keys = Eingabetaste oder Esc
introduction = moue findet Gesichter im Bild und zeigt, welchen von sieben Ausdrücken ein kleines Netz in jedem liest, wie sicher es ist und wohin es geschaut hat; alles wird auf diesem Rechner berechnet, und kein Bild verlässt ihn je. Ein Ausdruck ist kein Gefühl: das Netz sieht ein Gesicht, nicht, was ein Mensch denkt, und es irrt sich oft.

## Timeline

timeline-ago = vor { $seconds } s
timeline-held = Angehalten
timeline-name-video = Zeitleiste des Videos
timeline-name-live = Zeitleiste der letzten Minute
timeline-video = Video
timeline-live = Letzte Minute
timeline-curves = Kurven
timeline-areas = Flächen
timeline-show-all-hint = Doppelklick auf die Zeitleiste
timeline-show-all = Alles zeigen
timeline-events = Ereignisse: { $list }
timeline-of-profile = Was das Profil las
timeline-now = jetzt
timeline-colours = Farben der Zeitleiste: { $names }
event-lost = verloren
event-found = gefunden
event-paused = pausiert
event-resumed = fortgesetzt
event-no-signal = kein Signal
event-signal-restored = Signal wieder da
event-source-failed = Quelle ausgefallen
event-baseline-on = Basislinie an
event-baseline-off = Basislinie aus
event-weights = Gewichte { $name }

## Videos, folders and the contact sheet

playback-loop = Wiederholen
playback-speed = Geschwindigkeit
playback-position = Stelle { $times }
playlist-title = { $file }, { $place } von { $count }
folder-picture = Bild
folder-back = Zurück zur Datei
contact-by-name = Nach Name
contact-by-expression = Nach Ausdruck
contact-export = CSV exportieren
contact-back = Zurück zum Bild
contact-more-errors = { $count } weitere Dateien waren nicht lesbar
contact-progress = { $faces ->
    [one] { $faces } Gesicht
   *[other] { $faces } Gesichter
} in { $done } von { $all } Dateien
contact-show = { $file }: zeigen

## Dialogs

dialog-up = Übergeordneter Ordner
dialog-nothing = Hier ist nichts Passendes
dialog-name = Name
dialog-folder-hint = Dieser Ordner; oder einen Namen oder Pfad eingeben
dialog-file-hint = Einen Namen oder Pfad eingeben
dialog-all-files = Alle Dateien
dialog-new-folder = Neuer Ordner
dialog-choose = Auswählen
dialog-open = Öffnen
dialog-home = Persönlicher Ordner
dialog-pictures = Bilder
dialog-videos = Videos
picker-any = Bild, Video oder Gewichte öffnen
picker-weights = Gewichte öffnen
picker-folder = Ordner öffnen
picker-session = Ordner einer Aufnahme öffnen
picker-recordings = Ordner für Aufnahmen wählen
naming-save = Namen speichern
naming-title = Name von Gesicht { $id }
question-title = Aufnahme beenden?
question-why = Eine Aufnahme gehört zu einer Quelle.
question-end = Beenden und wechseln
question-keep = Weiter aufnehmen
words-notes = Notizen
words-next = Für die nächste Aufnahme
words-write-last = In die letzte Aufnahme schreiben
words-write = In { $name } schreiben

## Sheets

sheet-shortcuts = Tastenkürzel
sheet-model = Über das Modell
sheet-messages = Meldungen
sheet-about = Über moue und Ihre Daten
sheet-session = Name und Notizen einer Aufnahme
about-network-osc = Dieses Programm kann OSC: mit --osc gestartet sendet es Messwerte, nie Bilder, an die Adresse, die dort steht, und sonst nichts. Es schreibt eine Datei mit Einstellungen, und sonst nichts, wenn Sie es nicht verlangen.
about-network = In diesem Programm ist kein Code für Netzwerke. Es schreibt eine Datei mit Einstellungen, und sonst nichts, wenn Sie es nicht verlangen.
messages-none = Keine Meldungen. Fehler stehen hier und können kopiert werden.
messages-newest = Neueste zuerst
messages-note = Hinweis: { $text }
messages-error = Fehler: { $text }
form-input = Eingabegröße
form-classes = Reihenfolge der Klassen in der Datei
model-architecture = Architektur
model-blocks = Blöcke
model-input = Eingabe
model-parameters = Parameter
model-classes = Klassen
model-runs-on = Läuft auf
model-order = Reihenfolge in der Datei
model-temperature = Temperatur
model-calibration = Kalibrierung
model-path = Pfad
model-input-value = { $size } × { $size } Pixel, grau
model-not-calibrated = 1 (nicht kalibriert)
model-loading = Das Netz wird geladen.
model-missing = steht nicht in der Datei
model-licence = Lizenz
model-network = Netz
model-training = Training
model-measured = Gemessen
model-conditions = Bei schlechtem Licht, Unschärfe und Rauschen
model-file = Datei
model-other = Außerdem in der Datei
model-training-data = Trainingsdaten
model-epochs = Epochen

## The list of keys

keys-pause = Pause oder weiter (gibt die Kamera frei)
keys-forward = 5 Sekunden vor, oder nächstes Bild
keys-back = 5 Sekunden zurück, oder voriges Bild
keys-next-frame = Video: nächstes Bild
keys-previous-frame = Video: voriges Bild
keys-next-file = Ordner: nächste Datei
keys-previous-file = Ordner: vorige Datei
keys-contact-sheet = Ordner: Kontaktbogen
keys-camera = Erste Kamera zeigen
keys-demo = Demo zeigen
keys-open = Bild, Video oder Gewichte öffnen
keys-folder = Ordner öffnen
keys-heatmap = Wärmebild an oder aus
keys-map = Wärmebild: Aufmerksamkeit, Evidenz oder die des Profils
keys-mesh = Gesichtsnetz an oder aus
keys-mirror = Kamera und Demo spiegeln
keys-timeline = Zeitleiste an oder aus
keys-panel = Seitenleiste an oder aus
keys-next-face = Nächstes Gesicht wählen
keys-baseline = Neutrale Basislinie: aufnehmen oder ausschalten
keys-record = Aufnahme starten oder beenden
keys-menu = Zur Menüleiste
keys-list = Diese Liste zeigen
keys-close = Dialog oder Meldung schließen
keys-face = Ein Gesicht wählen, in der Reihenfolge der Leiste
keys-or = oder
keys-faces = Gesichter
keys-program = Programm
keys-period = . (Punkt)
keys-comma = , (Komma)

## What things mean

term-unsure = Unsicher: kein Ausdruck führt deutlich, der wahrscheinlichste hat weniger als 40 %.
term-label = Der Ausdruck, dem das Netz bei diesem Gesicht am meisten gibt. Er ist kein Gefühl: das Netz sieht ein Gesicht, nicht, was ein Mensch denkt.

## Messages

toast-report = Bericht öffnen
toast-folder = Im Ordner zeigen
toast-note = Hinweis
toast-error = Fehler
toast-times = { $count }-mal
said-reading-copied = Werte kopiert
said-picture-copied = Das Bild wurde kopiert
said-saved = Gespeichert: { $path }
said-report = Bericht gespeichert: { $path }
said-opening = { $path } wird geöffnet
said-nothing-recorded = Es wurde noch nichts aufgenommen
said-instead = { $name } wird stattdessen gezeigt
said-contact-folder = Ein Kontaktbogen braucht einen Ordner: Datei > Ordner öffnen…
settings-not-saved = Die Einstellungen können nicht gespeichert werden: { $error }

## Teaching, profiles and triggers

people-teach = Ausdrücke beibringen…
people-open = Profil öffnen…
people-off = Profil aus
people-triggers = Auslöser…
picker-profile = Profil öffnen
keys-teach = Ausdrücke beibringen
add = Hinzufügen
teach-title = Ihr Gesicht beibringen
teach-leave-out = Weglassen
teach-own = Ein eigener
teach-own-hint = Zunge raus
teach-length = { $count } Ausdrücke, etwa { $minutes } Minuten
teach-wrong-count = { $count } gewählt; nötig sind { $least } bis { $most }
teach-start = Beginnen
teach-me = ich
teach-nothing-kept = Esc: nichts wird behalten
sitting-again = Noch einmal
sitting-skip = Überspringen
sitting-learn = Jetzt lernen
sitting-learning = Lernt…
sitting-no-face = Kein Gesicht im Bild.
sitting-moving = Stillhalten.
review-title = Was gelernt wurde
review-name = Name des Profils
review-keep = Behalten und nutzen
review-discard = Verwerfen
triggers-title = Auslöser: ein Ausdruck als Schalter
triggers-key = Taste { $key }
triggers-key-text = Taste { $key }: { $text }
triggers-above = über
triggers-ready = bereit

## Markers

record-marker = Marke…
marker-title = Marke
marker-hint = Was geschah
marker-recorded = Sie gilt für den Augenblick, in dem die Taste gedrückt wurde. Nach einem Komma kann ein Wert folgen.
marker-not-recorded = Sie steht nur in der Zeitleiste: es wird nichts aufgenommen.
marker-set = Marke setzen
keys-marker = Marke
said-marker-lost = Die Marke ist nicht in der Aufnahme: die Platte ist zu langsam
