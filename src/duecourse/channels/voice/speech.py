"""Speech: a text in, sound for a telephone out. By espeak-ng, by a command of the lender's, or by an HTTP service.

espeak-ng is GPL, so it runs as a program of its own and never as a library; the text goes in by standard input, where
no list of processes shows it. It says Mandarin right from pinyin with tones (`cmn-latn-pinyin`), which pypinyin writes.
Sources: espeak-ng 1.51 `espeak-ng(1)`; pypinyin 0.55 (read 2026-11-25).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pkgutil import resolve_name
from typing import Annotated, Any, ClassVar, Final, Literal, Protocol, TypeAlias

import httpx2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from duecourse.channels.voice.sound import Samples, SoundError, levelled, samples_of, silence
from duecourse.channels.voice.words import said

LONGEST_TEXT: Final = 5000
_HAN: Final = re.compile(r"[\u3400-\u9fff\u3007]")
_LATIN: Final = re.compile(r"[A-Za-z][A-Za-z'&.\- ]*[A-Za-z]|[A-Za-z]")
_PAUSES: Final = str.maketrans("，。；：、？！（）“”【】", ",.;:,?!,,  ,,")
_MANDARIN: Final = "cmn-latn-pinyin"
_VOICES: Final[Mapping[str, str]] = {
    "zh": _MANDARIN,
    "en": "en-us",
    "en-GB": "en-gb",
    "en-IN": "en-gb",
    "es": "es-419",
    "es-ES": "es",
    "pt": "pt-br",
    "pt-PT": "pt",
    "hi": "hi",
    "id": "id",
    "vi": "vi",
    "ar": "ar",
}


class SpeechError(Exception):
    """No sound was made. Says why; quotes nothing of the text."""


class Speech(Protocol):
    """Says a text. May be called from several threads."""

    def say(self, text: str, language: str) -> Samples:
        """The sound of `text`, written as a reader reads it. language: BCP 47. Raises SpeechError."""


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EspeakSpeech(_Config):
    """espeak-ng: small, in a hundred languages, understood by everybody and liked by nobody."""

    engine: Literal["espeak"] = "espeak"
    program: str = "espeak-ng"
    words_per_minute: int = Field(default=150, ge=80, le=300)
    voices: Mapping[str, str] = Field(default_factory=dict)
    """Language to voice, over the shipped ones."""

    needs: ClassVar[str] = "the Debian package espeak-ng, or another engine"

    def missing(self) -> str:
        """The program that is not there; '' when all is."""
        return "" if shutil.which(self.program) else self.program

    def say(self, text: str, language: str) -> Samples:
        """See Speech."""
        pieces = [self._piece(piece, voice) for piece, voice in self.spoken(text, language)]
        return np.concatenate(pieces) if pieces else silence(0)

    def phonemes(self, text: str, language: str) -> str:
        """What `say` would pronounce, in espeak's own signs. For whoever checks it."""
        made = [
            self._run(["-x", "-q", "-v", voice], piece).decode()
            for piece, voice in self.spoken(text, language)
        ]
        return " ".join(" ".join(made).split())

    def spoken(self, text: str, language: str) -> list[tuple[str, str]]:
        """The text in words and cut into (piece, voice): Latin words inside Chinese are said by an English voice."""
        words = said(text, language)
        voice = self._voice(language)
        if voice != _MANDARIN:
            return [(words, voice)] if words.strip() else []
        pieces: list[tuple[str, str]] = []
        at = 0
        for match in _LATIN.finditer(words):
            pieces += [(pinyin(words[at : match.start()]), voice), (match[0], self._voice("en"))]
            at = match.end()
        pieces.append((pinyin(words[at:]), voice))
        return [(piece, voice) for piece, voice in pieces if any(map(str.isalnum, piece))]

    def _voice(self, language: str) -> str:
        table = {**_VOICES, **self.voices}
        base = language.partition("-")[0]
        return table.get(language) or table.get(base) or base or "en-us"

    def _piece(self, piece: str, voice: str) -> Samples:
        speed = str(self.words_per_minute)
        try:
            return levelled(samples_of(self._run(["-v", voice, "-s", speed, "--stdout"], piece)))
        except SoundError as error:
            raise SpeechError(f"{self.program} gave no sound: {error}") from None

    def _run(self, options: Sequence[str], piece: str) -> bytes:
        return _output([self.program, "-b", "1", "--stdin", *options], piece)


