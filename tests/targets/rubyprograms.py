"""Run programs in real Ruby, the way record_modifier does: the code compiled once as a method, records changed in place."""

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from binnacle.targets.fluentd.stages.program import Program
from servers.waiting import PATIENCE

RUBY = shutil.which("ruby")
_DRIVER = r"""
require "json"
def read(value)
  case value
  when Hash
    return value["$base64"].unpack1("m").force_encoding("UTF-8") if value.keys == ["$base64"]
    value.to_h { |key, inner| [key, read(inner)] }
  when Array then value.map { |item| read(item) }
  else value
  end
end
def shown(value)
  case value
  when Hash then value.to_h { |key, inner| [shown(key), shown(inner)] }
  when Array then value.map { |item| shown(item) }
  when String then value.valid_encoding? ? value : { "$base64" => [value].pack("m0") }
  when Float then value.finite? ? value : value.to_s
  else value
  end
end
tag, work = JSON.parse(STDIN.read, max_nesting: false)
work.each { |code, records|
  holder = Object.new
  (class << holder; self; end).class_eval <<-EORUBY
    def expand(tag, time, record, tag_parts)
      #{code[2..-2]}
    end
  EORUBY
  begin
    holder.expand(nil, nil, nil, nil)
  rescue StandardError
  end
  answers = records.map { |record|
    record = read(record)
    mark = begin
      holder.expand(tag, 1700000000.5, record, nil)
    rescue StandardError => error
      "raised #{error.message}"
    end
    [mark, shown(record)]
  }
  puts JSON.generate(answers, max_nesting: false)
}
"""


def answers(programs: Sequence[Program], records: Sequence[Any], tag: str) -> list[list[tuple[str, Any]]]:
    """Return for each program and record what Ruby answers (a mark, or `raised ...`) and what the record became."""
    assert RUBY is not None
    work = json.dumps([tag, [[program.code, [_written(record) for record in records]] for program in programs]])
    done = subprocess.run(
        [RUBY, "-e", _DRIVER], input=work, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return [[(mark, record) for mark, record in json.loads(line)] for line in done.stdout.rstrip("\n").split("\n")]


def _written(value: Any) -> Any:
    match value:
        case bytes():
            return {"$base64": base64.b64encode(value).decode()}
        case dict():
            return {key: _written(inner) for key, inner in value.items()}
        case list():
            return [_written(item) for item in value]
        case _:
            return value
