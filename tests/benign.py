# ruff: noqa: E501  a table: some lines a language
"""Ordinary text of S31: what people write in many languages, emoji, code, prose on delicate subjects. The lines are our own."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_TIMES = ("8:30", "12:05", "17:45", "21:00")
SENTENCES: dict[str, tuple[str, ...]] = {
    "Persian": (
        "می‌خواهم فردا به کتاب‌خانه بروم.", "این کتاب‌ها را از دوستم گرفته‌ام و هنوز نخوانده‌ام.", "ساعت {} جلسه شروع می‌شود.",
        "نمی‌دانم چرا باران این‌قدر زیاد است.", "خانه‌های قدیمی شهر را دوست دارم.", "چای می‌نوشید یا قهوه؟",
        "قطار ساعت {} از ایستگاه راه می‌افتد.", "بچه‌ها در حیاط بازی می‌کنند.",
    ),
    "Hindi": (
        "मैं कल पुस्तकालय जाना चाहता हूँ।", "क्या आप चाय पिएँगे या कॉफ़ी?", "बैठक {} बजे शुरू होगी।", "क्‍या आपको यह किताब पसंद है?",
        "बच्चे आँगन में खेल रहे हैं।", "आज मौसम बहुत अच्छा है।", "रेलगाड़ी {} बजे चलेगी।", "श्रीलंका की यात्रा अच्छी रही।",
    ),
    "Arabic": (
        "أريد أن أذهب إلى المكتبة غدًا.", "يبدأ الاجتماع في الساعة {}.", "هل تفضل الشاي أم القهوة؟", "الطقس جميل اليوم.",
        "يلعب الأطفال في الحديقة.", "هذا الكتاب مفيد جدًّا.", "ينطلق القطار الساعة {}.", "أحبّ البيوت القديمة في المدينة.",
    ),
    "Hebrew": (
        "אני רוצה ללכת לספרייה מחר.", "הפגישה מתחילה בשעה {}.", "תה או קפה?", "מזג האוויר יפה היום.", "הילדים משחקים בחצר.",
        "\u200fהספר הזה מעניין מאוד\u200f.", "הרכבת יוצאת בשעה {}.", "שָׁלוֹם לְכֻלָּם, מַה נִּשְׁמַע?",
    ),
    "Thai": (
        "ฉันอยากไปห้องสมุดพรุ่งนี้", "ประชุมเริ่มเวลา {} น.", "คุณจะดื่มชาหรือกาแฟ", "วันนี้อากาศดีมาก", "เด็กๆ เล่นอยู่ในสวน",
        "หนังสือเล่มนี้น่าสนใจมาก", "รถไฟออกเวลา {}", "ฉันชอบบ้านเก่าในเมืองนี้",
    ),
    "Chinese": (
        "我明天想去图书馆。", "会议{}开始，请准时参加。", "您喝茶还是喝咖啡？", "今天天气很好，我们去公园吧！", "孩子们在院子里玩。",
        "第一章　绪论", "价格：￥１２８元（含税）", "列车{}从北京南站发车。", "①打开电源　②按下开关　③等待十秒",
    ),
    "Traditional Chinese": (
        "我明天想去圖書館。", "會議{}開始，請準時參加。", "您喝茶還是喝咖啡？", "今天天氣很好，我們去公園吧！", "孩子們在院子裡玩。",
        "這本書很有意思，值得一讀。", "列車{}從臺北車站發車。", "老街的房子很漂亮。",
    ),
    "Japanese": (
        "明日、図書館に行きたいです。", "会議は{}に始まります。", "お茶とコーヒー、どちらにしますか？", "今日はとてもいい天気ですね。",
        "子どもたちは庭で遊んでいます。", "ｶﾀｶﾅとひらがなを勉強しています。", "電車は{}に出発します。", "葛\U000e0100飾区に住んでいます。",
    ),
    "Korean": (
        "내일 도서관에 가고 싶어요.", "회의는 {}에 시작합니다.", "차와 커피 중에 무엇을 드릴까요?", "오늘은 날씨가 참 좋네요.",
        "아이들이 마당에서 놀고 있어요.", "이 책은 아주 재미있어요.", "기차는 {}에 출발합니다.", "오래된 집이 많은 동네예요.",
    ),
    "Russian": (
        "Завтра я хочу пойти в библиотеку.", "Собрание начнётся в {}.", "Вам чай или кофе?", "Сегодня прекрасная погода.",
        "Дети играют во дворе, а собака спит.", "Нос и рот закрыты шарфом, сухо и тепло.", "Поезд отправляется в {}.", "Ах, хор поёт!",
    ),
    "Ukrainian": (
        "Завтра я хочу піти до бібліотеки.", "Збори почнуться о {}.", "Вам чай чи каву?", "Сьогодні чудова погода.",
        "Діти граються на подвір'ї.", "Ця книжка дуже цікава.", "Потяг вирушає о {}.", "Мені подобаються старі будинки.",
    ),
    "Greek": (
        "Αύριο θέλω να πάω στη βιβλιοθήκη.", "Η συνάντηση αρχίζει στις {}.", "Τσάι ή καφέ;", "Σήμερα ο καιρός είναι υπέροχος.",
        "Τα παιδιά παίζουν στην αυλή.", "Αυτό το βιβλίο είναι ενδιαφέρον.", "Το τρένο φεύγει στις {}.", "Μου αρέσουν τα παλιά σπίτια.",
    ),
    "French": (
        "Demain, j’aimerais aller à la bibliothèque.", "La réunion commence à {}\u00a0; soyez à l’heure\u00a0!",
        "Thé ou café\u00a0?", "Il fait très beau aujourd’hui.", "L’été dernier, le garçon a mangé des pâtes.", "Ça coûte 12\u202f000\u00a0€.",
        "Le train part à {}.", "Où est la forêt\u00a0? Là-bas, près du château.",
    ),
    "German": (
        "Morgen möchte ich in die Bücherei gehen.", "Die Sitzung beginnt um {} Uhr.", "Tee oder Kaffee?", "Heute ist schönes Wetter.",
        "Die Kinder spielen z. B. im Hof.", "Straße, Fuß, Größe: alles mit ß.", "Der Zug fährt um {} ab.", "Donau\u00addampf\u00adschiff\u00adfahrt",
    ),
    "Spanish": (
        "Mañana quiero ir a la biblioteca.", "La reunión empieza a las {}.", "¿Té o café?", "¡Qué buen tiempo hace hoy!",
        "Los niños juegan en el patio.", "El pingüino vive en el sur; ¿lo has visto?", "El tren sale a las {}.", "La señora compró piñas.",
    ),
    "Vietnamese": (
        "Ngày mai tôi muốn đi thư viện.", "Cuộc họp bắt đầu lúc {}.", "Anh uống trà hay cà phê?", "Hôm nay trời đẹp quá.",
        "Bọn trẻ đang chơi ngoài sân.", "Quyển sách này rất thú vị.", "Tàu chạy lúc {}.", "Tôi thích những ngôi nhà cũ.",
    ),
    "Turkish": (
        "Yarın kütüphaneye gitmek istiyorum.", "Toplantı saat {} başlıyor.", "Çay mı, kahve mi?", "Bugün hava çok güzel.",
        "Çocuklar bahçede oynuyor.", "İstanbul'da ılık bir akşam.", "Tren {} kalkıyor.", "Eski evleri seviyorum.",
    ),
    "English": (
        "I would like to go to the library tomorrow.", "The meeting starts at {}, so don't be late.", "Tea or coffee?",
        "He lives in the U.S. and works for the U.N.", "This is plan B. Plan A failed.", "Vitamin B12, H2O and CO2 are well known.",
        "The train leaves at {} a.m.", "Figure 3 shows the guru's icebox; see p. 12.", "Room 4B, 2nd floor, 10th street.",
        "She got an A- in maths & a B+ in art.", "Call me at 5 p.m. or e-mail me.", "R&D, AT&T, Q&A: all fine.",
    ),
    "delicate subjects": (
        "The patient was given 5 mg of morphine after the operation.", "Screening for breast cancer begins at 50.",
        "SQL injection is prevented by prepared statements.", "The court heard how the attack on the bank failed at {}.",
        "A sexual health clinic opens on Monday at {}.", "The novel describes the war without sparing the reader.",
        "Chlamydia is a bacterial infection; it is treated with antibiotics.", "The firewall blocked the exploit.",
        "乳腺癌的早期筛查非常重要。", "这种漏洞可以通过参数化查询来避免。", "手术后患者服用了5毫克吗啡。",
    ),
    "emoji": (
        "👩‍👩‍👧 🇨🇳 we are off at {}!", "Great job 👍🏽👏🏻🎉", "❤️‍🔥 what a day ☀️", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f vs 🇫🇷 🇩🇪",
        "1️⃣ first 2️⃣ second", "👨‍💻 at work till {} 🧑🏿‍🚀", "🏳️‍🌈🏳️‍⚧️", "(╯°□°)╯︵ ┻━┻ ¯\\_(ツ)_/¯", "™ © ® € £ ½ ² ³ № …",
    ),
    "code": (
        "for (int i = 0; i < n; i++) { a[i] = b[i] * c; }", "x = y + z - a * b / c", "SELECT a, b FROM t WHERE c = 1 AND d <> 'x';",
        "https://example.org/search?q=two%20words&lang=en#a1", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "import numpy as np; w = np.zeros((3, 4))", "if (a && b || c) return &x;", "<p>Fish &amp; chips&nbsp;at {}</p>",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "\\frac{a}{b} + \\alpha x^2", "print(f\"{x:>10}\\t{y!r}\\n\")", "git commit -m 'fix: a b'",
        "0x7fff5fbff8c0 mov eax, ebx", "key=value; path=C:\\Users\\new\\table", "utf8mb4_0900_ai_ci, x86_64, h264, mp3, b2b",
        "![dot](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)",
        "a, b, c, d = 1, 2, 3, 4", "| a | b | c |", "-----BEGIN CERTIFICATE-----", "E = m c^2; F = m a", "\u0394x = v \u0394t, 5 \u03bcm, 30 \u03a9",
    ),
}  # fmt: skip


def lines() -> list[str]:
    """Some three thousand lines: every sentence at some times of the day, some in pairs, and lines of our own sources."""
    said = [
        [text.replace("{}", time) for text in texts for time in _TIMES[: 4 if "{}" in text else 1]]
        for texts in SENTENCES.values()
    ]
    found = [line for some in said for line in some]
    found += [f"{a} {b}" for some in said for a, b in itertools.islice(itertools.permutations(some, 2), 60)]
    sources = sorted((_ROOT / "guard").glob("*/*.py")) + sorted((_ROOT / "docs").glob("*.md"))
    written = [
        line.strip() for file in sources for line in file.read_text("utf-8").splitlines() if "/text/" not in str(file)
    ]
    found += [line for line in written if len(line) > 20][::9][:900]
    picture = base64.b64encode(bytes(range(256)) * 12).decode()
    return [*found, f"![a](data:image/png;base64,{picture})", picture]
