# বাংলা। এখানে যা নেই তা ইংরেজিতে দেখানো হয়।

## Expressions, and what is said of a face

angry = রাগ
disgust = ঘৃণা
fear = ভয়
happy = আনন্দ
neutral = নিরপেক্ষ
sad = দুঃখ
surprise = বিস্ময়
unsure = অনিশ্চিত
sign-angry = রা
sign-disgust = ঘৃ
sign-fear = ভ
sign-happy = আ
sign-neutral = নি
sign-sad = দুঃ
sign-surprise = বি
face-name = মুখ { $id }

## Words of many places

close = বন্ধ করুন
cancel = বাতিল
save = সংরক্ষণ করুন
copy = কপি করুন
stop = থামান
pause = বিরতি
resume = আবার শুরু করুন
play = চালান
no-face = কোনো মুখ নেই
no-signal = সংকেত নেই
system = সিস্টেম
source = উৎস
next-frame = পরের ফ্রেম
next-file = পরের ফাইল
previous-frame = আগের ফ্রেম
previous-file = আগের ফাইল
slideshow = স্লাইড শো
zoom-in = বড় করুন
zoom-out = ছোট করুন
zoom-reset = স্বাভাবিক আকার
full-screen = পূর্ণ পর্দা
copy-all = সব কপি করুন

## Menus

menu-file = ফাইল
menu-camera = ক্যামেরা
menu-record = রেকর্ড
menu-view = দেখুন
menu-people = মানুষ
menu-help = সাহায্য
menu-open = খুলুন…
menu-open-folder = ফোল্ডার খুলুন…
menu-recent-files = সাম্প্রতিক ফাইল
menu-new-window = নতুন উইন্ডো
menu-quit = বন্ধ করুন
camera-none = কোনো ক্যামেরা পাওয়া যায়নি
camera-first = প্রথম ক্যামেরা
camera-demo = ডেমো
camera-open-file = ফাইল খুলুন…
record-start = রেকর্ডিং শুরু করুন
record-stop = রেকর্ডিং থামান
view-colours = রং
view-next-face = পরের মুখ
view-theme = থিম
view-language = ভাষা
view-language-no-font = { $name } (ফন্ট নেই)
language-japanese = জাপানি
language-bengali = বাংলা
theme-light = হালকা
theme-dark = গাঢ়

## Panel

people-count = { $count } টি মুখ
figure-faces = মুখ

## Picture and stage

copy-picture = ছবি কপি করুন
mark-image = ছবি
mark-video = ভিডিও

## Timeline

timeline-video = ভিডিও
timeline-now = এখন

## Dialogs

dialog-name = নাম
dialog-all-files = সব ফাইল
dialog-new-folder = নতুন ফোল্ডার
dialog-open = খুলুন
dialog-pictures = ছবি
dialog-videos = ভিডিও

## Sheets

sheet-shortcuts = কীবোর্ড শর্টকাট
sheet-messages = বার্তা

## The list of keys

keys-or = বা
keys-faces = মুখ
keys-program = প্রোগ্রাম

## Teaching, profiles and triggers

people-open = প্রোফাইল খুলুন…
add = যোগ করুন
teach-start = শুরু করুন
sitting-again = আবার
