from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.channels.voice_sip.dialogue import (
    Action,
    BeQuiet,
    Dialogue,
    HangUp,
    Manners,
    Part,
    Pressed,
    Say,
    State,
    Tell,
    Told,
    Wait,
)

MANNERS = Manners(key_seconds=6, greetings=2, repeats=2, guard_seconds=1)


def dialogue(*, explains_keys: bool = True) -> Dialogue:
    return Dialogue(MANNERS, explains_keys=explains_keys)


def confirmed(at: float = 100.0) -> Dialogue:
    call = dialogue()
    call.answered()
    call.key("1", at)
    return call


def test_right_party_hears_the_notice_and_what_the_keys_mean():
    call = dialogue()
    assert call.answered() == [Say(Part.GREETING)]
    assert call.said() == [Wait(6)]
    assert call.key("1", 100.0) == [Tell(Told.CONFIRMED), Say(Part.NOTICE)]
    assert call.said() == [Tell(Told.HEARD), Say(Part.REPEAT)]
    assert call.said() == [Wait(6)]
    assert call.key("1", 110.0) == [Pressed("1"), HangUp()]
    assert call.closed() == []


def test_keys_are_explained_twice_more_to_who_presses_none():
    call = confirmed()
    call.said()
    for _ in range(2):
        assert call.said() == [Wait(6)]
        assert call.waited() == [Say(Part.REPEAT)]
    assert call.said() == [Wait(6)]
    assert call.waited() == [HangUp()]


def test_unknown_key_has_the_keys_explained_again():
    call = confirmed()
    call.said()
    assert call.key("7", 110.0) == [Say(Part.REPEAT)]


def test_each_answer_by_key_ends_the_call():
    for key in "1290":
        call = confirmed()
        call.said()
        assert call.key(key, 110.0) == [Pressed(key), HangUp()]


def test_key_during_the_notice_answers_it():
    call = confirmed(at=100.0)
    assert call.key("2", 104.0) == [Pressed("2"), Tell(Told.HEARD), HangUp()]


def test_stop_during_the_notice_is_not_called_heard():
    assert confirmed(at=100.0).key("0", 100.1) == [Pressed("0"), HangUp()]


def test_first_key_pressed_twice_is_no_answer():
    call = confirmed(at=100.0)
    assert call.key("1", 100.4) == []
    assert call.state is State.NOTICE
    assert call.key("1", 101.5) == [Pressed("1"), Tell(Told.HEARD), HangUp()]


def test_somebody_else_is_told_nothing():
    call = dialogue()
    call.answered()
    assert call.key("2", 100.0) == [Tell(Told.WRONG_PARTY), HangUp()]


def test_stop_is_honoured_from_who_has_not_confirmed():
    call = dialogue()
    call.answered()
    assert call.key("0", 100.0) == [Pressed("0"), Tell(Told.STOPPED), HangUp()]


def test_who_presses_no_key_is_asked_twice_and_then_hears_what_a_machine_may_hear():
    call = dialogue()
    call.answered()
    assert call.said() == [Wait(6)]
    assert call.waited() == [Say(Part.GREETING)]
    assert call.said() == [Wait(6)]
    assert call.waited() == [Say(Part.VOICEMAIL)]
    assert call.said() == [Tell(Told.ANSWERED), HangUp()]


def test_machine_is_waited_out_and_left_its_words():
    call = dialogue()
    call.answered()
    assert call.machine() == [BeQuiet()]
    assert call.machine() == []
    assert call.machine_waits() == [Say(Part.VOICEMAIL)]
    assert call.said() == [Tell(Told.MACHINE), HangUp()]


def test_person_taken_for_a_machine_is_a_person_by_their_key():
    call = dialogue()
    call.answered()
    call.machine()
    call.machine_waits()
    assert call.key("1", 100.0) == [Tell(Told.CONFIRMED), Say(Part.NOTICE)]
    assert call.closed() == []


def test_who_hangs_up_before_a_key_was_reached_but_unconfirmed():
    call = dialogue()
    call.answered()
    assert call.closed() == [Tell(Told.ANSWERED)]
    assert call.closed() == []


def test_script_without_explanation_waits_for_a_key():
    call = Dialogue(MANNERS, explains_keys=False)
    call.answered()
    call.key("1", 100.0)
    assert call.said() == [Tell(Told.HEARD), Wait(6)]


EVENTS = ("said", "waited", "machine", "machine_waits", "closed", *"0123456789*#")


@settings(max_examples=200)
@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_whatever_happens_no_debt_is_named_before_key_one(events: list[str]):
    call = dialogue()
    done: list[Action] = [*call.answered()]
    keys = ""
    for at, event in enumerate(events):
        if len(event) == 1:
            keys += event
            done += call.key(event, 100.0 + at)
        else:
            done += getattr(call, event)()
        if Say(Part.NOTICE) in done or Tell(Told.HEARD) in done:
            assert "1" in keys
    assert done.count(Say(Part.NOTICE)) <= 1
    assert sum(isinstance(each, HangUp) for each in done) <= 1
    over = next((at for at, each in enumerate(done) if isinstance(each, HangUp)), len(done))
    assert done[over + 1 :] == [], "nothing is said or told after the end"
    ends = {Told.ANSWERED, Told.WRONG_PARTY, Told.MACHINE, Told.STOPPED, Told.CONFIRMED}
    assert sum(isinstance(each, Tell) and each.what in ends for each in done) <= 1, "a call has one beginning"
