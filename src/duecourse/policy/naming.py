"""How creditors and products are called, by the policies in force: of pages and papers that no policy version made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from .model import Policy, Wording
from .versions import published_policies


@dataclass(frozen=True, slots=True)
class Lender:
    """How a creditor appears. name '' and phone '': no policy says."""

    name: str = ""
    phone: str = ""


def policies_in_force(conn: psycopg.Connection) -> list[Policy]:
    """Those of the highest priority first."""
    models = [one.model for one in published_policies(conn)]
    return sorted(models, key=lambda policy: (-policy.priority, policy.name))


def named(policies: Sequence[Policy], creditor: str, language: str) -> Lender:
    """A creditor of the book in a language; in another one that is known where this one is not, at worst its key."""
    for policy in policies:
        if entry := policy.wording.creditor(creditor):
            own = policy.wording.languages.resolve(language)
            name = entry.name.get(own or "") or next(iter(entry.name.values()), creditor)
            return Lender(name, entry.contact_phone)
    return Lender(creditor)


def only_lender(policies: Sequence[Policy], language: str) -> Lender:
    """The creditor that all policies speak of, where that is one; else none is named."""
    keys = {key for policy in policies for key in policy.wording.creditors}
    return named(policies, keys.pop(), language) if len(keys) == 1 else Lender()


def product_name(policies: Sequence[Policy], product: str, language: str) -> str:
    """A product of the book in a language; at worst the book's own word."""
    for policy in policies:
        names = policy.wording.products.get(product)
        if names:
            own = _known(policy.wording, language)
            return names.get(own) or next(iter(names.values()))
    return product


def _known(wording: Wording, language: str) -> str:
    return wording.languages.resolve(language) or ""
