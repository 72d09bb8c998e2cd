"""Which checks and which tests a kind has: one line for each."""

from collections.abc import Mapping
from typing import Final

from binnacle.check.alertpolicy import check_alertpolicy, prove_alertpolicy
from binnacle.check.base import Check, ProofFiles, Tests
from binnacle.check.logpipeline import check_logpipeline, prove_logpipeline
from binnacle.check.slo import proof_files, prove_slo

CHECKS: Final[Mapping[str, Check]] = {"AlertPolicy": check_alertpolicy, "LogPipeline": check_logpipeline}

TESTS: Final[Mapping[str, Tests]] = {
    "AlertPolicy": prove_alertpolicy,
    "LogPipeline": prove_logpipeline,
    "SLO": prove_slo,
}

PROOFS: Final[Mapping[str, ProofFiles]] = {"SLO": proof_files}
