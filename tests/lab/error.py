"""The exceptions of the lab."""


class LabError(RuntimeError):
    """The lab cannot go on; a sentence a person can act on says why and, where there is one, the way
    out."""


class NotProvenError(AssertionError):
    """Nothing was wrong, but the watchers came late: a run that proves nothing."""
