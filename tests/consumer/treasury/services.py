from django_authsignal.shortcuts import Proof

from .models import Waiver


def waive(proof: Proof, member: str, amount: int) -> None:
    """Nobody gets here without proof of this very waiver."""
    proof.must_cover("waiveFee", member=member, amount=amount)
    Waiver.objects.create(member=member, amount=amount)
