"""Words that no text may hold, and words to stop, in many languages."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.rules.model import MustNotSay
from duecourse.rules.packs import shipped_packs
from duecourse.rules.word_lists import (
    _beginnings,
    _pattern,
    opt_out_languages,
    opt_out_scope,
    word_list,
    word_list_names,
    words_found,
)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("threats", "Pay now OR ELSE we come to your house", ["or else", "come to your house"]),
        ("threats", "不还款后果自负，我们将上门催收", ["后果自负", "上门催"]),
        ("threats", "Nous vous remercions de votre paiement", []),
        ("insults", "你这个老赖", ["老赖"]),
        ("insults", "Você é um caloteiro", ["caloteiro"]),
        ("impersonation", "这里是公安局", ["公安局"]),
        ("impersonation", "这里是人民法院执行局，请立即还款", ["这里是人民法院"]),
        ("impersonation", "法院执行局通知您", ["法院执行局"]),
        ("impersonation", "如需调解，可向人民法院起诉", []),
        ("threats", "Você vai ser preso se não pagar", ["vai ser preso"]),
        ("blacklists", "您将被列入黑名单", ["黑名单"]),
        ("new-loan", "建议您以贷养贷", ["以贷养贷"]),
        ("extra-fees", "a visiting fee is due", ["visiting fee"]),
        ("public-posting", "we will tell your neighbors", ["tell your neighbors"]),
        ("inflated-sums", "逾期将翻倍", ["翻倍"]),
        ("overdue", "Su cuota está VENCIDA", ["vencida"]),
        ("overdue", "Khoản vay đã quá hạn", ["quá hạn"]),
        ("overdue", "ค้างชำระแล้ว", ["ค้างชำระ"]),
        ("premium-rate", "call 0871 200 3000", ["0871"]),
        ("premium-rate", "call 020 7946 0871999", []),
    ],
)
def test_words_are_found_whole_and_in_any_case(name: str, text: str, found: list[str]) -> None:
    assert words_found(name, text) == found


@pytest.mark.parametrize("name", sorted(word_list_names()))
def test_every_word_of_every_class_is_found_however_it_is_written(name: str) -> None:
    for word in (word for words in word_list(name).values() for word in words):
        for text in (word, f"So {word}, now.", word.upper(), word.title(), word.replace(" ", "\n ")):
            assert words_found(name, text), text


ODD = (
    "ß",
    "İ",
    "ı",
    "ſ",
    "K",
    "x\u0307",
    "α\u0345",
    "ǰ",
    "ﬁ",
    "_",
    "’",
    "-",
    ".",
    "\u200d",
    "\u093f",
    "你",
    "ก",
    " ",
    "",
)
"""Letters that case folding lengthens, shortens or parts, marks, and what ends a word or does not."""


@given(data=st.data())
def test_what_is_looked_for_first_leaves_out_no_word(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(word_list_names())))
    words = sorted({word for words in word_list(name).values() for word in words})
    case = st.sampled_from([str.lower, str.upper, str.title, str.swapcase])
    parts = data.draw(st.lists(st.tuples(st.sampled_from(words), case, st.sampled_from(ODD)), max_size=6))
    text = normalize("NFC", "".join(turned(word) + odd for word, turned, odd in parts))
    whole, anywhere = _beginnings(name)
    every = _pattern(name, (*whole, *anywhere))
    assert words_found(name, text) == list(dict.fromkeys(one.lower() for one in every.findall(text)))


def test_a_letter_written_in_two_ways_is_the_same_letter() -> None:
    assert words_found("overdue", "qua\u0301 ha\u0323n") == ["quá hạn"]


@pytest.mark.parametrize(
    ("reply", "scope"),
    [
        ("STOP", "channel"), (" stop. ", "channel"), ("Opt  out!", "channel"), ("TD", "channel"), ("退订", "channel"),
        ("退訂。", "channel"), ("“拒收”", "channel"), ("¡Baja!", "channel"), ("pare", "channel"), ("Arrêt", "channel"),
        ("STOPP", "channel"), ("basta", "channel"), ("berhenti", "channel"), ("Hủy", "channel"), ("बंद करो", "channel"),
        ("إلغاء", "channel"), ("หยุด", "channel"), ("itigil", "channel"), ("acha", "channel"), ("стоп", "channel"),
        ("Stop all", "everything"), ("STOPALL", "everything"), ("不要再联系我！", "everything"),
        ("ne me contactez plus", "everything"),
        ("please stop by tomorrow", None), ("I paid", None), ("", None), ("我已还款", None), ("no", None),
    ],
)  # fmt: skip
def test_a_reply_that_is_nothing_but_a_word_to_stop(reply: str, scope: str | None) -> None:
    assert opt_out_scope(reply) == scope


def test_the_words_of_the_american_rule_are_there() -> None:
    rule = ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"]
    assert [opt_out_scope(word) for word in rule] == ["channel"] * len(rule)


def test_no_opt_out_word_means_two_things() -> None:
    said: dict[str, set[str]] = {}
    for scopes in opt_out_languages().values():
        assert set(scopes) == {"channel", "everything"} and all(scopes.values())
        for scope, words in scopes.items():
            for each in words:
                said.setdefault(each, set()).add(scope)
                assert opt_out_scope(each) == scope
    assert [each for each, scopes in said.items() if len(scopes) > 1] == []


def test_every_list_that_a_rule_names_exists_and_every_list_is_named() -> None:
    named = {
        name for pack in shipped_packs() for rule in pack.rules
        if isinstance(rule.does, MustNotSay) for name in rule.does.words
    }  # fmt: skip
    of_texts = {"offers"}  # looked for in what confirms or informs, whatever the place: content/refusals.py
    assert named | of_texts == word_list_names()


@pytest.mark.parametrize("name", sorted(word_list_names()))
def test_a_list_finds_each_of_its_own_words(name: str) -> None:
    words = [word for each in word_list(name).values() for word in each]
    assert words and [word for word in words if not words_found(name, f"x {word} y")] == []
