"""What goes on in the house: accounts change, commands are run."""

from __future__ import annotations

import io
from typing import Any

from django.core.management import CommandError, call_command
from hypothesis import strategies as st

from .deeds import IDLE, deed
from .model import Person
from .service import Service

PEOPLE = st.integers(0, 2)


class House(Service):
    @deed(
        person=PEOPLE,
        what=st.sampled_from(["password", "password", "active", "authenticators"]),
        kept=st.none() | st.integers(0, 4),
    )
    def account_changes(self, person: int, what: str, kept: int | None) -> None:
        who = self.world.people[person]
        match what:
            case "password":
                self.change_password(who, kept)
            case "active":
                self.set_active(who, not who.active)
            case "authenticators":
                self.set_enrolled(who, not who.enrolled)

    def change_password(self, person: Person, kept: int | None) -> None:
        """In one browser, which stays signed in, or elsewhere."""
        person.user.refresh_from_db()
        person.user.set_password(f"password {person.generation}")
        person.user.save()
        person.generation += 1
        for browser in [self.browsers[kept]] if kept is not None else []:
            login, session = browser.login, browser.client.session
            stays = login and login.person is person and login.generation == person.generation - 1
            if stays and "_auth_user_hash" in session:
                session["_auth_user_hash"] = person.user.get_session_auth_hash()
                session.save()
                login.generation = person.generation

    def set_active(self, person: Person, active: bool) -> None:
        person.user.refresh_from_db()
        person.user.is_active = person.active = active
        person.user.save()

    def set_enrolled(self, who: Person, enrolled: bool) -> None:
        who.enrolled = enrolled
        if enrolled:
            self.kit.enrol(who.user)
        else:
            self.kit.unenrolled(who.user)

    @deed(command=st.sampled_from(["sync", "sync", "prune", "forget"]), person=PEOPLE, days=st.sampled_from([1, 30]))
    def command(self, command: str, person: int, days: int) -> Any:
        match command:
            case "sync":
                return self.run_sync()
            case "prune":
                return self.prune(days)
        return self.forget(self.world.people[person])

    def run_sync(self) -> None:
        """Afterwards we know whatever the service took back, unless it could not be asked."""
        calm = self.network.is_calm and not self.serving
        done = self._run("authsignal_sync", "--hours", "720", "--no-figures")
        for challenge in self.world.challenges.values():
            begun = max(challenge.begun, challenge.shown)
            if done and calm and begun <= self.now and challenge.standing not in ("open", "passed", "gone"):
                self.world.vetoed.add(challenge.key)
            if challenge.standing != "passed" or not challenge.in_time(self.now):
                challenge.disturbed = True

    def prune(self, days: int) -> None:
        self.pruned = True
        self._run("authsignal_prune", "--days", str(days))
        for challenge in self.world.challenges.values():
            if not challenge.in_time(self.now):
                challenge.disturbed = True

    def forget(self, who: Person) -> Any:
        """Erase somebody, at the service too."""
        if not self.network.is_calm:
            return IDLE
        done = self._run("authsignal_forget", who.user.get_username())
        for challenge in self.world.challenges.values():
            if challenge.login.person is who:
                challenge.disturbed = True
                if done:
                    challenge.standing = "gone"
                    self.world.vetoed.add(challenge.key)
        who.enrolled = self.kit.store.user(who.id).is_enrolled
        return None

    def _run(self, command: str, *arguments: str) -> bool:
        try:
            call_command(command, *arguments, stdout=io.StringIO(), stderr=io.StringIO())
        except (CommandError, SystemExit):
            return False
        return True
