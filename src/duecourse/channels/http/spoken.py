"""What a call may say that cannot ask first who listens: nothing that names a debt."""

from __future__ import annotations

from duecourse.domain.messaging import Cause, Outgoing, Refused


def spoken(outgoing: Outgoing, template: str, variable: str) -> tuple[str, dict[str, str]] | Refused:
    """The provider's template and its values in their order, for a call that speaks to whoever picks up.

    A registered template is filled only with values that stand in the script's greeting or voicemail text, since these
    name no debt: any other refuses the message. Without a registered template, the voicemail text is the one `variable`
    of `template`. `script.notice` is never handed over.
    """
    script = outgoing.script
    if script is None or not script.voicemail:
        return _no("no text that anybody may hear")
    registered = outgoing.registered
    if registered is None or not registered.template:
        return (
            (template, {variable: script.voicemail})
            if template
            else _no("no approved template for this text")
        )
    harmless = f"{script.greeting}\n{script.voicemail}"
    if any(value not in harmless for _, value in registered.values):
        return _no(
            "a value of the template is not in what anybody may hear, and this line cannot ask who listens"
        )
    return registered.template, dict(registered.values)


def _no(words: str) -> Refused:
    return Refused("script", words, permanent=False, cause=Cause.CONTENT)
