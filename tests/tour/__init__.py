"""The tour on a local Kubernetes API server: `make demo-cluster`."""
