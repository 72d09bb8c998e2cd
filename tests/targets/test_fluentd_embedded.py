"""The Ruby that Fluentd runs while it reads a configuration: in real Ruby, with stand-ins for what Fluentd gives it."""

import json
import subprocess
from typing import Any

import pytest

from binnacle.targets.fluentd import Prepared, SecretFile, SecretPath
from binnacle.targets.fluentd.render import Embedded, embedded
from servers.waiting import PATIENCE
from targets.rubyprograms import RUBY

pytestmark = pytest.mark.skipif(RUBY is None, reason="ruby is not on the PATH")

READ = r"""
require "json"
def use_nil = raise("nothing")
puts JSON.generate(STDIN.read.split("\n").map { |code|
  begin
    instance_eval(code)
  rescue RuntimeError => error
    [error.message]
  end
})
"""

LOKI = r"""
require "json"
$LOADED_FEATURES << "fluent/plugin/out_loki.rb"
$LOAD_PATH.clear
module Kernel
  alias_method :real_require, :require
  def require(name) = name == "fluent/plugin/out_loki" ? true : real_require(name)
end
module Fluent
  class UnrecoverableError < StandardError; end
  module Plugin
    class LokiOutput
      attr_reader :auth_token_bearer
      def configure(conf) = @auth_token_bearer = conf
      # What fluent-plugin-grafana-loki does: a chunk is done unless something is raised.
      def write(code)
        answer = loki_http_request(code, nil)
        raise "server" if answer.code.to_i >= 500
        "written"
      end
      private
      def loki_http_request(code, tenant) = Struct.new(:code).new(code.to_s)
    end
  end
end
code = STDIN.read
said = [instance_eval(code), instance_eval(code), Fluent::Plugin::LokiOutput.ancestors.count { |one| one.name.to_s.end_with?("BinnacleRefusals") }]
plugin = Fluent::Plugin::LokiOutput.new
plugin.configure("token\n")
said << plugin.auth_token_bearer
said << [200, 204, 301, 400, 401, 403, 404, 413, 422, 429, 500, 503].to_h { |status|
  [status, begin
    plugin.write(status)
  rescue Fluent::UnrecoverableError => error
    "refused " + error.message[/\d+/]
  rescue StandardError => error
    "again"
  end]
}
puts JSON.generate(said)
"""


def ruby(program: str, given: str) -> Any:
    assert RUBY is not None
    done = subprocess.run(
        [RUBY, "-e", program], input=given, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return json.loads(done.stdout)


def test_secrets_are_read_and_one_that_is_missing_keeps_nothing_from_loading(tmp_path):
    (tmp_path / "there").write_text("to'k\"en#{1}\n")
    (tmp_path / "empty").write_text("")
    values: list[Embedded] = [
        kind(f"{tmp_path}/{name}") for kind in (SecretFile, SecretPath) for name in ("there", "empty", "missing")
    ]
    values += [SecretFile(str(tmp_path)), SecretPath(str(tmp_path)), Prepared("warn", "loki")]
    assert ruby(READ, "\n".join(embedded(value) for value in values)) == [
        "to'k\"en#{1}",
        "",
        "",
        f"{tmp_path}/there",
        ["nothing"],
        ["nothing"],
        "",
        ["nothing"],
        "warn",
    ]


def test_a_plugin_that_has_changed_is_used_as_it_is():
    assert RUBY is not None
    changed = LOKI.replace("def loki_http_request", "def other_request").partition("code = STDIN.read")[0]
    for program in (changed, changed.replace("class LokiOutput", "class Other")):
        ran = subprocess.run(
            [RUBY, "-e", program + "puts instance_eval(STDIN.read)"],
            input=embedded(Prepared("warn", "loki")),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert (ran.returncode, ran.stdout) == (0, "warn\n")
        assert ran.stderr.startswith("binnacle: what Loki refuses is lost: ")


def test_what_loki_refuses_is_not_taken_for_delivered():
    value, again, times, token, answers = ruby(LOKI, embedded(Prepared("warn", "loki")))
    assert (value, again, times, token) == ("warn", "warn", 1, "token")
    assert answers == {
        **dict.fromkeys(("200", "204"), "written"),
        **{code: f"refused {code}" for code in ("400", "413", "422")},
        **dict.fromkeys(("301", "401", "403", "404", "429", "500", "503"), "again"),
    }
