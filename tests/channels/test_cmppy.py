"""A CMPP 3.0 client by other hands (PyPI "cmppy", Apache) reads and writes as our codec does.

Nobody publishes a CMPP, SGIP or SMGP server for Python or Node; this client is the one independent reading there is.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from duecourse.channels.cmpp.far_end import PASSWORD
from duecourse.channels.sandbox.rules import Behaviour

from .centre import Running, against
from .conformance import digest, number
from .counterparts.cmppy_client import cmppy

TEXT = "您的车贷本期应还款将于三日后到期。"


def client_against(folder: Path, secret: str, behaviour: Behaviour) -> tuple[Any, Running]:
    """What the client makes of our gateway's answers, None when it was not let in; and both sides."""
    answers: list[Any] = []

    async def body(adapter: Any, running: Running) -> None:
        client = package.Cmppy("127.0.0.1", running.port, "901234", secret)
        to = number(behaviour, 1).removeprefix("+86")
        request = package.SubmitReq("901234", TEXT, "10690001", [to])
        answers.append(await asyncio.to_thread(client.request, request))

    with cmppy() as package:
        running = against("sms.cmpp", folder, body)
    return answers[0], running


def test_somebody_elses_client_is_let_in_and_its_message_is_read(tmp_path: Path):
    answer, running = client_against(tmp_path, PASSWORD, Behaviour.DELIVERED)
    (submit,) = running.events("submit")
    assert (answer.result, str(answer.msg_id)) == (0, submit["id"])
    assert (submit["from"], submit["coding"], submit["whole_sha256"]) == ("10690001", 8, digest(TEXT))


def test_somebody_elses_client_understands_a_refusal(tmp_path: Path):
    answer, running = client_against(tmp_path, PASSWORD, Behaviour.REFUSED)
    assert answer.result == 13 and running.events("submit") == []


def test_somebody_elses_client_with_another_secret_is_not_let_in(tmp_path: Path):
    answer, running = client_against(tmp_path, "another", Behaviour.DELIVERED)
    assert answer is None and running.events("submit") == []