class CommandSpeech(_Config):
    """A program of the lender's: text on standard input, a WAV file of any rate on standard output.

    `{language}` in an argument is replaced by the text's language.
    """

    engine: Literal["command"]
    command: tuple[str, ...] = Field(min_length=1)
    seconds: float = Field(default=10, gt=0, le=60)

    needs: ClassVar[str] = "the program that `command` names"

    def missing(self) -> str:
        """The program that is not there; '' when all is."""
        return "" if shutil.which(self.command[0]) else self.command[0]

    def say(self, text: str, language: str) -> Samples:
        """See Speech."""
        command = [each.replace("{language}", language) for each in self.command]
        try:
            return levelled(samples_of(_output(command, said(text, language), self.seconds)))
        except SoundError as error:
            raise SpeechError(f"the speech command gave no sound: {error}") from None


class HttpSpeech(_Config):
    """A service: POST of `{"text", "language"}` as JSON, answered with a WAV file of any rate."""

    engine: Literal["http"]
    url: str = Field(pattern=r"^https?://")
    token: SecretStr = SecretStr("")
    """Sent as a bearer token when given."""
    seconds: float = Field(default=10, gt=0, le=60)

    needs: ClassVar[str] = "the service at `url`"

    def missing(self) -> str:
        """Never anything: a service is found out when it is asked."""
        return ""

    def say(self, text: str, language: str) -> Samples:
        """See Speech."""
        token = self.token.get_secret_value()
        headers = {"authorization": f"Bearer {token}"} if token else {}
        asked = {"text": said(text, language), "language": language}
        try:
            answer = httpx2.post(self.url, json=asked, headers=headers, timeout=self.seconds)
            answer.raise_for_status()
            return levelled(samples_of(answer.content))
        except (httpx2.HTTPError, SoundError) as error:
            raise SpeechError(f"the speech service gave no sound ({type(error).__name__})") from None


SpeechConfig: TypeAlias = Annotated[EspeakSpeech | CommandSpeech | HttpSpeech, Field(discriminator="engine")]


class Remembered:
    """Says a text once and keeps its sound: greetings and the words about keys are the same in every call."""

    def __init__(self, speech: Speech, entries: int = 128) -> None:
        """entries: sounds kept, the latest used; a sentence of ten seconds takes 640 kB."""
        self._say = lru_cache(maxsize=entries)(speech.say)

    def say(self, text: str, language: str) -> Samples:
        """See Speech."""
        if len(text) > LONGEST_TEXT:
            raise SpeechError(f"longer than {LONGEST_TEXT} characters")
        return self._say(text, language)


@cache
def _pypinyin() -> Any:
    """The module. Its dictionary of phrases takes a third of a second to read: only who speaks Chinese pays for it."""
    return resolve_name("pypinyin")


def pinyin(text: str) -> str:
    """Chinese in pinyin with tone numbers, five for none, as espeak reads it; the rest as it stands, with pauses."""
    words = _pypinyin().lazy_pinyin(
        text, style=_pypinyin().Style.TONE3, neutral_tone_with_five=True, v_to_u=False
    )
    return " ".join(" ".join(words).translate(_PAUSES).split())


def _output(command: Sequence[str], text: str, seconds: float = 20) -> bytes:
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=seconds, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        # The program's own words may quote the text.
        raise SpeechError(f"{command[0]} failed ({type(error).__name__})") from None
    return done.stdout
