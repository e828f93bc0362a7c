"""Those who watch a pair at work, client and sampler, and the verdict on what they saw."""
