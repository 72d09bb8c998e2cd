"""Regular expressions of Ruby's engine, Onigmo, which Fluentd runs on every record and cannot stop: are they good, what do they cost.

dialect  problem(source) -> why Ruby refuses it, or ""; Regexp(source, ignore_case, multiline).compiled().search(text)
tree     read(source) -> what it may take; names(source) -> its groups; PatternError
cost     growth(source) -> LINEAR, SQUARE or FASTER; LONGEST, the longest text for SQUARE
"""
