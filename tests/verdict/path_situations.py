"""The situations that need a path: a slow, lossy or long one, on either side."""


def everything():
    """All situations, by class."""
    return ()
