"""A Kubernetes cluster behind the loop's ports: watches in, server-side apply out."""
