"""The shipped weights are those of the shipped answers."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np

from duecourse.responses.intents import Intent
from duecourse.responses.understanding.features import BUCKETS
from duecourse.responses.understanding.labelled import shipped
from duecourse.responses.understanding.model import MEANINGS
from duecourse.responses.understanding.train import digest, sounds, train

DATA = files("duecourse.responses.understanding").joinpath("data")


def test_the_weights_were_trained_on_the_answers_rules_and_features_as_they_stand() -> None:
    facts = json.loads(DATA.joinpath("model.json").read_text("utf-8"))
    assert facts["digest"] == digest(shipped()), "run python -m duecourse.responses.understanding.train"
    with DATA.joinpath("weights.npy").open("rb") as file:
        assert np.load(file).shape == (BUCKETS, len(MEANINGS))


def test_the_sounds_are_those_of_the_dictionary() -> None:
    assert DATA.joinpath("sounds.tsv").read_text("utf-8") == sounds()


def test_training_twice_gives_the_same_weights() -> None:
    some = shipped()[::20]
    (first, facts), (second, again) = train(some), train(some)
    assert np.array_equal(first, second)
    assert facts == again


def test_every_language_has_a_thousand_answers_and_all_intents() -> None:
    for language in ("en", "zh"):
        answers = shipped([language])
        assert len(answers) >= 1000
        assert {one for answer in answers for one in answer.intents} == set(Intent)
