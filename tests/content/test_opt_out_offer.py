"""An offer to opt out is a word to stop with how to say it; the word in passing offers nothing."""

from __future__ import annotations

import pytest

from duecourse.content.opt_out_offer import opt_out_offered


@pytest.mark.parametrize(
    "text",
    [
        "Test Bank: please pay $90.00. Reply STOP to opt out.",
        "Please pay. Text STOP to 12345 to end.",
        "Please pay. STOP to unsubscribe, reply HELP for help. Reply STOP.",
        "Please pay. Just reply stop.",
        "To unsubscribe, visit https://pay.example/u",
        "Unsubscribe: mailto:stop@bank.example",
        'Please pay.\n<p>Please pay. <a href="https://pay.example/u">Unsubscribe</a></p>',
        "【海港】您的账单已逾期，拒收请回复R",
        "【海港】请还款，退订回T",
        "【海港】请还款 TD退订",
        "【海港】請還款，退訂請回覆TD",
        "Responda BAJA para no recibir más mensajes.",
        "Répondez STOP pour ne plus recevoir de SMS.",
        "Antworten Sie mit STOPP, um keine SMS mehr zu erhalten.",
        "Balas BERHENTI untuk berhenti.",
        "Soạn TC gửi 1234 để từ chối.",
        "रोकने के लिए STOP भेजें",
        "停止はSTOPと返信",
        "수신거부는 STOP 회신",
    ],
)
def test_a_word_with_how_to_say_it_is_an_offer(text: str) -> None:
    assert opt_out_offered(text)


@pytest.mark.parametrize(
    "text",
    [
        "Please pay before the end of March.",
        "We will cancel your card unless you pay. Call 400-810-6688.",
        "Your plan stops on 3 March; nothing more is to do.",
        "To cancel your plan visit https://pay.example/plan",
        "We cannot stop the fee. Please reply within 3 days.",
        "Please reply within 3 days. The offer will end soon.",
        "请于本月底前还款，如需取消分期请致电400-810-6688。",
        "Reply within 3 days or we end the plan.",
        "Text us about your R rating.",
        "Your R rating and T score changed.",
        "",
    ],
)
def test_a_word_in_passing_is_none(text: str) -> None:
    assert not opt_out_offered(text)
