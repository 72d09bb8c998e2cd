"""The validating webhook: what `binnacle check` says, said by the API server before a resource is stored."""
