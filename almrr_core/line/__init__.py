"""The line: a source, a trigger, a model and a log, run by two plain threads (`line.Line`)."""
