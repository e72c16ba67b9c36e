# Español. Lo que falta aparece en inglés.

## Expressions, and what is said of a face

angry = enfado
disgust = asco
fear = miedo
happy = alegría
neutral = neutral
sad = tristeza
surprise = sorpresa
unsure = inseguro
sign-angry = En
sign-disgust = As
sign-fear = Mi
sign-happy = Al
sign-neutral = Ne
sign-sad = Tr
sign-surprise = So
quality-too-small = Demasiado pequeña
quality-turned-away = Girada
quality-tilted = Inclinada
quality-dark = Oscura
quality-over-exposed = Sobreexpuesta
quality-blurred = Borrosa
quality-cut-off = Cortada
quality-covered = Tapada
quality-why = Calidad { $value }: { $reasons }
less-sure = { $reason }: menos seguro
face-choose = Elegir { $name }
face-name-it = Nombrar esta cara…
face-name = Cara { $id }

## Words of many places

close = Cerrar
cancel = Cancelar
save = Guardar
copy = Copiar
stop = Detener
pause = Pausa
resume = Reanudar
play = Reproducir
paused = En pausa
ended = Terminado
none = Ninguna
loading = Cargando
opening = Abriendo
no-face = Ninguna cara
no-signal = Sin señal
system = Sistema
source = Fuente
device = Dispositivo
weights = Pesos
attention = Atención
evidence = Evidencia
key-enter = Intro
key-esc = Esc
next-frame = Fotograma siguiente
next-file = Archivo siguiente
previous-frame = Fotograma anterior
previous-file = Archivo anterior
skip-forward = Avanzar 5 segundos
skip-back = Retroceder 5 segundos
slideshow-stop = Detener la presentación
slideshow = Presentación
snapshot = Instantánea
contact-sheet = Hoja de contactos
zoom-in = Acercar
zoom-out = Alejar
zoom-reset = Tamaño normal
full-screen = Pantalla completa
copy-values = Copiar valores
copy-all = Copiar todo
copy-what = Copiar { $what }
copy-note-name = esta nota
copy-error-name = este error
copy-message-name = este mensaje

## Menus

menu-file = Archivo
menu-camera = Cámara
menu-record = Grabar
menu-view = Ver
menu-people = Personas
menu-help = Ayuda
menu-none-yet = Ninguno todavía
menu-open = Abrir…
menu-open-folder = Abrir carpeta…
menu-recent-files = Archivos recientes
menu-open-weights = Abrir pesos…
menu-recent-weights = Pesos recientes
menu-new-window = Ventana nueva
menu-quit = Salir
menu-built-in-weights = Pesos incluidos
camera-looking = Buscando cámaras…
camera-none = No se encontró ninguna cámara
camera-refresh = Buscar cámaras de nuevo
camera-first = Primera cámara
camera-demo = Demo
camera-open-file = Abrir archivo…
record-stop = Detener la grabación
record-start = Iniciar la grabación
record-video = Grabar vídeo con anotaciones
record-blur = Difuminar las caras en el vídeo
record-folder = Carpeta de grabaciones…
record-no-folder = Aún no elegida
record-report = Informe de la última grabación
record-open-session = Abrir sesión…
record-words = Nombre y notas…
view-heatmap = Mapa de calor
view-map = Mapa
view-colours = Colores
view-opacity = Opacidad
view-mesh = Malla de la cara
view-smoothing = Suavizado
view-detector = Detector
view-baseline = Línea base neutral
view-mirror = Reflejar cámara y demo
view-panel = Panel lateral
view-timeline = Línea de tiempo
view-next-face = Cara siguiente
view-contact-sheet = Hoja de contactos de la carpeta
view-theme = Tema
view-detector-auto = Auto
view-language = Idioma
view-language-no-font = { $name } (no hay tipo de letra instalado)
view-language-looking = { $name } (buscando tipo de letra…)
language-japanese = Japonés
language-bengali = Bengalí
theme-light = Claro
theme-dark = Oscuro

## Panel

panel-showing = Se muestra la cara { $id }: { $label }
panel-next-face = N: cara siguiente
panel-starting = Iniciando
panel-opening = Abriendo la fuente
panel-loading = Cargando la red
panel-no-face = No se encontró ninguna cara en este fotograma
panel-analysing = Analizando
panel-no-source = Sin fuente
panel-evidence-for = Evidencia de { $expression }
panel-evidence-of-profile = Evidencia de { $expression } ({ $profile })
panel-evidence = Evidencia de la expresión
panel-range = { $low } a { $high }
people-count = { $count } caras a la vista
figure-frames = Imágenes/s
figure-readings = Lecturas/s
figure-latency = Latencia
figure-detection = Detección
figure-classification = Clasificación
figure-faces = Caras
figure-turned = Giro
figure-nod = Cabeceo
figure-lean = Inclinación
figure-eyes = Ojos abiertos
figure-mouth = Boca abierta
figure-blinks = Parpadeos/min
measurements = Medidas
quality = Calidad { $value }
angle-left = { $degrees } izquierda
angle-right = { $degrees } derecha
angle-up = { $degrees } arriba
angle-down = { $degrees } abajo
baseline-start = Línea base neutral…
baseline-use = Usar guardada
baseline-delete = Borrar
baseline-key = Tecla B
baseline-on = Línea base activa
baseline-inactive = Línea base inactiva
baseline-off = Desactivar

