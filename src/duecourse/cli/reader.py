"""Who reads what borrowers answer: our own rules and model, and an endpoint where the settings name one."""

from __future__ import annotations

from duecourse.responses.recording import Understand
from duecourse.responses.understanding import understand
from duecourse.responses.understanding.endpoint import Endpoint

from .settings import Settings


def reader(settings: Settings) -> Understand:
    """What reads the words of an answer."""
    if not settings.understanding_url:
        return understand
    return Endpoint(
        settings.understanding_url,
        settings.understanding_model,
        settings.understanding_key,
        settings.understanding_seconds,
    )
