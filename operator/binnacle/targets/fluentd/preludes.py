"""Ruby that runs once while Fluentd reads its configuration, before plugins are made: fixed texts, without a word of anybody else.

fluent-plugin-grafana-loki takes a chunk that Loki refuses with any 4xx but 429 for delivered: it warns, and the records are
gone (docs/adr/0014). `LOKI` puts a check around the request: what can never be taken goes to `<secondary>`, and what an
administrator can put right, a token or a tenant, is tried again. It also takes the line break off a token from a file.
"""

from collections.abc import Mapping
from typing import Final

LOKI: Final = r"""
begin
  require 'fluent/plugin/out_loki'
  Fluent::Plugin::LokiOutput.class_eval do
    raise 'no request to look at' unless private_method_defined?(:loki_http_request)
    unless const_defined?(:BinnacleRefusals, false)
      const_set(:BinnacleRefusals, Module.new do
        def configure(conf)
          super
          @auth_token_bearer = @auth_token_bearer.strip if @auth_token_bearer
        end

        private

        def loki_http_request(*given)
          answer = super
          code = answer.code.to_i
          raise Fluent::UnrecoverableError, 'Loki refused the chunk: ' + code.to_s if [400, 413, 422].include?(code)
          raise 'Loki did not take the chunk: ' + code.to_s if code.between?(300, 499)
          answer
        end
      end)
      prepend const_get(:BinnacleRefusals)
    end
  end
rescue LoadError
  nil
rescue StandardError => problem
  $stderr.puts 'binnacle: what Loki refuses is lost: ' + problem.message
end"""
"""Nothing is done where the plugin is not installed. One that has changed is used as it is, which is said: no team's pipeline
may keep those of all others from being loaded."""

PRELUDES: Final[Mapping[str, str]] = {"loki": "; ".join(line.strip() for line in LOKI.strip().splitlines() if line)}
"""By name; each on one line."""