## Picture and stage

live-picture = Imagen en directo
picture-zoom = { $factor }× · doble clic: ajustar
picture-loading = Cargando la red…
picture-fit = Ajustar imagen
picture-no-face = Ninguna cara a la vista
copy-picture = Copiar imagen
mark-live = ● EN DIRECTO
mark-image = IMAGEN
mark-video = VÍDEO
mark-no-signal = SIN SEÑAL
stage-looking = Buscando una cámara
stage-opening = Abriendo { $name }
stage-waiting = Esperando el primer fotograma
stage-reconnect = Reconectar ahora
stage-demo = Mostrar la demo
stage-again = Intentar de nuevo
stage-open = Abrir un archivo…
stage-play-again = Reproducir de nuevo
stage-failed = No se puede mostrar: { $name }
stage-ended = { $name }: terminado
stage-copy = Copiar mensaje
name-camera = la cámara
name-camera-begin = La cámara
name-camera-named = la cámara { $name }
name-camera-named-begin = La cámara { $name }
name-demo = la demo
name-demo-begin = La demo
recording-started = ● Grabando: R la detiene
introduction-title = Bienvenido a moue
introduction-understood = Entendido
introduction-keys = Intro o Esc

## Timeline

timeline-ago = hace { $seconds } s
timeline-name-video = Línea de tiempo del vídeo
timeline-name-live = Línea de tiempo del último minuto
timeline-video = Vídeo
timeline-live = Último minuto
timeline-curves = Curvas
timeline-areas = Áreas
timeline-show-all-hint = Doble clic en la línea de tiempo
timeline-show-all = Mostrar todo
timeline-events = Eventos: { $list }
timeline-now = ahora
timeline-colours = Colores de la línea de tiempo: { $names }
event-no-signal = sin señal
event-paused = en pausa
event-weights = pesos { $name }

## Videos, folders and the contact sheet

playback-loop = Repetir
playback-speed = Velocidad
playback-position = Posición { $times }
playlist-title = { $file }, { $place } de { $count }
folder-picture = Imagen
folder-back = Volver al archivo
contact-by-name = Por nombre
contact-by-expression = Por expresión
contact-export = Exportar CSV
contact-back = Volver a la imagen
contact-progress = { $faces ->
    [one] { $faces } cara
   *[other] { $faces } caras
} en { $done } de { $all } archivos

## Dialogs

dialog-up = Carpeta superior
dialog-name = Nombre
dialog-all-files = Todos los archivos
dialog-new-folder = Carpeta nueva
dialog-choose = Elegir
dialog-open = Abrir
dialog-home = Carpeta personal
dialog-pictures = Imágenes
dialog-videos = Vídeos
picker-any = Abrir imagen, vídeo o pesos
picker-weights = Abrir pesos
picker-folder = Abrir carpeta
picker-recordings = Elegir la carpeta de grabaciones
naming-save = Guardar nombre
naming-title = Nombre de la cara { $id }
question-title = ¿Terminar la grabación?
question-end = Terminar y cambiar
question-keep = Seguir grabando
words-notes = Notas

## Sheets

sheet-shortcuts = Atajos de teclado
sheet-model = Acerca del modelo
sheet-messages = Mensajes
sheet-about = Acerca de moue y su privacidad
sheet-session = Nombre y notas de una grabación
messages-newest = Los más recientes primero
messages-note = nota: { $text }
messages-error = error: { $text }
model-architecture = Arquitectura
model-blocks = Bloques
model-input = Entrada
model-parameters = Parámetros
model-classes = Clases
model-temperature = Temperatura
model-calibration = Calibración
model-path = Ruta
model-licence = Licencia
model-network = Red
model-training = Entrenamiento
model-file = Archivo

## The list of keys

keys-open = Abrir imagen, vídeo o pesos
keys-folder = Abrir una carpeta
keys-camera = Mostrar la primera cámara
keys-demo = Mostrar la demo
keys-next-face = Elegir la cara siguiente
keys-record = Iniciar o detener la grabación
keys-menu = Ir a la barra de menús
keys-list = Mostrar esta lista
keys-or = o
keys-faces = Caras
keys-program = Programa
keys-period = . (punto)
keys-comma = , (coma)

## Messages

toast-report = Abrir informe
toast-folder = Mostrar en la carpeta
toast-note = Nota
toast-error = Error
toast-times = { $count } veces
said-saved = Guardado: { $path }
said-picture-copied = Se copió la imagen

## Teaching, profiles and triggers

people-open = Abrir perfil…
people-off = Perfil desactivado
picker-profile = Abrir un perfil
add = Añadir
teach-start = Empezar
teach-me = yo
sitting-again = Otra vez
sitting-skip = Omitir
review-name = Nombre del perfil
review-discard = Descartar
triggers-key = Tecla { $key }
triggers-key-text = Tecla { $key }: { $text }

## Markers

record-marker = Marcador…
marker-title = Marcador
keys-marker = Marcador
