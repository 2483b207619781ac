"""Step-up authentication for any Django view, with Authsignal."""

__version__ = "0.1.0"
