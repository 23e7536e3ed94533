"""The cluster, from the outside: what it is made of, what it costs, and the jobs that are sent to it."""
