"""The Ruby of the programs: fixed texts, without a word of anybody else.

Each operation is a lambda over tag, time and record that changes the record in place; `d` is its data. `GUARD` is around
all of them: whatever goes wrong, a stub without any field of the record takes its place before the error goes on. Its twin in Python, for tests without Fluentd, is `check.pipeline.programs`;
the two are compared record by record where Ruby is at hand.
"""

import re
from typing import Final

LARGEST: Final = 1 << 20
"""Bytes of text in one record; more is not looked at and goes to quarantine."""
DEEPEST: Final = 64
"""Levels of values within values."""
MOST_OPEN: Final = 4_096
"""Streams of containers whose open texts are measured at a time. Containers come and go; beyond this the one that wrote first is forgotten."""

GUARD: Final = r"""
rescue StandardError, ScriptError, SystemStackError, NoMemoryError
  lp_size = begin
    record.to_s.bytesize
  rescue StandardError, SystemStackError, NoMemoryError
    -1
  end
  record.replace("time" => time.to_f.round(3), "tag" => tag.to_s, "reason" => %s, "size" => lp_size)
  raise %s
end"""
"""What stands behind every operation; the reason of the stub, as a literal, goes in twice."""

REASONS: Final = {"redact": "NotRedacted", "parse": "NotParsed"}
"""Reasons in stubs by operation; `FAILED` for the others."""
FAILED: Final = "Failed"

_PIECES: Final = (
    r"""text = lambda { |value|
  found = value.is_a?(String) ? value : value.to_s
  found = found.dup.force_encoding(Encoding::UTF_8) unless found.encoding == Encoding::UTF_8
  found.valid_encoding? ? found : found.scrub("\u{fffd}")
}""",
    "dig = lambda { |record, path| path.inject(record) { |at, key| at.is_a?(Hash) ? at[key] : nil } }",
    "scalar = lambda { |value| value.is_a?(String) || value.is_a?(Numeric) || value == true || value == false }",
    r"""same = lambda { |value, other|
  scalar.call(value) && (value == other || (value.is_a?(String) != other.is_a?(String) || value.is_a?(String)) && text.call(value) == text.call(other))
}""",
    'ours = lambda { |key| text.call(key).start_with?("lp_") }',
    r"""measured = lambda { |open, from, size, most|
  open.delete(from)
  open[from] = size
  open.shift if open.size > most
}""",
    "short = lambda { |line, longest| longest == 0 || line.length <= longest }",
    r"""compiled = lambda { |conditions|
  conditions.map { |path, test, values, pattern, *others| [path, test, values, test == "matches" ? Regexp.new(pattern) : nil, *others] }
}""",
    r"""holds = lambda { |record, condition|
  path, test, values, pattern, negated, longest = condition
  value = dig.call(record, path)
  answer = case test
           when "exists" then !value.nil?
           when "matches" then scalar.call(value) && (line = text.call(value)) && short.call(line, longest) && pattern.match?(line)
           else values.any? { |other| same.call(value, other) }
           end
  answer != negated
}""",
)
"""What operations have in common: a lambda each, in an order in which none needs a later one."""

_LINE: Final = r"""
open = {}
lambda { |tag, time, record|
  record.delete_if { |key, _| ours.call(key) }
  record["logtag"] = "F" unless record["logtag"].is_a?(String)
  stream = (record["stream"] = record["stream"] == "stderr" ? "stderr" : "stdout")
  from = tag.to_s + " " + stream
  size = open.fetch(from, 0) + record["message"].to_s.bytesize
  record["logtag"] = "F" if size > d[0]
  record["logtag"].start_with?("F") ? open.delete(from) : measured.call(open, from, size, d[2])
  record["lp_stream"] = stream if d[1]
  "1"
}
"""

_STARTS: Final = r"""
start = Regexp.new(d[1])
open = {}
lambda { |tag, time, record|
  stream = record["lp_stream"] == "stderr" ? "stderr" : "stdout"
  line = record[d[0]]
  unless line.is_a?(String)
    record.replace("lp_rest" => record.dup, "lp_stream" => stream)
    next "1"
  end
  line = text.call(line)
  from = tag.to_s + " " + stream
  begins = start.match?(line)
  size = (begins ? 0 : open.fetch(from, 0)) + line.bytesize
  ends = size > d[2]
  ends ? open.delete(from) : measured.call(open, from, size, d[3])
  line = (begins ? "\u{1}" : "") + line + (ends ? "\u{1}" : "")
  record.replace("lp_rest" => record.merge(d[0] => ""), "lp_stream" => stream, d[0] => line)
  "1"
}
"""

