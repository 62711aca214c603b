"""How far machines and people are told apart, on greetings as espeak-ng says them and on sounds made by rule."""

from __future__ import annotations

import numpy as np
import pytest

from duecourse.channels.voice.sound import RATE, Samples, silence
from duecourse.channels.voice.speech import EspeakSpeech
from duecourse.channels.voice_sip.detector import Detector, Heard, is_tone
from duecourse.channels.voice_sip.personas import HELLO, MACHINE

from ..counterparts import program

MACHINES = [
    ("zh-CN", "您好，您拨打的用户暂时无法接听，请在提示音后留言。"),
    ("zh-CN", "你好，我是王伟，现在不方便接电话，有事请留言，我会尽快给您回电话。"),
    ("en", "Hi, you have reached John. I can't take your call right now. Please leave a message."),
    ("en", "The person you are calling is not available. At the tone, please record your message."),
    ("es", "Hola, en este momento no puedo atender. Deje su mensaje después de la señal."),
    ("pt-BR", "No momento não posso atender. Deixe sua mensagem após o sinal, por favor."),
]
PEOPLE = [
    ("zh-CN", "喂？"),
    ("zh-CN", "喂，你好，哪位？"),
    ("en", "Hello?"),
    ("en", "Yes, John speaking."),
    ("es", "¿Diga?"),
    ("pt-BR", "Alô, quem fala?"),
]


def concluded(sound: Samples, chunk: int = 800) -> list[Heard]:
    detector = Detector()
    noise = np.random.default_rng(7).normal(0, 0.002, len(sound))
    heard = sound + noise
    return [each for at in range(0, len(heard), chunk) for each in detector.feed(heard[at : at + chunk])]


@pytest.fixture(scope="module")
def espeak() -> EspeakSpeech:
    program("espeak-ng")
    return EspeakSpeech()


@pytest.mark.parametrize(("language", "text"), MACHINES)
def test_recorded_greeting_is_a_machines_and_its_end_is_noticed(
    espeak: EspeakSpeech, language: str, text: str
):
    sound = np.concatenate([silence(0.4), espeak.say(text, language), silence(2)])
    assert concluded(sound) == [Heard.MACHINE, Heard.MACHINE_WAITS]


@pytest.mark.parametrize(("language", "text"), PEOPLE)
def test_hello_is_a_persons(espeak: EspeakSpeech, language: str, text: str):
    sound = np.concatenate([silence(0.4), espeak.say(text, language), silence(6)])
    assert concluded(sound) == []


def test_beep_ends_the_machines_words_at_once():
    words = MACHINE[: round(4.0 * RATE)]
    beep = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(RATE // 2) / RATE)
    sound = np.concatenate([words, beep, silence(0.3)])
    assert concluded(sound) == [Heard.MACHINE, Heard.MACHINE_WAITS]


def test_beep_alone_is_a_machines():
    beep = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE // 4) / RATE)
    assert concluded(np.concatenate([silence(1), beep, silence(1)])) == [Heard.MACHINE, Heard.MACHINE_WAITS]


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_speech_with_pauses_never_adds_up_to_a_machine(seconds: float):
    count = round(seconds * RATE)
    word = np.resize(HELLO, count)
    assert concluded(np.concatenate([word, silence(0.8)] * 6)) == []


def test_silence_concludes_nothing():
    assert concluded(silence(10)) == []


@pytest.mark.parametrize("chunk", [1, 7, 160, 333, 8000])
def test_how_the_sound_is_cut_makes_no_difference(chunk: int):
    sound = np.concatenate([MACHINE, silence(1.5)])
    assert concluded(sound, chunk) == [Heard.MACHINE, Heard.MACHINE_WAITS]


def test_voice_is_no_tone(espeak: EspeakSpeech):
    sound = espeak.say("Please leave a message after the tone.", "en")
    frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    loud = [frame for frame in frames if float(np.sqrt(np.mean(frame**2))) > 0.012]
    longest = run = 0
    for frame in loud:
        run = run + 1 if is_tone(frame) else 0
        longest = max(longest, run)
    assert longest * 0.02 < 0.16, "no vowel is as steady as a beep"
