"""What is private unless somebody says otherwise: the packs that a redact stage names.

pack   PACKS: name -> Pack(patterns, keys); DEFAULT; patterns are valid in Ruby's Onigmo and take time in proportion to the text
"""

from binnacle.compile.redaction.pack import DEFAULT, PACKS, Pack

__all__ = ["DEFAULT", "PACKS", "Pack"]
