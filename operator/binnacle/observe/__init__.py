"""Reading back from the backends: what they have loaded, and the figures that status shows."""
