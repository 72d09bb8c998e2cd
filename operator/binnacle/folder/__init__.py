"""A folder of YAML behind the ports of the loop."""
