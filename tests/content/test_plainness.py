"""Whether words are plain: what is measured, on texts whose difficulty nobody doubts."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

import pytest

from duecourse.content.plainness import plainness

EASY = {
    "en": "Please pay $50 by 10 March. Have you paid? Then do nothing. Not sure? Call us.",
    "es": "Pague 50 euros el 10 de marzo. Si ya pagó, no haga nada. Si tiene dudas, llame.",
    "zh-CN": "3月10日要还50元。已经还了就不用管。不清楚请打电话。",
    "zh-TW": "3月10日要還50元。已經還了就不用管。不清楚請打電話。",
    "hi": "10 मार्च तक 50 रुपये दें। दे दिए हों तो कुछ न करें।",
    "ar": "ادفع 50 درهمًا قبل 10 مارس. إن دفعت فلا تفعل شيئًا.",
}
HARD = {
    "en": "Notwithstanding previously communicated instructions, contractual obligations necessitate immediate remittance.",
    "es": "Conforme a las estipulaciones contractuales previamente comunicadas procederemos inmediatamente a regularizar.",
    "zh-CN": "鉴于贵方逾越合约所载之履行期限本公司谨此郑重函请于文到之日起旬日内悉数偿讫所积欠之各项本息云云",
    "zh-TW": "茲因貴戶逾越契約所載之履行期限本公司謹此鄭重函請於文到之日起旬日內悉數償訖所積欠之各項本息云云",
}


@pytest.mark.parametrize("language", EASY)
def test_short_sentences_of_common_words_are_plain(language: str) -> None:
    assert plainness(EASY[language], language).faults == ()


@pytest.mark.parametrize("language", HARD)
def test_the_language_of_contracts_is_not(language: str) -> None:
    hard, easy = plainness(HARD[language], language), plainness(EASY[language], language)
    assert hard.faults and hard.score > easy.score


def test_lix_is_words_a_sentence_and_the_share_of_long_words() -> None:
    measured = plainness("The cat sat. Grandmother laughed loudly at it.", "en")
    # 8 words, 2 sentences, 2 of more than six letters: 4 + 25. 'loudly' has six.
    assert (measured.longest, measured.score) == (5, 29.0)


def test_uncommon_characters_are_those_outside_level_one() -> None:
    assert plainness("请打电话。", "zh-CN").faults == ()
    assert plainness("谨此奉闻，鞠躬殒首。", "zh-CN").faults == ("uncommon characters: 殒",)
    assert plainness("請打電話。", "zh-TW").faults == ()


def test_figures_and_empty_texts_are_plain() -> None:
    assert plainness("", "en").faults == plainness("¥1,234.50", "zh-CN").faults == ()
