# 日本語。ここにないものは英語で表示される。

## Expressions, and what is said of a face

angry = 怒り
disgust = 嫌悪
fear = 恐れ
happy = 喜び
neutral = 無表情
sad = 悲しみ
surprise = 驚き
unsure = 不明
sign-angry = 怒
sign-disgust = 嫌
sign-fear = 恐
sign-happy = 喜
sign-neutral = 無
sign-sad = 悲
sign-surprise = 驚
quality-too-small = 小さすぎる
quality-dark = 暗い
quality-blurred = ぼけている
face-choose = { $name }を選択
face-name = 顔 { $id }

## Words of many places

close = 閉じる
cancel = キャンセル
save = 保存
copy = コピー
stop = 停止
pause = 一時停止
resume = 再開
play = 再生
paused = 一時停止中
ended = 終了
none = なし
loading = 読み込み中
opening = 開いています
no-face = 顔なし
no-signal = 信号なし
system = システム
source = 入力
device = デバイス
weights = 重み
attention = 注意
key-enter = Enter
key-esc = Esc
next-frame = 次のフレーム
next-file = 次のファイル
previous-frame = 前のフレーム
previous-file = 前のファイル
skip-forward = 5秒進む
skip-back = 5秒戻る
slideshow-stop = スライドショーを停止
slideshow = スライドショー
snapshot = スナップショット
zoom-in = 拡大
zoom-out = 縮小
zoom-reset = 元の大きさ
full-screen = 全画面表示
copy-values = 値をコピー
copy-all = すべてコピー
copy-what = { $what }をコピー
copy-error-name = このエラー
copy-message-name = このメッセージ

## Menus

menu-file = ファイル
menu-camera = カメラ
menu-record = 録画
menu-view = 表示
menu-people = 人物
menu-help = ヘルプ
menu-none-yet = まだありません
menu-open = 開く…
menu-open-folder = フォルダーを開く…
menu-recent-files = 最近使ったファイル
menu-open-weights = 重みを開く…
menu-recent-weights = 最近使った重み
menu-new-window = 新しいウィンドウ
menu-quit = 終了
menu-built-in-weights = 内蔵の重み
camera-looking = カメラを探しています…
camera-none = カメラが見つかりません
camera-refresh = カメラを再検索
camera-first = 最初のカメラ
camera-demo = デモ
camera-open-file = ファイルを開く…
record-stop = 録画を停止
record-start = 録画を開始
record-folder = 録画フォルダー…
record-no-folder = 未選択
record-words = 名前とメモ…
view-heatmap = ヒートマップ
view-map = マップ
view-colours = 色
view-opacity = 不透明度
view-mesh = 顔のメッシュ
view-smoothing = 平滑化
view-detector = 検出器
view-panel = サイドパネル
view-timeline = タイムライン
view-next-face = 次の顔
view-theme = テーマ
view-detector-auto = 自動
view-language = 言語
view-language-no-font = { $name }（フォントがありません）
view-language-looking = { $name }（フォントを探しています…）
language-japanese = 日本語
language-bengali = ベンガル語
theme-light = ライト
theme-dark = ダーク

## Panel

panel-showing = 表示中の顔 { $id }: { $label }
panel-next-face = N: 次の顔
panel-no-face = このフレームに顔は見つかりませんでした
people-count = { $count } 人の顔
figure-frames = フレーム/秒
figure-latency = 遅延
figure-detection = 検出
figure-classification = 分類
figure-faces = 顔
figure-mouth = 口の開き
figure-eyes = 目の開き
figure-blinks = まばたき/分
measurements = 測定値
quality = 品質 { $value }
quality-why = 品質 { $value }: { $reasons }

## Picture and stage

live-picture = ライブ映像
copy-picture = 画像をコピー
mark-live = ● ライブ
mark-image = 画像
mark-video = 動画
mark-no-signal = 信号なし
stage-looking = カメラを探しています
stage-reconnect = 再接続
stage-demo = デモを表示
stage-again = 再試行
stage-open = ファイルを開く…
stage-play-again = もう一度再生
stage-copy = メッセージをコピー

## Timeline

timeline-video = 動画
timeline-curves = 曲線
timeline-areas = 面
timeline-show-all = すべて表示
timeline-now = 現在
timeline-ago = { $seconds } 秒前
event-no-signal = 信号なし
event-paused = 一時停止

## Videos, folders and the contact sheet

playback-loop = 繰り返し
playback-speed = 速度
contact-by-name = 名前順
contact-by-expression = 表情順

## Dialogs

dialog-up = 上のフォルダー
dialog-name = 名前
dialog-all-files = すべてのファイル
dialog-new-folder = 新しいフォルダー
dialog-choose = 選択
dialog-open = 開く
dialog-home = ホーム
dialog-pictures = ピクチャ
dialog-videos = ビデオ
picker-weights = 重みを開く
picker-folder = フォルダーを開く
words-notes = メモ

## Sheets

sheet-shortcuts = キーボードショートカット
sheet-model = モデルについて
sheet-messages = メッセージ
sheet-about = moue とプライバシーについて
model-parameters = パラメーター
model-licence = ライセンス
model-file = ファイル

## The list of keys

keys-or = または
keys-faces = 顔
keys-program = プログラム

## Messages

toast-error = エラー
toast-times = { $count } 回

## Teaching, profiles and triggers

people-open = プロファイルを開く…
people-off = プロファイルをオフ
picker-profile = プロファイルを開く
add = 追加
teach-start = 開始
sitting-again = もう一度
sitting-skip = スキップ
review-name = プロファイル名
review-discard = 破棄
