"""The one exception of the lab: what is wrong, in a sentence a person can act on."""


class LabError(RuntimeError):
    """The lab cannot go on; the message says why and, where there is one, the way out."""