_UNMARKED: Final = r"""
lambda { |tag, time, record|
  rest, line = record["lp_rest"], record[d]
  raise "no record" unless rest.is_a?(Hash)
  record.replace(rest)
  record[d] = text.call(line).delete_prefix("\u{1}").delete_suffix("\u{1}") if line.is_a?(String)
  "1"
}
"""

_CLEAN: Final = r"""
lambda { |tag, time, record|
  record.each_pair { |key, value| record[key] = text.call(value) if value.is_a?(String) }
  "1"
}
"""

_ADD: Final = r"""
lambda { |tag, time, record|
  d.each { |path, value|
    at = record
    path[0..-2].each { |key| at = (at[key] = at[key].is_a?(Hash) ? at[key].dup : {}) }
    at[path[-1]] = value
  }
  "1"
}
"""

_LABELS: Final = r"""
lambda { |tag, time, record|
  d[1].each { |name, path|
    value = dig.call(record, path)
    scalar.call(value) ? record[name] = text.call(value)[0, d[0]] : record.delete(name)
  }
  "1"
}
"""

_ORIGIN: Final = r"""
path = Regexp.new(d)
lambda { |tag, time, record|
  names = path.match(tag.to_s)
  at = (record["kubernetes"] = record["kubernetes"].is_a?(Hash) ? record["kubernetes"].dup : {})
  %w[pod_name namespace_name container_name container_id].each_with_index { |key, number| names ? at[key] = names[number + 1] : at.delete(key) }
  "1"
}
"""

_KEEP: Final = r"""
drop, keep = compiled.call(d[0]), compiled.call(d[1])
lambda { |tag, time, record|
  gone = drop.any? { |condition| holds.call(record, condition) } || (!keep.empty? && keep.none? { |condition| holds.call(record, condition) })
  gone ? "0" : "1"
}
"""

_WHEN: Final = r"""
every = compiled.call(d)
lambda { |tag, time, record| every.all? { |condition| holds.call(record, condition) } ? "1" : "0" }
"""

_STUB: Final = r"""
lambda { |tag, time, record|
  ours = record.size == 4 && d.include?(record["reason"]) && record.key?("tag") && record["time"].is_a?(Numeric)
  size = ours ? record["size"] : record.to_s.bytesize
  size = -1 unless size.is_a?(Integer) && size.between?(-1, 1 << 40)
  record.replace("time" => time.to_f.round(3), "tag" => text.call(tag), "reason" => ours ? record["reason"] : "Failed", "size" => size)
  "1"
}
"""

