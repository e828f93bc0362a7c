"""kachecks doctor: is the setup right? Rules over facts, by section."""
