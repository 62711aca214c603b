from __future__ import annotations

import sys
import threading
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from duecourse.channels.voice.sound import RATE, SoundError, resampled, samples_of, seconds_of, wav_of
from duecourse.channels.voice.speech import (
    CommandSpeech,
    EspeakSpeech,
    HttpSpeech,
    Remembered,
    SpeechError,
    pinyin,
)

from ..counterparts import program
from .listening import recognised

CHINESE = "您本期应还¥1,234.56，到期日2026-11-25。"


@pytest.fixture
def espeak() -> EspeakSpeech:
    program("espeak-ng")
    return EspeakSpeech(words_per_minute=130)


def tone(hertz: float, seconds: float, rate: int) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


@pytest.mark.parametrize("rate", [22050, 16000, 44100, 48000, 11025])
def test_resampling_keeps_what_a_telephone_carries_and_takes_out_the_rest(rate: int):
    kept, gone = resampled(tone(1000, 1, rate), rate), resampled(tone(4700, 1, rate), rate)
    assert len(kept) == RATE
    inner = slice(200, -200)
    assert np.allclose(kept[inner], tone(1000, 1, RATE)[inner], atol=0.01)
    assert loudness(gone[inner]) < 0.01 * loudness(kept[inner])


def test_length_that_a_pipe_could_not_know_is_not_believed():
    wav = bytearray(wav_of(tone(500, 0.5, RATE)))
    wav[40:44] = (0x7FFFF000).to_bytes(4, "little")
    assert seconds_of(samples_of(bytes(wav))) == 0.5


def test_two_channels_become_one():
    left, right = tone(500, 0.5, RATE), np.zeros(RATE)
    both = samples_of(wav_of(left, right))
    assert seconds_of(both) == 1.0
    assert np.allclose(both[: len(left)], left / 2, atol=0.001)


@pytest.mark.parametrize(
    "wav", [b"", b"RIFF", b"not sound at all" * 4, wav_of(tone(5, 0.1, RATE)).replace(b"data", b"atad")]
)
def test_what_is_no_sound_is_refused(wav: bytes):
    with pytest.raises(SoundError):
        samples_of(wav)


def test_mandarin_is_written_in_pinyin_with_tones():
    assert pinyin("您好，银行！") == "nin2 hao3 , yin2 hang2 !"


def test_phonemes_give_back_the_chinese_amount_and_date(espeak: EspeakSpeech):
    whole = espeak.phonemes(CHINESE, "zh-CN")
    amount = espeak.phonemes("一千二百三十四元五角六分", "zh-CN")
    day = espeak.phonemes("十一月二十五日", "zh-CN")
    assert amount in whole and day in whole
    assert amount != espeak.phonemes("一千二百三十四元五角七分", "zh-CN")
    # Syllable by syllable with its tone, the third before a third becoming a second: yi1 qian1 er4 bai3 san1 shi2
    # si4 yuan2 wu3 jiao3 liu4 fen1.
    said = r"""j'i55 tS;h'iE55n '@r51 p'ai21 s'a55n s.'i.35 s'i[51 'y&35n w'u35 tS;j'Au21 l'iou51 f'@55n"""
    assert " ".join(each.rstrip("_|") for each in amount.split()) == said


def test_latin_words_inside_chinese_are_said_in_english(espeak: EspeakSpeech):
    assert [voice for _, voice in espeak.spoken("请登录 App Store 查看", "zh")] == [
        "cmn-latn-pinyin",
        "en-us",
        "cmn-latn-pinyin",
    ]


