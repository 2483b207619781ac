from example_project.bank.models import Account, Transfer

__all__ = ["Account", "Transfer"]
