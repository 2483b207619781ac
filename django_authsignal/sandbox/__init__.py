"""An Authsignal on your machine: its API, its hosted pages and its rules, over memory that ends with the process.

For development and tests only. The gate itself never reaches it; it starts by ``manage.py authsignal_sandbox``
or by the test kit. It shares no code with the client on purpose: both were written from the wire's description, so
a mistake of one is not repeated, and so hidden, by the other.
"""
