def pay(*args, **kwargs):
    """Where money would move."""
