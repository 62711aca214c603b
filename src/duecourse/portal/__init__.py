"""The borrower's pages: what is due and why, and every way to answer, without a script and on a bad network.

`routes(site)` is what a server mounts. Everything else is for whoever adds a page:

A **page** is one `Page` (portal/page.py): its path, the function that answers it, whether it is for a visitor who has
given the second factor, and the `Button` by which the bill leads to it. Write a module with `PAGES = (Page(...),)` and
add one line to `portal/registry.py`; where a page needs what only the entry point has (a gateway), make its pages there
and hand them to `routes(site, more=...)`. The bill shows a button for each page that is there, and none for one that is
not.

    def show_early(asked: Asked) -> Response:
        form = asked.form
        if asked.posted:
            day = form.day("on", earliest=asked.today, latest=asked.today + timedelta(days=30))
            if not form.errors:
                ...                                   # write through asked.conn; one transaction, committed after this
                return asked.go("/me", done="early.asked")
        return asked.show("early.html", earliest=asked.today)

    PAGES = (Page("/me/early", show_early, button=Button("early.button", "more", 40)),)

What `Asked` (portal/asked.py) gives: `site`, `conn`, `now`, `today` (the visitor's day), `visitor` and `person`,
`form`, `say(key, **values)`, `money(Money)`, `day(date)`, `show(template, **values)` (422 by itself when the form has
errors) and `go(path, done=key)`, which answers 303 and lets the next page say `key` once. Nothing a person typed
belongs in a path, a query, a title, a log or an exception.

**Texts** live in `portal/texts/<group>/<language>.toml`, one group for each module of pages, every language of
`texts.LANGUAGES`; a text is asked for as `group.key`. Values stand in braces, `{amount}`; a text with plurals is a
table of CLDR's categories with a `{count}`. A test holds that every language has every key and the same values.

**Templates** extend `page.html` and set `title` and `content`; forms are made of the macros in `parts.html`, imported
`with context`: `{% call form_to(action) %}` brings the CSRF token and the id of this one form (`asked.form.request_id`:
the same again is the same request, so a double press does one thing), `field`, `day_field`, `choices`, `area` and
`submit` bring label, hint, error and the link from the error summary. Values are escaped; nothing is marked safe.

Every POST has its token, origin and length checked before a page hears of it.
"""

from .serving import routes

__all__ = ["routes"]
