"""What the cluster offers decides what the configuration left open (`auto`)."""

from binnacle.api.config import Config, RuleOutput
from binnacle.cluster.client import Client
from binnacle.targets import conventions

_RULES_PLURAL = "prometheusrules"


async def resolve(config: Config, client: Client) -> Config:
    """Return `config` with every `auto` decided: PrometheusRule objects where the cluster has that kind.

    Raises:
        TransientError: the API server cannot be asked.
    """
    if config.prometheus.output is not RuleOutput.AUTO:
        return config
    there = _RULES_PLURAL in await client.serves(conventions.MONITORING_API)
    output = RuleOutput.OPERATOR if there else RuleOutput.CONFIG_MAP
    return config.model_copy(update={"prometheus": config.prometheus.model_copy(update={"output": output})})
