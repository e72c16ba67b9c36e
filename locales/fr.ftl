# Français. Ce qui manque apparaît en anglais.

## Expressions, and what is said of a face

angry = colère
disgust = dégoût
fear = peur
happy = joie
neutral = neutre
sad = tristesse
surprise = surprise
unsure = incertain
sign-angry = Co
sign-disgust = Dé
sign-fear = Pe
sign-happy = Jo
sign-neutral = Ne
sign-sad = Tr
sign-surprise = Su
quality-too-small = Trop petit
quality-turned-away = Détourné
quality-tilted = Penché
quality-dark = Sombre
quality-over-exposed = Surexposé
quality-blurred = Flou
quality-cut-off = Coupé
quality-covered = Caché
quality-why = Qualité { $value } : { $reasons }
less-sure = { $reason } : moins sûr
face-choose = Choisir { $name }
face-name-it = Nommer ce visage…
face-name = Visage { $id }

## Words of many places

close = Fermer
cancel = Annuler
save = Enregistrer
copy = Copier
stop = Arrêter
pause = Pause
resume = Reprendre
play = Lire
paused = En pause
ended = Terminé
none = Aucune
loading = Chargement
opening = Ouverture
no-face = Aucun visage
no-signal = Aucun signal
system = Système
source = Source
device = Appareil
weights = Poids
attention = Attention
evidence = Indices
key-enter = Entrée
key-esc = Échap
next-frame = Image suivante
next-file = Fichier suivant
previous-frame = Image précédente
previous-file = Fichier précédent
skip-forward = Avancer de 5 secondes
skip-back = Reculer de 5 secondes
slideshow-stop = Arrêter le diaporama
slideshow = Diaporama
snapshot = Instantané
contact-sheet = Planche contact
zoom-in = Zoom avant
zoom-out = Zoom arrière
zoom-reset = Taille normale
full-screen = Plein écran
copy-values = Copier les valeurs
copy-all = Tout copier
copy-what = Copier { $what }
copy-note-name = cette note
copy-error-name = cette erreur
copy-message-name = ce message

## Menus

menu-file = Fichier
menu-camera = Caméra
menu-record = Enregistrement
menu-view = Affichage
menu-people = Personnes
menu-help = Aide
menu-none-yet = Aucun pour l’instant
menu-open = Ouvrir…
menu-open-folder = Ouvrir un dossier…
menu-recent-files = Fichiers récents
menu-open-weights = Ouvrir des poids…
menu-recent-weights = Poids récents
menu-new-window = Nouvelle fenêtre
menu-quit = Quitter
menu-built-in-weights = Poids intégrés
camera-looking = Recherche de caméras…
camera-none = Aucune caméra trouvée
camera-refresh = Rechercher à nouveau
camera-first = Première caméra
camera-demo = Démo
camera-open-file = Ouvrir un fichier…
record-stop = Arrêter l’enregistrement
record-start = Démarrer l’enregistrement
record-video = Enregistrer la vidéo annotée
record-blur = Flouter les visages dans la vidéo
record-folder = Dossier des enregistrements…
record-no-folder = Pas encore choisi
record-report = Rapport du dernier enregistrement
record-open-session = Ouvrir une session…
record-words = Nom et notes…
view-heatmap = Carte de chaleur
view-map = Carte
view-colours = Couleurs
view-opacity = Opacité
view-mesh = Maillage du visage
view-smoothing = Lissage
view-detector = Détecteur
view-baseline = Référence neutre
view-mirror = Miroir pour caméra et démo
view-panel = Panneau latéral
view-timeline = Chronologie
view-next-face = Visage suivant
view-contact-sheet = Planche contact du dossier
view-theme = Thème
view-detector-auto = Auto
view-language = Langue
view-language-no-font = { $name } (aucune police installée)
view-language-looking = { $name } (recherche d’une police…)
language-japanese = Japonais
language-bengali = Bengali
theme-light = Clair
theme-dark = Sombre

## Panel

panel-showing = Visage { $id } affiché : { $label }
panel-next-face = N : visage suivant
panel-starting = Démarrage
panel-opening = Ouverture de la source
panel-loading = Chargement du réseau
panel-no-face = Aucun visage trouvé dans cette image
panel-analysing = Analyse
panel-no-source = Aucune source
panel-evidence-for = Indices de { $expression }
panel-evidence-of-profile = Indices de { $expression } ({ $profile })
panel-evidence = Indices de l’expression
panel-range = { $low } à { $high }
people-count = { $count } visages en vue
figure-frames = Images/s
figure-readings = Lectures/s
figure-latency = Latence
figure-detection = Détection
figure-classification = Classification
figure-faces = Visages
figure-turned = Rotation
figure-nod = Hochement
figure-lean = Inclinaison
figure-eyes = Yeux ouverts
figure-mouth = Bouche ouverte
figure-blinks = Clignements/min
measurements = Mesures
quality = Qualité { $value }
angle-left = { $degrees } gauche
angle-right = { $degrees } droite
angle-up = { $degrees } haut
angle-down = { $degrees } bas
baseline-start = Référence neutre…
baseline-delete = Supprimer
baseline-key = Touche B
baseline-on = Référence active
baseline-inactive = Référence inactive
baseline-off = Désactiver

