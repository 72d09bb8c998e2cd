"""The guided tour: `make demo` in a folder, and its look, which the tour on a cluster shares."""
