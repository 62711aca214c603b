"""One book of borrowers and its pages for each module; every test has borrowers of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import pytest
from conftest import fresh_database

from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from lender import REMINDER, Lender
from sent_links import NINE
from visiting import ID_NUMBER, Portal

HEAD = """
policy: test
languages: {known: [en, zh-CN], default: en}
verify_address: verify
opt_out_confirmation: stopped
early_settlement: {fee: 1%, valid_days: 7}
creditors:
  "*": {name: {en: Harbour Bank, zh-CN: 港湾银行}, contact_phone: "+86 400 000 0000"}
products:
  cash-loan: {en: Cash loan, zh-CN: 现金贷}
  car-loan: {en: Car loan, zh-CN: 汽车贷款}
  card: {en: Credit card, zh-CN: 信用卡}
"""
VERIFY = "{{ creditor }}: {{ code }}"


@pytest.fixture(scope="module")
def portal(
    server_conninfo: str, _template: str, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    """The pages of an empty book with one policy in force."""
    with (
        fresh_database(server_conninfo, _template) as url,
        Store(url, None) as store,
        store.connect(idle_in_transaction_seconds=0) as conn,
        store.pool(4) as pool,
    ):
        lender = Lender(conn, keyring, Path(tmp_path_factory.mktemp("lender")))
        lender.policy(REMINDER, HEAD)
        (policy,) = lender.policies
        texts = [
            TemplateText(name, "en", {"sms": VERIFY if name == "verify" else "Please pay."})
            for name in policy.templates
        ]
        publish(conn, policy, Templates(texts), "", now=NINE, user="test")
        conn.commit()
        yield Portal(lender, pool)


@pytest.fixture
def borrow(portal: Portal, request: pytest.FixtureRequest) -> str:
    """A borrower of the test's own, with an ID number and one installment due tomorrow; their key."""
    name = f"B-{uuid5(NAMESPACE_OID, request.node.nodeid).hex[:12]}"
    portal.lender.book(
        f"loan due_on amount\nHT-{name} 2026-03-10 1234.56 CNY", borrower=name, id_number=ID_NUMBER
    )
    return name