## Picture and stage

live-picture = Image en direct
picture-zoom = { $factor }× · double clic : ajuster
picture-loading = Chargement du réseau…
picture-fit = Ajuster l’image
picture-no-face = Aucun visage en vue
copy-picture = Copier l’image
mark-live = ● DIRECT
mark-image = IMAGE
mark-video = VIDÉO
mark-no-signal = AUCUN SIGNAL
stage-looking = Recherche d’une caméra
stage-opening = Ouverture de { $name }
stage-waiting = En attente de la première image
stage-reconnect = Reconnecter
stage-demo = Afficher la démo
stage-again = Réessayer
stage-open = Ouvrir un fichier…
stage-play-again = Relire
stage-failed = Affichage impossible : { $name }
stage-ended = { $name } : terminé
stage-copy = Copier le message
name-camera = la caméra
name-camera-begin = La caméra
name-camera-named = la caméra { $name }
name-camera-named-begin = La caméra { $name }
name-demo = la démo
name-demo-begin = La démo
recording-started = ● Enregistrement : R l’arrête
introduction-title = Bienvenue dans moue
introduction-understood = Compris
introduction-keys = Entrée ou Échap

## Timeline

timeline-ago = il y a { $seconds } s
timeline-name-video = Chronologie de la vidéo
timeline-name-live = Chronologie de la dernière minute
timeline-video = Vidéo
timeline-live = Dernière minute
timeline-curves = Courbes
timeline-areas = Aires
timeline-show-all-hint = Double clic sur la chronologie
timeline-show-all = Tout afficher
timeline-events = Événements : { $list }
timeline-now = maint.
timeline-colours = Couleurs de la chronologie : { $names }
event-no-signal = aucun signal
event-paused = en pause
event-weights = poids { $name }

## Videos, folders and the contact sheet

playback-loop = En boucle
playback-speed = Vitesse
playback-position = Position { $times }
playlist-title = { $file }, { $place } sur { $count }
folder-picture = Image
folder-back = Retour au fichier
contact-by-name = Par nom
contact-by-expression = Par expression
contact-export = Exporter en CSV
contact-back = Retour à l’image
contact-progress = { $faces ->
    [one] { $faces } visage
   *[other] { $faces } visages
} dans { $done } fichiers sur { $all }

## Dialogs

dialog-up = Dossier parent
dialog-name = Nom
dialog-all-files = Tous les fichiers
dialog-new-folder = Nouveau dossier
dialog-choose = Choisir
dialog-open = Ouvrir
dialog-home = Dossier personnel
dialog-pictures = Images
dialog-videos = Vidéos
picker-any = Ouvrir une image, une vidéo ou des poids
picker-weights = Ouvrir des poids
picker-folder = Ouvrir un dossier
picker-recordings = Choisir le dossier des enregistrements
naming-save = Enregistrer le nom
naming-title = Nom du visage { $id }
question-title = Terminer l’enregistrement ?
question-end = Terminer et changer
question-keep = Continuer
words-notes = Notes

## Sheets

sheet-shortcuts = Raccourcis clavier
sheet-model = À propos du modèle
sheet-messages = Messages
sheet-about = À propos de moue et de votre vie privée
sheet-session = Nom et notes d’un enregistrement
messages-newest = Les plus récents d’abord
messages-note = note : { $text }
messages-error = erreur : { $text }
model-architecture = Architecture
model-blocks = Blocs
model-input = Entrée
model-parameters = Paramètres
model-classes = Classes
model-temperature = Température
model-calibration = Calibration
model-path = Chemin
model-licence = Licence
model-network = Réseau
model-training = Entraînement
model-file = Fichier

## The list of keys

keys-open = Ouvrir une image, une vidéo ou des poids
keys-folder = Ouvrir un dossier
keys-camera = Afficher la première caméra
keys-demo = Afficher la démo
keys-next-face = Choisir le visage suivant
keys-record = Démarrer ou arrêter l’enregistrement
keys-menu = Aller à la barre de menus
keys-list = Afficher cette liste
keys-or = ou
keys-faces = Visages
keys-program = Programme
keys-period = . (point)
keys-comma = , (virgule)

## Messages

toast-report = Ouvrir le rapport
toast-folder = Afficher dans le dossier
toast-note = Note
toast-error = Erreur
toast-times = { $count } fois
said-saved = Enregistré : { $path }
said-picture-copied = L’image a été copiée

## Teaching, profiles and triggers

people-open = Ouvrir un profil…
people-off = Profil désactivé
picker-profile = Ouvrir un profil
add = Ajouter
teach-start = Commencer
teach-me = moi
sitting-again = Encore
sitting-skip = Passer
review-name = Nom du profil
review-discard = Abandonner
triggers-key = Touche { $key }
triggers-key-text = Touche { $key } : { $text }

## Markers

record-marker = Repère…
marker-title = Repère
keys-marker = Repère