@pytest.mark.parametrize(
    ("amount", "day", "heard"),
    [
        ("$980.00", "March 3", "nine hundred eighty dollars is due on march third"),
        ("$1,040.90", "May 12", "one thousand forty dollars and ninety cents is due on may twelfth"),
        ("$4,820.00", "August 2", "four thousand eight hundred twenty dollars is due on august second"),
    ],
)
def test_recogniser_hears_the_amount_and_the_date(espeak: EspeakSpeech, amount: str, day: str, heard: str):
    sound = espeak.say(f"Your payment of {amount} is due on {day}.", "en")
    assert recognised(sound) == f"your payment of {heard}"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh-CN", CHINESE),
        ("zh-TW", "您本期應還 NT$1,234"),
        ("en", "You owe $5.00."),
        ("hi", "आपका भुगतान ₹1,234.50 है।"),
        ("id", "Angsuran Anda Rp 1.234.567"),
        ("vi", "Khoản vay của bạn 1.234.567 ₫"),
        ("pt-BR", "Sua parcela de R$ 1.234,56"),
        ("es", "Su cuota de 1.234,56 €"),
        ("ar", "قسطك 100 ر.س."),
    ],
)
def test_every_language_of_the_templates_is_spoken(espeak: EspeakSpeech, language: str, text: str):
    sound = espeak.say(text, language)
    assert 1 < seconds_of(sound) < 25
    assert loudness(sound) > 0.01
    assert np.abs(sound).max() <= 0.81


def test_nothing_to_say_is_silence(espeak: EspeakSpeech):
    assert seconds_of(espeak.say(" ", "zh-CN")) == 0


def test_same_words_are_synthesised_once(espeak: EspeakSpeech, tmp_path: Path):
    calls, sound = tmp_path / "calls", tmp_path / "a.wav"
    script = f"import shutil, sys; open({str(calls)!r}, 'a').write('x')\n"
    script += f"shutil.copyfileobj(open({str(sound)!r}, 'rb'), sys.stdout.buffer)"
    sound.write_bytes(wav_of(tone(500, 0.3, RATE)))
    speech = Remembered(CommandSpeech(engine="command", command=(sys.executable, "-c", script)))
    assert np.array_equal(speech.say("Hello.", "en"), speech.say("Hello.", "en"))
    speech.say("Good bye.", "en")
    assert calls.read_text() == "xx"


def test_command_gets_the_words_and_the_language(tmp_path: Path):
    script = (
        "import sys, wave; w = wave.open(sys.stdout.buffer, 'wb'); w.setparams((1, 2, 16000, 0, 'NONE', ''))\n"
        f"open({str(tmp_path / 'heard')!r}, 'w').write(sys.argv[1] + ':' + sys.stdin.read())\n"
        "w.writeframes(bytes(32000))"
    )
    speech = CommandSpeech(engine="command", command=(sys.executable, "-c", script, "{language}"))
    assert seconds_of(speech.say("Pay $5.00", "en")) == 1.0
    assert (tmp_path / "heard").read_text() == "en:Pay 5 dollars"


@pytest.mark.parametrize("script", ["raise SystemExit(3)", "print('no sound')"])
def test_failing_command_tells_nothing_of_the_text(script: str):
    speech = CommandSpeech(engine="command", command=(sys.executable, "-c", script))
    with pytest.raises(SpeechError) as caught:
        speech.say("Wang Wei owes", "en")
    assert "Wang" not in str(caught.value)


class _Service(BaseHTTPRequestHandler):
    asked: list[tuple[str, bytes]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.asked.append((self.headers.get("authorization", ""), body))
        self.send_response(200 if b"Pay" in body else 500)
        self.end_headers()
        self.wfile.write(wav_of(tone(500, 0.25, RATE)))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_http_service_speaks(service: str):
    speech = HttpSpeech(engine="http", url=service, token="secret")
    assert seconds_of(speech.say("Pay $5.00", "en")) == 0.25
    assert _Service.asked[-1] == ("Bearer secret", b'{"text":"Pay 5 dollars","language":"en"}')
    assert "secret" not in repr(speech)
    with pytest.raises(SpeechError):
        speech.say("Fail", "en")


def test_wav_opens_in_other_hands():
    with wave.open(BytesIO(wav_of(tone(500, 0.5, RATE)))) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnframes()) == (RATE, 2, RATE // 2)
