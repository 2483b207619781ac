"""The club's own provider of text messages; here it only remembers what it was given."""

sent: list[tuple[str, str]] = []


def send(to: str, code: str) -> None:
    sent.append((to, code))