_PARSE: Final = r"""
format, source, pattern, time_path, types, on_error, longest = d
pattern = Regexp.new(pattern) if format == "regex"
words = /([^\s="]+)(=)?(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))/
logfmt = lambda { |line|
  found = {}
  pairs = false
  line.scan(words) { |key, sign, quoted, bare|
    pairs ||= !sign.nil?
    found[key] = sign.nil? ? true : quoted.nil? ? bare : quoted.gsub(/\\(.)/m) { $1 == "n" ? "\n" : $1 == "t" ? "\t" : $1 }
  }
  pairs ? found : nil
}
carried = lambda { |value|
  case value
  when Integer then value.between?(-(1 << 63), (1 << 63) - 1) ? value : value.to_s
  when Float then value.finite? ? value : value.to_s
  when Array then value.map { |item| carried.call(item) }
  when Hash then value.transform_values { |item| carried.call(item) }
  else value
  end
}
parsed = lambda { |line|
  case format
  when "json"
    value = begin
      JSON.parse(line)
    rescue JSON::ParserError
      nil
    end
    next nil unless value.is_a?(Hash)
    line.match?(/[0-9]{19}|[eE]\+?[0-9]{3}/) ? carried.call(value) : value
  when "regex"
    match = short.call(line, longest) ? pattern.match(line) : nil
    match && match.named_captures.reject { |_, value| value.nil? }
  else
    logfmt.call(line)
  end
}
convert = lambda { |value, kind|
  next value unless scalar.call(value)
  case kind
  when "string" then text.call(value)
  when "integer" then text.call(value).match?(/\A\s*[+-]?[0-9]{1,18}\s*\z/) ? text.call(value).strip.to_i : value
  when "float" then text.call(value).match?(/\A\s*[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?\s*\z/) ? text.call(value).strip.to_f : value
  else { "true" => true, "false" => false }.fetch(text.call(value).downcase, value)
  end
}
moment = lambda { |value|
  next nil unless value.is_a?(String) || value.is_a?(Integer) || value.is_a?(Float)
  line = value.is_a?(Float) ? format("%.6f", value) : text.call(value)
  if (epoch = /\A([0-9]{1,19})(?:\.([0-9]{1,9})[0-9]*)?\z/.match(line))
    digits = epoch[1].to_i
    scale = digits < 100_000_000_000 ? 1_000_000_000 : digits < 100_000_000_000_000 ? 1_000_000 : digits < 100_000_000_000_000_000 ? 1_000 : 1
    nanos = digits * scale + (epoch[2] && scale == 1_000_000_000 ? epoch[2].ljust(9, "0").to_i : 0)
  elsif (parts = /\A([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9})[0-9]*)? ?(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))?\z/.match(line))
    year, month, day, hour, minute, second = parts[1..6].map(&:to_i)
    next nil unless year.between?(1970, 2105) && month.between?(1, 12) && day.between?(1, [31, year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]) && hour < 24 && minute < 60 && second < 60
    offset = parts[8] ? (parts[8] == "-" ? -1 : 1) * (parts[9].to_i * 3600 + parts[10].to_i * 60) : 0
    nanos = (Time.utc(year, month, day, hour, minute, second).to_i - offset) * 1_000_000_000 + (parts[7] || "").ljust(9, "0").to_i
  end
  nanos && nanos >= 0 && nanos < 4_294_967_296_000_000_000 ? "#{nanos / 1_000_000_000}.#{(nanos % 1_000_000_000).to_s.rjust(9, "0")}" : nil
}
lambda { |tag, time, record|
  line = record[source]
  fields = begin
    line.is_a?(String) ? parsed.call(text.call(line)) : nil
  rescue StandardError, SystemStackError
    nil
  end
  record.delete("lp_time")
  raise "not parsed" if fields.nil? && on_error == "Quarantine"
  next on_error == "Drop" ? "0" : "1" if fields.nil?
  record.delete(source)
  fields.each_pair { |key, value| record[key] = value unless ours.call(key) }
  types.each { |path, kind|
    at = dig.call(record, path[0..-2])
    at[path[-1]] = convert.call(at[path[-1]], kind) if at.is_a?(Hash) && at.key?(path[-1])
  }
  at = time_path.empty? ? nil : moment.call(dig.call(record, time_path))
  record["lp_time"] = at if at
  "1"
}
"""

