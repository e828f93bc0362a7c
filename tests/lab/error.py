"""The exceptions of the lab."""


class LabError(RuntimeError):
    """The lab cannot go on: why and, where there is one, the way out, in one sentence."""


class NotProvenError(AssertionError):
    """Nothing was wrong, but the watchers came late: a run that proves nothing."""
