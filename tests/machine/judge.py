"""Whether something that happened was allowed, by what the machine knows on its own."""

from __future__ import annotations

from .model import Submit, Window, World
from .site import Effect

BYPASSES_PER_HOUR = 5


def judge(world: World, effect: Effect) -> None:
    """AssertionError unless somebody approved *effect*, for this request, and for this time only."""
    submit = world.submits[effect.submit]
    assert not submit.effects, "one request had two effects"
    submit.effects.append(effect)
    assert (effect.user_pk, effect.path) == (submit.login.person.user.pk, submit.path), "somebody else's request ran"
    assert effect.content == submit.route.content(submit.sent), "the view saw something else than was sent"
    assert effect.reason in GROUNDS, f"went on because of {effect.reason!r}"
    GROUNDS[effect.reason](world, submit, effect)


def by_challenge(world: World, submit: Submit, effect: Effect) -> None:
    challenge = world.challenges.get(str(effect.key))
    assert challenge, "went on by a challenge that nobody was asked to pass"
    assert not (problems := list(world.misfits(challenge, submit, effect.at))), problems
    challenge.used = True
    opened(world, submit, effect, "challenge", challenge.method)


def by_answer(world: World, submit: Submit, effect: Effect) -> None:
    asker, enrolled = world.allowed.pop(str(effect.key), (None, False))
    assert asker is submit, "went on by an ALLOW that answered another request, or none"
    assert enrolled, "went on by an ALLOW for somebody without an authenticator"
    assert submit.route.policy.get("minimum") != "challenge", "went on by an ALLOW where only a challenge will do"
    assert str(effect.key) not in world.vetoed, "the service took its ALLOW back before it was used"
    opened(world, submit, effect, "allow", "")


def by_window(world: World, submit: Submit, effect: Effect) -> None:
    assert any(not list(world.shut(window, submit, effect.at)) for window in world.windows), "no window was open"


def by_outage(world: World, submit: Submit, effect: Effect) -> None:
    assert submit.route.policy.get("on_unavailable") == "allow"
    assert "sent" not in submit.calls, "went on although the service may have heard the question"
    person = submit.login.person
    world.bypasses.append((person, effect.at))
    lately = [at for who, at in world.bypasses if who is person and at > effect.at - 3600]
    assert len(lately) <= BYPASSES_PER_HOUR


def by_being_unenrolled(world: World, submit: Submit, effect: Effect) -> None:
    assert submit.route.policy.get("unenrolled") == "allow"
    assert world.allowed.pop(str(effect.key), None) == (submit, False), "no ALLOW for somebody without authenticator"


def opened(world: World, submit: Submit, effect: Effect, outcome: str, method: str) -> None:
    if submit.route.max_age is not None:
        login = submit.login
        world.windows.append(
            Window(login, submit.generation, submit.route.action, int(effect.at), outcome, method, str(effect.key))
        )


GROUNDS = {
    "challenge": by_challenge,
    "allow": by_answer,
    "window": by_window,
    "unavailable": by_outage,
    "unenrolled": by_being_unenrolled,
}