_REDACT: Final = r"""
luhn = lambda { |line|
  digits = line.chars.map(&:to_i).reverse
  digits.each_with_index.sum { |digit, at| at.odd? ? (digit * 2).divmod(10).sum : digit } % 10 == 0
}
iban = lambda { |line| (line[4..-1] + line[0, 4]).each_char.map { |one| one.to_i(36).to_s }.join.to_i % 97 == 1 }
checked = lambda { |found, check, least|
  ends = (0...found.length).reject { |at| found[at].match?(/[0-9A-Za-z]/) }.push(found.length)
  ends.reverse.find { |size| (line = found[0, size].delete("^0-9A-Za-z")).length >= least && check.call(line) } || 0
}
checks = {
  "luhn" => lambda { |found| checked.call(found, luhn, 14) },
  "iban" => lambda { |found| checked.call(found, iban, 15) }
}
patterns = d[0].map { |regex, placeholder, check, action, longest| [Regexp.new(regex), placeholder, checks[check], action, longest] }
fold = lambda { |key| text.call(key).downcase.delete("-_") }
keys = d[1].map { |path, action| [path.map { |part| fold.call(part) }, action] }
salt, largest, deepest = (d[2].empty? ? "" : nil), d[3], d[4]
digest = lambda { |found| Digest::SHA256.hexdigest(salt + found.b)[0, 16] }
instead = lambda { |found, placeholder, action|
  case action
  when "Mask" then placeholder
  when "Hash" then placeholder.chomp("]") + ":" + digest.call(found).tr("0-9a-f", "g-v") + "]"
  else ""
  end
}
clean = lambda { |line|
  patterns.inject(text.call(line)) { |now, (regex, placeholder, check, action, longest)|
    raise "too long" unless short.call(now, longest)
    next now unless regex.match?(now)
    again = true
    while again
      again = false
      now = now.gsub(regex) { |found|
        size = check.nil? ? found.length : check.call(found)
        again ||= size > 0 && size < found.length
        size == 0 && check ? found : instead.call(found[0, size], placeholder, action) + found[size..-1]
      }
    end
    now
  }
}
fits = lambda { |pattern, path|
  next path[-1] == pattern[0] if pattern.size == 1
  open = pattern[-1] == "**"
  fixed = open ? pattern[0..-2] : pattern
  (open ? path.size > fixed.size : path.size == fixed.size) && fixed.each_with_index.all? { |part, at| part == "*" || part == path[at] }
}
walk = lambda { |value, path, depth, left|
  raise "too deep" if depth > deepest
  case value
  when nil, true, false then value
  when String, Symbol
    line = text.call(value)
    left[0] -= line.bytesize
    raise "too large" if left[0] < 0
    clean.call(line)
  when Integer, Float
    whole = value.is_a?(Float) && value.finite? && value == value.floor && value.abs < 1e18
    line = whole ? value.to_i.to_s : value.to_s
    masked = clean.call(line)
    masked == line && (value.is_a?(Integer) || value.finite?) ? value : masked
  when Array
    value.map { |item| left[0] -= 1; raise "too large" if left[0] < 0; walk.call(item, path, depth + 1, left) }
  when Hash
    made = {}
    value.each_pair { |key, inner|
      left[0] -= text.call(key).bytesize + 1
      raise "too large" if left[0] < 0
      here = path + [fold.call(key)]
      action = keys.find { |pattern, _| fits.call(pattern, here) }
      next if action && action[1] == "Drop"
      name = clean.call(text.call(key))
      number = 1
      name = clean.call(text.call(key)) + " " + (number += 1).to_s while made.key?(name)
      made[name] = action ? instead.call(text.call(inner), "[PRIVATE]", inner.is_a?(Hash) || inner.is_a?(Array) ? "Mask" : action[1]) : walk.call(inner, here, depth + 1, left)
    }
    made
  else clean.call(text.call(value))
  end
}
lambda { |tag, time, record|
  if salt.nil?
    there = File.binread(d[2]).chomp
    raise "no salt" if there.empty?
    salt = there
  end
  stream = record.delete("lp_stream")
  record.replace(walk.call(record, [], 0, [largest]).reject { |key, _| ours.call(key) })
  record["lp_stream"] = stream == "stderr" ? "stderr" : "stdout" if stream
  "1"
}
"""

_OPERATIONS: Final = {
    "line": _LINE,
    "starts": _STARTS,
    "unmarked": _UNMARKED,
    "clean": _CLEAN,
    "add": _ADD,
    "labels": _LABELS,
    "origin": _ORIGIN,
    "keep": _KEEP,
    "when": _WHEN,
    "parse": _PARSE,
    "redact": _REDACT,
    "stub": _STUB,
}


def _whole(operation: str) -> str:
    """Return an operation with what it needs of `_PIECES`, and no more: a configuration has hundreds, and Ruby compiles each."""
    text = operation
    for piece in reversed(_PIECES):
        name = piece.split(" ", 1)[0]
        if re.search(rf"\b{name}\.call\b", text):
            text = f"{piece}\n{text}"
    libraries = (f'require "{name.lower()}"\n' for name in ("JSON", "Digest") if name in text)
    return "".join(libraries) + text


OPERATIONS: Final = {name: _whole(operation) for name, operation in _OPERATIONS.items()}
"""Ruby by the name of the operation, whole in itself."""
